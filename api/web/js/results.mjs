import { element } from "./dom.mjs";
import { localised, number } from "./i18n.mjs";
import { swatch } from "./legend.mjs";

const UNKNOWN_COLOUR = "#888888";

/**
 * How a result is shown, as its process describes it.
 * @typedef {object} View
 * @property {string} colour_by
 * @property {string[]} colours low to high
 * @property {"low" | "high"} draw_first
 * @property {number} opacity
 * @property {Record<string, {title: string | Record<string, string>, unit: string | Record<string, string>, scale: number, decimals: number}>} columns
 */

/**
 * A colour for each value that the features have.
 * @param {any[]} features
 * @param {View} view
 * @returns {[number, string][]} low to high
 */
export function classes(features, view) {
  const values = [...new Set(features.map((feature) => feature.properties[view.colour_by]))].sort((a, b) => a - b);
  const last = view.colours.length - 1;
  return values.map((value, index) => [value, view.colours[Math.round((index * last) / Math.max(values.length - 1, 1))]]);
}

/**
 * Style layers that draw areas: a fill, a dark edge so that pale colours can be told from the map, and the line.
 * @param {View} view
 * @returns {any[]}
 */
export function areaLayers(view) {
  const order = ["*", view.draw_first === "high" ? -1 : 1, ["get", view.colour_by]];
  return [
    { type: "fill", layout: { "fill-sort-key": order } },
    { type: "line", layout: { "line-join": "round" }, paint: { "line-width": 4, "line-color": "#1b2126", "line-opacity": 0.45 } },
    { type: "line", layout: { "line-sort-key": order, "line-join": "round" }, paint: { "line-width": 2 } },
  ];
}

/**
 * How the layers of `areaLayers` are painted for one result. Areas may lie within each other: the fills share the opacity.
 * @param {[number, string][]} colours
 * @param {View} view
 * @returns {[number, any, any][]} index of the layer, paint property, value
 */
export function areaPaint(colours, view) {
  const cases = colours.flatMap(([value, colour]) => [["==", ["get", view.colour_by], value], colour]);
  const colour = ["case", ...cases, UNKNOWN_COLOUR];
  return [[0, "fill-color", colour], [0, "fill-opacity", view.opacity / Math.max(colours.length, 1)], [2, "line-color", colour]];
}

/**
 * The result as a table that is its legend too.
 * @param {any[]} features
 * @param {View} view
 * @param {[number, string][]} colours
 * @param {{caption: string, except: string[]}} options `except`: columns not shown
 * @returns {HTMLElement}
 */
export function resultTable(features, view, colours, { caption, except }) {
  const known = (/** @type {string} */ name) => features.some((feature) => typeof feature.properties[name] === "number");
  const columns = Object.entries(view.columns).filter(([name]) => known(name) && !except.includes(name));
  const colourOf = new Map(colours);
  const rows = [...features].sort((a, b) => a.properties[view.colour_by] - b.properties[view.colour_by]);
  return element("table", { class: "results" },
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...columns.map(([, column]) => element("th", { scope: "col" },
      localised(column.title), column.unit && element("small", {}, localised(column.unit)))))),
    element("tbody", {}, ...rows.map((feature) => element("tr", {}, ...columns.map(([name, column]) => {
      const value = feature.properties[name];
      if (name !== view.colour_by) return element("td", {}, shown(value, column));
      const colour = colourOf.get(value) ?? UNKNOWN_COLOUR;
      return element("th", { scope: "row" }, swatch({ title: "", shape: "fill", colour, outline: colour }), number(value * column.scale));
    })))));
}

/**
 * @param {unknown} value
 * @param {View["columns"][string]} column
 * @returns {string}
 */
function shown(value, column) {
  return typeof value === "number" ? number(value * column.scale, column.decimals) : "–";
}
