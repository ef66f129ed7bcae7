// The form at /register: makes the account and signs in with it at once.

import * as api from "./api.js";
import { byId, say } from "./elements.js";
import { sentence } from "./words.js";

/** Makes the form work. */
export function start() {
  byId("register-form").addEventListener("submit", register);
}

async function register(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  const [name, email, password] = [form.elements.name.value, form.email.value, form.password.value];
  button.disabled = true;
  say(byId("register-problem"), "");
  try {
    await api.register(name, email, password);
    await api.signIn(email, password);
    location.assign(form.dataset.next);
  } catch (problem) {
    say(byId("register-problem"), sentence(problem.message));
    button.disabled = false;
  }
}
