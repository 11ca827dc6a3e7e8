// What a reader does on the page: reads the answer, drags, types, converts, asks why.
import assert from "node:assert/strict";
import {
  assertByHand, check, choose, drag, leave, near, number, paste, query, shows, state, text, type, unfold,
  value,
} from "./support.mjs";

check("opens on the article's case study", async ({ open }) => {
  const page = await open();
  const shown = await state(page);
  assert.equal(await text(page, "#verdict"), "Does not fit. 375.1 of 85.5 GB on each H100: 4.4 times too much.");
  assert.deepEqual(shown.figures, {
    compute: "68.1 PF-days", "gpu-hours": "40,833", days: "26.6 days", memory: "375.1 GB",
  });
  assert.deepEqual(shown.table, {
    weights: ["28.00", "26.08", "7"],
    gradients: ["28.00", "26.08", "7"],
    optimizer: ["84.00", "78.23", "22"],
    activations: ["235.15", "219.00", "63"],
    total: ["375.15", "349.39", "100"],
  });
  assert.deepEqual(shown.choices, { est: "rule", precision: "fp32", optimizer: "adamw", recompute: "none", grads: "follow" });
  const fields = {
    params: "7 B", tokens: "140 B", gpus: "64", gpu: "h100-sxm", tflops: "40",
    seq: "128", batch: "512", hidden: "4,096", layers: "24", heads: "16", tp: "1",
  };
  for (const [key, wanted] of Object.entries(fields)) assert.equal(shown.values[`field-${key}`], wanted, key);
  assert.equal(shown.preset, "article");
  assertByHand(shown);
  assert.match(await text(page, "[data-note=printed-figure] summary"), /67\.51 GB/);

  const hatching = await page.$eval(".segment[data-part=optimizer] .over", (over) => ({
    image: getComputedStyle(over).backgroundImage,
    past: over.getBoundingClientRect().left - document.querySelector(".capacity").getBoundingClientRect().left,
  }));
  assert.match(hatching.image, /repeating-linear-gradient/);
  near(hatching.past, 1, 1, "pixels from the capacity line to the hatching"); // the line is 2 px wide
});

check("is there before any script, the same to the pixel", async ({ open }) => {
  const still = await state(await open("", { script: false, ready: "#memory-table" }));
  assert.deepEqual(still, await state(await open("")));
});

check("a drag moves field, sentence, answer, chart and address while it lasts", async ({ open }) => {
  const page = await open();
  const [before, entries] = [await state(page), await page.evaluate(() => history.length)];
  await drag(page, "params", 1, async () => {
    const during = await state(page);
    assert.equal(during.values["field-params"], "10 T");
    assert.equal(during.values["sentence-params"], "10 T");
    assert.equal(during.figures.compute, "97,222 PF-days"); // 6 × 1e13 × 140e9 / 8.64e19
    assert.equal(during.table.weights[0], "40,000.00");
    assertByHand(during);
    await page.waitForFunction(() => location.search.includes("params=10T"));
  });
  assert.equal(await page.evaluate(() => history.length), entries + 1);
  assert.notDeepEqual((await state(page)).chart, before.chart);
  assert.deepEqual(await query(page), { v: "1", preset: "article", params: "10T" });
});

check("every slider and its field agree, at both ends and between", async ({ open }) => {
  const page = await open("?v=1&preset=article&heads=8");
  await unfold(page);
  const ends = {
    params: ["1 M", "10 T"], tokens: ["1 M", "1,000 T"], gpus: ["1", null], tflops: ["0.001", "100,000"],
    seq: ["1", null], batch: ["1", "65,536"], layers: ["1", null], heads: ["1", null], tp: ["1", "8"], hidden: [],
  };
  for (const [key, [low, high]] of Object.entries(ends)) {
    const start = await value(page, `#field-${key}`);
    for (const [share, end] of [[1, high], [0.4, null], [0, low]]) {
      await drag(page, key, share);
      const shown = await state(page);
      if (end) assert.equal(shown.values[`field-${key}`], end, key);
      assertByHand(shown);
    }
    await type(page, `#field-${key}`, start);
    await leave(page);
    assert.equal(await value(page, `#field-${key}`), start);
  }
});

