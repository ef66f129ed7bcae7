// Watches a video of any server: REELMILL_VIDEO is its id, without an extension. The rest of the environment is what
// `stage.mjs` says.

import { at, begin, expect, play, setting } from "./stage.mjs";
import { watch } from "./watching.mjs";

await play(async (open) => {
  const page = await open();
  const id = setting("REELMILL_VIDEO");
  const { duration, ranges } = await watch(page, id);
  begin("find it in the list");
  await page.goto(at("/videos"));
  expect((await page.locator(`a[href*="${id}"]`).count()) > 0, "the list does not have it");
  return `the page plays ${duration.toFixed(1)} s and jumps, in ${ranges.length} answers by range`;
});
