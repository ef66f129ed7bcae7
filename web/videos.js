// What the pages of the video site have in common: days in words, and a player that says why it does not play.

import { byId, say } from "./elements.js";
import { ago } from "./words.js";

/** Puts the days of the page into words, and listens to its player. */
export function start() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.title = new Date(time.dateTime).toLocaleString("en", { dateStyle: "long", timeStyle: "short" });
    time.textContent = ago(time.dateTime);
  }
  const player = byId("player");
  if (!player) return;
  player.addEventListener("error", () => cannotPlay(player));
  // It may have failed before this script came.
  if (player.error) cannotPlay(player);
}

function cannotPlay(player) {
  const problem = byId("player-problem");
  say(problem, "This browser does not play the video as it is. ");
  const link = document.createElement("a");
  link.href = player.src;
  // Empty: the server knows the name.
  link.download = "";
  link.textContent = "Download it instead.";
  problem.append(link);
}
