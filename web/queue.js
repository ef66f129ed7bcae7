// Files on their way to a conversion: chosen, uploaded one after the other, then handed to a job.
// A file stays here, with what went wrong beside it, until its job is made or the user takes it away.

import * as api from "./api.js";
import { announce, byId, copyOf, part, say } from "./elements.js";
import * as profiles from "./profiles.js";
import { upload } from "./upload.js";
import { percent, sentence, size } from "./words.js";

// An item is `waiting`, `sending`, `held` (its media is on the server), `submitting` or `stuck` (with its problem).
let items = [];
let submitted = () => {};

/**
 * Makes the drop zone and the button work. `onJob` gets each job that is made, its file's name, and
 * whether it was the last one here.
 */
export function start(onJob) {
  submitted = onJob;
  byId("files").addEventListener("change", (event) => {
    add(event.target.files);
    // So that the same file can be chosen again.
    event.target.value = "";
  });
  byId("convert").addEventListener("click", convert);
  profiles.onChange(() => items.forEach(draw));
  takeDrops();
  window.addEventListener("beforeunload", (event) => {
    if (items.length > 0) event.preventDefault();
  });
}

/** Goes on with what the end of a session held up. Another account cannot see what the last one uploaded. */
export function resume(isSameAccount) {
  for (const item of items) {
    if (!isSameAccount) {
      item.transfer?.abort();
      Object.assign(item, { media: null, plans: null, stage: "waiting", problem: null });
    } else if (item.problem?.needsSignIn) {
      again(item);
    }
    draw(item);
  }
  pump();
}

function takeDrops() {
  const zone = byId("drop-zone");
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    zone.classList.toggle("over", depth > 0);
  };
  // The whole page takes files, else a near miss would have the browser leave the page for the file.
  const on = (type, act) =>
    document.addEventListener(type, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      act(event.dataTransfer.files);
    });
  const isOpen = () => !byId("workspace").hidden;
  on("dragenter", () => mark(isOpen() ? 1 : 0));
  on("dragleave", () => mark(-1));
  on("dragover", () => {});
  on("drop", (files) => {
    mark(-depth);
    if (isOpen()) add(files);
  });
}

function add(files) {
  for (const file of files) {
    const item = {
      file,
      row: copyOf("queue-row"),
      stage: "waiting",
      // Of the bytes, how many went out.
      share: 0,
      transfer: null,
      media: null,
      // What each profile would do, by its name.
      plans: null,
      // The profile that was asked for, and the key of that request.
      wish: null,
      key: null,
      problem: null,
    };
    items.push(item);
    furnish(item);
    byId("queue").append(item.row);
  }
  items.forEach(draw);
  pump();
}

function furnish(item) {
  const { file, row } = item;
  say(part(row, "name"), file.name);
  say(part(row, "size"), size(file.size));
  part(row, "remove").setAttribute("aria-label", `Take ${file.name} away`);
  part(row, "remove").addEventListener("click", () => takeAway(item));
  part(row, "again").addEventListener("click", () => again(item));
  part(row, "progress").setAttribute("aria-label", `Upload of ${file.name}`);
}

/** Starts the next upload. One at a time: several would share the same line and all come later. */
function pump() {
  if (items.some((item) => item.stage === "sending")) return;
  const next = items.find((item) => item.stage === "waiting");
  if (next) send(next);
}

async function send(item) {
  Object.assign(item, { stage: "sending", share: 0, problem: null });
  const transfer = upload(item.file, (share) => {
    item.share = share;
    draw(item);
  });
  item.transfer = transfer;
  draw(item);
  try {
    uploaded(item, await transfer.media);
  } catch (problem) {
    // `null` is an abort, and whoever aborted has seen to the item.
    if (problem) stick(item, problem);
  } finally {
    if (item.transfer === transfer) item.transfer = null;
    pump();
  }
}

function uploaded(item, media) {
  // Taken away at the very last moment.
  if (!items.includes(item)) return discard(media);
  Object.assign(item, { media, stage: "held" });
  announce(`${item.file.name} is uploaded.`);
  draw(item);
  if (item.wish) submit(item);
  else loadPlans(item);
}

