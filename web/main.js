// Begins what the page at hand has. A page without a workspace (the documentation) still shows who is signed in.

import { byId } from "./elements.js";
import * as jobs from "./jobs.js";
import * as profiles from "./profiles.js";
import * as queue from "./queue.js";
import * as register from "./register.js";
import * as session from "./session.js";
import * as videoAdmin from "./video-admin.js";
import * as videoEditor from "./video-editor.js";
import * as videos from "./videos.js";

const hasWorkspace = byId("workspace") !== null;

if (hasWorkspace) {
  queue.start(jobs.insert);
  jobs.start();
}

videos.start();
if (byId("register-form")) register.start();
if (byId("video-form")) videoEditor.start();
if (byId("ledger")) videoAdmin.start();

session.start(async (isSameAccount) => {
  if (!hasWorkspace) return;
  if (!isSameAccount) jobs.clear();
  // The rows name profiles by their titles.
  await profiles.load();
  queue.resume(isSameAccount);
  await jobs.load(null);
});
