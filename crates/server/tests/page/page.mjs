// Drives the page at `/` in a real browser from sign-in to deletion, as a person would.
//
// Called with everything in the environment, so that the test that starts the server decides where things are:
//   REELMILL_URL           the server, as http://127.0.0.1:8080
//   REELMILL_EMAIL, REELMILL_PASSWORD   an account of at least a member
//   REELMILL_MEDIA         a recording with sound
//   REELMILL_SCREENSHOT    where the picture of a finished conversion goes (PNG); beside it one with `-dark`,
//                          and where something fails one with `-failed`
//   REELMILL_CHROMIUM      the browser
//   REELMILL_NODE_MODULES  the folder that has `playwright-core`
// Ends with 0, or with 1 and one sentence on standard error that names the step and what was seen instead.

import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, extname, join, resolve } from "node:path";

const PATIENCE_MS = 60_000;
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

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}; this script's head says what it is`);
  return value;
}

const settings = {
  url: new URL(setting("REELMILL_URL")),
  email: setting("REELMILL_EMAIL"),
  password: setting("REELMILL_PASSWORD"),
  media: setting("REELMILL_MEDIA"),
  screenshot: setting("REELMILL_SCREENSHOT"),
  chromium: setting("REELMILL_CHROMIUM"),
};
const { chromium } = createRequire(join(resolve(setting("REELMILL_NODE_MODULES")), "_.js"))("playwright-core");

let step = "start";

function expect(truth, seen) {
  if (!truth) throw new Error(seen);
}

