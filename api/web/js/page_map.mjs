/** The map on the page of a layer or of its features: the city with that layer, and the features of the page above it. */

import * as maplibre from "../vendor/maplibre-gl/dist/maplibre-gl.mjs";
import { boundsOf } from "./bounds.mjs";
import { byId } from "./dom.mjs";
import { canDraw } from "./map.mjs";

const ACCENT = "#d0342c";
const ROOM_PX = { top: 32, left: 32, right: 48, bottom: 72 };
const MAX_ZOOM = 18;

/** @type {{style: string, layer: string, items: string, bbox: [number, number, number, number] | null, features: any[]}} */
const shown = JSON.parse(byId("shown").textContent ?? "");

if (canDraw()) start();
else byId("map").remove();

function start() {
  const map = new maplibre.Map({ container: "map", style: shown.style, attributionControl: false, dragRotate: false, fadeDuration: 0 });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-right");
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
  const bounds = shown.bbox ?? boundsOf(shown.features);
  if (bounds) map.fitBounds(bounds, { padding: ROOM_PX, maxZoom: MAX_ZOOM, animate: false });
  map.on("style.load", () => showLayer(map));
  map.on("load", () => {
    addFeatures(map);
    byId("map").dataset.state = "ready";
  });
}

/** Switch the layer on, all other points off, and come as near as it takes to see it.
 * @param {maplibre.Map} map */
function showLayer(map) {
  const all = /** @type {any[]} */ (map.getStyle().layers);
  const own = all.filter((each) => each.metadata?.["horad:layer"] === shown.layer);
  const points = all.filter((each) => each.type === "circle" || each.layout?.["icon-image"]);
  for (const each of points) map.setLayoutProperty(each.id, "visibility", "none");
  for (const each of own) map.setLayoutProperty(each.id, "visibility", "visible");
  const nearest = Math.min(...own.map((each) => each.minzoom ?? 0));
  if (!shown.features.length && own.length && map.getZoom() < nearest) map.jumpTo({ zoom: nearest });
}

/** @param {maplibre.Map} map */
function addFeatures(map) {
  if (!shown.features.length) return;
  map.addSource("shown", { type: "geojson", data: { type: "FeatureCollection", features: shown.features } });
  const paint = { "line-color": ACCENT, "line-width": 2.5 };
  map.addLayer({ id: "shown-area", type: "fill", source: "shown", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": ACCENT, "fill-opacity": 0.25 } });
  map.addLayer({ id: "shown-line", type: "line", source: "shown", filter: ["!=", ["geometry-type"], "Point"], paint });
  map.addLayer({ id: "shown-point", type: "circle", source: "shown", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": ACCENT, "circle-radius": 6, "circle-stroke-color": "#ffffff", "circle-stroke-width": 1.5 } });
  for (const layer of ["shown-area", "shown-line", "shown-point"]) {
    map.on("click", layer, (event) => location.assign(`${shown.items}/${event.features?.[0]?.id}?f=html`));
    map.on("mouseenter", layer, () => (map.getCanvas().style.cursor = "pointer"));
    map.on("mouseleave", layer, () => (map.getCanvas().style.cursor = ""));
  }
}
