/**
 * The state that a link to the page keeps: `#map=…&lang=…&layers=…&feature=…`. MapLibre itself keeps `map`.
 */

/** @returns {URLSearchParams} */
function parameters() {
  return new URLSearchParams(location.hash.slice(1));
}

/**
 * Read one part of the state.
 * @param {string} name
 * @returns {string | null} null where the link does not say
 */
export function read(name) {
  return parameters().get(name);
}

/**
 * Write parts of the state to the address of the page, without a step in the history.
 * @param {Record<string, string | null>} parts null removes a part
 */
export function write(parts) {
  const hash = parameters();
  for (const [name, value] of Object.entries(parts)) {
    if (value === null) hash.delete(name);
    else hash.set(name, value);
  }
  history.replaceState(history.state, "", `#${decodeURIComponent(hash.toString())}`);
}

/** Show what the address says whenever someone changes it: a link pasted into an open page, or "back". */
export function followAddress() {
  addEventListener("hashchange", () => location.reload());
}
