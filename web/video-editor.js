// The form at /upload-video and /edit-video: the file goes up while its details are typed, and saving publishes it.
// An upload becomes an edit as soon as the file is there, also in the address, so that a reload loses nothing of it.

import * as api from "./api.js";
import { announce, byId, say } from "./elements.js";
import { confirmDelete } from "./video-admin.js";
import { frameOf, pictureOf } from "./video-frame.js";
import { upload } from "./upload.js";
import { percent, sentence, size } from "./words.js";

/** How far into a video its first suggested picture is: past a black beginning, within the first seconds. */
const FIRST_FRAME = { share: 0.1, mostSeconds: 10 };

/** The media on the server; null while there is none. */
let id = null;
let file = null;
/** What goes up, with `media` and `abort`. */
let transfer = null;
/** The picture to be sent, and whether it was only suggested. */
let picture = null;
let isSuggested = false;
let isSaving = false;
let isDone = false;

const form = () => byId("video-form");
const stem = (name) => name.replace(/\.[^.]+$/, "");

/** Makes the form work. */
export function start() {
  id = form().dataset.video ?? null;
  form().addEventListener("submit", save);
  byId("use-frame").addEventListener("click", () => useFrame(false));
  byId("picture-file").addEventListener("change", choosePicture);
  byId("video-delete").addEventListener("click", remove);
  byId("another").addEventListener("click", another);
  byId("preview").addEventListener("loadedmetadata", toFirstFrame);
  byId("video-file")?.addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = "";
  });
  takeDrops();
  window.addEventListener("beforeunload", (event) => {
    if (transfer || (file && !isDone)) event.preventDefault();
  });
  drawPicture();
}

function takeDrops() {
  const zone = byId("video-drop");
  if (!zone) return;
  const on = (type, act) =>
    document.addEventListener(type, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      act(event.dataTransfer.files);
    });
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    zone.classList.toggle("over", depth > 0);
  };
  on("dragenter", () => mark(1));
  on("dragleave", () => mark(-1));
  on("dragover", () => {});
  on("drop", (files) => {
    mark(-depth);
    if (!file) take(files[0]);
  });
}

function take(chosen) {
  if (!chosen) return;
  file = chosen;
  say(byId("file-name"), file.name);
  byId("video-drop").hidden = true;
  byId("film").hidden = false;
  byId("sending").hidden = false;
  // It is here already: reading ahead costs nobody anything.
  byId("preview").preload = "auto";
  byId("preview").src = URL.createObjectURL(file);
  const title = form().elements.title;
  if (!title.value) title.value = stem(file.name);
  title.select();
  drawPicture();
  send();
}

/** Sends the file; what becomes of it is said under the player. */
async function send() {
  const current = upload(file, (share) => drawSending(share));
  transfer = current;
  say(byId("video-problem"), "");
  drawSending(0);
  try {
    const media = await current.media;
    transfer = null;
    arrived(media);
  } catch (problem) {
    if (transfer === current) transfer = null;
    // `null` is an abort, and whoever aborted has seen to the rest.
    if (problem) failed(problem);
  }
}

function arrived(media) {
  id = media.id;
  byId("video-progress").hidden = true;
  say(byId("sent"), `${size(media.size_bytes)}, uploaded`);
  announce(`${file.name} is uploaded.`);
  byId("video-delete").hidden = false;
  byId("another").hidden = true;
  history.replaceState(null, "", api.editAddress(id));
  if (isSaving) publish();
}

function failed(problem) {
  settle();
  byId("video-progress").hidden = true;
  say(byId("sent"), "not uploaded");
  say(byId("video-problem"), sentence(problem.message));
}

function drawSending(share) {
  const bar = byId("video-progress");
  bar.hidden = false;
  if (share < 1) bar.value = share;
  else bar.removeAttribute("value");
  say(byId("sent"), share < 1 ? `${percent(share)} of ${size(file.size)}` : "Looking at what is in it");
}

/** Takes the file away that was chosen, for another. */
function another() {
  transfer?.abort();
  transfer = null;
  URL.revokeObjectURL(byId("preview").src);
  byId("preview").removeAttribute("src");
  byId("preview").load();
  if (form().elements.title.value === stem(file.name)) form().elements.title.value = "";
  file = null;
  if (isSuggested) picture = null;
  byId("film").hidden = true;
  byId("video-drop").hidden = false;
  say(byId("video-problem"), "");
  settle();
  drawPicture();
  byId("video-file").focus();
}

function toFirstFrame() {
  const preview = byId("preview");
  if (picture || byId("picture-shown").src || !Number.isFinite(preview.duration)) return;
  preview.currentTime = Math.min(preview.duration * FIRST_FRAME.share, FIRST_FRAME.mostSeconds);
  preview.addEventListener("seeked", () => useFrame(true), { once: true });
}

async function useFrame(suggests) {
  const frame = await frameOf(byId("preview"));
  if (frame && !(suggests && picture)) {
    picture = frame;
    isSuggested = suggests;
    if (!suggests) announce("The frame is the picture now.");
  }
  say(byId("picture-problem"), frame || suggests ? "" : "The player shows no frame yet. Play the video up to one.");
  drawPicture();
}

async function choosePicture(event) {
  const [chosen] = event.target.files;
  event.target.value = "";
  if (!chosen) return;
  const made = await pictureOf(chosen);
  if (made) {
    picture = made;
    isSuggested = false;
    announce(`${chosen.name} is the picture now.`);
  }
  say(byId("picture-problem"), made ? "" : `“${chosen.name}” is no picture that can be read here.`);
  drawPicture();
}

function drawPicture() {
  const shown = byId("picture-shown");
  if (picture) shown.src = picture.shown;
  else if (!id) shown.removeAttribute("src");
  shown.hidden = !shown.getAttribute("src");
  byId("picture-none").hidden = !shown.hidden;
  byId("use-frame").hidden = byId("film").hidden;
}

function save(event) {
  event.preventDefault();
  if (isSaving) return;
  say(byId("video-problem"), "");
  if (!id && !file) {
    say(byId("video-problem"), "Choose a video first.");
    byId("video-file").focus();
    return;
  }
  isSaving = true;
  byId("video-save").setAttribute("aria-busy", "true");
  if (id) publish();
  else {
    say(byId("save-note"), "It is published as soon as the upload is done.");
    announce("It is published as soon as the upload is done.");
    if (!transfer) send();
  }
}

async function publish() {
  try {
    await api.publish(id, details());
    if (picture) await api.setThumbnail(id, picture.bytes);
    isDone = true;
    location.assign(api.watchAddress(id));
  } catch (problem) {
    settle();
    const again = problem.needsSignIn ? " Sign in in another tab, then come back and save again." : "";
    say(byId("video-problem"), sentence(problem.message) + again);
  }
}

function settle() {
  isSaving = false;
  byId("video-save").removeAttribute("aria-busy");
}

function details() {
  const { title, explain, tags, category } = form().elements;
  const words = tags.value.split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
  return { title: title.value.trim(), explain: explain.value, tags: [...new Set(words)], category: category.value.trim() };
}

async function remove() {
  if (!(await confirmDelete(form().elements.title.value || "the video"))) return;
  try {
    await api.deleteMedia(id);
  } catch (problem) {
    // What is gone already is what was wished for.
    if (problem.status !== 404) {
      say(byId("video-problem"), sentence(problem.message));
      return;
    }
  }
  isDone = true;
  location.assign("/videos");
}