check("the keyboard moves a slider by its stops", async ({ open }) => {
  const page = await open();
  await page.focus("#slider-params");
  await page.keyboard.press("ArrowRight");
  const shown = await state(page);
  assert.equal(shown.values["field-params"], "8 B");
  assert.equal(shown.figures.compute, "77.8 PF-days");
  assert.match(await page.$eval("#slider-params", (slider) => slider.ariaValueText), /^8 B parameters$/i);
  await page.keyboard.press("End");
  assert.equal(await value(page, "#field-params"), "10 T");
});

check("typing moves slider, sentence, answer and chart; the address opens the same", async ({ open }) => {
  const page = await open();
  const cases = [
    ["#field-params", "70B", "params", "70 B"],
    ["#field-tokens", "1.4e12", "tokens", "1.4 T"],
    ["#sentence-gpus", "1_024", "gpus", "1,024"],
    ["#sentence-tflops", "33.5 TFLOP/s", "tflops", "33.5"],
    ["#field-seq", "4k", "seq", "4,096"],
    ["#field-batch", "1", "batch", "1"],
    ["#field-hidden", "8192", "hidden", "8,192"],
    ["#field-layers", "80", "layers", "80"],
    ["#field-heads", "64", "heads", "64"],
  ];
  for (const [selector, typed, key, wanted] of cases) {
    const slider = Number(await value(page, `#slider-${key}`));
    await type(page, selector, typed);
    assert.equal(await value(page, selector), typed, "what is being typed is not rewritten");
    await leave(page);
    const shown = await state(page);
    assert.equal(shown.values[`field-${key}`], wanted);
    assert.equal(shown.values[`sentence-${key}`] ?? wanted, wanted);
    assert.notEqual(Number(shown.values[`slider-${key}`]), slider, key);
    assertByHand(shown);
  }
  // Llama-2-70B's decade: 70 of seven decades lies at log10(70e9 / 1e6) / 7 of the track.
  const share = await page.$eval("#slider-params", (slider) => slider.value / slider.max);
  near(share, Math.log10(70e3) / 7, 0.01, "slider");
  assert.deepEqual(await query(page), {
    v: "1", preset: "article", params: "70B", tokens: "1.4T", gpus: "1024", tflops: "33.5", seq: "4096", batch: "1",
    hidden: "8192", layers: "80", heads: "64",
  });
  assert.deepEqual(await state(await open(page.url())), await state(page));
  await page.reload();
  await page.waitForSelector("html[data-ready]");
  assertByHand(await state(page));
});

check("choices, GPUs and what would save memory follow the formulas", async ({ open }) => {
  const page = await open();
  await unfold(page);
  const steps = [
    ["recompute", "selective", "activations", "219.04"],
    ["recompute", "full", "activations", "12.88"],
    ["precision", "mixed", "weights", "42.00"],
    ["precision", "16bit", "gradients", "14.00"],
    ["grads", "fp32", "gradients", "28.00"],
    ["optimizer", "adamw8bit", "optimizer", "42.00"],
    ["optimizer", "sgd", "optimizer", "56.00"],
  ];
  for (const [name, option, part, gb] of steps) {
    await choose(page, name, option);
    const shown = await state(page);
    assert.equal(shown.choices[name], option);
    assert.equal(shown.table[part][0], gb, `${name} ${option}`);
    assertByHand(shown);
  }
  await page.select("#field-gpu", "h200-sxm");
  assert.equal(await value(page, "#sentence-gpu"), "h200-sxm");
  assert.match(await text(page, "#verdict"), /^Fits\. 110\.9 of 150\.8 GB on each H200/);
  await page.select("#sentence-gpu", "rtx-4090");
  assert.equal(await value(page, "#field-gpu"), "rtx-4090");
  assert.match(await text(page, "#verdict"), /^Does not fit\. 110\.9 of 25\.8 GB on each RTX 4090/);
  assertByHand(await state(page));

  await page.click("#reset");
  await page.evaluate(() => [...document.querySelectorAll(".chip")].find((e) => /^Full/.test(e.textContent)).click());
  assert.equal((await state(page)).choices.recompute, "full");
});

