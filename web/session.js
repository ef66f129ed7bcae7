// Who is signed in. The cookie is the browser's and out of our reach; here is only what the page shows.

import * as api from "./api.js";
import { byId, say } from "./elements.js";
import { sentence } from "./words.js";

let account = null;
let entered = () => {};

/** Begins. `onEnter` is told of each sign-in, and whether it is the same account as before. */
export async function start(onEnter) {
  entered = onEnter;
  api.onSignedOut(leave);
  byId("sign-in-form")?.addEventListener("submit", signIn);
  byId("sign-out").addEventListener("click", signOut);
  const link = byId("sign-in-link");
  if (link) link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  if (document.body.dataset.signedIn !== "true") return;
  try {
    enter(await api.me());
  } catch (problem) {
    if (!problem.needsSignIn) say(byId("account-name"), sentence(problem.message));
  }
}

async function signIn(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  say(byId("sign-in-problem"), "");
  try {
    const session = await api.signIn(form.login.value, form.password.value);
    form.password.value = "";
    // The form is a page of its own: what comes next is another.
    if (form.dataset.next) {
      location.assign(form.dataset.next);
      return;
    }
    enter(session.user);
    // The form is gone, and with it the place of the keyboard.
    byId("main").focus();
  } catch (problem) {
    say(byId("sign-in-problem"), sentence(problem.message));
    form.password.select();
  } finally {
    button.disabled = false;
  }
}

async function signOut() {
  try {
    await api.signOut();
    // A page from the server has nothing of this session left in it.
    location.assign("/");
  } catch (problem) {
    if (!problem.needsSignIn) say(byId("account-name"), sentence(problem.message));
  }
}

function enter(user) {
  const isSame = account === null || account === user.id;
  account = user.id;
  say(byId("account-name"), user.name);
  byId("admin-link").hidden = user.role !== "admin";
  show(true);
  entered(isSame);
}

function leave() {
  const isOver = !byId("account").hidden;
  show(false);
  if (!isOver || !byId("sign-in")) return;
  const kept = account ? "Sign in again; your files are still here." : "Sign in again.";
  say(byId("sign-in-reason"), `Your session has ended. ${kept}`);
  byId(byId("login").value ? "password" : "login").focus();
}

function show(isSignedIn) {
  byId("account").hidden = !isSignedIn;
  for (const [id, hidden] of [["sign-in", isSignedIn], ["sign-in-link", isSignedIn], ["workspace", !isSignedIn]]) {
    const element = byId(id);
    if (element) element.hidden = hidden;
  }
}
