// How figures, times and messages are put into words.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A size as people say it, in powers of ten as file managers and disks do. */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** A playing time as players show it. */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const end = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${end}` : `${minutes}:${end}`;
}

/** A share as a whole per cent; only what is finished has 100. */
export const percent = (share) => `${Math.min(99, Math.floor(share * 100))} %`;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const date = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

/** How long ago a moment was; further back than a week, its date. */
export function ago(text, now = Date.now()) {
  const then = Date.parse(text);
  const minutes = Math.round((then - now) / 60000);
  if (minutes > -1) return "just now";
  if (minutes > -60) return relative.format(minutes, "minute");
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), "hour");
  if (minutes > -7 * 24 * 60) return relative.format(Math.round(minutes / 1440), "day");
  return date.format(then);
}

/** The server's message (lower case, no full stop, names in backquotes) as a sentence. */
export function sentence(text) {
  const trimmed = text.trim().replace(/`([^`]*)`/g, "“$1”");
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** A profile's title in two: what it is, and what it is for. */
export function titleParts(title) {
  const at = title.indexOf(": ");
  if (at < 0) return [title, ""];
  const purpose = title.slice(at + 2);
  return [title.slice(0, at), purpose.charAt(0).toUpperCase() + purpose.slice(1)];
}

const STAGES = { fetch: "Reading", convert: "Converting", store: "Saving" };
const STATES = {
  queued: "Waiting",
  cancelling: "Stopping",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** What a job is at, in a word or three. */
export function state(job) {
  if (job.state === "running") {
    const stage = STAGES[job.stage] ?? "Starting";
    return job.attempt > 1 ? `${stage}, attempt ${job.attempt} of ${job.max_attempts}` : stage;
  }
  if (job.state === "queued" && job.attempt > 0) return "Waiting to try again";
  return STATES[job.state] ?? job.state;
}
