// Watches one video as a person does: plays it, jumps to its last tenth, and plays on from there.

import { PATIENCE_MS, at, begin, expect } from "./stage.mjs";

/** Watches the video of this id on the page that it has; how long it is, in seconds. */
export async function watch(page, id) {
  const ranges = [];
  const keep = (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.endsWith("/content")) ranges.push([response.status(), response.headers()["content-range"]]);
  };
  page.on("response", keep);

  begin(`show the video ${id}`);
  // The size is part of the addresses that other clients make; a wrong one changes nothing.
  const answer = await page.goto(at(`/watch?v=${id}.mp4&size=1`));
  expect(answer.status() === 200, `the page answers ${answer.status()}`);
  const player = page.locator("#player");
  await player.evaluate((video) => {
    video.muted = true;
    if (video.readyState >= HTMLMediaElement.HAVE_METADATA) return null;
    return new Promise((resolve, reject) => {
      video.addEventListener("loadedmetadata", resolve, { once: true });
      video.addEventListener("error", () => reject(new Error(video.error.message)), { once: true });
    });
  });

  begin(`play the video ${id}`);
  await moves(page, player);
  const { duration, width } = await player.evaluate((video) => ({ duration: video.duration, width: video.videoWidth }));
  expect(Number.isFinite(duration) && duration > 0 && width > 0, `the player shows ${duration} s of ${width} pixels across`);

  begin(`jump to 90 % of the video ${id}`);
  const before = ranges.length;
  const jump = await player.evaluate(async (video) => {
    const target = video.duration * 0.9;
    const seen = [];
    for (const type of ["seeking", "seeked"]) video.addEventListener(type, () => seen.push(type), { once: true });
    const sought = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
    video.currentTime = target;
    await sought;
    const held = Array.from({ length: video.buffered.length }, (_, at) => [video.buffered.start(at), video.buffered.end(at)]);
    return { target, now: video.currentTime, seen, held };
  });
  expect(jump.seen.join() === "seeking,seeked", `the events are ${jump.seen}`);
  expect(Math.abs(jump.now - jump.target) < 1, `it is at ${jump.now} s, not ${jump.target} s`);
  const isHeld = jump.held.some(([start, end]) => start <= jump.now && jump.now <= end);
  expect(isHeld, `it shows ${jump.now} s and holds ${JSON.stringify(jump.held)}`);
  await moves(page, player);
  await player.evaluate((video) => video.pause());

  begin(`read the video ${id} by ranges`);
  expect(ranges.length > 0 && ranges.every(([status, range]) => status === 206 && range), `the answers are ${JSON.stringify(ranges)}`);
  page.off("response", keep);
  return { duration, ranges, jumped: ranges.slice(before) };
}

/** Plays until the time has moved. */
async function moves(page, player) {
  const from = await player.evaluate(async (video) => {
    const from = video.currentTime;
    await video.play();
    return from;
  });
  const handle = await player.elementHandle();
  await page.waitForFunction(([video, from]) => video.currentTime > from, [handle, from], { timeout: PATIENCE_MS });
}
