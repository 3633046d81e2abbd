import * as maplibre from "../vendor/maplibre-gl/dist/maplibre-gl.mjs";
import { element } from "./dom.mjs";
import { mapLocale } from "./i18n.mjs";
import { Sources } from "./sources.mjs";
import * as state from "./state.mjs";

/** @typedef {import("../vendor/maplibre-gl/dist/maplibre-gl.mjs").Map} GlMap */

const NARROW = matchMedia("(max-width: 640px)");
const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const LABEL_FADE_MS = 300;
const PANEL_WIDTH_PX = 372;
const PANEL_HEADER_PX = 76;
/** How a place is marked that someone has chosen. */
export const PLACE_LAYER = {
  type: "circle",
  paint: { "circle-radius": 6, "circle-color": "#ffffff", "circle-stroke-color": "#1b2126", "circle-stroke-width": 3 },
};
/** How the line between places is drawn that someone has chosen. */
export const PLACE_LINE_LAYER = { type: "line", paint: { "line-color": "#1b2126", "line-width": 3, "line-dasharray": [2, 1] } };
const EMPTY = { type: "FeatureCollection", features: [] };

/**
 * Whether this browser can draw the map.
 * @returns {boolean}
 */
export function canDraw() {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

/**
 * Make the map; where the link does not say what to show, the whole city.
 * @param {HTMLElement} container
 * @param {any} style
 * @param {[number, number, number, number] | null} bounds west, south, east, north; null where nothing is loaded yet
 * @returns {GlMap}
 */
export function createMap(container, style, bounds) {
  const placed = state.read("map") !== null;
  const map = new maplibre.Map({
    container,
    style,
    hash: "map",
    locale: mapLocale(),
    attributionControl: false,
    maxZoom: 20,
    dragRotate: false,
    pitchWithRotate: false,
    fadeDuration: CALM.matches ? 0 : LABEL_FADE_MS,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new Sources(style.metadata["horad:cities"], NARROW), "bottom-right");
  map.addControl(new maplibre.ScaleControl({}), "bottom-right");
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
  const makeRoom = () => map.setPadding(NARROW.matches ? { bottom: PANEL_HEADER_PX } : { left: PANEL_WIDTH_PX });
  makeRoom();
  NARROW.addEventListener("change", makeRoom);
  if (!placed && bounds) map.fitBounds(bounds, { padding: 24, animate: false });
  addCrosshair(map);
  return map;
}

/**
 * Add a GeoJSON source and the layers that draw it.
 * @param {GlMap} map
 * @param {string} id
 * @param {any[]} layers style layers without id and source
 * @param {string} [beforeId] the style layer that stays above
 * @returns {(data: any) => void} shows other data; null clears
 */
export function addOverlay(map, id, layers, beforeId) {
  map.addSource(id, { type: "geojson", data: EMPTY });
  layers.forEach((layer, index) => map.addLayer({ ...layer, id: `${id}-${index}`, source: id }, beforeId));
  return (data) => /** @type {any} */ (map.getSource(id)).setData(data ?? EMPTY);
}

/**
 * The lowest style layer of points or labels: areas that a tool draws belong below it.
 * @param {GlMap} map
 * @returns {string | undefined}
 */
export function firstPointLayer(map) {
  return map.getStyle().layers.find((layer) => layer.type === "circle" || layer.type === "symbol")?.id;
}

/**
 * Call back for a place chosen on the map: by a click, or by Enter for its centre while the map has the focus.
 * @param {GlMap} map
 * @param {(lngLat: import("../vendor/maplibre-gl/dist/maplibre-gl.mjs").LngLat) => void} choose
 */
export function onPlace(map, choose) {
  map.on("click", (event) => choose(event.lngLat));
  map.getCanvas().addEventListener("keydown", (event) => {
    if (event.key === "Enter") choose(map.getCenter());
  });
}

/**
 * Mark the centre of the map, which is where keyboard users point.
 * @param {GlMap} map
 */
function addCrosshair(map) {
  const crosshair = element("div", { class: "crosshair", "aria-hidden": "true" });
  map.getCanvas().after(crosshair);
  const place = () => {
    const { x, y } = map.project(map.getCenter());
    crosshair.style.transform = `translate(${x}px, ${y}px)`;
  };
  map.on("move", place);
  map.on("resize", place);
  place();
}
