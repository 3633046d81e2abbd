import { address, execute, getJson } from "./api.mjs";
import { element } from "./dom.mjs";
import { t } from "./i18n.mjs";
import { addOverlay, firstPointLayer } from "./map.mjs";
import { ProcessForm, asQuery } from "./process_form.mjs";
import { areaLayers, areaPaint, classes, resultTable } from "./results.mjs";
import * as state from "./state.mjs";

const PROCESS = "service-areas";
const OVERLAY = "horad-areas";
const DEGREE_DECIMALS = 5;
const ORIGIN_LAYER = {
  type: "circle",
  paint: { "circle-radius": 6, "circle-color": "#ffffff", "circle-stroke-color": "#1b1f23", "circle-stroke-width": 3 },
};

/** The tool that shows what can be reached from a place in given times. */
export class ServiceAreas {
  /**
   * @param {HTMLElement} container
   * @param {import("./map.mjs").GlMap} map
   * @param {import("./main.mjs").Announce} announce
   */
  constructor(container, map, announce) {
    this.container = container;
    this.map = map;
    this.announce = announce;
    /** @type {[number, number] | null} */
    this.origin = null;
  }

  /** Read the description of the process and show its form; run it where the link says from where. */
  async open() {
    this.opened ??= this.build().catch((error) => {
      this.opened = undefined;
      this.container.replaceChildren(element("p", { class: "error", role: "alert" }, error.message));
      throw error;
    });
    return this.opened;
  }

  async build() {
    const description = await getJson(`processes/${PROCESS}`, { f: "json" });
    /** @type {import("./results.mjs").View} */
    this.view = description["horad:view"];
    this.form = new ProcessForm(description.inputs, ["origins"]);
    this.form.restore(state.read);
    this.form.node.addEventListener("change", () => this.origin && this.run());
    this.form.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.runFrom(this.map.getCenter());
    });
    this.form.node.append(element("button", { type: "submit", class: "primary points-at-centre" }, t("areas.fromCentre")));
    this.output = element("div", { class: "output" });
    this.problem = element("p", { class: "error", role: "alert" });
    this.container.replaceChildren(
      element("p", { class: "hint" }, t("areas.hint")), this.form.node, this.problem, this.output);
    const below = firstPointLayer(this.map);
    this.draw = addOverlay(this.map, OVERLAY, areaLayers(this.view), below);
    this.mark = addOverlay(this.map, "horad-origin", [ORIGIN_LAYER]);
    const origin = state.read("origins")?.split(",").map(Number);
    if (origin?.length === 2 && origin.every(Number.isFinite)) this.runFrom({ lng: origin[0], lat: origin[1] });
  }

  /**
   * Show what can be reached from a place.
   * @param {{lng: number, lat: number}} place
   */
  async runFrom(place) {
    this.origin = [rounded(place.lng), rounded(place.lat)];
    await this.run();
  }

  async run() {
    const values = this.form.read();
    if (!values) return;
    const inputs = { origins: [this.origin], ...values };
    this.query = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, asQuery(value)]));
    state.write(this.query);
    this.mark({ type: "Point", coordinates: this.origin });
    this.request?.abort();
    this.request = new AbortController();
    this.problem.textContent = "";
    this.container.setAttribute("aria-busy", "true");
    this.announce(t("areas.running"));
    try {
      this.show(await execute(PROCESS, inputs, this.request.signal));
      this.container.removeAttribute("aria-busy");
    } catch (error) {
      if (/** @type {Error} */ (error).name === "AbortError") return;
      this.fail(/** @type {import("./api.mjs").ProblemError} */ (error));
    }
  }

  /** @param {any} result GeoJSON FeatureCollection */
  show(result) {
    const colours = classes(result.features, this.view);
    for (const [layer, property, value] of areaPaint(colours, this.view)) {
      this.map.setPaintProperty(`${OVERLAY}-${layer}`, property, value);
    }
    this.draw(result);
    this.output.replaceChildren(
      resultTable(result.features, this.view, colours, t("areas.caption")),
      element("p", { class: "links" },
        element("a", { href: address(`maps/processes/${PROCESS}`, this.query) }, t("areas.page")),
        element("a", { href: asFile(result), download: `${PROCESS}.geojson` }, t("areas.download"))),
      element("button", { type: "button", onclick: () => this.clear() }, t("areas.clear")));
    this.output.scrollIntoView({ block: "nearest" });
    this.announce(t("areas.done"));
  }

  /** @param {import("./api.mjs").ProblemError} error */
  fail(error) {
    this.container.removeAttribute("aria-busy");
    this.draw(null);
    this.output.replaceChildren();
    this.announce("");
    this.problem.replaceChildren(element("strong", {}, error.title ?? t("error.title")), " ", error.detail ?? error.message);
  }

  clear() {
    this.request?.abort();
    this.origin = null;
    this.draw(null);
    this.mark(null);
    this.output.replaceChildren();
    state.write(Object.fromEntries(Object.keys(this.query).map((name) => [name, null])));
    this.announce(t("areas.cleared"));
    /** @type {HTMLElement} */ (this.form.node.querySelector("[type=submit]")).focus();
  }
}

/** @param {number} degrees */
function rounded(degrees) {
  return Number(degrees.toFixed(DEGREE_DECIMALS));
}

/** @param {any} result @returns {string} */
function asFile(result) {
  return URL.createObjectURL(new Blob([JSON.stringify(result)], { type: "application/geo+json" }));
}
