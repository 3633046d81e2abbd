import { openAnalyses } from "./analyses.mjs";
import { FeaturePanel } from "./attributes.mjs";
import { address, getJson } from "./api.mjs";
import { byId, element } from "./dom.mjs";
import { LANGUAGES, changeLanguage, language, loadLanguage, t, translate } from "./i18n.mjs";
import { showLayers } from "./layers.mjs";
import { asOf, showMoment } from "./moment.mjs";
import { cityInView, showCities } from "./cities.mjs";
import { canDraw, createMap, onPlace } from "./map.mjs";
import { collapsible, tabs } from "./panel.mjs";
import { restoreLink, showSession } from "./session.mjs";
import { openServiceAreas } from "./service_areas.mjs";
import * as state from "./state.mjs";

const TOAST_MS = 6000;
let toastTimer = 0;

/**
 * Say what has happened: screen readers read it out, and it is seen for a while.
 * @typedef {(message: string, options?: {seen?: boolean}) => void} Announce `seen: false` where the page shows it anyway
 * @type {Announce}
 */
function announce(message, { seen = true } = {}) {
  byId("status").textContent = message;
  byId("status").classList.toggle("only-heard", !seen);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => byId("status").replaceChildren(), TOAST_MS);
}

/** @param {string} title @param {string} detail */
function notice(title, detail) {
  document.documentElement.dataset.state = "failed";
  const box = byId("notice");
  box.replaceChildren(
    element("h2", {}, title),
    element("p", {}, detail),
    element("p", { class: "links" },
      element("button", { type: "button", onclick: () => location.reload() }, t("error.retry")),
      element("a", { href: address("collections") }, t("error.collections"))));
  box.hidden = false;
}

function showLanguages() {
  byId("languages").append(...Object.entries(LANGUAGES).map(([code, name]) => element("button", {
    type: "button", lang: code, "aria-pressed": String(code === language()), onclick: () => changeLanguage(code),
  }, name)));
}

/**
 * Open a tool when it is first wanted; what hinders it is said in its place, and the next use tries again.
 * @template T
 * @param {() => Promise<T>} open
 * @param {HTMLElement} container
 * @returns {() => Promise<T | null>} null where it could not be opened
 */
function onFirstUse(open, container) {
  /** @type {Promise<T | null> | null} */
  let opened = null;
  return () => {
    opened ??= open().catch((error) => {
      opened = null;
      container.replaceChildren(element("p", { class: "error", role: "alert" }, error.message));
      return null;
    });
    return opened;
  };
}

/** @param {any} style */
async function start(style) {
  const { "horad:cities": cities, "horad:layers": layers } = style.metadata;
  const city = cityInView(cities);
  document.title = `${city.title} · Horad`;
  const map = createMap(byId("map"), style, city.bounds);
  showCities(byId("city-title"), map, cities, city);
  /** For the browser's console and for tests. */
  Object.assign(globalThis, { horad: { map } });
  map.on("error", (event) => announce(t("error.map", { reason: event.error.message })));
  await map.once("load");
  document.documentElement.dataset.state = "loaded";

  showMoment(byId("layers"), byId("past"));
  showLayers(byId("layers"), map, layers);
  const feature = new FeaturePanel(byId("feature"), map, layers, announce);
  byId("layers").append(element("p", { class: "hint" }, t("layers.hint")),
    element("button", { type: "button", class: "points-at-centre", onclick: () => feature.pick(map.getCenter()) }, t("layers.atCentre")));

  const areas = onFirstUse(() => openServiceAreas(byId("areas"), map, announce), byId("areas"));
  const functions = Object.fromEntries(layers.map((/** @type {any} */ layer) => [layer.function, layer.functionTitle]));
  const known = { functions, city: () => cityInView(cities).id };
  const analyses = onFirstUse(() => openAnalyses(byId("analyses"), map, known, feature, announce), byId("analyses"));
  const chosen = tabs(["layers", "areas", "analyses"], (id) => {
    map.getCanvas().classList.toggle("choosing", id === "areas");
    if (id === "areas") areas();
    if (id === "analyses") analyses();
  });
  onPlace(map, async (place) => {
    if (chosen() === "areas") (await areas())?.runFrom(place);
    else if (chosen() === "analyses") (await analyses())?.pick(place);
    else feature.pick(place);
  });
  if (state.read("analysis")) byId("tab-analyses").click();
  else if (state.read("origins")) byId("tab-areas").click();
  await feature.restore();
  state.followAddress();
  map.triggerRepaint();
  await map.once("idle");
  document.documentElement.dataset.ready = "";
}

async function main() {
  restoreLink();
  await loadLanguage();
  translate(document);
  showLanguages();
  collapsible(byId("panel"), byId("panel-toggle"));
  if (!canDraw()) {
    notice(t("error.webgl"), t("error.webglDetail"));
    return;
  }
  try {
    await showSession(byId("session"));
    await start(await getJson("styles/city", { lang: language(), ...asOf() }));
  } catch (error) {
    notice(t("error.title"), /** @type {Error} */ (error).message);
    throw error;
  }
}

await main();
