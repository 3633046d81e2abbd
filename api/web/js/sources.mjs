import * as maplibre from "../vendor/maplibre-gl/dist/maplibre-gl.mjs";
import { meets } from "./bounds.mjs";
import { element } from "./dom.mjs";
import { t } from "./i18n.mjs";

/**
 * @typedef {import("./map.mjs").GlMap} GlMap
 * @typedef {{bounds: [number, number, number, number], attribution: string}} Sourced what is known of a city
 */

/** The control that names whose the data in view are; of cities elsewhere it is silent. On narrow screens it is folded. */
export class Sources {
  /**
   * @param {Sourced[]} cities
   * @param {MediaQueryList} narrow
   */
  constructor(cities, narrow) {
    this.cities = cities;
    this.narrow = narrow;
    this.text = element("div", { class: "maplibregl-ctrl-attrib-inner" });
    this.node = element("details", { class: "maplibregl-ctrl maplibregl-ctrl-attrib", open: true },
      element("summary", { class: "maplibregl-ctrl-attrib-button", "aria-label": t("maplibre.AttributionControl.ToggleAttribution") }),
      this.text);
    this.fold = () => {
      this.node.classList.toggle("maplibregl-compact", narrow.matches);
      this.node.toggleAttribute("open", !narrow.matches);
    };
    this.node.addEventListener("toggle", () => this.node.classList.toggle("maplibregl-compact-show", this.node.hasAttribute("open")));
  }

  /** @param {GlMap} map @returns {HTMLElement} */
  onAdd(map) {
    const tell = () => {
      const view = map.getBounds();
      const seen = this.cities.filter((city) => meets(maplibre.LngLatBounds.convert(city.bounds), view));
      this.text.textContent = [...new Set(seen.map((city) => city.attribution))].filter(Boolean).join("; ");
      this.node.hidden = this.text.textContent === "";
    };
    map.on("moveend", tell);
    this.narrow.addEventListener("change", this.fold);
    this.fold();
    tell();
    return this.node;
  }

  /** Nothing is left behind. */
  onRemove() {
    this.narrow.removeEventListener("change", this.fold);
    this.node.remove();
  }
}
