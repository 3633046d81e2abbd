import { ProblemError, address, dismiss, getJson, submit } from "./api.mjs";
import { boundsOf, meets } from "./bounds.mjs";
import { element } from "./dom.mjs";
import { language, t } from "./i18n.mjs";
import { legend } from "./legend.mjs";
import { PLACE_LAYER, PLACE_LINE_LAYER, addOverlay, firstPointLayer } from "./map.mjs";
import { asOf } from "./moment.mjs";
import { showProblem } from "./panel.mjs";
import { ProcessForm, asQueries } from "./process_form.mjs";
import * as state from "./state.mjs";

/**
 * @typedef {import("./map.mjs").GlMap} GlMap
 * @typedef {{id: string, title: string, description: string, keywords: string[]}} Summary
 * @typedef {{title: string, description: string, inputs: Record<string, import("./process_form.mjs").Input>, "horad:view": {columns: Record<string, any>}}} Description
 */

const NAME = "analysis";
const SOURCE = "horad-result";
const ELSEWHERE = ["as_of", "territory"];
const REACH_PX = 4;
const ROOM_PX = 32;
const CLOSEST = 16;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 3000;

/**
 * Read which analyses there are and make the tool; open the one that the link names, and run it.
 * @param {HTMLElement} container
 * @param {GlMap} map
 * @param {{functions: Record<string, string>, city: () => string | null}} known titles of the functions of a city, in
 *   their order; and the city on which to run what no place tells
 * @param {import("./attributes.mjs").FeaturePanel} panel
 * @param {import("./main.mjs").Announce} announce
 * @returns {Promise<Analyses>}
 */
export async function openAnalyses(container, map, known, panel, announce) {
  const { processes } = await getJson("processes", { f: "json", lang: language(), limit: "1000" });
  const analyses = new Analyses(container, map, known, panel, announce, processes);
  const named = state.read(NAME);
  if (named !== null) await analyses.choose(named, { run: true });
  return analyses;
}

/** The tool that runs any analysis with inputs of the user's, and shows its result on the map. */
export class Analyses {
  /**
   * @param {HTMLElement} container
   * @param {GlMap} map
   * @param {{functions: Record<string, string>, city: () => string | null}} known
   * @param {import("./attributes.mjs").FeaturePanel} panel
   * @param {import("./main.mjs").Announce} announce
   * @param {Summary[]} processes
   */
  constructor(container, map, { functions, city }, panel, announce, processes) {
    this.container = container;
    this.city = city;
    this.map = map;
    this.panel = panel;
    this.announce = announce;
    this.request = new AbortController();
    /** @type {Description | null} */
    this.description = null;
    /** @type {ProcessForm | null} */
    this.form = null;
    /** @type {string[]} */
    this.drawn = [];

    const groups = Object.entries(functions).map(([id, title]) => element("optgroup", { label: title },
      ...processes.filter((each) => each.keywords.includes(id)).map((each) => element("option", { value: each.id }, each.title))));
    this.choice = /** @type {HTMLSelectElement} */ (element("select", { id: "analysis", onchange: () => this.choose(this.choice.value) },
      element("option", { value: "" }, t("analyses.choose")), ...groups.filter((group) => group.childElementCount > 0)));
    this.inputs = element("div", { class: "output" });
    this.problem = element("p", { class: "error", role: "alert" });
    this.output = element("div", { class: "output" });
    container.replaceChildren(
      element("div", { class: "field" }, element("label", { for: this.choice.id }, t("analyses.label")), this.choice),
      this.inputs, this.problem, this.output);
    this.mark = addOverlay(map, "horad-places", [PLACE_LINE_LAYER, PLACE_LAYER]);
  }

  /**
   * Show the form of an analysis.
   * @param {string} id empty for none
   * @param {{run?: boolean}} [options] `run`: at once, with the inputs that the link holds
   */
  async choose(id, { run = false } = {}) {
    this.clear();
    if (!run) state.write({ ...this.nothing(), [NAME]: id || null });
    this.choice.value = id;
    this.description = null;
    this.form = null;
    this.inputs.replaceChildren();
    if (!id) return;
    try {
      this.description = /** @type {Description} */ (await getJson(`processes/${id}`, { f: "json", lang: language() }));
    } catch (error) {
      this.fail(error);
      return;
    }
    const { inputs, description } = this.description;
    const main = Object.keys(inputs).filter((name) => !("default" in inputs[name].schema));
    this.form = new ProcessForm(inputs, { main, except: ELSEWHERE, known: (property) => this.valuesOf(property) });
    if (run) this.form.restore(state.read);
    this.form.node.append(element("button", { type: "submit", class: "primary" }, t("analyses.run")));
    this.form.node.addEventListener("change", () => this.markPlaces());
    this.form.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    this.inputs.replaceChildren(element("p", { class: "hint" }, description), this.form.node);
    this.markPlaces();
    if (run && this.form.node.checkValidity()) await this.run();
  }

  /**
   * A place was chosen on the map: it is an input where the analysis takes places, else it asks what the result is there.
   * @param {import("../vendor/maplibre-gl/dist/maplibre-gl.mjs").LngLat} place
   */
  pick(place) {
    if (this.drawn.length > 0 && this.tell(place)) return;
    if (this.form?.addPlace(place)) this.markPlaces();
    else this.panel.pick(place);
  }

