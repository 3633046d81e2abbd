import { element, svg } from "./dom.mjs";

/**
 * @typedef {object} LegendEntry
 * @property {string} title
 * @property {"line" | "circle" | "fill"} shape
 * @property {string} colour
 * @property {string | null} [outline]
 * @property {number | null} [width] pixels
 * @property {number[] | null} [dash] lengths in line widths
 */

const WIDTH = 26;
const HEIGHT = 16;

/**
 * The legend of a layer, entry by entry.
 * @param {LegendEntry[]} entries
 * @returns {HTMLElement}
 */
export function legend(entries) {
  return element("ul", { class: "legend" }, ...entries.map((entry) => element("li", {}, swatch(entry), entry.title)));
}

/**
 * A small picture of how a feature is drawn.
 * @param {LegendEntry} entry
 * @returns {SVGElement}
 */
export function swatch(entry) {
  const picture = svg("svg", { class: "swatch", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, "aria-hidden": "true" });
  picture.append(...SHAPES[entry.shape](entry));
  return picture;
}

/** @type {Record<LegendEntry["shape"], (entry: LegendEntry) => SVGElement[]>} */
const SHAPES = {
  line: (entry) => {
    const width = clamp(entry.width ?? 2, 1.5, 7);
    const across = { x1: 1, x2: WIDTH - 1, y1: HEIGHT / 2, y2: HEIGHT / 2 };
    const dash = entry.dash?.map((length) => length * width).join(" ");
    const inner = svg("line", { ...across, stroke: entry.colour, "stroke-width": width, "stroke-dasharray": dash });
    return entry.outline ? [svg("line", { ...across, stroke: entry.outline, "stroke-width": width + 2 }), inner] : [inner];
  },
  circle: (entry) => {
    const r = clamp((entry.width ?? 8) / 2, 3, 6);
    return [svg("circle", { cx: WIDTH / 2, cy: HEIGHT / 2, r, fill: entry.colour, stroke: entry.outline ?? "none" })];
  },
  fill: (entry) => [
    svg("rect", { x: 4, y: 2, width: WIDTH - 8, height: HEIGHT - 4, rx: 2, fill: entry.colour, stroke: entry.outline ?? "none" }),
  ],
};

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
