// What the browser tests share: a watched page, a reader's gestures, and the article's formulas worked by hand.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "../../tools/browser.mjs";
import { serve } from "../../tools/server.mjs";

export const dist = fileURLToPath(new URL("../../dist/", import.meta.url));
/** The article’s case study, which most tests are about. */
export const ARTICLE = "?v=1&preset=article";
export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 390, height: 844 };

const OPENED = { viewport: WIDE, scheme: "light", script: true, first: () => {}, ready: "html[data-ready]" };

let browser, server;
before(async () => {
  assert.ok(existsSync(join(dist, "petaday.html")), "dist/ holds no page: run make build");
  [browser, server] = await Promise.all([launch(), serve(dist)]);
});
after(() => Promise.all([browser?.close(), server?.close()]));

/**
 * A test in the browser. Its body is given
 * open(address, options), a page in a fresh profile, loaded until `ready` is there (see OPENED);
 * host(html), the address of a server that knows only this page;
 * requests, the addresses asked for so far; and url, where the site is served.
 * It fails as well where a page says anything in the console, throws, or asks for what is not there.
 */
export function check(name, body) {
  test(name, { timeout: 240_000 }, async () => {
    const [complaints, requests, opened] = [[], [], []];
    const earlier = server.requests.length;
    const open = async (address = ARTICLE, options) => {
      const { viewport, scheme, script, first, ready } = { ...OPENED, ...options };
      const context = await browser.createBrowserContext();
      opened.push(() => context.close());
      const page = await context.newPage();
      await watch(page, complaints, requests);
      await page.setViewport(viewport);
      await page.setJavaScriptEnabled(script);
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.evaluateOnNewDocument(first);
      await page.goto(new URL(address, server.url).href);
      await page.waitForSelector(ready);
      return page;
    };
    const host = async (html) => {
      const other = createServer((_, response) => response.setHeader("content-type", "text/html").end(html));
      await new Promise((done) => other.listen(0, "127.0.0.1", done));
      opened.push(() => other.close());
      return `http://127.0.0.1:${other.address().port}/`;
    };
    try {
      await body({ open, host, requests, url: server.url });
      // A task later, what was about to be said has been said.
      await new Promise((done) => setTimeout(done, 50));
    } catch (error) {
      error.message += complaints.map((complaint) => `\n  and: ${complaint}`).join("");
      throw error;
    } finally {
      await Promise.all(opened.map((close) => close()));
    }
    // The server also sees what the browser itself asks for, as an icon.
    const missing = server.requests.slice(earlier).filter((path) => !existsSync(join(dist, path)));
    assert.deepEqual([...complaints, ...missing.map((path) => `404 ${path}`)], []);
  });
}