check("the converter: edit any, the rest follows, what is held stays", async ({ open }) => {
  const page = await open();
  const assertReads = async (wanted, what) => {
    const cells = await page.$$eval(".cell .text", (fields) => fields.map(({ id, value }) => [id.slice(8), value]));
    const shown = Object.fromEntries(cells.map(([key, text]) => [key, number(text)]));
    for (const [key, wants] of Object.entries(wanted)) near(shown[key], wants, wants * 1e-5, `${what}: ${key}`);
    const flop = 6 * number(await value(page, "#field-params")) * shown.tokens;
    near(shown.flop, flop, flop * 1e-5, `${what}: 6·P·D`);
    near(shown["pf-days"], flop / 8.64e19, (flop / 8.64e19) * 1e-5, `${what}: PF-days`);
    near(shown["gpu-hours"], shown.gpus * shown.days * 24, shown["gpu-hours"] * 1e-5, `${what}: GPU-hours`);
    const rate = flop / (shown["gpu-hours"] * 3600) / 1e12;
    near(shown.tflops, rate, rate * 1e-5, `${what}: TFLOP/s`);
    const held = await page.$$eval(".cell:has([id^=hold]:checked)", (cells) => cells.every((c) => c.matches(".held")));
    assert.ok(held, "what is held is marked");
  };
  const fresh = async (...toggled) => {
    await page.select("#preset", "gpt2-small");
    await page.select("#preset", "article");
    for (const name of toggled) await page.click(`#hold-${name}`);
  };

  await assertReads({
    flop: 5.88e21, "pf-days": 68.0556, "gpu-hours": 40833.3, days: 26.5842, tokens: 140e9, gpus: 64, tflops: 40,
    mfu: 59.7015, // 40 of 67 TFLOP/s
  }, "at first");
  assert.deepEqual((await state(page)).held.sort(), ["hold-gpus", "hold-tflops"]);
  assert.match(await text(page, "label[for=convert-mfu]"), /67.*FP32/);

  // [holds to toggle, edited, typed, what follows]; 64 × 40 TFLOP/s for 39.0625 days is 100 PF-days.
  const hundred = { flop: 8.64e21, "pf-days": 100, "gpu-hours": 60000, days: 39.0625, tokens: 205714285714 };
  const cases = [
    [[], "pf-days", "100", hundred],
    [[], "flop", "8.64e21", hundred],
    [[], "gpu-hours", "60k", hundred],
    [[], "days", "39.0625", hundred],
    [[], "tokens", "280B", { "pf-days": 136.111, days: 53.1684 }],
    [[], "gpus", "128", { "pf-days": 68.0556, "gpu-hours": 40833.3, days: 13.2921 }],
    [[], "tflops", "20", { "gpu-hours": 81666.7, days: 53.1684, mfu: 29.8507 }],
    [[], "mfu", "50", { tflops: 33.5, days: 31.7423 }],
    [["days"], "gpus", "128", { days: 26.5842, "pf-days": 136.111, tokens: 280e9 }],
    [["days"], "tflops", "20", { days: 26.5842, "pf-days": 34.0278, tokens: 70e9 }],
    [["compute"], "tokens", "70B", { "pf-days": 68.0556, days: 26.5842 }],
    [["tokens"], "flop", "1.176e22", { tokens: 140e9, "pf-days": 136.111 }],
    [["compute", "tflops"], "days", "53.168402777777778", { tflops: 20, "pf-days": 68.0556, gpus: 64 }],
    // Whole GPUs: 5.88e21 / (40e12 × 864,000) = 170.14, so 171 do it in less than 10 days.
    [["compute", "gpus"], "days", "10", { gpus: 171, "pf-days": 68.0556, days: 9.94964 }],
  ];
  for (const [holds, edited, typed, follows] of cases) {
    await fresh(...holds);
    await paste(page, `#convert-${edited}`, typed);
    await leave(page);
    assert.equal(await text(page, `#error-convert-${edited}`), "", `${edited} = ${typed}`);
    await assertReads(follows, `${edited} = ${typed}, toggled ${holds}`);
    assertByHand(await state(page));
  }
  const held = await state(page);
  assert.deepEqual(await state(await open(page.url())), held);

  await fresh("compute", "days");
  await paste(page, "#convert-days", "10");
  assert.match(await text(page, "#error-convert-days"), /release/);
  assert.ok((await state(page)).stale);
});

