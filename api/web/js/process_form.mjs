import { makeControl } from "./controls.mjs";
import { element } from "./dom.mjs";
import { knownName, localised, t } from "./i18n.mjs";

/**
 * A form made from the description of a process: one field for each input that fits one.
 *
 * @typedef {Record<string, any>} Schema JSON schema, with `x-title` (one for each language) and `x-unit`
 * @typedef {{title?: string, description?: string, schema: Schema}} Input
 * @typedef {{lng: number, lat: number}} Place
 * @typedef {{node: HTMLElement, read: () => unknown, write: (text: string) => void, add?: (place: Place) => void, shapes?: () => object[]}} Control
 *   `add` and `shapes` where a field takes places of the map
 * @typedef {{value: string, count: number}} Known a value that is there, and how often
 * @typedef {Control & {standard: unknown}} Field a control with its label, and the input's default
 */

const SECONDS_PER_MINUTE = 60;
const BETWEEN = [",", ";", "|"];

/** The inputs of a process as a form. */
export class ProcessForm {
  /**
   * @param {Record<string, Input>} inputs
   * @param {{main: string[], except: string[], known?: (property: string) => Promise<Known[]>}} options the inputs seen at
   *   once, and those not asked for here; and which values the properties have that an input takes
   */
  constructor(inputs, { main, except, known }) {
    /** @type {Map<string, Field>} */
    this.fields = new Map();
    /** @type {Field | undefined} */
    this.taking = undefined;
    for (const [name, input] of Object.entries(inputs)) {
      const field = except.includes(name) ? null : makeField(name, input, known);
      if (field) this.fields.set(name, field);
    }
    const nodes = [...this.fields].map(([name, field]) => ({ node: field.node, main: main.includes(name) }));
    const others = nodes.filter((each) => !each.main).map((each) => each.node);
    this.node = /** @type {HTMLFormElement} */ (element("form", { class: "process-form" },
      ...nodes.filter((each) => each.main).map((each) => each.node),
      others.length > 0 && element("details", {}, element("summary", {}, t("form.more")), element("div", { class: "process-form" }, ...others))));
    const takers = [...this.fields.values()].filter((field) => field.add);
    this.take(takers[0]);
    this.node.addEventListener("focusin", (event) => {
      this.take(takers.find((field) => field.node.contains(/** @type {Node} */ (event.target))) ?? this.taking);
    });
  }

  /** @returns {string[]} */
  names() {
    return [...this.fields.keys()];
  }

  /**
   * Add a place of the map to the field that takes places: the last one entered, at first the first.
   * @param {Place} place
   * @returns {boolean} false where none does
   */
  addPlace(place) {
    this.taking?.add?.(place);
    return this.taking !== undefined;
  }

  /**
   * Let places of the map go to a field.
   * @param {Field | undefined} field
   */
  take(field) {
    this.taking?.node.classList.remove("taking");
    this.taking = field;
    field?.node.classList.add("taking");
  }

  /** @returns {object[]} the points and lines in all fields that take places, as geometries of GeoJSON */
  shapes() {
    return [...this.fields.values()].flatMap((field) => field.shapes?.() ?? []);
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
 * An input as it is written in a link: lists with commas, places with semicolons between them, lines with bars.
 * @param {unknown} value
 * @returns {string}
 */
export function asQuery(value) {
  if (!Array.isArray(value)) return String(value);
  return value.map(asQuery).join(BETWEEN[depth(value) - 1]);
}

/** @param {unknown} value @returns {number} of how many lists within each other it is */
function depth(value) {
  return Array.isArray(value) ? 1 + depth(value[0]) : 0;
}

/** @param {Record<string, unknown>} inputs @returns {Record<string, string>} as they are written in a link */
export function asQueries(inputs) {
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, asQuery(value)]));
}

/**
 * @param {string} name
 * @param {Input} input
 * @param {(property: string) => Promise<Known[]>} [known]
 * @returns {Field | null} null for an input that no field fits
 */
function makeField(name, input, known) {
  const schema = flat(input.schema);
  const unit = unitOf(schema["x-unit"]);
  const id = `input-${name}`;
  const control = makeControl(id, schema, unit.scale);
  if (!control) return null;
  const title = localised(schema["x-title"]) || input.title || schema.title || name;
  const label = unit.name ? `${title}, ${unit.name}` : title;
  const list = known && schema["x-values-of"] && suggestions(control.node, schema["x-values-of"].map(known));
  const node = element("div", { class: control.add ? "field wide" : "field" }, element("label", { for: id }, label), control.node, list);
  return { ...control, node, standard: schema.default };
}

/**
 * A list that a text field offers to choose from, filled when it is known what is there.
 * @param {HTMLElement} field
 * @param {Promise<Known[]>[]} known
 * @returns {HTMLElement}
 */
function suggestions(field, known) {
  const list = element("datalist", { id: `${field.id}-known` });
  field.setAttribute("list", list.id);
  for (const each of known) {
    each.then((values) => list.append(...values.map(({ value, count }) => element("option", { value }, `${knownName("value", value)} · ${count}`))))
      .catch((error) => console.warn(error.message));
  }
  return list;
}

/**
 * @param {Schema} schema
 * @returns {Schema} the same, where null is allowed too: without that alternative
 */
function flat(schema) {
  return { ...schema, ...schema.anyOf?.find((/** @type {Schema} */ option) => option.type !== "null") };
}

/**
 * How values are shown: seconds as minutes, the rest as they are.
 * @param {string | undefined} unit
 */
function unitOf(unit) {
  if (unit === "s") return { name: knownName("unit", "min"), scale: SECONDS_PER_MINUTE };
  return { name: unit ? knownName("unit", unit) : "", scale: 1 };
}

