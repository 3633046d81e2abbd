import * as maplibre from "../vendor/maplibre-gl/dist/maplibre-gl.mjs";

/**
 * @param {any[]} features
 * @returns {maplibre.LngLatBounds | null} null where none has a place
 */
export function boundsOf(features) {
  const bounds = new maplibre.LngLatBounds();
  for (const { geometry } of features) {
    for (const { coordinates } of geometry?.geometries ?? [geometry].filter(Boolean)) {
      for (const place of pairs(coordinates)) bounds.extend(place);
    }
  }
  return bounds.isEmpty() ? null : bounds;
}

/**
 * @param {maplibre.LngLatBounds} one
 * @param {maplibre.LngLatBounds} other
 * @returns {boolean} whether they have a place in common
 */
export function meets(one, other) {
  return one.getWest() <= other.getEast() && other.getWest() <= one.getEast()
    && one.getSouth() <= other.getNorth() && other.getSouth() <= one.getNorth();
}

/** @param {any[]} coordinates @returns {[number, number][]} */
function pairs(coordinates) {
  return typeof coordinates[0] === "number" ? [[coordinates[0], coordinates[1]]] : coordinates.flatMap(pairs);
}
