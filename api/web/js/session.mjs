import { getJson, signIn, signOut } from "./api.mjs";
import { element } from "./dom.mjs";
import { knownName, t } from "./i18n.mjs";

/**
 * Who has signed in, as the server knows them by a cookie that no script can read.
 * @typedef {{user: string | null, roles: Record<string, string>, writes: boolean, signIn?: string}} Session
 *   `signIn` where people sign in on the page of an issuer
 */

/** Where the part of the link is kept that the issuer's page doesn't know. */
const LINK = "horad.link";

/** Show what was shown before someone went to sign in on another page. */
export function restoreLink() {
  const kept = sessionStorage.getItem(LINK);
  sessionStorage.removeItem(LINK);
  if (kept && !location.hash) history.replaceState(history.state, "", kept);
}

/**
 * Show who has signed in, and the way in or out; the page is read anew with the rights that follow.
 * @param {HTMLElement} container
 */
export async function showSession(container) {
  const { user, roles, signIn: issuer } = /** @type {Session} */ (await getJson("session"));
  if (user === null) {
    container.replaceChildren(element("button", { type: "button", class: "link", onclick: () => ask(container, issuer) }, t("session.signIn")));
    return;
  }
  const held = Object.entries(roles).map(([territory, role]) => `${territory}: ${knownName("role", role)}`).join("\n");
  container.replaceChildren(
    element("span", { title: held || t("session.noRoles") }, t("session.user", { user })),
    element("button", { type: "button", class: "link", onclick: () => signOut().then(() => location.reload()) }, t("session.signOut")));
}

/**
 * @param {HTMLElement} container
 * @param {string} [issuer] where people sign in on the page of an issuer
 */
function ask(container, issuer) {
  const key = /** @type {HTMLInputElement} */ (element("input", {
    type: "password", id: "session-key", required: true, autocomplete: "current-password", spellcheck: "false",
  }));
  const problem = element("p", { class: "error", role: "alert" });
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    problem.textContent = "";
    signIn(key.value.trim()).then(() => location.reload(), (error) => {
      problem.textContent = error.detail || error.message;
      key.select();
    });
  };
  const dialog = /** @type {HTMLDialogElement} */ (element("dialog", { class: "card dialog", "aria-labelledby": "session-title" },
    element("form", { class: "process-form", onsubmit: submit },
      element("h2", { id: "session-title" }, t("session.signIn")),
      issuer && element("p", { class: "wide" }, element("a", { href: issuer, onclick: () => sessionStorage.setItem(LINK, location.hash) }, t("session.issuer"))),
      element("p", { class: "hint" }, t("session.hint")),
      element("div", { class: "field" }, element("label", { for: key.id }, t("session.key")), key),
      problem,
      element("div", { class: "buttons" },
        element("button", { type: "submit", class: "primary" }, t("session.signIn")),
        element("button", { type: "button", onclick: () => dialog.close() }, t("session.cancel"))))));
  dialog.addEventListener("close", () => dialog.remove());
  container.append(dialog);
  dialog.showModal();
}
