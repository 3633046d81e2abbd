import { address, getJson } from "./api.mjs";
import { element } from "./dom.mjs";
import { knownName, localised, number, t } from "./i18n.mjs";
import { layerOf } from "./layers.mjs";
import { addOverlay } from "./map.mjs";
import { asOf } from "./moment.mjs";
import * as state from "./state.mjs";

/**
 * @typedef {import("./layers.mjs").CityLayer} CityLayer
 * @typedef {import("./map.mjs").GlMap} GlMap
 * @typedef {{layer: CityLayer, id: string, name: string}} Candidate
 * @typedef {import("./results.mjs").View["columns"][string]} ResultColumn
 */

const REACH_PX = 4;
const MOST_CANDIDATES = 12;
/** An ISO 8601 time, and how much of it is known. */
const TIME = /^\d{4}-\d{2}-\d{2}T/;
/** @type {Record<string, number>} */
const PRECISIONS = { year: 4, month: 7, day: 10 };
const HIGHLIGHT = "#d6336c";
const HIGHLIGHT_LAYERS = [
  { type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": HIGHLIGHT, "fill-opacity": 0.18 } },
  { type: "line", filter: ["!=", ["geometry-type"], "Point"], layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": HIGHLIGHT, "line-width": 3.5 } },
  {
    type: "circle", filter: ["==", ["geometry-type"], "Point"],
    paint: { "circle-radius": 9, "circle-color": HIGHLIGHT, "circle-opacity": 0.2, "circle-stroke-color": HIGHLIGHT, "circle-stroke-width": 3 },
  },
];

/** The panel with what is known of the feature that was clicked. */
export class FeaturePanel {
  /**
   * @param {HTMLElement} container
   * @param {GlMap} map
   * @param {CityLayer[]} layers
   * @param {import("./main.mjs").Announce} announce
   */
  constructor(container, map, layers, announce) {
    this.container = container;
    this.map = map;
    this.layers = new Map(layers.map((layer) => [layer.id, layer]));
    this.announce = announce;
    this.request = new AbortController();
    this.highlight = addOverlay(map, "horad-selection", HIGHLIGHT_LAYERS);
    container.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  /** Open the feature that the link names, if it names one. */
  async restore() {
    const [layerId, id] = (state.read("feature") ?? "").split("/");
    const layer = this.layers.get(layerId);
    if (layer && id) await this.select({ layer, id, name: "" }, []);
  }

  /**
   * Show what lies at a place.
   * @param {import("../vendor/maplibre-gl/dist/maplibre-gl.mjs").LngLat} lngLat
   */
  async pick(lngLat) {
    const candidates = this.candidates(lngLat);
    if (candidates.length === 0) {
      this.close();
      this.announce(t("feature.none"));
      return;
    }
    this.announce(t("feature.found", { n: candidates.length }), { seen: false });
    await this.select(candidates[0], candidates);
  }

  /**
   * Show what the result of an analysis says of a place.
   * @param {string} title of the analysis
   * @param {any} feature of the map
   * @param {Record<string, ResultColumn>} columns
   */
  showResult(title, feature, columns) {
    this.close();
    this.highlight({ type: "Feature", geometry: feature.geometry, properties: {} });
    const { name } = feature.properties;
    this.fill(element("p", { class: "brand" }, title), name ? String(name) : t("feature.result"), resultList(feature.properties, columns));
  }

  /** Close the panel and forget the selection. */
  close() {
    const hadFocus = this.container.contains(document.activeElement);
    this.container.hidden = true;
    this.highlight(null);
    this.request.abort();
    state.write({ feature: null });
    if (hadFocus) this.map.getCanvas().focus();
  }

  /**
   * @param {import("../vendor/maplibre-gl/dist/maplibre-gl.mjs").LngLat} lngLat
   * @returns {Candidate[]} topmost first
   */
  candidates(lngLat) {
    const { x, y } = this.map.project(lngLat);
    const found = new Map();
    for (const feature of this.map.queryRenderedFeatures([[x - REACH_PX, y - REACH_PX], [x + REACH_PX, y + REACH_PX]])) {
      const layer = this.layers.get(layerOf(feature.layer) ?? "");
      if (!layer || feature.id === undefined) continue;
      const name = String(feature.properties.name ?? "");
      found.set(`${layer.id}/${feature.id}`, { layer, id: String(feature.id), name });
    }
    return [...found.values()].slice(0, MOST_CANDIDATES);
  }

  /**
   * @param {Candidate} chosen
   * @param {Candidate[]} candidates all that were found at the place
   */
  async select(chosen, candidates) {
    this.request.abort();
    this.request = new AbortController();
    const path = `collections/${chosen.layer.id}/items/${chosen.id}`;
    state.write({ feature: `${chosen.layer.id}/${chosen.id}` });
    this.show(chosen, candidates, element("p", { class: "hint" }, t("feature.loading")));
    try {
      const feature = await getJson(path, { f: "json", ...asOf() }, this.request.signal);
      this.highlight(feature);
      const named = { ...chosen, name: feature.properties.name ?? "" };
      this.show(named, candidates, attributeList(feature.properties, chosen.layer.columns), address(path, asOf()));
    } catch (error) {
      if (/** @type {Error} */ (error).name === "AbortError") return;
      this.highlight(null);
      this.show(chosen, candidates, element("p", { class: "error", role: "alert" }, /** @type {Error} */ (error).message));
    }
  }

  /**
   * @param {Candidate} chosen
   * @param {Candidate[]} candidates
   * @param {HTMLElement} body
   * @param {string} [record] address of the feature's own page
   */
  show(chosen, candidates, body, record) {
    const inList = document.activeElement?.closest(".candidates") !== null;
    this.fill(
      element("p", { class: "brand" }, chosen.layer.title),
      chosen.name || t("feature.number", { id: chosen.id }),
      candidates.length > 1 ? this.candidateList(chosen, candidates) : null,
      body,
      record && element("p", { class: "links" }, element("a", { href: record }, t("feature.record"))));
    const current = /** @type {HTMLElement | null} */ (this.container.querySelector("[aria-current]"));
    if (inList) current?.focus();
  }

  /**
   * @param {HTMLElement} above
   * @param {string} title
   * @param {...import("./dom.mjs").Child} body
   */
  fill(above, title, ...body) {
    this.container.replaceChildren(
      element("header", { class: "feature-header" },
        element("div", {}, above, element("h2", { id: "feature-title" }, title)),
        element("button", { type: "button", class: "icon-button", "aria-label": t("feature.close"), onclick: () => this.close() }, "✕")),
      element("div", { class: "feature-body" }, ...body));
    this.container.hidden = false;
  }

  /**
   * @param {Candidate} chosen
   * @param {Candidate[]} candidates
   * @returns {HTMLElement}
   */
  candidateList(chosen, candidates) {
    const rows = candidates.map((candidate) => element("li", {}, element("button", {
      type: "button",
      "aria-current": candidate.layer === chosen.layer && candidate.id === chosen.id ? "true" : null,
      onclick: () => this.select(candidate, candidates),
    }, `${candidate.layer.title} · ${candidate.name || t("feature.number", { id: candidate.id })}`)));
    return element("ul", { class: "candidates", "aria-label": t("feature.found", { n: candidates.length }) }, ...rows);
  }
}

/**
 * The attributes that have a value, with titles and units; unnamed columns come last.
 * @param {Record<string, unknown>} properties
 * @param {CityLayer["columns"]} columns
 * @returns {HTMLElement}
 */
function attributeList(properties, columns) {
  const names = [...Object.keys(columns), ...Object.keys(properties).filter((name) => !(name in columns))];
  const known = names.filter((name) => name !== "name" && !isEmpty(properties[name]));
  if (known.length === 0) return element("p", { class: "hint" }, t("feature.noAttributes"));
  const precise = PRECISIONS[String(properties.time_precision)];
  return element("dl", { class: "attributes" }, ...known.flatMap((name) => [
    element("dt", {}, localised(columns[name]?.title) || knownName("column", name)),
    element("dd", {}, value(asPrecise(properties[name], precise), knownName("unit", localised(columns[name]?.unit)))),
  ]));
}

/**
 * What a result says, in its own titles, units and roundings.
 * @param {Record<string, unknown>} properties
 * @param {Record<string, ResultColumn>} columns
 * @returns {HTMLElement}
 */
function resultList(properties, columns) {
  const known = Object.entries(columns).filter(([name]) => name !== "name" && !isEmpty(properties[name]));
  return element("dl", { class: "attributes" }, ...known.flatMap(([name, column]) => {
    const given = properties[name];
    const written = typeof given === "number" ? number(given * column.scale, column.decimals) : value(given, "");
    return [
      element("dt", {}, localised(column.title)),
      element("dd", {}, written, typeof given === "number" && ` ${localised(column.unit)}`),
    ];
  }));
}

/**
 * A time as exactly as it is known: of a year that is known the day and the hour are none.
 * @param {unknown} given
 * @param {number | undefined} length of the part that is known
 */
function asPrecise(given, length) {
  return length !== undefined && typeof given === "string" && TIME.test(given) ? given.slice(0, length) : given;
}

/** @param {unknown} given */
function isEmpty(given) {
  return given === null || given === undefined || given === "" || (typeof given === "object" && Object.keys(given).length === 0);
}

/**
 * @param {unknown} given
 * @param {string} unit
 * @returns {string | HTMLElement}
 */
function value(given, unit) {
  if (typeof given === "number") return `${number(given)} ${unit}`.trimEnd();
  if (typeof given === "boolean") return t(given ? "feature.yes" : "feature.no");
  if (typeof given === "object") return attributeList(/** @type {Record<string, unknown>} */ (given), {});
  const written = String(given);
  if (/^https?:\/\/\S+$/.test(written)) return element("a", { href: written, rel: "noopener noreferrer" }, written);
  return `${knownName("value", written)} ${unit}`.trimEnd();
}
