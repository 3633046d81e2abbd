import { getJson, signIn, signOut } from "./api.mjs";
import { element } from "./dom.mjs";
import { knownName, t } from "./i18n.mjs";

/**
 * Who has signed in, as the server knows them by a cookie that no script can read.
 * @typedef {{user: string | null, roles: Record<string, string>, writes: boolean}} Session
 */

/**
 * Show who has signed in, and the way in or out; the page is read anew with the rights that follow.
 * @param {HTMLElement} container
 */
export async function showSession(container) {
  const { user, roles } = /** @type {Session} */ (await getJson("session"));
  if (user === null) {
    container.replaceChildren(element("button", { type: "button", class: "link", onclick: () => ask(container) }, t("session.signIn")));
    return;
  }
  const held = Object.entries(roles).map(([territory, role]) => `${territory}: ${knownName("role", role)}`).join("\n");
  container.replaceChildren(
    element("span", { title: held || t("session.noRoles") }, t("session.user", { user })),
    element("button", { type: "button", class: "link", onclick: () => signOut().then(() => location.reload()) }, t("session.signOut")));
}

/** @param {HTMLElement} container */
function ask(container) {
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