async function loadPlans(item) {
  try {
    const { items: views } = await api.plans(item.media.id);
    item.plans = new Map(views.map((view) => [view.name, view]));
    draw(item);
  } catch (problem) {
    // The plan is a courtesy: the conversion can be asked for without it.
    if (problem.needsSignIn) stick(item, problem);
  }
}

function convert() {
  const profile = profiles.chosen();
  if (!profile) return;
  for (const item of items) {
    if (item.stage === "submitting") continue;
    wish(item, profile.name);
    if (item.stage === "held") submit(item);
    else if (item.stage === "stuck") again(item);
    draw(item);
  }
}

/** A wish has a key of its own, which stays the same however often it has to be sent. */
function wish(item, profile) {
  if (item.wish === profile) return;
  item.wish = profile;
  const random = crypto.getRandomValues(new Uint8Array(16));
  item.key = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function submit(item) {
  Object.assign(item, { stage: "submitting", problem: null });
  draw(item);
  try {
    const job = await api.submit(item.media.id, item.wish, item.key);
    drop(item);
    submitted(job, item.file.name, items.length === 0);
  } catch (problem) {
    stick(item, problem);
  }
}

function again(item) {
  item.problem = null;
  // The button goes with the problem; the keyboard stays in the row.
  if (document.activeElement === part(item.row, "again")) part(item.row, "remove").focus();
  if (!item.media) {
    item.stage = "waiting";
    pump();
  } else if (item.wish) {
    submit(item);
  } else {
    item.stage = "held";
    loadPlans(item);
  }
  draw(item);
}

function stick(item, problem) {
  Object.assign(item, { stage: "stuck", problem });
  draw(item);
}

function takeAway(item) {
  item.transfer?.abort();
  if (item.media) discard(item.media);
  drop(item);
  byId("files").focus();
}

/** Nobody will ask for it again. Where this fails, the media is still in the list that /v1/media gives. */
function discard(media) {
  api.deleteMedia(media.id).catch(() => {});
}

function drop(item) {
  items = items.filter((one) => one !== item);
  item.row.remove();
  drawAll();
}

function draw(item) {
  const { row } = item;
  const busy = item.stage === "sending" || item.stage === "submitting";
  const bar = part(row, "progress");
  bar.hidden = !busy;
  // Without a value the bar only says that something goes on.
  if (item.stage === "sending" && item.share < 1) bar.value = item.share;
  else bar.removeAttribute("value");
  const [note, refusal] = noteOf(item);
  say(part(row, "note"), note);
  part(row, "trouble").hidden = !item.problem && !refusal;
  part(row, "again").hidden = !item.problem;
  say(part(row, "problem"), item.problem ? sentence(item.problem.message) : refusal);
  drawAll();
}

/** What is said under a file: what goes on, or what the chosen profile would do, or why it cannot. */
function noteOf(item) {
  const then = item.wish ? `, then it becomes ${profiles.titleOf(item.wish)}` : "";
  switch (item.stage) {
    case "waiting":
      return [`Waiting for its turn${then}`, ""];
    case "sending":
      return [item.share < 1 ? `Uploading, ${percent(item.share)}${then}` : "Looking at what is in it", ""];
    case "submitting":
      return ["Handing it over", ""];
    case "held": {
      const view = item.plans?.get(profiles.chosen()?.name);
      if (!view) return ["Uploaded", ""];
      return view.plan ? [sentence(view.plan), ""] : ["", sentence(view.problem)];
    }
    default:
      return ["", ""];
  }
}

function drawAll() {
  byId("queue").hidden = items.length === 0;
  byId("drop-zone").classList.toggle("small", items.length > 0);
  const open = items.filter((item) => item.stage === "stuck" || item.wish !== profiles.chosen()?.name);
  const button = byId("convert");
  button.disabled = open.length === 0 || !profiles.chosen();
  button.textContent = open.length > 1 ? `Convert ${open.length} files` : "Convert";
}