/** Puppeteer's own events leave out what frames in other processes log and throw. */
async function watch(page, complaints, requests) {
  const listen = async (session) => {
    session.on("sessionattached", (child) => listen(child).catch(() => {})); // a frame may be gone already
    session.on("Log.entryAdded", ({ entry }) => {
      if (/error|warning/.test(entry.level)) complaints.push(`${entry.level}: ${entry.text} ${entry.url ?? ""}`);
    });
    session.on("Runtime.consoleAPICalled", ({ type, args }) => {
      const text = args.map((arg) => arg.value ?? arg.description).join(" ");
      if (/error|warning|assert/.test(type)) complaints.push(`console.${type}: ${text}`);
    });
    session.on("Runtime.exceptionThrown", ({ exceptionDetails: { text, exception } }) =>
      complaints.push(`${text} ${exception?.description ?? exception?.value ?? ""}`),
    );
    const children = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
    await Promise.all([
      session.send("Log.enable"),
      session.send("Runtime.enable"),
      session.send("Target.setAutoAttach", children),
    ]);
  };
  page.on("request", (request) => requests.push(request.url()));
  page.on("requestfailed", (request) => {
    // Without scripts theirs is refused.
    if (page.isJavaScriptEnabled()) complaints.push(`${request.failure()?.errorText} ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  await listen(await page.createCDPSession());
}

// Gestures. `where` is a page or a frame.

const pageOf = (where) => where.page?.() ?? where;

/** The frame inside a host page, once its app runs. */
export async function embedded(page) {
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await frame.waitForSelector("html[data-ready]");
  return frame;
}

/** Scrolls a slider into view, if it is not. */
export async function reveal(where, key) {
  const slider = await where.$(`#slider-${key}`);
  await slider.evaluate((slider) => {
    const { top, bottom } = slider.getBoundingClientRect();
    // A small screen's foot covers what is under it.
    if (top < 0 || bottom > innerHeight - 80) slider.scrollIntoView({ block: "center" });
  });
  return slider;
}

/** Drags a slider's thumb to a share of its track; `held` runs before the button is released. */
export async function drag(where, key, share, held = () => {}) {
  const slider = await reveal(where, key);
  const { mouse } = pageOf(where);
  const thumb = await slider.evaluate((slider) => slider.value / slider.max);
  const { x, y, width, height } = await slider.boundingBox();
  const at = (share) => [x + 8 + share * (width - 16), y + height / 2]; // the thumb is 16 px wide
  await mouse.move(...at(thumb));
  await mouse.down();
  await mouse.move(...at(share), { steps: 6 });
  await held();
  await mouse.up();
}

async function select(where, selector) {
  const field = await where.$(selector);
  await field.click();
  await field.evaluate((field) => field.select());
  return pageOf(where).keyboard;
}

/** Types over what a text field holds, key by key. */
export async function type(where, selector, text) {
  await (await select(where, selector)).type(text);
}

/** Puts text into a field in one go, so that the page sees nothing in between. */
export async function paste(where, selector, text) {
  const keyboard = await select(where, selector);
  await (text ? keyboard.sendCharacter(text) : keyboard.press("Backspace"));
}

/** Leaves the field. */
export const leave = (where) => pageOf(where).keyboard.press("Tab");

/** Clicks an option of a choice. */
export async function choose(where, name, value) {
  const option = await where.$(`label:has(input[name=${name}][value="${value}"])`);
  await option.click();
}

/** Opens the folded controls. */
export const unfold = (where) =>
  where.$$eval("details.fold:not([open]) > summary", (folds) => folds.forEach((fold) => fold.click()));

export const address = (where) => where.evaluate(() => location.href);
export const query = async (where) => Object.fromEntries(new URL(await address(where)).searchParams);
export const text = (where, selector) =>
  where.$eval(selector, (element) => element.textContent.replace(/\s+/g, " ").trim());
export const value = (where, selector) => where.$eval(selector, (element) => element.value);

export const shows = (where, selector) =>
  where.$$eval(selector, (elements) => elements.some((element) => element.checkVisibility()));

/** All that the page shows of its scenario. */
export const state = (where) =>
  where.evaluate(() => {
    const trimmed = (element) => element.textContent.replace(/\s+/g, " ").trim();
    const all = (selector, key, read) =>
      Object.fromEntries(
        [...document.querySelectorAll(selector)]
          // Sections are closed at first, and below everything.
          .filter((element) => !element.closest("[hidden], #sections"))
          .map((element) => [key(element), read(element)]),
      );
    const bar = document.querySelector(".segments").getBoundingClientRect();
    const within = ({ left, width }) => [(left - bar.left) / bar.width, width / bar.width];
    const box = (element) => within(element.getBoundingClientRect());
    return {
      values: all("[id^=slider], [id^=field], [id^=sentence-], [id^=convert-]:is(input)", (e) => e.id, (e) => e.value),
      choices: all("input[type=radio]:checked", (e) => e.name, (e) => e.value),
      held: [...document.querySelectorAll("[id^=hold]:checked")].map((e) => e.id),
      preset: document.querySelector("#preset")?.value,
      figures: all(".figure .value", (e) => e.id.replace("figure-", ""), trimmed),
      verdict: trimmed(document.querySelector("#verdict")),
      table: all("#memory-table tr[data-part], #memory-table tr.total", (e) => e.dataset.part ?? "total", (row) =>
        [...row.querySelectorAll("td:not(.how)")].map(trimmed),
      ),
      chart: all(".segment", (e) => e.dataset.part, box),
      over: all(".segment", (e) => e.dataset.part, (e) => box(e.querySelector(".over"))),
      capacity: box(document.querySelector(".capacity")),
      stale: document.querySelector("#answer").classList.contains("stale"),
    };
  });

/** Nowhere a number that is none, but where a message quotes what was typed or linked. */
export async function assertNoNonsense(where, what) {
  const shown = await where.evaluate(() => {
    const page = document.querySelector("#app").cloneNode(true);
    for (const message of page.querySelectorAll(".error, #notices, datalist")) message.remove();
    return page.outerHTML.replace(/ value="[^"]*"/g, "");
  });
  assert.doesNotMatch(shown, /\bNaN\b|\binf(inity)?\b|undefined/i, what);
}

/** A number as the page prints it: 7 B, 40,833, 5.88e21; NaN where there is none. */
export function number(text) {
  const [, digits, suffix] = text.match(/^([\d.,]+(?:e-?\d+)?)(?: ([MBT]))?(?: |$)/) ?? [];
  return Number(digits?.replaceAll(",", "")) * ({ M: 1e6, B: 1e9, T: 1e12 }[suffix] ?? 1);
}

export function near(found, wanted, tolerance, what) {
  assert.ok(Math.abs(found - wanted) <= tolerance, `${what}: ${found}, by hand ${wanted}`);
}

// The article's formulas. Memory of the GPUs as nvidia-smi reports it, in MiB.

const MIB = { "h100-sxm": 81_559, "a100-80": 81_920, "rtx-4090": 24_564, "h200-sxm": 143_771 };
const WEIGHT_BYTES = { fp32: 4, "16bit": 2, mixed: 6 };
const GRADIENT_BYTES = { fp32: 4, "16bit": 2, mixed: 2 };
const OPTIMIZER_BYTES = { adamw: 12, adamw8bit: 6, sgd: 8 };

function activations({ seq: s, batch: b, hidden: h, layers: L, heads: a, tp: t }, recompute) {
  const factor = { none: 10 + 24 / t + (5 * a * s) / (h * t), selective: 10 + 24 / t, full: 2 };
  return s * b * h * L * factor[recompute];
}

/** Works the shown scenario out by hand and compares it with figures, table and chart. */
export function assertByHand(shown) {
  const read = (key) => number(shown.values[`field-${key}`]);
  const keys = ["params", "tokens", "gpus", "tflops", "seq", "batch", "hidden", "layers", "heads", "tp"];
  const x = Object.fromEntries(keys.map((key) => [key, read(key)]));
  const { precision, grads, optimizer, recompute } = shown.choices;
  assertAnswer(shown, {
    ...x,
    capacity: MIB[shown.values["field-gpu"]] * 2 ** 20,
    parts: {
      weights: x.params * WEIGHT_BYTES[precision],
      gradients: x.params * GRADIENT_BYTES[grads === "follow" ? precision : grads],
      optimizer: x.params * OPTIMIZER_BYTES[optimizer],
      activations: activations(x, recompute),
    },
  });
}

/** The same for the case study with other parameters, tokens or GPUs, as in an embed, where the rest is not shown. */
export function assertCaseStudy(shown) {
  const [params, tokens, gpus] = ["params", "tokens", "gpus"].map((key) => number(shown.values[`field-${key}`]));
  const parts = { weights: 4 * params, gradients: 4 * params, optimizer: 12 * params, activations: 235_149_459_456 };
  assertAnswer(shown, { params, tokens, gpus, tflops: 40, capacity: 81_559 * 2 ** 20, parts });
}

function assertAnswer({ figures, verdict, table, chart, over, capacity: line }, { capacity, parts, ...run }) {
  const total = Object.values(parts).reduce((sum, bytes) => sum + bytes);
  const flop = 6 * run.params * run.tokens;
  const gpuHours = flop / (run.tflops * 1e12) / 3600;
  const byHand = {
    compute: flop / 8.64e19,
    "gpu-hours": gpuHours,
    days: gpuHours / run.gpus / 24,
    memory: total / 1e9,
  };
  for (const [name, wanted] of Object.entries(byHand)) near(number(figures[name]), wanted, wanted * 5e-3, name);
  assert.match(verdict, total <= capacity ? /^Fits\./ : /^Does not fit\./);

  const longest = Math.max(total, capacity);
  let left = 0;
  for (const [part, bytes] of Object.entries({ ...parts, total })) {
    const [gb, gib, percent] = table[part].map(number);
    for (const [unit, found, wanted] of [["GB", gb, bytes / 1e9], ["GiB", gib, bytes / 2 ** 30]]) {
      // Two decimals; from a million on five digits.
      near(found, wanted, wanted < 1e6 ? 0.00501 : wanted * 5.01e-5, `${part} in ${unit}`);
    }
    near(percent, (100 * bytes) / total, 0.51, `${part} in percent`);
    if (part === "total") continue;
    const right = left + bytes;
    near(chart[part][0], left / longest, 0.003, `${part}'s left edge`);
    near(chart[part][1], bytes / longest, 0.003, `${part}'s width`);
    near(over[part][1], Math.max(0, right - Math.max(capacity, left)) / longest, 0.003, `${part}'s overflow`);
    near(over[part][0] + over[part][1], right / longest, 0.003, `the right edge of ${part}'s overflow`);
    left = right;
  }
  near(line[0] + line[1] / 2, capacity / longest, 0.003, "the capacity line");
}
