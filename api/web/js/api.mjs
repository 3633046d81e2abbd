import { language } from "./i18n.mjs";

const BASE = new URL("../../", import.meta.url);

/** What the server says is wrong: an RFC 9457 problem. */
export class ProblemError extends Error {
  /**
   * @param {number} status HTTP status; 0 where the server was not reached
   * @param {string} title
   * @param {string} [detail]
   */
  constructor(status, title, detail = "") {
    super(detail ? `${title}: ${detail}` : title);
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

/**
 * Address of something the service has.
 * @param {string} path below the service's root, such as `collections/roads`
 * @param {Record<string, string>} [query]
 * @returns {string}
 */
export function address(path, query = {}) {
  const url = new URL(path, BASE);
  url.search = decodeURIComponent(new URLSearchParams(query).toString());
  return url.href;
}

/**
 * Read a JSON document of the service.
 * @param {string} path
 * @param {Record<string, string>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 * @throws {ProblemError}
 */
export function getJson(path, query = {}, signal = undefined) {
  return request(address(path, query), { signal });
}

/**
 * Run a process and wait for its result.
 * @param {string} id
 * @param {Record<string, unknown>} inputs
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 * @throws {ProblemError}
 */
export function execute(id, inputs, signal) {
  return post(id, inputs, signal, {});
}

/**
 * Run a process as a job.
 * @param {string} id
 * @param {Record<string, unknown>} inputs
 * @param {AbortSignal} signal
 * @returns {Promise<any>} the state of the job
 * @throws {ProblemError}
 */
export function submit(id, inputs, signal) {
  return post(id, inputs, signal, { Prefer: "respond-async" });
}

/**
 * End a job and forget it.
 * @param {string} id
 * @returns {Promise<any>}
 * @throws {ProblemError}
 */
export function dismiss(id) {
  return request(address(`jobs/${id}`), { method: "DELETE" });
}

/**
 * Sign in: the browser shows the key from now on, until it is closed.
 * @param {string} key
 * @returns {Promise<any>}
 * @throws {ProblemError}
 */
export function signIn(key) {
  return request(address("session"), { method: "POST", headers: { Authorization: `Bearer ${key}` } });
}

/** Sign out: the browser forgets the key. */
export async function signOut() {
  await fetch(address("session"), { method: "DELETE" });
}

/**
 * @param {string} id of a process
 * @param {Record<string, unknown>} inputs
 * @param {AbortSignal} signal
 * @param {Record<string, string>} preferences
 * @returns {Promise<any>}
 */
function post(id, inputs, signal, preferences) {
  return request(address(`processes/${id}/execution`), {
    method: "POST",
    headers: { "Content-Type": "application/json", ...preferences },
    body: JSON.stringify({ inputs }),
    signal,
  });
}

/**
 * @param {string} url
 * @param {RequestInit} options
 * @returns {Promise<any>}
 */
async function request(url, options) {
  const headers = {
    Accept: "application/geo+json, application/json;q=0.9, application/problem+json;q=0.9",
    "Accept-Language": language(),
    ...options.headers,
  };
  const response = await fetch(url, { ...options, headers }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new ProblemError(0, error.message);
  });
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    throw new ProblemError(response.status, body?.title ?? `HTTP ${response.status}`, body?.detail);
  }
  if (body === null) throw new ProblemError(response.status, `${url}: not JSON`);
  return body;
}
