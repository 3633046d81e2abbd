import { element } from "./dom.mjs";
import { t } from "./i18n.mjs";
import * as state from "./state.mjs";

/**
 * @typedef {{id: string | null, title: string, bounds: [number, number, number, number] | null}} City
 * @typedef {import("./map.mjs").GlMap} GlMap
 */

/**
 * Return the city that the link to the page names, else the first.
 * @param {City[]} cities
 * @returns {City}
 */
export function cityInView(cities) {
  const named = cities.find((city) => city.id === state.read("city"));
  return named ?? cities[0] ?? { id: null, title: "Horad", bounds: null };
}

/**
 * Show the name of the city; where there are several, as a list to choose from, which moves the map.
 * @param {HTMLElement} heading
 * @param {GlMap} map
 * @param {City[]} cities
 * @param {City} city the one in view
 */
export function showCities(heading, map, cities, city) {
  if (cities.length < 2) {
    heading.textContent = city.title;
    return;
  }
  const options = cities.map(({ id, title }) => element("option", { value: id, selected: id === city.id }, title));
  const choice = /** @type {HTMLSelectElement} */ (element("select", { id: "city", "aria-label": t("city.choose") }, ...options));
  choice.addEventListener("change", () => {
    const chosen = /** @type {City} */ (cities.find(({ id }) => id === choice.value));
    state.write({ city: chosen.id });
    document.title = `${chosen.title} · Horad`;
    map.fitBounds(chosen.bounds, { padding: 24, animate: false });
  });
  heading.replaceChildren(choice);
}
