// Drives the video site in real browsers: a stranger registers, a member uploads a video and publishes it, everybody
// watches it, an administrator deletes it.
//
// Besides what `stage.mjs` says:
//   REELMILL_EMAIL, REELMILL_PASSWORD   an administrator
//   REELMILL_MEMBER, REELMILL_MEMBER_PASSWORD   a member
//   REELMILL_MEDIA         a video of some tens of seconds and some megabytes, H.264 and AAC in MP4

import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import { PATIENCE_MS, at, begin, expect, fitsPhone, play, setting, takePictures } from "./stage.mjs";
import { watch } from "./watching.mjs";

const media = setting("REELMILL_MEDIA");
const TITLE = "A walk along the mill stream";
const EXPLAIN = "From the weir to the wheel.\n\nSecond part: the stones at work. <b>Not bold.</b>";

/** Four pixels, PNG. */
const SPECK = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAE0lEQVR4nGPgzot/9vEtAxADWQAx4Ac57cqTTwAAAABJRU5ErkJggg==",
  "base64",
);

async function signIn(page, login, password) {
  begin(`sign ${login} in`);
  await page.getByLabel("E-mail or name").fill(login);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

async function register(page) {
  begin("show the grid to a stranger");
  const answer = await page.goto(at("/videos"));
  expect(answer.status() === 200, `the page answers ${answer.status()}`);
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Register" }).click();

  await takePictures(page, "register");
  await fitsPhone(page);

  begin("refuse an account whose address is taken");
  await page.getByLabel("Name").fill("somebody");
  await page.getByLabel("E-mail").fill(setting("REELMILL_EMAIL"));
  await page.getByLabel("Password").fill("a long password");
  await page.getByRole("button", { name: "Register" }).click();
  const said = await page.getByRole("alert").filter({ visible: true }).innerText();
  expect(/exists already/.test(said), `the form says: ${said}`);

  begin("register");
  await page.getByLabel("E-mail").fill("guest@mill.example");
  await page.getByRole("button", { name: "Register" }).click();
  await page.waitForURL(at("/videos"));
  await page.locator("#account-name").filter({ hasText: "somebody" }).waitFor();
  expect(await page.locator("#admin-link").isHidden(), "a guest is offered the administrators' list");

  begin("tell a guest that the role does not reach");
  const refused = await page.goto(at("/upload-video"));
  expect(refused.status() === 403, `the page answers ${refused.status()}`);
  await takePictures(page, "guest");
  const told = await page.getByRole("main").innerText();
  expect(/guest account watches only/i.test(told), `the page says: ${told}`);
}

async function uploadVideo(page) {
  begin("send a stranger to the sign-in and back");
  await page.goto(at("/upload-video"));
  await takePictures(page, "sign-in");
  await signIn(page, setting("REELMILL_MEMBER"), setting("REELMILL_MEMBER_PASSWORD"));
  await page.waitForURL(at("/upload-video"));

  await takePictures(page, "upload");
  begin("refuse to publish nothing");
  await page.getByLabel("Title").fill("x");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("Choose a video first.").waitFor();
  await page.getByLabel("Title").fill("");

  begin("choose a video and upload it");
  await page.locator("#video-file").setInputFiles(media);
  const title = page.getByLabel("Title");
  expect((await title.inputValue()) === basename(media, ".mp4"), `the title is ${await title.inputValue()}`);
  await page.locator("#sent").filter({ hasText: /uploaded/ }).waitFor({ timeout: PATIENCE_MS });
  const id = /v=([0-9a-f-]{36})\.mp4/.exec(page.url())?.[1];
  expect(id, `the address is ${page.url()}`);

  begin("suggest a frame as the picture");
  await page.locator("#picture-shown").and(page.locator(":visible")).waitFor();
  await takePictures(page, "editor");
  await fitsPhone(page, "editor-phone");
  return id;
}

async function strangersSeeNothing(page, id) {
  begin("keep what is not published");
  for (const address of [`/watch?v=${id}.mp4`, "/watch?v=nothing.mp4", "/watch"]) {
    const answer = await page.goto(at(address));
    expect(answer.status() === 404, `${address} answers ${answer.status()}`);
    await page.getByRole("heading", { name: "Not found" }).waitFor();
  }
}

async function ownersWatch(page, id) {
  begin("let its owner watch what is not published");
  await page.goto(at(`/watch?v=${id}.mp4`));
  await page.getByText("Not published.").waitFor();
  const source = await page.locator("#player").evaluate((video) => new URL(video.src).pathname);
  expect(source === `/v1/media/${id}/content`, `the player reads ${source}`);
  await watch(page, id);
  await page.getByRole("link", { name: "Publish" }).click();
}

async function publish(page, id) {
  begin("fill in the details and publish");
  await page.getByLabel("Title").fill(TITLE);
  await page.getByLabel("What is in it").fill(EXPLAIN);
  await page.getByLabel("Tags").fill("mill, water,  stone, mill");
  await page.getByLabel("Category").fill("Craft");
  await page.locator("#picture-file").setInputFiles({ name: "no.png", mimeType: "image/png", buffer: Buffer.from("no") });
  await page.getByText("is no picture that can be read here").waitFor();
  await page.getByRole("button", { name: "Use the frame shown above" }).click();
  await page.getByRole("button", { name: "Publish" }).click();
  await page.waitForURL(at(`/watch?v=${id}.mp4`), { timeout: PATIENCE_MS });
  await page.getByRole("heading", { name: TITLE, level: 1 }).waitFor();
  const told = await page.locator(".explain").innerText();
  expect(told === EXPLAIN, `the page says: ${told}`);
  const tags = await page.getByRole("list", { name: "Tags" }).getByRole("listitem").allInnerTexts();
  expect(tags.join() === "mill,water,stone", `the tags are ${tags}`);
}

async function edit(page, id) {
  begin("edit the details");
  await page.getByRole("link", { name: "Edit" }).click();
  expect((await page.getByLabel("Tags").inputValue()) === "mill, water, stone", "the form has other tags");
  expect((await page.getByLabel("What is in it").inputValue()) === EXPLAIN, "the form has another text");
  await page.getByLabel("Tags").fill("mill, water");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(at(`/watch?v=${id}.mp4`));
  const tags = page.getByRole("list", { name: "Tags" }).getByRole("listitem");
  expect((await tags.count()) === 2, "the tags are the old ones");
}

async function findInGrid(page, id) {
  begin("show it first in the grid, with its picture");
  await page.goto(at("/videos"));
  const card = page.getByRole("list", { name: "Videos" }).getByRole("listitem").first();
  await card.getByRole("heading", { name: TITLE }).waitFor();
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  const broken = await page.evaluate(() => [...document.images].filter((image) => image.naturalWidth === 0).length);
  expect(broken === 0, `${broken} pictures are not shown`);
  const wide = await card.locator("img").evaluate((image) => image.naturalWidth);
  expect(wide >= 300, `its picture is ${wide} pixels wide`);
  await takePictures(page);
  await fitsPhone(page, "phone");
  await card.getByRole("link", { name: TITLE }).click();
  await page.waitForURL((url) => url.searchParams.get("v") === `${id}.mp4`);
}

async function guestsWatch(page, id) {
  const seen = await watch(page, id);
  begin("read the part that is jumped to, and not what is before it");
  const starts = seen.jumped.map(([, range]) => Number(/bytes (\d+)-/.exec(range)[1]));
  expect(starts.some((start) => start > 0), `the jump asked for ${JSON.stringify(seen.jumped)}`);
  const source = await page.locator("#player").evaluate((video) => new URL(video.src).pathname);
  expect(source === `/v1/videos/${id}/content`, `the player reads ${source}`);
  expect((await page.getByRole("link", { name: "Edit" }).count()) === 0, "a guest is offered to edit");
  const refused = await page.goto(at(`/edit-video?v=${id}.mp4`));
  expect(refused.status() === 403, `the editor answers ${refused.status()}`);
  begin("fit the player to a phone");
  await page.goto(at(`/watch?v=${id}.mp4`));
  await takePictures(page, "watch");
  await fitsPhone(page, "watch-phone");
  return seen;
}

async function administer(page, id) {
  begin("refuse the administrators' list to a stranger");
  await page.goto(at("/admin/videos"));
  await signIn(page, setting("REELMILL_EMAIL"), setting("REELMILL_PASSWORD"));
  await page.waitForURL(at("/admin/videos"));
  const row = page.getByRole("row").filter({ hasText: TITLE });
  await row.getByText("weaver", { exact: true }).waitFor();
  await takePictures(page, "admin");
  await fitsPhone(page, "admin-phone");

  begin("set another picture from the administrators' list");
  await row.getByRole("link", { name: `Edit ${TITLE}` }).click();
  await page.locator("#picture-file").setInputFiles({ name: "speck.png", mimeType: "image/png", buffer: SPECK });
  await page.getByText("speck.png is the picture now.").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(at(`/watch?v=${id}.mp4`));
  const { thumbnail } = await (await page.request.get(at(`/v1/videos/${id}`))).json();
  expect(thumbnail.width_px === 2 && thumbnail.height_px === 2, `the picture is ${JSON.stringify(thumbnail)}`);

  begin("delete it from the administrators' list");
  await page.goto(at("/admin/videos"));
  await row.getByRole("button", { name: `Delete ${TITLE}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Keep" }).click();
  await row.getByRole("button", { name: `Delete ${TITLE}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await row.waitFor({ state: "detached" });
}

await play(
  async (open) => {
    const [guest, member] = [await open(), await open()];
    await register(guest);
    const id = await uploadVideo(member);
    await strangersSeeNothing(guest, id);
    await ownersWatch(member, id);
    await publish(member, id);
    await edit(member, id);
    await findInGrid(member, id);
    const { duration, ranges } = await guestsWatch(guest, id);
    const admin = await open();
    await administer(admin, id);
    await strangersSeeNothing(guest, id);
    const { length } = await readFile(media);
    return `a member publishes ${length} bytes, a guest plays ${duration.toFixed(1)} s in ${ranges.length} answers by range, an administrator deletes them`;
  },
  [
    ["/v1/users", "409"],
    ["/upload-video", "403"],
    ["/edit-video", "403"],
    ["/watch", "404"],
  ],
);
