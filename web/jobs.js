// The list of conversions: each with what it is at, what can be done with it, and its result to play and keep.

import * as api from "./api.js";
import { announce, byId, copyOf, part, say } from "./elements.js";
import { unwatch, unwatchAll, watch } from "./live.js";
import { titleOf } from "./profiles.js";
import { ago, duration, percent, sentence, size, state } from "./words.js";

const PAGE = 20;

/** The parts that do something, and what they are called before the media's name. */
const ACTIONS = [
  ["play", "Play"],
  ["download", "Download"],
  ["cancel", "Cancel"],
  ["retry", "Try again:"],
  ["delete", "Delete"],
];

/** By job id. An entry has its `job`, its `row`, and the `name` of its media. */
const entries = new Map();
/** Names of media, by id. */
const names = new Map();
let next = null;
let isLoaded = false;

/** Makes the list work. */
export function start() {
  byId("jobs-more").addEventListener("click", () => load(next));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !byId("workspace").hidden) load(null);
  });
}

/** Forgets all rows: somebody else signed in. */
export function clear() {
  unwatchAll();
  for (const entry of entries.values()) entry.row.remove();
  entries.clear();
  names.clear();
  next = null;
  isLoaded = false;
}

/** Fetches a page, the newest without a cursor. What is there already is brought up to date. */
export async function load(cursor) {
  let page;
  try {
    page = await api.jobs(PAGE, cursor);
    if (!isLoaded) await loadNames();
    say(byId("jobs-problem"), "");
  } catch (problem) {
    if (!problem.needsSignIn) say(byId("jobs-problem"), sentence(problem.message));
    return;
  }
  const isRefresh = cursor === null && isLoaded;
  isLoaded = true;
  const fresh = page.items.filter((job) => !entries.has(job.id));
  page.items.filter((job) => entries.has(job.id)).forEach(bringUpToDate);
  const rows = fresh.map((job) => enter(job).row);
  if (isRefresh) byId("jobs").prepend(...rows);
  else byId("jobs").append(...rows);
  if (!isRefresh) next = page.next;
  drawList();
  if (cursor) rows[0]?.querySelector("button:not([hidden])")?.focus();
}

/** Also follows the job again, which the end of a session may have broken off. */
function bringUpToDate(job) {
  update(job);
  follow(entries.get(job.id));
}

/** Puts a job that was just made on top; `isLast` of those that were asked for at once, it is brought into view. */
export function insert(job, name, isLast) {
  names.set(job.media_id, name);
  if (!entries.has(job.id)) byId("jobs").prepend(enter(job).row);
  drawList();
  if (isLast) entries.get(job.id).row.scrollIntoView({ block: "nearest" });
}

/** The latest names at once; older ones are asked for one by one. */
async function loadNames() {
  const { items } = await api.mediaList(100);
  for (const media of items) names.set(media.id, media.name);
}

async function nameOf(mediaId) {
  if (!names.has(mediaId)) {
    const name = api.media(mediaId).then(({ name }) => name, () => null);
    names.set(mediaId, name);
  }
  return names.get(mediaId);
}

function enter(job) {
  const row = copyOf("job-row");
  const entry = { job, row, name: "" };
  entries.set(job.id, entry);
  part(row, "play").addEventListener("click", () => play(entry));
  part(row, "cancel").addEventListener("click", () => steer(entry, api.cancel));
  part(row, "retry").addEventListener("click", () => steer(entry, api.retry));
  part(row, "delete").addEventListener("click", () => remove(entry));
  const player = part(row, "player");
  player.addEventListener("play", () => pauseOthers(player));
  player.addEventListener("error", () => cannotPlay(entry));
  nameOf(job.media_id).then((name) => {
    entry.name = name ?? "Recording";
    drawName(entry);
  });
  draw(entry);
  follow(entry);
  return entry;
}

function follow(entry) {
  watch(
    entry.job,
    (job) => update(job),
    (problem) => {
      if (!problem?.needsSignIn) say(part(entry.row, "problem"), problem ? sentence(problem.message) : "");
    },
  );
}

function update(job) {
  const entry = entries.get(job.id);
  if (!entry) return;
  const before = entry.job.state;
  entry.job = job;
  draw(entry);
  if (job.state === before) return;
  const outcome = job.state === "failed" ? `failed. ${sentence(job.error.message)}` : `${state(job).toLowerCase()}.`;
  announce(`${entry.name}: ${outcome}`);
  // Who watched it being made wants to hear it next.
  if (job.state === "done") openPlayer(entry);
}

