// Small words for the document: find a part, copy a row, say something.
// Text always goes in as text, so that a file's name can never become markup.

/** The element of this id. */
export const byId = (id) => document.getElementById(id);

/** The part of `root` with this name. */
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

/** A fresh copy of the one element in a template. */
export const copyOf = (templateId) => byId(templateId).content.firstElementChild.cloneNode(true);

/** Puts text into an element and hides it where there is none. Touches nothing that is right already. */
export function say(element, text) {
  const words = text ?? "";
  if (element.textContent !== words) element.textContent = words;
  element.hidden = words === "";
}

/** Tells those who do not see the page what changed. Only ends and beginnings; numbers are in the progress bars. */
export function announce(text) {
  byId("announcer").textContent = text;
}
