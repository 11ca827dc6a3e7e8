// Times 200 drags of a slider in the release build, plain and with the processor slowed four times: of the parameters under
// the rule of thumb, of the sequence length where memory is counted. Then searches for layouts, in the browser.
// Per drag, from the dispatch of the slider's input event:
//   update  until the answer's figure and the chart's segment have changed and been laid out. The app runs its
//           effects in a microtask, all in one, so microtasks are counted until the change is there. Asking for the
//           segments' rectangles lays out.
//   frame   until the frame that shows it has been made: a task asked for inside the next animation frame's callback
//           runs right after that frame's style, layout and paint. A second animation frame would add an idle wait for
//           the next refresh, and 'event' timings are rounded to 8 ms and not given for scripted events.
// The wait for the refresh (up to 16.7 ms) is in `frame`, as it is for a reader: drags start at varied times.
// Prints a table, and as the last line the same as JSON.
import { launch } from "./browser.mjs";
import { serve } from "./server.mjs";

const DRAGS = 200;

/** Runs in the page. */
async function drag(drags, [sliderOf, figureOf]) {
  const slider = document.querySelector(sliderOf);
  const figure = document.querySelector(figureOf);
  // The widths are shares, so some part of the chart always moves.
  const segments = () =>
    [...document.querySelectorAll("#memory-chart [data-part]")].map((part) => {
      const { left, width } = part.getBoundingClientRect();
      return `${left} ${width}`;
    }).join();
  const task = () =>
    new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => (port1.close(), done());
      port2.postMessage(0);
    });
  const frame = () => new Promise((done) => requestAnimationFrame(() => task().then(done)));
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  const [low, high] = [Number(slider.min), Number(slider.max)];
  const from = Math.round(low + (high - low) * 0.3);
  const steps = Math.max(2, Math.round((high - low) * 0.4));
  const times = { update: [], frame: [] };
  for (let n = 0; n < drags; n++) {
    // To and fro over the middle of the slider, never the same value twice in a row.
    const at = n % (2 * steps);
    const value = String(from + (at < steps ? at : 2 * steps - at));
    if (slider.value === value) slider.value = String(from + steps + 1);
    const [textBefore, chartBefore] = [figure.textContent, segments()];

    const start = performance.now();
    slider.value = value;
    slider.dispatchEvent(new InputEvent("input", { bubbles: true }));
    const painted = frame().then(() => performance.now() - start);
    for (let hops = 0; figure.textContent === textBefore; hops++) {
      if (hops > 1000) throw new Error(`drag ${n}, to ${value}: the answer did not change`);
      await null;
    }
    if (segments() === chartBefore) throw new Error(`drag ${n}, to ${value}: the chart did not change`);
    times.update.push(performance.now() - start);
    times.frame.push(await painted);
    await pause(20 + ((n * 7) % 17));
  }
  return times;
}

// Searches for layouts: milliseconds from asking to the table, slices and their waits included, the best of three; and the
// longest that a task waited meanwhile.
const PLANS = {
  "405B on 16,384": "v=1&preset=llama2-7b-fsdp&model=llama-3.1-405b&gpus=16384&tp=8&pp=16&seq=8192&accum=16&precision=main-grads",
  "671B on 2,048": "v=1&preset=llama2-7b-fsdp&model=deepseek-v3&gpus=2048&seq=4096&accum=8&precision=main-grads",
};

/** Runs in the page. */
async function plan(query) {
  const place = document.querySelector("#section-plan");
  const start = performance.now();
  place.innerHTML = petaday.engine.section("plan", query);
  let [longest, last] = [0, start];
  while (!place.querySelector("table")) {
    await new Promise((done) => setTimeout(done, 0));
    const now = performance.now();
    [longest, last] = [Math.max(longest, now - last), now];
  }
  const layouts = Number(place.textContent.match(/of ([\d,]+) layouts/)[1].replaceAll(",", ""));
  return { ms: performance.now() - start, longest_wait_ms: longest, layouts };
}

async function plans() {
  const page = await browser.newPage();
  await page.goto(server.url + "?v=1&preset=llama2-7b-fsdp&accum=16");
  await page.waitForFunction(() => petaday.engine);
  const found = {};
  for (const [name, query] of Object.entries(PLANS)) {
    const runs = [];
    for (let n = 0; n < 3; n++) runs.push(await page.evaluate(plan, query));
    const { ms, longest_wait_ms, layouts } = runs.sort((a, b) => a.ms - b.ms)[0];
    found[name] = { layouts, ms: Math.round(ms), longest_wait_ms: Math.round(longest_wait_ms), layouts_a_second: Math.round((layouts / ms) * 1000) };
  }
  return found;
}

const at = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)];
const summary = (values) => ({ median: Number(at(values, 0.5).toFixed(1)), p95: Number(at(values, 0.95).toFixed(1)) });

const server = await serve("dist", { compress: true });
const browser = await launch();
const results = {};
const RULE = ["?v=1&preset=article", "#slider-params", "#figure-compute"];
const COUNTED = ["?v=1&preset=llama2-7b-fsdp&seq=8k", "#slider-seq", "#figure-memory"];
try {
  for (const [name, rate, [address, ...where]] of [
    ["plain", 1, RULE], ["throttled", 4, RULE], ["counted plain", 1, COUNTED], ["counted throttled", 4, COUNTED],
  ]) {
    const page = await browser.newPage();
    // Without animations: a bar that slides into place is not late.
    await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
    await page.goto(server.url + address);
    await page.waitForSelector(`html[data-ready] ${where[0]}`);
    if (where[1] === "#figure-memory") await page.waitForFunction(() => petaday.engine);
    const devtools = await page.createCDPSession();
    await devtools.send("Emulation.setCPUThrottlingRate", { rate });
    await page.evaluate(drag, 20, where); // warms the engine's compiler
    const times = await page.evaluate(drag, DRAGS, where);
    results[name] = { update: summary(times.update), frame: summary(times.frame) };
    await page.close();
  }
  results.plan = await plans();
} finally {
  await browser.close();
  await server.close();
}

console.log(`${DRAGS} drags, in ms`.padEnd(28) + "median".padStart(8) + "p95".padStart(8));
for (const [name, kinds] of Object.entries(results).filter(([name]) => name !== "plan")) {
  for (const [kind, { median, p95 }] of Object.entries(kinds)) {
    console.log(`${name}, until the ${kind}`.padEnd(28) + String(median).padStart(8) + String(p95).padStart(8));
  }
}
console.log(JSON.stringify({ drags: DRAGS, ...results }));
