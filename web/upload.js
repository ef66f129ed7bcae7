// One file on its way to the server, with progress. XMLHttpRequest, because fetch does not tell how much went out.

import { Problem, mediaAddress, refusal } from "./api.js";

const BROKEN_OFF = "the upload broke off; check the connection, and that the file is still there, and try again";

/** Sends a file as the raw body. `onShare` hears the share that went out, 0 to 1. Aborting rejects with `null`. */
export function upload(file, onShare) {
  const request = new XMLHttpRequest();
  const media = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) onShare(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(refusal(request.status, request.responseText));
    };
    // Also the file may be gone or changed since it was chosen; the browser does not say which.
    request.onerror = () => reject(new Problem(0, BROKEN_OFF));
    request.onabort = () => reject(null);
  });
  request.open("POST", mediaAddress(file.name));
  // The server finds out by itself what it is, so that a browser's guess is not sent.
  request.setRequestHeader("content-type", "application/octet-stream");
  request.send(file);
  return { media, abort: () => request.abort() };
}
