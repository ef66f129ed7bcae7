// Uploads a file with tus-js-client, taking it up again whenever the connection is cut, and prints what came of it as JSON.
//
//   NODE_PATH=…/node_modules node upload.mjs ENDPOINT TOKEN FILE

import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

// By its path: modules are not looked for in NODE_PATH.
const require = createRequire(import.meta.url);
const tus = require(join(process.env.NODE_PATH, "tus-js-client"));

const [endpoint, token, file] = process.argv.slice(2);
const found = { media: null, retries: 0, offsets: [], url: null };
const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: basename(file), filetype: "audio/wav" },
  retryDelays: Array(10).fill(200),
  onShouldRetry: (error) => {
    found.retries += 1;
    const status = error.originalResponse?.getStatus();
    return status === undefined || [0, 409, 423].includes(status);
  },
  onAfterResponse: (request, response) => {
    if (request.getMethod() === "HEAD") found.offsets.push(Number(response.getHeader("Upload-Offset")));
    found.media = response.getHeader("Reelmill-Media-Id") ?? found.media;
  },
  onError: (error) => {
    console.error(error);
    process.exit(1);
  },
  onSuccess: () => {
    found.url = upload.url;
    console.log(JSON.stringify(found));
  },
});
upload.start();