/** What must not happen, collected while everything else does. */
function listen(page) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`a script failed: ${error.message}`));
  page.on("console", (message) => {
    // The one refusal that the test provokes: the browser logs every answer from 400 on.
    const provoked = message.location().url.endsWith("/v1/session") && message.text().includes("401");
    if (["error", "warning"].includes(message.type()) && !provoked) complaints.push(`the console says: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    const ours = host === settings.url.host || ["data:", "blob:"].includes(protocol);
    if (!ours) complaints.push(`a request left for ${request.url()}`);
  });
  return complaints;
}

async function signIn(page) {
  step = "show the sign-in form";
  const answer = await page.goto(settings.url.href);
  expect(answer.status() === 200, `the page answers ${answer.status()}`);
  await page.getByLabel("E-mail or name").fill(settings.email);

  step = "refuse a wrong password";
  await page.getByLabel("Password").fill(`${settings.password} not`);
  await page.getByRole("button", { name: "Sign in" }).click();
  const said = await page.getByRole("alert").filter({ visible: true }).innerText();
  expect(/no account has this/i.test(said), `the form says: ${said}`);
  expect(await page.getByRole("heading", { name: "Conversions" }).isHidden(), "the workspace is shown");

  step = "sign in";
  await page.getByLabel("Password").fill(settings.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Conversions" }).waitFor();
  const cookies = await page.context().cookies();
  expect(cookies.length > 0 && cookies.every((cookie) => cookie.httpOnly), "the cookie can be read by scripts");
}

async function drop(page, name) {
  step = "drop a file";
  const bytes = (await readFile(settings.media)).toString("base64");
  const transfer = await page.evaluateHandle(
    async ([encoded, fileName]) => {
      const binary = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([binary], fileName));
      return data;
    },
    [bytes, name],
  );
  for (const type of ["dragenter", "dragover", "drop"]) {
    await page.dispatchEvent("#drop-zone", type, { dataTransfer: transfer });
  }
  const file = page.getByRole("list", { name: "Files to convert" }).getByRole("listitem");
  await file.getByText(name, { exact: true }).waitFor();

  step = "upload it and say what would be done";
  await file.getByText(/ to mp3/i).waitFor();
}

async function convert(page, name) {
  step = "choose a profile";
  await page.getByRole("radio", { name: /^MP3, .*128 kbit/ }).check();

  step = "start the conversion and show its progress";
  const row = page.getByRole("list", { name: "Conversions" }).getByRole("listitem").first();
  // The bar may be there for a moment only, so that looking begins before the click.
  await page.evaluate(() => {
    const seen = new MutationObserver(() => {
      const bars = [...document.querySelectorAll("#jobs progress")];
      if (bars.some((bar) => bar.checkVisibility())) document.body.dataset.progressWasSeen = "true";
    });
    seen.observe(document.getElementById("jobs"), { childList: true, subtree: true, attributes: true });
  });
  await page.getByRole("button", { name: "Convert", exact: true }).click();
  await row.getByRole("heading", { name, exact: true }).waitFor();

  step = "finish the conversion";
  const end = row.locator("[data-part=state]").filter({ hasText: /^(Done|Failed|Cancelled)$/ });
  await end.waitFor({ timeout: PATIENCE_MS });
  const text = await row.innerText();
  expect((await end.innerText()) === "Done", `the row says: ${text.replaceAll("\n", "; ")}`);
  expect(await page.evaluate(() => document.body.dataset.progressWasSeen), "no progress bar was seen");
  expect((await page.locator("#queue > *").count()) === 0, "the file is still in the queue");
  return row;
}

async function play(page, row) {
  step = "play the result";
  const player = row.locator("audio");
  await player.evaluate((audio) => audio.play());
  await page.waitForFunction((audio) => audio.currentTime > 0, await player.elementHandle(), { timeout: PATIENCE_MS });
  const seconds = await player.evaluate((audio) => {
    audio.pause();
    audio.currentTime = 0;
    return audio.duration;
  });
  expect(Number.isFinite(seconds) && seconds > 0, `the player says that it lasts ${seconds} s`);
  return seconds;
}

async function download(page, row) {
  step = "download the result";
  const started = page.waitForEvent("download", { timeout: PATIENCE_MS });
  await row.getByRole("link", { name: /^Download/ }).click();
  const saved = await started;
  const { size } = await stat(await saved.path());
  expect(size > 0, "the file is empty");
  expect(extname(saved.suggestedFilename()) === ".mp3", `the file is called ${saved.suggestedFilename()}`);
  return size;
}

function pictureOf(variant) {
  const { screenshot } = settings;
  const type = extname(screenshot);
  return join(dirname(screenshot), `${basename(screenshot, type)}-${variant}${type}`);
}

async function takePictures(page) {
  step = "take the pictures";
  const { screenshot } = settings;
  const dark = pictureOf("dark");
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  await page.mouse.move(0, 0);
  await page.screenshot({ path: screenshot });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: dark });
  const pictures = await Promise.all([readFile(screenshot), readFile(dark)]);
  expect(!pictures[0].equals(pictures[1]), "the dark picture is the light one");
}

async function fitsPhone(page) {
  step = "fit a phone";
  await page.setViewportSize({ width: 360, height: 740 });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over <= 0, `the page is ${over} pixels too wide`);
  await page.setViewportSize({ width: 1280, height: 800 });
}

async function countOnServer(page, name) {
  const list = await page.request.get(new URL("/v1/media?limit=100", settings.url).href);
  const { items } = await list.json();
  return items.filter((media) => media.name === name).length;
}

async function remove(page, row, name) {
  step = "delete the recording";
  const shown = await page.locator("#jobs > *").count();
  const kept = await countOnServer(page, name);
  await row.getByRole("button", { name: `Delete ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.waitForFunction((count) => document.querySelectorAll("#jobs > *").length < count, shown);
  expect((await countOnServer(page, name)) === kept - 1, "the server still lists it");
}

async function signOut(page) {
  step = "sign out";
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Password").waitFor();
  const me = await page.request.get(new URL("/v1/me", settings.url).href);
  expect(me.status() === 401, `/v1/me still answers ${me.status()}`);
}

async function open(browser) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: "light",
    reducedMotion: "reduce",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return page;
}

async function walk(page) {
  const complaints = listen(page);
  const name = basename(settings.media);
  await signIn(page);
  await drop(page, name);
  const row = await convert(page, name);
  const seconds = await play(page, row);
  const size = await download(page, row);
  await takePictures(page);
  await fitsPhone(page);
  await remove(page, row, name);
  await signOut(page);
  step = "be quiet and stay at home";
  expect(complaints.length === 0, complaints.join("; "));
  return { seconds, size };
}

/** What went wrong in one line, with what the page itself says about it where it still can. */
async function explain(page, error) {
  const alerts = page.getByRole("alert").filter({ visible: true });
  const said = await alerts.allInnerTexts().catch(() => []);
  await page.screenshot({ path: pictureOf("failed") }).catch(() => {});
  return [error.message.split("\n")[0], ...said.map((text) => `the page says: ${text}`)].join("; ");
}

const browser = await chromium.launch({ executablePath: settings.chromium, args: ARGUMENTS });
const page = await open(browser);
try {
  const { seconds, size } = await walk(page);
  console.log(`the page signs in, converts, plays ${seconds.toFixed(1)} s and downloads ${size} bytes`);
} catch (error) {
  console.error(`the page could not ${step}: ${await explain(page, error)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
