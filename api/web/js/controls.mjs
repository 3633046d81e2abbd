import { element } from "./dom.mjs";
import { knownName, t } from "./i18n.mjs";
import { placeControl, placesOf } from "./place_control.mjs";

/**
 * What one value is written in, made from its JSON schema.
 *
 * @typedef {import("./process_form.mjs").Schema} Schema
 * @typedef {import("./process_form.mjs").Control} Control
 */

/**
 * @param {string} id
 * @param {Schema} schema
 * @param {number} scale how much of the input's unit one of the shown unit is
 * @returns {Control | null}
 */
export function makeControl(id, schema, scale) {
  const places = placesOf(schema);
  if (places) return placeControl(id, !("default" in schema), { lines: places === "lines" });
  if (schema.enum) return choice(id, schema);
  if (schema.type === "boolean") return switched(id, schema);
  if (schema.type === "string" && schema.format?.startsWith("date")) return day(id, !("default" in schema));
  if (schema.type === "number" || schema.type === "integer") return numeric(id, schema, scale);
  if (schema.type === "string") return text(id, schema);
  if (schema.type === "array" && ["number", "integer"].includes(schema.items?.type)) return numbers(id, schema, scale);
  if (schema.type === "array" && schema.items?.type === "string") return words(id, schema);
  return null;
}

/** @param {string} id @param {Schema} schema @returns {Control} */
function choice(id, schema) {
  const unset = schema.default === undefined ? [element("option", { value: "" }, "–")] : [];
  const options = schema.enum.map((/** @type {string} */ value) => element("option", { value, selected: value === schema.default }, knownName("value", value)));
  const node = /** @type {HTMLSelectElement} */ (element("select", { id }, ...unset, ...options));
  return { node, read: () => node.value || null, write: (text) => { node.value = text; } };
}

/** @param {string} id @param {Schema} schema @returns {Control} */
function switched(id, schema) {
  const node = /** @type {HTMLInputElement} */ (element("input", { id, type: "checkbox", checked: schema.default }));
  return { node, read: () => node.checked, write: (text) => { node.checked = text === "true"; } };
}

/** @param {string} id @param {Schema} schema @returns {Control} */
function text(id, schema) {
  const node = /** @type {HTMLInputElement} */ (element("input", {
    id, type: "text", required: !("default" in schema), value: schema.default ?? "",
    maxlength: schema.maxLength, title: schema.description,
  }));
  return { node, read: () => node.value.trim() || null, write: (given) => { node.value = given; } };
}

/** @param {string} id @param {Schema} schema @returns {Control} */
function words(id, schema) {
  const node = /** @type {HTMLInputElement} */ (element("input", {
    id, type: "text", required: (schema.minItems ?? 0) > 0 && !("default" in schema), value: (schema.default ?? []).join(", "),
    title: schema.description,
  }));
  return {
    node,
    read: () => {
      const given = node.value.split(",").map((word) => word.trim()).filter(Boolean);
      return given.length > 0 ? given : null;
    },
    write: (given) => { node.value = given; },
  };
}

/** @param {string} id @param {boolean} required @returns {Control} */
function day(id, required) {
  const today = new Date().toISOString().slice(0, "2000-01-01".length);
  const node = /** @type {HTMLInputElement} */ (element("input", { id, type: "date", max: today, required }));
  return { node, read: () => node.value || null, write: (text) => { node.value = text; } };
}

/** @param {string} id @param {Schema} schema @param {number} scale @returns {Control} */
function numeric(id, schema, scale) {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const node = /** @type {HTMLInputElement} */ (element("input", {
    id,
    type: "number",
    step: schema.type === "integer" && scale === 1 ? 1 : "any",
    min: low === undefined ? null : low / scale,
    max: high === undefined ? null : high / scale,
    required: !("default" in schema),
    value: typeof schema.default === "number" ? schema.default / scale : "",
  }));
  return {
    node,
    read: () => (node.value === "" ? null : Number(node.value) * scale),
    write: (text) => { node.value = String(Number(text) / scale); },
  };
}

/** @param {string} id @param {Schema} schema @param {number} scale @returns {Control} */
function numbers(id, schema, scale) {
  /** @param {number[]} values */
  const written = (values) => values.map((value) => value / scale).join(", ");
  const number = String.raw`\d+(\.\d+)?`;
  const node = /** @type {HTMLInputElement} */ (element("input", {
    id, type: "text", inputmode: "decimal", required: (schema.minItems ?? 0) > 0, value: written(schema.default ?? []),
    pattern: String.raw`\s*${number}(\s*[,; ]\s*${number})*\s*`, title: t("form.numbers"),
  }));
  return {
    node,
    read: () => node.value.split(/[,;\s]+/).filter(Boolean).map((text) => Number(text) * scale),
    write: (text) => { node.value = written(text.split(",").map(Number)); },
  };
}