check("a rate above the peak is said to be impossible, by name and precision", async ({ open }) => {
  const page = await open();
  await type(page, "#convert-tflops", "80");
  await leave(page);
  near(number(await value(page, "#convert-mfu")), 119.403, 0.001, "MFU");
  assert.match(await text(page, "[data-note=impossible-rate] summary"), /80 TFLOP\/s is impossible.*H100.*FP32.*67/);
  assert.ok(await page.$("#mfu-share.impossible"));
  await choose(page, "precision", "mixed");
  assert.ok(!(await shows(page, "[data-note=impossible-rate]")));
  assert.match(await text(page, "label[for=convert-mfu]"), /989.*BF16/);
  near(number(await value(page, "#convert-mfu")), 8.08898, 1e-4, "MFU");
});

check("every number explains itself: formula, values, source", async ({ open }) => {
  const page = await open();
  const cases = [
    [".segment[data-part=activations]", "#explain-activations", "235,149,459,456 bytes", "2205.05198", /128/],
    [".segment[data-part=optimizer]", "#explain-optimizer", "84,000,000,000 bytes", "1910.02054", /7 B/],
    [".segment[data-part=gradients]", "#explain-gradients", "28,000,000,000 bytes", "1910.02054", /7 B/],
    [".segment[data-part=weights]", "#explain-weights", "28,000,000,000 bytes", "1910.02054", /7 B/],
    ["tr[data-part=weights] button", "#explain-weights", "28,000,000,000 bytes", "1910.02054", /7 B/],
    ["button:has(#figure-compute)", ".answer > div > .explanation", "68.06 PF-days", "2001.08361", /140 B/],
    ["button:has(#figure-gpu-hours)", ".answer > div > .explanation", "40,833 GPU-hours", "C = τ·T", /FLOP/],
    ["button:has(#figure-days)", ".answer > div > .explanation", "26.58 days", "C = τ·T", /64/],
  ];
  for (const [selector, place, result, source, values] of cases) {
    if (await shows(page, ".explanation")) await page.click("[aria-expanded=true]");
    await page.click(selector);
    const found = await page.$eval(place, (place) => ({
      shown: place.checkVisibility(),
      formula: place.querySelector("math")?.textContent ?? "",
      symbols: place.querySelector("dl").textContent,
      text: place.textContent,
      html: place.innerHTML,
    }));
    assert.ok(found.shown, selector);
    assert.ok(found.text.includes(result), `${selector}: ${result}`);
    assert.ok(found.html.includes(source), `${selector}: ${source}`);
    assert.match(found.formula, /=/, selector);
    assert.match(found.symbols, values, selector);
    const opened = await page.$$eval(".explanation", (panels) => panels.filter((e) => e.checkVisibility()).length);
    assert.equal(opened, 1, "one at a time");
  }
  await page.click("button:has(#figure-days)");
  assert.ok(!(await shows(page, ".explanation")));

  await page.click(".segment[data-part=activations]");
  await drag(page, "layers", 0.2);
  const shown = await state(page);
  assertByHand(shown);
  const layers = shown.values["field-layers"];
  assert.match(await text(page, "#explain-activations dl"), new RegExp(`layers, ${layers}(?!\\d)`));
});

check("the keyboard reaches and opens every segment", async ({ open }) => {
  const page = await open();
  const reached = [];
  for (let n = 0; n < 80 && reached.length < 4; n++) {
    await page.keyboard.press("Tab");
    const part = await page.evaluate(() => document.activeElement.closest(".segment")?.dataset.part);
    if (!part) continue;
    reached.push(part);
    await page.keyboard.press("Enter");
    assert.ok(await page.$eval(`#explain-${part}`, (row) => row.checkVisibility()), part);
    assert.equal(await page.$eval(".segment:focus", (segment) => segment.ariaPressed), "true");
  }
  assert.deepEqual(reached, ["weights", "gradients", "optimizer", "activations"]);
});

check("the theme switches, and is remembered", async ({ open }) => {
  const page = await open();
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.click("#theme");
  const dark = await paper();
  assert.notEqual(dark, light);
  await page.reload();
  await page.waitForSelector("html[data-ready]");
  assert.equal(await paper(), dark);
  await page.click("#theme");
  assert.equal(await paper(), light);
});
