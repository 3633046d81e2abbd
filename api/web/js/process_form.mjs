import { element } from "./dom.mjs";
import { knownName, localised, t } from "./i18n.mjs";

/**
 * A form made from the description of a process: one field for each input that fits one.
 *
 * @typedef {Record<string, any>} Schema JSON schema, with `x-title` (one for each language) and `x-unit`
 * @typedef {{title?: string, description?: string, schema: Schema}} Input
 * @typedef {{lng: number, lat: number}} Place
 * @typedef {{node: HTMLElement, read: () => unknown, write: (text: string) => void, add?: (place: Place) => void}} Control
 *   `add` where a field takes places of the map
 * @typedef {Control & {standard: unknown}} Field a control with its label, and the input's default
 */

const SECONDS_PER_MINUTE = 60;
const DEGREE_DECIMALS = 5;

/** The inputs of a process as a form. */
export class ProcessForm {
  /**
   * @param {Record<string, Input>} inputs
   * @param {{main: string[], except: string[]}} names the inputs seen at once, and those not asked for here
   */
  constructor(inputs, { main, except }) {
    /** @type {Map<string, Field>} */
    this.fields = new Map();
    for (const [name, input] of Object.entries(inputs)) {
      const field = except.includes(name) ? null : makeField(name, input);
      if (field) this.fields.set(name, field);
    }
    const nodes = [...this.fields].map(([name, field]) => ({ node: field.node, main: main.includes(name) }));
    const others = nodes.filter((each) => !each.main).map((each) => each.node);
    this.node = /** @type {HTMLFormElement} */ (element("form", { class: "process-form" },
      ...nodes.filter((each) => each.main).map((each) => each.node),
      others.length > 0 && element("details", {}, element("summary", {}, t("form.more")), element("div", { class: "process-form" }, ...others))));
  }

  /** @returns {string[]} */
  names() {
    return [...this.fields.keys()];
  }

  /**
   * Add a place of the map to the field that takes places: the one with the focus, else the first.
   * @param {Place} place
   * @returns {boolean} false where none does
   */
  addPlace(place) {
    const fields = [...this.fields.values()].filter((field) => field.add);
    const chosen = fields.find((field) => field.node.contains(document.activeElement)) ?? fields[0];
    chosen?.add?.(place);
    return chosen !== undefined;
  }

  /** @returns {[number, number][]} the places in all fields that take some */
  places() {
    const fields = [...this.fields.values()].filter((field) => field.add);
    return fields.flatMap((field) => /** @type {[number, number][]} */ (field.read() ?? []));
  }

  /**
   * The inputs that differ from their defaults; null where the browser has told the user what is wrong.
   * @returns {Record<string, unknown> | null}
   */
  read() {
    const wrong = this.node.querySelector("details :invalid");
    if (wrong) /** @type {HTMLDetailsElement} */ (wrong.closest("details")).open = true;
    if (!this.node.reportValidity()) return null;
    const given = [...this.fields].map(([name, field]) => ({ name, value: field.read(), standard: field.standard }));
    const changed = given.filter(({ value, standard }) => value !== null && asQuery(value) !== asQuery(standard));
    return Object.fromEntries(changed.map(({ name, value }) => [name, value]));
  }

  /**
   * Fill in the inputs that a link holds.
   * @param {(name: string) => string | null} given
   */
  restore(given) {
    for (const [name, field] of this.fields) {
      const text = given(name);
      if (text !== null) field.write(text);
    }
  }
}

/**
 * An input as it is written in a link.
 * @param {unknown} value
 * @returns {string}
 */
export function asQuery(value) {
  return Array.isArray(value) ? value.flat().join(",") : String(value);
}

/** @param {Record<string, unknown>} inputs @returns {Record<string, string>} as they are written in a link */
export function asQueries(inputs) {
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, asQuery(value)]));
}

/** @param {Place} place @returns {[number, number]} longitude and latitude, to about a metre */
export function position({ lng, lat }) {
  return [Number(lng.toFixed(DEGREE_DECIMALS)), Number(lat.toFixed(DEGREE_DECIMALS))];
}

/**
 * @param {string} name
 * @param {Input} input
 * @returns {Field | null} null for an input that no field fits
 */
function makeField(name, input) {
  const schema = flat(input.schema);
  const unit = unitOf(schema["x-unit"]);
  const id = `input-${name}`;
  const control = makeControl(id, schema, unit.scale);
  if (!control) return null;
  const title = localised(schema["x-title"]) || input.title || schema.title || name;
  const label = unit.name ? `${title}, ${unit.name}` : title;
  const node = element("div", { class: control.add ? "field wide" : "field" }, element("label", { for: id }, label), control.node);
  return { ...control, node, standard: schema.default };
}

/**
 * @param {Schema} schema
 * @returns {Schema} the same, where null is allowed too: without that alternative
 */
function flat(schema) {
  return { ...schema, ...schema.anyOf?.find((/** @type {Schema} */ option) => option.type !== "null") };
}

/**
 * @param {Schema} schema
 * @returns {Schema | undefined} how places are given to an input that takes some
 */
function ofPlaces(schema) {
  return schema.oneOf?.find((/** @type {Schema} */ option) => option.items?.prefixItems);
}

/**
 * How values are shown: seconds as minutes, the rest as they are.
 * @param {string | undefined} unit
 */
function unitOf(unit) {
  if (unit === "s") return { name: knownName("unit", "min"), scale: SECONDS_PER_MINUTE };
  return { name: unit ? knownName("unit", unit) : "", scale: 1 };
}

/**
 * @param {string} id
 * @param {Schema} schema
 * @param {number} scale how much of the input's unit one of the shown unit is
 * @returns {Control | null}
 */
function makeControl(id, schema, scale) {
  const pairs = ofPlaces(schema);
  if (pairs) return places(id, !("default" in schema));
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
function places(id, required) {
  const degrees = String.raw`-?\d+(\.\d+)?`;
  const pair = String.raw`${degrees}\s*,\s*${degrees}`;
  const node = /** @type {HTMLInputElement} */ (element("input", {
    id, type: "text", required, placeholder: t("form.places"), title: t("form.placesHint"),
    pattern: String.raw`\s*${pair}(\s*;\s*${pair})*\s*`,
  }));
  const read = () => node.value.split(";").filter((each) => each.trim()).map((each) => each.split(",").map(Number));
  return {
    node,
    read: () => (node.value.trim() ? read() : null),
    write: (given) => {
      const numbers = given.split(",");
      node.value = numbers.flatMap((each, nth) => (nth % 2 ? [] : `${each},${numbers[nth + 1]}`)).join("; ");
    },
    add: (place) => {
      const added = position(place).join(",");
      node.value = node.value.trim() ? `${node.value}; ${added}` : added;
    },
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
