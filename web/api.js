// The calls to /v1 that the pages make. Every failure comes out as a Problem with a sentence for the user.

/** A call that failed: `status` 0 means that no answer came. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }

  /** Whether the session is over, and signing in again is what helps. */
  get needsSignIn() {
    return this.status === 401;
  }
}

const OFFLINE = "the server cannot be reached; check the connection and try again";

let signedOut = () => {};

/** Names who is told when an answer says that the session is over. */
export function onSignedOut(listener) {
  signedOut = listener;
}

function problemOf(status, text) {
  if (status === 0) return new Problem(0, OFFLINE);
  let detail;
  try {
    ({ detail } = JSON.parse(text));
  } catch {
    // Something between us and the server answered in its own words, which are of no use to the user.
  }
  return new Problem(status, detail ?? `the server answered ${status}; try again later`);
}

/** The problem that an answer's status and text tell of; who waits for the end of the session is told of that. */
export function refusal(status, text) {
  const problem = problemOf(status, text);
  if (problem.needsSignIn) signedOut();
  return problem;
}

async function call(method, path, { body, bytes, headers = {}, refused = refusal } = {}) {
  let answer;
  let text;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      body: body === undefined ? bytes : JSON.stringify(body),
    });
    text = await answer.text();
  } catch {
    throw new Problem(0, OFFLINE);
  }
  if (answer.ok) return text === "" ? null : JSON.parse(text);
  throw refused(answer.status, text);
}

const segment = encodeURIComponent;

// A wrong password ends no session.
export const signIn = (login, password) =>
  call("POST", "/v1/session", { body: { login, password }, refused: problemOf });
export const signOut = () => call("DELETE", "/v1/session");
export const me = () => call("GET", "/v1/me");
/** Makes an account, which signing in is another call for. */
export const register = (name, email, password) => call("POST", "/v1/users", { body: { name, email, password } });

export const profiles = () => call("GET", "/v1/profiles");
/** The profiles, each with what it would do with this media. */
export const plans = (mediaId) => call("GET", `/v1/profiles?media_id=${segment(mediaId)}`);

/** Where an upload's bytes go. */
export const mediaAddress = (name) => `/v1/media?name=${segment(name)}`;
export const mediaList = (limit) => call("GET", `/v1/media?limit=${limit}`);
export const media = (id) => call("GET", `/v1/media/${segment(id)}`);
export const deleteMedia = (id) => call("DELETE", `/v1/media/${segment(id)}`);

/** Publishes a media, or says anew what a video is: `title`, `explain`, `tags`, `category`. */
export const publish = (id, details) => call("PUT", `/v1/videos/${segment(id)}`, { body: details });
export const setThumbnail = (id, bytes) =>
  call("PUT", `/v1/videos/${segment(id)}/thumbnail`, {
    bytes,
    headers: { "content-type": "application/octet-stream" },
  });
/** The pages of a video. */
export const watchAddress = (id) => `/watch?v=${segment(id)}.mp4`;
export const editAddress = (id) => `/edit-video?v=${segment(id)}.mp4`;

/** Asks for a conversion. The same key again is the same wish: it finds the job that was made before. */
export const submit = (mediaId, profile, key) =>
  call("POST", "/v1/jobs", {
    body: { media_id: mediaId, profile },
    headers: { "idempotency-key": key },
  });
export const job = (id) => call("GET", `/v1/jobs/${segment(id)}`);
export const jobs = (limit, cursor) =>
  call("GET", `/v1/jobs?limit=${limit}${cursor ? `&cursor=${segment(cursor)}` : ""}`);
export const cancel = (id) => call("POST", `/v1/jobs/${segment(id)}/cancel`);
export const retry = (id) => call("POST", `/v1/jobs/${segment(id)}/retry`);

/** Where a result is heard and kept from. */
export const outputAddress = (id) => `/v1/outputs/${segment(id)}/content`;
