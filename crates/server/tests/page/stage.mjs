// What the scripts that drive a page share: the settings, the browser, and how a failure is told.
//
// A script is called with everything in the environment, so that the test that starts the server decides where things
// are. All of them read REELMILL_URL (the server, as http://127.0.0.1:8080), REELMILL_CHROMIUM (the browser),
// REELMILL_NODE_MODULES (the folder that has `playwright-core`) and REELMILL_SCREENSHOT (where pictures go, PNG; where
// something fails, one with `-failed` beside it).

import { createRequire } from "node:module";
import { basename, dirname, extname, join, resolve } from "node:path";

export const PATIENCE_MS = 60_000;
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--autoplay-policy=no-user-gesture-required",
  "--disable-background-networking",
  "--no-first-run",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

/** A setting of the environment, which must be there. */
export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}; this script's head says what it is`);
  return value;
}

export const base = new URL(setting("REELMILL_URL"));
const screenshot = setting("REELMILL_SCREENSHOT");
const { chromium } = createRequire(join(resolve(setting("REELMILL_NODE_MODULES")), "_.js"))("playwright-core");

/** The address of a page. */
export const at = (path) => new URL(path, base).href;

let step = "start";

/** Says what is tried from here on. */
export function begin(what) {
  step = what;
}

export function expect(truth, seen) {
  if (!truth) throw new Error(seen);
}

/** The screenshot's file, or with a word one beside it. */
export function pictureOf(variant) {
  const type = extname(screenshot);
  return variant ? join(dirname(screenshot), `${basename(screenshot, type)}-${variant}${type}`) : screenshot;
}

/** Takes the page's picture in both schemes; the dark one has `-dark` in its name. */
export async function takePictures(page, variant) {
  const dark = variant ? `${variant}-dark` : "dark";
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  await page.mouse.move(0, 0);
  await settled(page);
  const light = await page.screenshot({ path: pictureOf(variant) });
  await page.emulateMedia({ colorScheme: "dark" });
  const other = await page.screenshot({ path: pictureOf(dark) });
  await page.emulateMedia({ colorScheme: "light" });
  expect(!light.equals(other), `the dark picture of ${page.url()} is the light one`);
}

/** Waits until every picture that is to be seen is there, and no player is on its way anywhere. */
async function settled(page) {
  await page.waitForFunction(() => {
    const isSeen = (element) => element.checkVisibility() && element.getBoundingClientRect().top < innerHeight;
    const isThere = (video) => !video.currentSrc || (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !video.seeking);
    return [...document.images].filter(isSeen).every((image) => image.complete) && [...document.querySelectorAll("video")].every(isThere);
  });
}

/** Checks that nothing is wider than a phone; with a `variant`, takes the picture. */
export async function fitsPhone(page, variant) {
  await page.setViewportSize({ width: 360, height: 740 });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over <= 0, `${page.url()} is ${over} pixels too wide for a phone`);
  if (variant) await page.screenshot({ path: pictureOf(variant), fullPage: true });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** What must not happen, collected while everything else does; `provoked` are answers that a step asks for. */
function listen(page, complaints, provoked) {
  page.on("pageerror", (error) => complaints.push(`a script failed: ${error.message}`));
  page.on("console", (message) => {
    // The browser logs every answer from 400 on.
    const { url } = message.location();
    const isProvoked = provoked.some(([path, status]) => new URL(url || base).pathname === path && message.text().includes(status));
    if (["error", "warning"].includes(message.type()) && !isProvoked) {
      complaints.push(`the console of ${page.url()} says: ${message.text()} ${url}`);
    }
  });
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    const ours = host === base.host || ["data:", "blob:"].includes(protocol);
    if (!ours) complaints.push(`a request left for ${request.url()}`);
  });
}

/** Opens the browser, plays `walk` and ends the process. `walk` gets a function that opens a page of a browser of its
 * own, without any cookie, and answers with what to say. */
export async function play(walk, provoked = []) {
  const browser = await chromium.launch({ executablePath: setting("REELMILL_CHROMIUM"), args: ARGUMENTS });
  const pages = [];
  const complaints = [];
  const open = async () => {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      colorScheme: "light",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    listen(page, complaints, provoked);
    pages.push(page);
    return page;
  };
  try {
    const said = await walk(open);
    begin("be quiet and stay at home");
    expect(complaints.length === 0, complaints.join("; "));
    console.log(said);
  } catch (error) {
    console.error(`the page could not ${step}: ${await explain(pages.at(-1), error)}`);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

/** What went wrong in one line, with what the page itself says about it where it still can. */
async function explain(page, error) {
  const first = error.message.split("\n")[0];
  if (!page) return first;
  const said = await page.getByRole("alert").filter({ visible: true }).allInnerTexts().catch(() => []);
  await page.screenshot({ path: pictureOf("failed") }).catch(() => {});
  return [first, page.url(), ...said.map((text) => `the page says: ${text}`)].join("; ");
}
