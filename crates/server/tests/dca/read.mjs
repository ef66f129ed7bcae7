// Reads a DCA file to its end with the reader of eris, a Discord library, and prints what came out of it as JSON.
//
//   NODE_PATH=…/node_modules node read.mjs FILE.dca

import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

// By its path: the library's package shows its own parts only.
const require = createRequire(import.meta.url);
const Reader = require(join(process.env.NODE_PATH, "eris/lib/voice/streams/DCAOpusTransformer.js"));

const reader = new Reader();
const found = { header: null, packets: 0, bytes: 0, left: 0 };
reader.on("debug", (json) => (found.header = JSON.parse(json.toString())));
reader.on("data", (packet) => {
  found.packets += 1;
  found.bytes += packet.length;
});
reader.on("end", () => {
  found.left = reader._remainder?.length ?? 0;
  console.log(JSON.stringify(found));
});
createReadStream(process.argv[2]).pipe(reader);
