import { address } from "./api.mjs";
import { element } from "./dom.mjs";
import { language, number, t } from "./i18n.mjs";
import { legend } from "./legend.mjs";
import * as state from "./state.mjs";

/**
 * @typedef {object} CityLayer
 * @property {string} id
 * @property {string} title
 * @property {string} function
 * @property {string} functionTitle
 * @property {boolean} visible
 * @property {number} minzoom
 * @property {boolean} located whether every feature has a place
 * @property {number | null} count
 * @property {import("./legend.mjs").LegendEntry[]} legend
 * @property {Record<string, {title: string, unit?: string | null}>} columns
 *
 * @typedef {import("../vendor/maplibre-gl/dist/maplibre-gl.mjs").Map} GlMap
 */

/**
 * The layer of the city that a style layer draws.
 * @param {any} styleLayer
 * @returns {string | undefined}
 */
export function layerOf(styleLayer) {
  return styleLayer.metadata?.["horad:layer"];
}

/**
 * Show the layers by city function, in the order in which they come, each with its switch, legend and links.
 * @param {HTMLElement} container
 * @param {GlMap} map
 * @param {CityLayer[]} layers
 */
export function showLayers(container, map, layers) {
  const chosen = state.read("layers");
  const visible = new Set(chosen === null ? defaults(layers) : chosen.split(","));

  /** @param {string} id @param {boolean} on */
  const toggle = (id, on) => {
    if (on) visible.add(id);
    else visible.delete(id);
    apply(map, visible);
    const list = layers.filter((layer) => visible.has(layer.id)).map((layer) => layer.id);
    state.write({ layers: String(list) === String(defaults(layers)) ? null : list.join(",") });
  };
  for (const members of Map.groupBy(layers, (layer) => layer.function).values()) {
    container.append(element("details", { class: "layer-group", open: true },
      element("summary", {}, members[0].functionTitle),
      ...members.map((layer) => layerRow(layer, visible.has(layer.id), (on) => toggle(layer.id, on)))));
  }
  apply(map, visible);
  const hint = () => markTooFarOut(container, layers, map.getZoom());
  map.on("zoomend", hint);
  hint();
}

/**
 * @param {CityLayer[]} layers
 * @returns {string[]}
 */
function defaults(layers) {
  return layers.filter((layer) => layer.visible).map((layer) => layer.id);
}

/**
 * @param {GlMap} map
 * @param {Set<string>} visible
 */
function apply(map, visible) {
  for (const styleLayer of map.getStyle().layers) {
    const layer = layerOf(styleLayer);
    if (layer) map.setLayoutProperty(styleLayer.id, "visibility", visible.has(layer) ? "visible" : "none");
  }
}

/**
 * @param {CityLayer} layer
 * @param {boolean} on
 * @param {(on: boolean) => void} toggle
 * @returns {HTMLElement}
 */
function layerRow(layer, on, toggle) {
  const id = `layer-${layer.id}`;
  const detail = layerDetail(layer, `${id}-detail`);
  /** @param {boolean} open */
  const unfold = (open) => {
    detail.hidden = !open;
    fold.setAttribute("aria-expanded", String(open));
  };
  const box = /** @type {HTMLInputElement} */ (element("input", {
    type: "checkbox", id, checked: on, onchange: () => { toggle(box.checked); unfold(box.checked); },
  }));
  const fold = element("button", {
    type: "button", class: "fold", "aria-controls": detail.id, "aria-label": t("layers.legend", { title: layer.title }),
    onclick: () => unfold(detail.hidden),
  }, element("span", { class: "chevron", "aria-hidden": "true" }));
  unfold(on && !layer.visible);
  return element("div", { class: layer.count === 0 ? "layer empty" : "layer", "data-layer": layer.id },
    element("div", { class: "layer-head" },
      box,
      element("label", { for: id }, layer.title),
      layer.count === null ? null : element("span", { class: "count", title: t("layers.count", { n: layer.count }) }, number(layer.count)),
      fold),
    detail);
}

/**
 * @param {CityLayer} layer
 * @param {string} id
 * @returns {HTMLElement}
 */
function layerDetail(layer, id) {
  return element("div", { class: "layer-detail", id },
    layer.count === 0 ? element("p", { class: "hint" }, t("layers.empty")) : null,
    layer.located ? null : element("p", { class: "hint" }, t("layers.register")),
    element("p", { class: "hint too-far-out", hidden: true }, t("layers.zoom")),
    legend(layer.legend),
    element("p", { class: "links" },
      element("a", { href: address(`maps/${layer.id}`, { lang: language() }) }, t("layers.page")),
      element("a", { href: address(`collections/${layer.id}`) }, t("layers.data"))));
}

/**
 * @param {HTMLElement} container
 * @param {CityLayer[]} layers
 * @param {number} zoom
 */
function markTooFarOut(container, layers, zoom) {
  for (const layer of layers) {
    const hint = /** @type {HTMLElement} */ (container.querySelector(`[data-layer="${CSS.escape(layer.id)}"] .too-far-out`));
    hint.hidden = zoom >= layer.minzoom;
  }
}
