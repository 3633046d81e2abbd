import { element } from "./dom.mjs";
import { t } from "./i18n.mjs";

/**
 * The field for places, or for lines through them: `longitude,latitude` with `;` between places and `|` between lines.
 *
 * @typedef {import("./process_form.mjs").Control} Control
 * @typedef {import("./process_form.mjs").Schema} Schema
 * @typedef {[number, number]} Position
 */

const DEGREE_DECIMALS = 5;

/** @param {{lng: number, lat: number}} place @returns {Position} longitude and latitude, to about a metre */
export function position({ lng, lat }) {
  return [Number(lng.toFixed(DEGREE_DECIMALS)), Number(lat.toFixed(DEGREE_DECIMALS))];
}

/**
 * @param {Schema} schema
 * @returns {"points" | "lines" | null} what is given to an input that takes places
 */
export function placesOf(schema) {
  if (schema.oneOf?.some((/** @type {Schema} */ option) => option.items?.items?.prefixItems)) return "lines";
  return schema.oneOf?.some((/** @type {Schema} */ option) => option.items?.prefixItems) ? "points" : null;
}

/**
 * @param {string} id
 * @param {boolean} required
 * @param {{lines: boolean}} options whether several lines can be given
 * @returns {Control}
 */
export function placeControl(id, required, { lines }) {
  const input = /** @type {HTMLInputElement} */ (element("input", {
    id, type: "text", required, placeholder: lines ? t("form.lines") : t("form.places"), title: lines ? t("form.linesHint") : t("form.placesHint"),
    pattern: pattern(lines),
  }));
  /** @returns {Position[][]} */
  const parts = () => input.value.split("|").filter((line) => line.trim()).map((line) =>
    line.split(";").filter((each) => each.trim()).map((each) => /** @type {Position} */ (each.split(",").map(Number))));
  const newLine = lines && element("button", { type: "button", onclick: () => {
    if (/\d\s*$/.test(input.value)) input.value = `${input.value.trim()} | `;
  } }, t("form.newLine"));
  return {
    node: newLine ? element("div", { class: "with-button" }, input, newLine) : input,
    read: () => {
      const given = parts();
      return given.length > 1 ? given : given[0] ?? null;
    },
    write: (text) => { input.value = text.replaceAll(/\s*([;|])\s*/g, (_, mark) => (mark === ";" ? "; " : " | ")); },
    add: (place) => { input.value += `${/\d\s*$/.test(input.value) ? "; " : ""}${position(place).join(",")}`; },
    shapes: () => parts().map((coordinates) => (
      lines && coordinates.length > 1 ? { type: "LineString", coordinates } : { type: "MultiPoint", coordinates })),
  };
}

/** @param {boolean} lines @returns {string} what may be written, as a regular expression */
function pattern(lines) {
  const degrees = String.raw`-?\d+(\.\d+)?`;
  const place = String.raw`\s*${degrees}\s*,\s*${degrees}\s*`;
  const line = `${place}(;${place})*`;
  return lines ? String.raw`${line}(\|${line})*(\|\s*)?` : line;
}
