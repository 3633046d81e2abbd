import { element } from "./dom.mjs";
import { localised, t, valueName } from "./i18n.mjs";

/**
 * A form made from the description of a process: one field for each input that fits one.
 *
 * @typedef {Record<string, any>} Schema JSON schema, with `x-title` (one for each language) and `x-unit`
 * @typedef {{title?: string, description?: string, schema: Schema}} Input
 * @typedef {{node: HTMLElement, read: () => unknown, write: (text: string) => void}} Field
 */

const SECONDS_PER_MINUTE = 60;

/** The inputs of a process as a form. */
export class ProcessForm {
  /**
   * @param {Record<string, Input>} inputs
   * @param {string[]} except inputs that are not asked for here
   */
  constructor(inputs, except) {
    /** @type {Map<string, Field>} */
    this.fields = new Map();
    for (const [name, input] of Object.entries(inputs)) {
      const field = except.includes(name) ? null : makeField(name, input);
      if (field) this.fields.set(name, field);
    }
    this.node = /** @type {HTMLFormElement} */ (element("form", { class: "process-form" }, ...[...this.fields.values()].map((field) => field.node)));
  }

  /**
   * The inputs as the process wants them; null where the browser has told the user what is wrong.
   * @returns {Record<string, unknown> | null}
   */
  read() {
    if (!this.node.reportValidity()) return null;
    const values = [...this.fields].map(([name, field]) => [name, field.read()]);
    return Object.fromEntries(values.filter(([, value]) => value !== null));
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

/**
 * @param {string} name
 * @param {Input} input
 * @returns {Field | null} null for an input that no field fits
 */
function makeField(name, input) {
  const schema = notNull(input.schema);
  const unit = unitOf(schema, input.schema);
  const id = `input-${name}`;
  const control = makeControl(id, schema, unit);
  if (!control) return null;
  const title = localised(input.schema["x-title"]) || input.title || input.schema.title || name;
  const label = unit.title ? `${title}, ${unit.title}` : title;
  return { ...control, node: element("div", { class: "field" }, element("label", { for: id }, label), control.node) };
}

/**
 * @param {Schema} schema
 * @returns {Schema} the schema that is left where null is allowed too
 */
function notNull(schema) {
  return schema.anyOf?.find((/** @type {Schema} */ option) => option.type !== "null") ?? schema;
}

/**
 * How values are shown: seconds as minutes, the rest as they are.
 * @param {...Schema} schemas
 */
function unitOf(...schemas) {
  const unit = schemas.map((schema) => schema["x-unit"]).find(Boolean) ?? "";
  return unit === "s" ? { title: t("unit.min"), scale: SECONDS_PER_MINUTE } : { title: localised(unit), scale: 1 };
}

/**
 * @param {string} id
 * @param {Schema} schema
 * @param {{title: string, scale: number}} unit
 * @returns {Field | null}
 */
function makeControl(id, schema, unit) {
  if (schema.enum) return choice(id, schema);
  if (schema.type === "boolean") return switched(id, schema);
  if (schema.type === "number" || schema.type === "integer") return numeric(id, schema, unit.scale);
  if (schema.type === "array" && ["number", "integer"].includes(schema.items?.type)) return numbers(id, schema, unit.scale);
  return null;
}

/** @param {string} id @param {Schema} schema @returns {Field} */
function choice(id, schema) {
  const options = schema.enum.map((/** @type {string} */ value) => element("option", { value, selected: value === schema.default }, valueName(value)));
  const node = /** @type {HTMLSelectElement} */ (element("select", { id }, ...options));
  return { node, read: () => node.value, write: (text) => { node.value = text; } };
}

/** @param {string} id @param {Schema} schema @returns {Field} */
function switched(id, schema) {
  const node = /** @type {HTMLInputElement} */ (element("input", { id, type: "checkbox", checked: schema.default }));
  return { node, read: () => node.checked, write: (text) => { node.checked = text === "true"; } };
}

/** @param {string} id @param {Schema} schema @param {number} scale @returns {Field} */
function numeric(id, schema, scale) {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const node = /** @type {HTMLInputElement} */ (element("input", {
    id,
    type: "number",
    step: schema.type === "integer" && scale === 1 ? 1 : "any",
    min: low === undefined ? null : low / scale,
    max: high === undefined ? null : high / scale,
    required: schema.default === undefined,
    value: typeof schema.default === "number" ? schema.default / scale : "",
  }));
  return {
    node,
    read: () => (node.value === "" ? null : Number(node.value) * scale),
    write: (text) => { node.value = String(Number(text) / scale); },
  };
}

/** @param {string} id @param {Schema} schema @param {number} scale @returns {Field} */
function numbers(id, schema, scale) {
  /** @param {number[]} values */
  const written = (values) => values.map((value) => value / scale).join(", ");
  const number = String.raw`\d+(\.\d+)?`;
  const node = /** @type {HTMLInputElement} */ (element("input", {
    id, type: "text", inputmode: "decimal", required: true, value: written(schema.default ?? []),
    pattern: String.raw`\s*${number}(\s*[,; ]\s*${number})*\s*`, title: t("form.numbers"),
  }));
  return {
    node,
    read: () => node.value.split(/[,;\s]+/).filter(Boolean).map((text) => Number(text) * scale),
    write: (text) => { node.value = written(text.split(",").map(Number)); },
  };
}
