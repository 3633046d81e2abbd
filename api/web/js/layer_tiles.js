/* Draws a layer's vector tiles on a Leaflet map as its style says, and shows a feature's attributes on a click. */
"use strict";

/** Leaflet.VectorGrid hands on the properties of a clicked feature, but not its id: the id travels among them. */
const ID = "horad:id";

/**
 * @typedef {{layer: string, column: string | null, symbols: {values: string[], atLeast: number | null, style: object, minZoom: number}[]}} Drawn
 * @typedef {{tiles: string, minZoom: number, maxZoom: number, attribution: string}} Tiles
 */

/**
 * @param {Drawn} drawn
 * @param {{interactive: boolean}} options
 */
function styleOf({ column, symbols }, { interactive }) {
  const others = symbols.find((symbol) => symbol.values.length === 0 && symbol.atLeast === null);
  const bounded = symbols.filter((symbol) => symbol.atLeast !== null).sort((a, b) => b.atLeast - a.atLeast);
  return (properties, zoom) => {
    const value = column === null ? null : properties[column];
    const symbol = symbols.find((each) => each.values.includes(value)) ?? bounded.find((each) => value >= each.atLeast) ?? others;
    return symbol === undefined || zoom < symbol.minZoom ? [] : { ...symbol.style, interactive };
  };
}

/**
 * Draw the ground, the water, the buildings and the streets, faintly, below what the map is about.
 * @param {L.Map} map
 * @param {Tiles & {layers: Drawn[]}} settings
 */
function horadBackdrop(map, settings) {
  L.vectorGrid.protobuf(settings.tiles, {
    vectorTileLayerStyles: Object.fromEntries(settings.layers.map((drawn) => [drawn.layer, styleOf(drawn, { interactive: false })])),
    minNativeZoom: settings.minZoom,
    maxNativeZoom: settings.maxZoom,
    maxZoom: 22,
    opacity: 0.6,
    attribution: settings.attribution,
  }).addTo(map);
}

/**
 * @param {L.Map} map
 * @param {Tiles & Drawn & {items: string, titles: Record<string, string>}} settings
 */
function horadLayerTiles(map, settings) {
  const grid = L.vectorGrid.protobuf(settings.tiles, {
    vectorTileLayerStyles: { [settings.layer]: styleOf(settings, { interactive: true }) },
    interactive: true,
    minZoom: settings.minZoom,
    maxNativeZoom: settings.maxZoom,
    maxZoom: 22,
    attribution: settings.attribution,
    getFeatureId: (feature) => (feature.properties[ID] = feature.id),
  });

  function row(title, value) {
    const line = document.createElement("tr");
    line.append(document.createElement("th"), document.createElement("td"));
    line.children[0].textContent = title;
    line.children[1].textContent = value;
    return line;
  }

  async function show(event) {
    const popup = L.popup().setLatLng(event.latlng).setContent("…").openOn(map);
    const answer = await fetch(`${settings.items}/${event.layer.properties[ID]}?f=json`);
    if (!answer.ok) {
      popup.setContent(`${answer.status} ${answer.statusText}`);
      return;
    }
    const feature = await answer.json();
    const table = document.createElement("table");
    for (const [name, title] of Object.entries(settings.titles)) {
      const value = feature.properties[name];
      if (value !== null && value !== undefined && value !== "") table.append(row(title, String(value)));
    }
    popup.setContent(table);
  }

  grid.on("click", show);
  grid.on("load", () => document.documentElement.setAttribute("data-ready", ""));
  grid.addTo(map);
  return grid;
}
