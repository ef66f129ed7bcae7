// The administrators' list: a video is deleted after one more question.

import * as api from "./api.js";
import { announce, byId, say } from "./elements.js";
import { sentence } from "./words.js";

/** Makes the list work. */
export function start() {
  byId("ledger").addEventListener("click", (event) => {
    if (event.target.dataset.part === "delete") remove(event.target.closest("tr"));
  });
}

/** Asks whether to delete; false where it is to be kept. */
export async function confirmDelete(name) {
  const dialog = byId("delete-dialog");
  byId("delete-title").textContent = `Delete ${name}?`;
  dialog.returnValue = "keep";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "delete";
}

async function remove(row) {
  const { video, title } = row.dataset;
  if (!(await confirmDelete(title))) return;
  say(byId("ledger-problem"), "");
  try {
    await api.deleteMedia(video);
  } catch (problem) {
    // What is gone already is what was wished for.
    if (problem.status !== 404) {
      say(byId("ledger-problem"), sentence(problem.message));
      return;
    }
  }
  row.remove();
  const isEmpty = byId("ledger").querySelector("tbody tr") === null;
  byId("ledger").hidden = isEmpty;
  byId("ledger-none").hidden = !isEmpty;
  announce(`${title} is deleted.`);
  byId("ledger-title").focus();
}
