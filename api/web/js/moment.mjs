import { element } from "./dom.mjs";
import { t } from "./i18n.mjs";
import * as state from "./state.mjs";

const NAME = "as_of";
const MINUTE_MS = 60_000;

/**
 * The moment at which the link shows the city, as query parameters; none for now.
 * @returns {{as_of?: string}}
 */
export function asOf() {
  const given = state.read(NAME);
  return given === null ? {} : { as_of: given };
}

/**
 * Let the user see the city as it was, and say so for as long as they do.
 * @param {HTMLElement} container
 * @param {HTMLElement} banner
 */
export function showMoment(container, banner) {
  const { as_of: given } = asOf();
  const field = /** @type {HTMLInputElement} */ (element("input", {
    id: "as-of", type: "datetime-local", max: local(new Date()), value: given === undefined ? "" : local(new Date(given)),
    onchange: () => field.reportValidity() && go(field.value === "" ? null : new Date(field.value)),
  }));
  container.append(element("details", { class: "moment", open: given !== undefined },
    element("summary", {}, t("moment.title")),
    element("div", { class: "field" }, element("label", { for: field.id }, t("moment.label")), field),
    element("p", { class: "hint" }, t("moment.hint"))));
  if (given === undefined) return;
  banner.replaceChildren(
    element("span", {}, t("moment.past", { moment: local(new Date(given)).replace("T", " ") })),
    element("button", { type: "button", onclick: () => go(null) }, t("moment.now")));
  banner.hidden = false;
}

/** @param {Date | null} moment null for now */
function go(moment) {
  state.write({ [NAME]: moment === null ? null : moment.toISOString().replace(/\.\d+/, "") });
  location.reload();
}

/** @param {Date} moment @returns {string} as the browser's field takes it, in the time of this place */
function local(moment) {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * MINUTE_MS);
  return shifted.toISOString().slice(0, "2000-01-01T00:00".length);
}
