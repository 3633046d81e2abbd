import * as state from "./state.mjs";

/** The languages of the page, by their own short names. */
export const LANGUAGES = { be: "Бел", ru: "Рус", en: "Eng" };

const STORAGE_KEY = "horad.language";

/** Not every browser knows how Belarusian writes numbers and plurals; Russian does it the same way. */
const FALLBACK_LOCALE = "ru";

let current = "en";
/** @type {Record<string, string | Record<string, string>>} */
let messages = {};

/** @returns {string} */
export function language() {
  return current;
}

/** Choose the language (link, then the last choice here, then the browser's) and load its messages. */
export async function loadLanguage() {
  const wanted = [state.read("lang"), localStorage.getItem(STORAGE_KEY), ...navigator.languages];
  current = wanted.map((tag) => tag?.slice(0, 2).toLowerCase() ?? "").find((tag) => tag in LANGUAGES) ?? "en";
  const response = await fetch(new URL(`../i18n/${current}.json`, import.meta.url));
  messages = await response.json();
  document.documentElement.lang = current;
}

/**
 * Show the page in another language; the rest of its state stays, since it is in the address.
 * @param {string} chosen
 */
export function changeLanguage(chosen) {
  localStorage.setItem(STORAGE_KEY, chosen);
  state.write({ lang: chosen });
  location.reload();
}

/**
 * The message for a key; `{name}` in it is replaced by a value.
 * @param {string} key
 * @param {Record<string, string | number>} [values] `n` also chooses the plural form
 * @returns {string}
 */
export function t(key, values = {}) {
  const message = messages[key];
  if (message === undefined) throw new Error(`no message ${key} in ${current}`);
  const form = typeof message === "string" ? message : message[new Intl.PluralRules([current, FALLBACK_LOCALE]).select(Number(values.n))];
  return form.replaceAll(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : value;
  });
}

/**
 * The page's own name for a column, value or unit that the server does not name; the word itself where it has none.
 * @param {"column" | "value" | "unit"} kind
 * @param {string} name
 * @returns {string}
 */
export function knownName(kind, name) {
  return `${kind}.${name}` in messages ? t(`${kind}.${name}`) : name;
}

/**
 * A text of the server in the language of the page.
 * @param {string | Record<string, string> | null | undefined} text one text, or one for each language
 * @returns {string}
 */
export function localised(text) {
  if (!text || typeof text === "string") return text ?? "";
  return text[current] ?? text.en ?? "";
}

/**
 * A number as it is written in the language of the page; four digits stay together, since they may be a year.
 * @param {number} value
 * @param {number} [decimals] as many as the value has, up to three, where not given
 * @returns {string}
 */
export function number(value, decimals) {
  const precision = decimals === undefined
    ? { maximumFractionDigits: 3 }
    : { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return new Intl.NumberFormat([current, FALLBACK_LOCALE], { ...precision, useGrouping: "min2" }).format(value);
}

/**
 * Fill in the messages that the page's HTML names: `data-i18n` for a text, `data-i18n-label` for an accessible name.
 * @param {ParentNode} root
 */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-i18n]")) node.textContent = t(node.getAttribute("data-i18n") ?? "");
  for (const node of root.querySelectorAll("[data-i18n-label]")) {
    node.setAttribute("aria-label", t(node.getAttribute("data-i18n-label") ?? ""));
  }
}

/**
 * MapLibre's own texts.
 * @returns {Record<string, string>}
 */
export function mapLocale() {
  const prefix = "maplibre.";
  const keys = Object.keys(messages).filter((key) => key.startsWith(prefix));
  return Object.fromEntries(keys.map((key) => [key.slice(prefix.length), t(key)]));
}
