// Keeps jobs up to date while they change. The only module that knows how news arrive: today each job is asked for,
// and /v1/events takes the place of `look` when it is there; `watch` and its promise stay.

import * as api from "./api.js";

/** Between two looks at a job that moves, in a tab that is seen. */
const BRISK_MS = 400;
/** The longest between two looks at a job that does not move, or in a tab that is not seen. */
const SLOW_MS = 5000;
/** How fast the looks become rarer while nothing changes. */
const SLOWER = 1.3;

const watched = new Map();

const isOver = (job) => ["done", "failed", "cancelled"].includes(job.state);

/**
 * Calls `onJob` with every change of a job until it is over, `onProblem` while it cannot be seen (with `null` when
 * it can again). Watching a job that is watched changes who is told.
 */
export function watch(job, onJob, onProblem) {
  unwatch(job.id);
  if (isOver(job)) return;
  const seen = JSON.stringify(job);
  const entry = { seen, wait: BRISK_MS, timer: 0, looking: false, troubled: false, onJob, onProblem };
  watched.set(job.id, entry);
  plan(job.id, entry);
}

/** Stops watching a job. */
export function unwatch(id) {
  const entry = watched.get(id);
  if (entry) clearTimeout(entry.timer);
  watched.delete(id);
}

/** Stops watching all. */
export function unwatchAll() {
  for (const id of [...watched.keys()]) unwatch(id);
}

function plan(id, entry) {
  clearTimeout(entry.timer);
  const wait = document.hidden ? SLOW_MS : entry.wait;
  entry.timer = setTimeout(() => look(id, entry), wait);
}

async function look(id, entry) {
  if (entry.looking) return;
  entry.looking = true;
  try {
    const job = await api.job(id);
    if (watched.get(id) !== entry) return;
    if (entry.troubled) entry.onProblem(null);
    entry.troubled = false;
    hear(id, entry, job);
  } catch (problem) {
    if (watched.get(id) !== entry) return;
    if (problem.status === 404 || problem.needsSignIn) {
      unwatch(id);
    } else {
      entry.wait = SLOW_MS;
    }
    entry.troubled = true;
    entry.onProblem(problem);
  } finally {
    entry.looking = false;
    if (watched.get(id) === entry) plan(id, entry);
  }
}

function hear(id, entry, job) {
  const seen = JSON.stringify(job);
  const still = seen === entry.seen;
  entry.seen = seen;
  // A running job is always followed closely: its next step is what the user waits for.
  entry.wait = still && job.state !== "running" ? Math.min(SLOW_MS, entry.wait * SLOWER) : BRISK_MS;
  if (isOver(job)) unwatch(id);
  if (!still) entry.onJob(job);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const [id, entry] of watched) look(id, entry);
});
