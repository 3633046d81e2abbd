import { byId, element } from "./dom.mjs";
import { t } from "./i18n.mjs";

const NARROW = matchMedia("(max-width: 640px)");

/**
 * Let a panel be folded to its header; on narrow screens it starts folded.
 * @param {HTMLElement} panel
 * @param {HTMLElement} button
 */
export function collapsible(panel, button) {
  /** @param {boolean} open */
  const set = (open) => {
    panel.classList.toggle("folded", !open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-expanded") !== "true"));
  set(!NARROW.matches);
}

/**
 * Say what hinders a tool, and bring it into view.
 * @param {HTMLElement} container
 * @param {unknown} error
 */
export function showProblem(container, error) {
  const told = /** @type {import("./api.mjs").ProblemError} */ (error);
  container.replaceChildren(element("strong", {}, told.title ?? t("error.title")), " ", told.detail ?? told.message);
  container.scrollIntoView({ block: "nearest" });
}

/**
 * Make tabs work, by pointer and by the arrow keys.
 * @param {string[]} ids of the tab panels; their tabs are `tab-<id>`
 * @param {(id: string) => void} onChange
 * @returns {() => string} the panel that is shown
 */
export function tabs(ids, onChange) {
  let shown = ids[0];
  const tabOf = (/** @type {string} */ id) => byId(`tab-${id}`);
  /** @param {string} id */
  const show = (id) => {
    shown = id;
    for (const each of ids) {
      const on = each === id;
      tabOf(each).setAttribute("aria-selected", String(on));
      tabOf(each).tabIndex = on ? 0 : -1;
      byId(each).hidden = !on;
    }
    onChange(id);
  };
  for (const [index, id] of ids.entries()) {
    tabOf(id).addEventListener("click", () => show(id));
    tabOf(id).addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = ids[(index + step + ids.length) % ids.length];
      show(next);
      tabOf(next).focus();
    });
  }
  return () => shown;
}
