// Finds Chromium and starts it: the one place that knows its flags.
import { accessSync, constants } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const APPLICATIONS = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

const FLAGS = [
  "--no-sandbox", // the sandbox refuses to run as root, as in most CI; only our own page is loaded
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The text of axe-core lies in this file: page.addScriptTag({ path: axePath }). */
export const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

const executable = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The path of a Chromium; tools/setup.sh looks in the same places. */
export function findChromium() {
  if (process.env.CHROME_PATH) return process.env.CHROME_PATH;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const places = [...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))), ...APPLICATIONS];
  const found = places.find(executable);
  if (!found) throw new Error("No Chromium found: run tools/setup.sh test, or set CHROME_PATH.");
  return found;
}

/** A headless Chromium with a fresh profile, which puppeteer deletes when the browser closes. */
export function launch({ args = [], ...options } = {}) {
  return puppeteer.launch({
    executablePath: findChromium(),
    headless: true,
    args: [...FLAGS, ...args],
    ...options,
  });
}
