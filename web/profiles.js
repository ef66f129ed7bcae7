// What can be made: the choice of profile, kept for the next visit.

import * as api from "./api.js";
import { byId, copyOf, part, say } from "./elements.js";
import { sentence, titleParts } from "./words.js";

const KEPT = "reelmill.profile";

let known = [];
let changed = () => {};

/** Names who is told when another profile is chosen. */
export function onChange(listener) {
  changed = listener;
}

/** Fetches the profiles and offers them. */
export async function load() {
  try {
    const answer = await api.profiles();
    known = answer.items;
    say(byId("profiles-problem"), "");
  } catch (problem) {
    if (!problem.needsSignIn) say(byId("profiles-problem"), sentence(problem.message));
    return;
  }
  const before = chosen()?.name ?? kept();
  const names = known.map((profile) => profile.name);
  const first = names.includes(before) ? before : names[0];
  byId("profile-choices").replaceChildren(...known.map((profile) => choice(profile, profile.name === first)));
  changed();
}

/** The chosen profile, `undefined` until there is a choice. */
export function chosen() {
  const name = document.querySelector("#profile-choices input:checked")?.value;
  return known.find((profile) => profile.name === name);
}

/** What a profile is called in a sentence. */
export function titleOf(name) {
  const profile = known.find((one) => one.name === name);
  return profile ? titleParts(profile.title)[0] : name;
}

function choice(profile, isFirst) {
  const element = copyOf("profile-choice");
  const [title, purpose] = titleParts(profile.title);
  const input = element.querySelector("input");
  input.value = profile.name;
  input.checked = isFirst;
  input.addEventListener("change", () => {
    keep(profile.name);
    changed();
  });
  say(part(element, "title"), title);
  say(part(element, "purpose"), purpose);
  return element;
}

// A browser may forbid storage; then the choice lives as long as the page.
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(name) {
  try {
    localStorage.setItem(KEPT, name);
  } catch {
    return;
  }
}
