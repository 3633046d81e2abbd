import { address, execute, getJson } from "./api.mjs";
import { element } from "./dom.mjs";
import { language, t } from "./i18n.mjs";
import { PLACE_LAYER, addOverlay, firstPointLayer } from "./map.mjs";
import { asOf } from "./moment.mjs";
import { showProblem } from "./panel.mjs";
import { position } from "./place_control.mjs";
import { ProcessForm, asQueries } from "./process_form.mjs";
import { areaLayers, areaPaint, classes, resultTable } from "./results.mjs";
import * as state from "./state.mjs";

/**
 * @typedef {{inputs: Record<string, import("./process_form.mjs").Input>, "horad:view": import("./results.mjs").View}} Description
 * @typedef {import("./map.mjs").GlMap} GlMap
 */

const PROCESS = "service-areas";
const MAIN_INPUTS = ["mode", "cutoffs_s"];
const OVERLAY = "horad-areas";

/**
 * Read how the process is described and make the tool; run it where the link says from where.
 * @param {HTMLElement} container
 * @param {GlMap} map
 * @param {import("./main.mjs").Announce} announce
 * @returns {Promise<ServiceAreas>}
 */
export async function openServiceAreas(container, map, announce) {
  const areas = new ServiceAreas(container, map, announce, await getJson(`processes/${PROCESS}`, { f: "json" }));
  const origin = state.read("origins")?.split(",").map(Number);
  if (origin?.length === 2 && origin.every(Number.isFinite)) areas.runFrom({ lng: origin[0], lat: origin[1] });
  return areas;
}

/** The tool that shows what can be reached from a place in given times. */
export class ServiceAreas {
  /**
   * @param {HTMLElement} container
   * @param {GlMap} map
   * @param {import("./main.mjs").Announce} announce
   * @param {Description} description
   */
  constructor(container, map, announce, description) {
    this.container = container;
    this.map = map;
    this.announce = announce;
    this.view = description["horad:view"];
    /** @type {[number, number] | null} */
    this.origin = null;
    /** @type {Record<string, string>} */
    this.query = {};
    this.request = new AbortController();

    this.form = new ProcessForm(description.inputs, { main: MAIN_INPUTS, except: ["origins", "merge", "as_of"] });
    this.form.restore(state.read);
    this.form.node.append(element("button", { type: "submit", class: "primary points-at-centre" }, t("areas.fromCentre")));
    this.form.node.addEventListener("change", () => this.run());
    this.form.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.runFrom(map.getCenter());
    });
    this.output = element("div", { class: "output" });
    this.problem = element("p", { class: "error", role: "alert" });
    container.replaceChildren(element("p", { class: "hint" }, t("areas.hint")), this.form.node, this.problem, this.output);
    this.draw = addOverlay(map, OVERLAY, areaLayers(this.view), firstPointLayer(map));
    this.mark = addOverlay(map, "horad-origin", [PLACE_LAYER]);
  }

  /**
   * Show what can be reached from a place.
   * @param {{lng: number, lat: number}} place
   */
  async runFrom(place) {
    this.origin = position(place);
    this.mark({ type: "Point", coordinates: this.origin });
    await this.run();
  }

  /** Run the process again, as the form says now; nothing happens before a place is chosen. */
  async run() {
    const values = this.origin && this.form.read();
    if (!values) return;
    const inputs = { origins: [this.origin], ...values, ...asOf() };
    this.query = asQueries(inputs);
    state.write({ ...this.nothing(), ...this.query });
    this.request.abort();
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
      resultTable(result.features, this.view, colours, { caption: t("areas.caption"), except: ["origin"] }),
      element("p", { class: "links" },
        element("a", { href: address(`maps/processes/${PROCESS}`, { ...this.query, lang: language() }) }, t("areas.page")),
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
    showProblem(this.problem, error);
  }

  /** Remove the result from the map, the panel and the link. */
  clear() {
    this.request.abort();
    this.container.removeAttribute("aria-busy");
    this.origin = null;
    this.draw(null);
    this.mark(null);
    this.output.replaceChildren();
    state.write(this.nothing());
    this.announce(t("areas.cleared"));
    /** @type {HTMLElement} */ (this.form.node.querySelector("[type=submit]")).focus();
  }

  /** @returns {Record<string, null>} the parts of the link that this tool keeps, all removed */
  nothing() {
    return Object.fromEntries(["origins", ...this.form.names()].map((name) => [name, null]));
  }
}

/** @param {any} result @returns {string} */
function asFile(result) {
  return URL.createObjectURL(new Blob([JSON.stringify(result)], { type: "application/geo+json" }));
}