function draw(entry) {
  const { job, row } = entry;
  const hadFocus = row.contains(document.activeElement);
  const moving = ["running", "cancelling"].includes(job.state);
  const waiting = job.state === "queued";
  row.dataset.state = job.state;
  say(part(row, "state"), state(job));
  say(part(row, "meta"), metaOf(job));
  say(part(row, "plan"), job.state === "failed" || !job.plan ? "" : sentence(job.plan));
  say(part(row, "problem"), job.state === "failed" ? sentence(job.error.message) : "");

  part(row, "running").hidden = !moving && !waiting;
  const bar = part(row, "progress");
  if (job.state === "running") bar.value = job.progress;
  else bar.removeAttribute("value");
  part(row, "percent").textContent = job.state === "running" ? percent(job.progress) : "";

  const done = job.state === "done" && job.output;
  const player = part(row, "player");
  if (!done) player.hidden = true;
  part(row, "play").hidden = !done || !player.hidden;
  const download = part(row, "download");
  download.hidden = !done;
  if (done) {
    download.href = api.outputAddress(job.output.id);
    // Empty: the server knows the name.
    download.download = "";
  }
  part(row, "cancel").hidden = !waiting && job.state !== "running";
  part(row, "retry").hidden = job.state !== "failed" && job.state !== "cancelled";
  part(row, "delete").hidden = waiting || moving;
  if (hadFocus) keepFocus(row);
  drawWork();
}

function metaOf(job) {
  const parts = [titleOf(job.profile)];
  if (job.output) parts.push(duration(job.output.duration_ms), size(job.output.size_bytes));
  parts.push(ago(job.finished_at ?? job.created_at));
  return parts.join(" · ");
}

function drawName(entry) {
  say(part(entry.row, "name"), entry.name);
  part(entry.row, "progress").setAttribute("aria-label", `Conversion of ${entry.name}`);
  for (const [name, verb] of ACTIONS) {
    part(entry.row, name).setAttribute("aria-label", `${verb} ${entry.name}`);
  }
}

/** What had the focus may be gone now: the next best has it then, so that the keyboard does not start over. */
function keepFocus(row) {
  const { activeElement } = document;
  if (row.contains(activeElement) && !activeElement.hidden && !activeElement.disabled) return;
  row.querySelector(".actions > :not([hidden])")?.focus();
}

function drawList() {
  byId("jobs").hidden = entries.size === 0;
  byId("jobs-none").hidden = entries.size > 0;
  byId("jobs-more").hidden = next === null;
}

/** The wheel turns and the title counts while something is made. */
function drawWork() {
  const running = [...entries.values()].filter(({ job }) => job.state === "running");
  document.body.toggleAttribute("data-working", running.length > 0);
  const title = document.title.replace(/^\d+ % · /, "");
  const share = running.reduce((sum, { job }) => sum + job.progress, 0) / running.length;
  document.title = running.length > 0 ? `${percent(share)} · ${title}` : title;
}

async function steer(entry, verb) {
  const buttons = [part(entry.row, "cancel"), part(entry.row, "retry")];
  buttons.forEach((button) => button.setAttribute("aria-busy", "true"));
  try {
    update(await verb(entry.job.id));
    follow(entry);
  } catch (problem) {
    if (problem.needsSignIn) return;
    say(part(entry.row, "problem"), sentence(problem.message));
    // The job may have moved on meanwhile, which is why it was refused.
    if (problem.status === 409) refresh(entry);
  } finally {
    buttons.forEach((button) => button.removeAttribute("aria-busy"));
  }
}

async function refresh(entry) {
  try {
    update(await api.job(entry.job.id));
  } catch (problem) {
    say(part(entry.row, "problem"), sentence(problem.message));
  }
}

function openPlayer(entry) {
  const player = part(entry.row, "player");
  const address = api.outputAddress(entry.job.output.id);
  if (player.getAttribute("src") !== address) player.src = address;
  player.setAttribute("aria-label", entry.name);
  // Now that it is seen, how long it lasts is worth a request.
  player.preload = "metadata";
  player.hidden = false;
  draw(entry);
  return player;
}

function play(entry) {
  const player = openPlayer(entry);
  player.focus();
  // A refusal to play comes as the player's own `error` event too.
  player.play().catch(() => {});
}

function pauseOthers(player) {
  for (const other of document.querySelectorAll("audio")) {
    if (other !== player) other.pause();
  }
}

async function cannotPlay(entry) {
  // Whether the session is over is told by any call; a player does not say.
  await refresh(entry);
  say(part(entry.row, "problem"), "This browser does not play it; download it instead.");
}

async function remove(entry) {
  const dialog = byId("delete-dialog");
  byId("delete-title").textContent = `Delete ${entry.name}?`;
  dialog.returnValue = "keep";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "delete") return;
  try {
    await api.deleteMedia(entry.job.media_id);
  } catch (problem) {
    // What is gone already is what was wished for.
    if (problem.status !== 404) {
      if (!problem.needsSignIn) say(part(entry.row, "problem"), sentence(problem.message));
      return;
    }
  }
  forget(entry);
}

function forget({ job, name }) {
  for (const [id, entry] of entries) {
    if (entry.job.media_id !== job.media_id) continue;
    unwatch(id);
    entry.row.remove();
    entries.delete(id);
  }
  names.delete(job.media_id);
  announce(`${name} is deleted.`);
  byId("jobs-title").focus();
  drawList();
  drawWork();
}
