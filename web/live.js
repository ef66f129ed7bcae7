// Keeps jobs up to date while they change. The only module that knows how news arrive: by one stream of events for all
// jobs that are watched, open while the tab is seen. A browser opens few connections to a host, so a hidden tab keeps none.

import * as api from "./api.js";

/** Before a stream that was refused is asked for again. */
const AGAIN_MS = 5000;

/** By job id: the `job` as it is known, its `version` once an event told it, whether it is being looked at. */
const watched = new Map();
let stream = null;
let again = 0;

const isOver = (job) => ["done", "failed", "cancelled"].includes(job.state);

/**
 * Calls `onJob` with every change of a job until it is over, `onProblem` while it cannot be seen (with `null` when
 * it can again). Watching a job that is watched changes who is told.
 */
export function watch(job, onJob, onProblem) {
  unwatch(job.id);
  if (isOver(job)) return;
  watched.set(job.id, { job, version: 0, isLookedAt: false, isTroubled: false, onJob, onProblem });
  open();
  // What changed between the answer that the job came with and now was told to nobody.
  if (stream?.isLive) look(job.id);
}

/** Stops watching a job. */
export function unwatch(id) {
  watched.delete(id);
  if (watched.size === 0) close();
}

/** Stops watching all. */
export function unwatchAll() {
  watched.clear();
  close();
}

function open() {
  if (stream || document.hidden || watched.size === 0) return;
  clearTimeout(again);
  const source = new EventSource("/v1/events");
  stream = { source, isLive: false };
  source.addEventListener("ready", () => {
    stream.isLive = true;
    lookAtAll();
  });
  source.addEventListener("job", ({ data }) => hear(JSON.parse(data)));
  source.addEventListener("progress", ({ data }) => move(JSON.parse(data)));
  source.addEventListener("signed_out", lookAtAll);
  source.addEventListener("error", () => {
    if (stream?.source !== source) return;
    stream.isLive = false;
    // Each job's own answer says what is wrong: the server is away, or the session is over.
    lookAtAll();
    if (source.readyState !== EventSource.CLOSED) return;
    close();
    again = setTimeout(open, AGAIN_MS);
  });
}

function close() {
  clearTimeout(again);
  stream?.source.close();
  stream = null;
}

function lookAtAll() {
  for (const id of [...watched.keys()]) look(id);
}

async function look(id) {
  const entry = watched.get(id);
  if (!entry || entry.isLookedAt) return;
  entry.isLookedAt = true;
  const { version } = entry;
  try {
    const job = await api.job(id);
    if (watched.get(id) !== entry) return;
    if (entry.isTroubled) entry.onProblem(null);
    entry.isTroubled = false;
    // An event that came meanwhile is newer than this answer, or the same.
    if (entry.version === version) show(id, entry, job);
  } catch (problem) {
    if (watched.get(id) !== entry) return;
    if (problem.status === 404 || problem.needsSignIn) unwatch(id);
    entry.isTroubled = true;
    entry.onProblem(problem);
  } finally {
    entry.isLookedAt = false;
  }
}

/** A job was written: events of a version that was heard of, or of one before it, are copies. */
function hear({ version, job }) {
  const entry = watched.get(job.id);
  if (!entry || version <= entry.version) return;
  entry.version = version;
  show(job.id, entry, job);
}

function move({ job_id: id, version, stage, progress }) {
  const entry = watched.get(id);
  if (!entry || version < entry.version || entry.job.state !== "running") return;
  show(id, entry, { ...entry.job, stage, progress });
}

function show(id, entry, job) {
  const isNew = JSON.stringify(job) !== JSON.stringify(entry.job);
  entry.job = job;
  if (isOver(job)) unwatch(id);
  if (isNew) entry.onJob(job);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else open();
});