  /** Run the analysis as the form says now. */
  async run() {
    const values = this.form?.read();
    if (!this.form || !values) return;
    const id = this.choice.value;
    const city = this.form.shapes().length > 0 ? null : this.city();
    const inputs = { ...values, ...asOf(), ...(city !== null && { territory: city }) };
    this.clear();
    state.write({ ...this.nothing(), [NAME]: id, ...asQueries(values) });
    this.request = new AbortController();
    const { signal } = this.request;
    this.container.setAttribute("aria-busy", "true");
    this.output.replaceChildren(element("p", { class: "hint" }, t("areas.running")),
      element("button", { type: "button", onclick: () => this.clear() }, t("analyses.stop")));
    this.announce(t("areas.running"));
    try {
      const job = await finished(await submit(id, inputs, signal), signal);
      const style = await getJson(`jobs/${job.jobID}/style`, { lang: language() }, signal);
      this.show(style, { job: job.jobID, inputs });
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") this.fail(error);
    }
  }

  /**
   * @param {any} style of the result, as the server draws it
   * @param {{job: string, inputs: Record<string, unknown>}} source of what
   */
  show(style, { job, inputs }) {
    this.container.removeAttribute("aria-busy");
    const { legend: entries, legendTitle } = style.metadata["horad:result"];
    const { data } = style.sources.result;
    this.map.addSource(SOURCE, { type: "geojson", data });
    for (const layer of style.layers.filter((/** @type {any} */ each) => each.source === "result")) {
      this.map.addLayer({ ...layer, id: `horad-${layer.id}`, source: SOURCE }, layer.type === "circle" ? undefined : firstPointLayer(this.map));
      this.drawn.push(`horad-${layer.id}`);
    }
    const bounds = boundsOf(data.features);
    if (bounds && !meets(bounds, this.map.getBounds())) this.map.fitBounds(bounds, { padding: ROOM_PX, maxZoom: CLOSEST });
    const found = data.features.length;
    this.output.replaceChildren(
      element("p", {}, found === 0 ? t("analyses.nothing") : t("analyses.found", { n: found })),
      entries.length > 0 ? element("figure", {}, element("figcaption", { class: "hint" }, legendTitle), legend(entries)) : "",
      found > 0 ? element("p", { class: "hint" }, t("analyses.hint")) : "",
      element("p", { class: "links" },
        element("a", { href: address(`maps/processes/${this.choice.value}`, { ...asQueries(inputs), lang: language() }) }, t("areas.page")),
        element("a", { href: address(`jobs/${job}/results`), download: `${this.choice.value}.geojson` }, t("areas.download"))),
      element("button", { type: "button", onclick: () => this.clear() }, t("areas.clear")));
    this.output.scrollIntoView({ block: "nearest" });
    this.announce(found === 0 ? t("analyses.nothing") : t("analyses.done"));
  }

  /**
   * Tell what the result says of a place.
   * @param {import("../vendor/maplibre-gl/dist/maplibre-gl.mjs").LngLat} place
   * @returns {boolean} false where it says nothing
   */
  tell(place) {
    const { x, y } = this.map.project(place);
    const [found] = this.map.queryRenderedFeatures([[x - REACH_PX, y - REACH_PX], [x + REACH_PX, y + REACH_PX]], { layers: this.drawn });
    if (!found || !this.description) return false;
    this.panel.showResult(this.description.title, found, this.description["horad:view"].columns);
    return true;
  }

  /**
   * Which values a property has in the city, the most frequent first.
   * @param {string} property of a layer, such as `facilities.kind`
   * @returns {Promise<import("./process_form.mjs").Known[]>}
   */
  async valuesOf(property) {
    const [layer, name] = property.split(".");
    const city = this.city();
    const { values } = await getJson(`${city === null ? "" : `territories/${city}/`}collections/${layer}/values/${name}`, { f: "json", limit: "500", ...asOf() });
    return values.filter((/** @type {{value: unknown}} */ each) => each.value !== null);
  }

  /** Show on the map which places the form holds. */
  markPlaces() {
    const geometries = this.form?.shapes() ?? [];
    this.mark(geometries.length > 0 ? { type: "GeometryCollection", geometries } : null);
  }

  /** @param {unknown} error */
  fail(error) {
    this.clear();
    showProblem(this.problem, error);
  }

  /** Remove the result from the map and the panel, and give up one that is being worked out. */
  clear() {
    this.request.abort();
    this.container.removeAttribute("aria-busy");
    for (const layer of this.drawn) this.map.removeLayer(layer);
    if (this.drawn.length > 0) this.map.removeSource(SOURCE);
    this.drawn = [];
    this.problem.replaceChildren();
    this.output.replaceChildren();
    this.announce("");
  }

  /** @returns {Record<string, null>} the parts of the link that this tool keeps, all removed */
  nothing() {
    return Object.fromEntries([NAME, ...(this.form?.names() ?? [])].map((name) => [name, null]));
  }
}

/**
 * Wait for a job to end.
 * @param {any} job
 * @param {AbortSignal} signal dismisses it
 * @returns {Promise<any>} its last state, where it gave results
 * @throws {ProblemError} it gave none
 */
async function finished(job, signal) {
  signal.addEventListener("abort", () => dismiss(job.jobID).catch((error) => console.warn(error.message)));
  let [found, wait] = [job, FIRST_WAIT_MS];
  while (["accepted", "running"].includes(found.status)) {
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    wait = Math.min(wait * 1.5, LONGEST_WAIT_MS);
    found = await getJson(`jobs/${job.jobID}`, { f: "json" }, signal);
  }
  if (found.status !== "successful") throw new ProblemError(0, t("analyses.failed"), found.message ?? found.status);
  return found;
}
