// Memory counted tensor by tensor, the layout over GPUs, and the plan: what the second wasm writes.
import assert from "node:assert/strict";
import { address, check, drag, query, shows, state, text } from "./support.mjs";


// Llama-2-7B on one GPU at 4,096 tokens under autocast, AdamW's fused step: 117.0 GiB of tensors.
const ONE_GPU = "?v=1&preset=llama2-7b-fsdp&gpus=1&sharding=ddp";
const PIPELINE = "?v=1&preset=llama2-7b-fsdp&model=llama-3.1-405b&gpus=512&tp=8&pp=16&stack=megatron&sharding=distributed&sp=yes&precision=main-grads&accum=32&seq=8192";

const open_section = async (page, section) => {
  await page.waitForFunction(() => petaday.engine);
  await page.$eval(`#section-${section}-fold > summary`, (summary) => summary.click());
  await page.waitForFunction((id) => document.querySelector(id)?.textContent.length > 60, {}, `#section-${section}`);
};
const wake = async (page) => {
  await page.evaluate(() => dispatchEvent(new PointerEvent("pointerdown")));
  await page.waitForFunction(() => petaday.engine);
};
const counted = (page) =>
  page.waitForFunction(() => /^counted/.test(document.querySelector("#memory-heading small").textContent));

check("opens on a count, without the second wasm", async ({ open, requests }) => {
  const page = await open("");
  assert.match(await text(page, "#memory-heading"), /counted; fullest in/);
  assert.match(await text(page, "#verdict"), /^Fits\./);
  assert.equal(await text(page, "#sentence strong"), "Llama-2-7B");
  assert.deepEqual(requests.filter((url) => /engine/.test(url)), []);
});

check("the count and the second wasm agree", async ({ open }) => {
  const page = await open("");
  const before = await state(page);
  await wake(page);
  await counted(page);
  assert.deepEqual((await state(page)).table, before.table);
});

check("a drag away from the opening scenario is counted", async ({ open }) => {
  const page = await open("");
  const before = await text(page, "#figure-memory");
  await drag(page, "batch", 0.2);
  await counted(page);
  assert.notEqual(await text(page, "#figure-memory"), before);
});

check("a segment opens to its tensors, which sum to it", async ({ open }) => {
  const page = await open(ONE_GPU);
  await counted(page);
  for (const part of ["weights", "optimizer", "activations"]) {
    if (!(await page.$eval(`.segment[data-part=${part}]`, (segment) => segment.getBoundingClientRect().width > 4))) continue;
    await page.click(`tr[data-part=${part}] button`);
    await page.waitForSelector(`#explain-${part} table`);
    const sum = await page.$$eval(`#explain-${part} tr.total td`, (cells) => cells.at(-2).textContent);
    const shown = await page.$eval(`#memory-table > tbody > tr[data-part=${part}] > td:not(.how)`, (cell) => cell.textContent);
    assert.equal(sum, shown, part);
    const cells = await page.$$eval(`#explain-${part} tbody tr:first-child > *`, (cells) => cells.map((cell) => cell.textContent));
    assert.equal(cells.length, 6);
    assert.match(cells[2], /float|int|bool/);
  }
});

check("the step is a timeline whose peak is named, and a suggestion is applied", async ({ open }) => {
  const page = await open(ONE_GPU);
  await counted(page);
  await open_section(page, "memory");
  const bars = await page.$$eval("#section-memory .bars .bar-name", (names) => names.map((name) => name.textContent));
  assert.ok(bars.length >= 4, bars.join("; "));
  assert.equal(await page.$$eval("#section-memory .track.marked", (tracks) => tracks.length), 1);
  assert.ok(await shows(page, "#section-memory .limit"));
  assert.match(await text(page, "#verdict"), /^Does not fit\./);
  await page.$eval("#section-memory [data-set]", (button) => button.click());
  await page.waitForFunction(() => /^Fits\./.test(document.querySelector("#verdict").textContent));
  await counted(page);
});

check("what others say stands beside it", async ({ open }) => {
  const page = await open(ONE_GPU);
  await counted(page);
  await open_section(page, "memory");
  const said = await text(page, "#section-memory");
  // Recorded of PyTorch with the fused step, with foreach's copies, and with eager attention, in GiB.
  for (const gib of ["117.0", "125.5", "214.4"]) assert.ok(said.includes(gib), gib);
});

check("a pipeline names its worst stage, and a full layout's link restores it", async ({ open }) => {
  const page = await open(PIPELINE);
  await counted(page);
  await open_section(page, "layout");
  const said = await text(page, "#section-layout");
  assert.match(said, /4 × 8 × 16 × 1 = 512 GPUs ✓/);
  assert.match(said, /stage/i);
  assert.ok((await page.$$("#section-layout .track")).length <= 8);
  const again = await open(new URL(await address(page)).search || PIPELINE);
  await counted(again);
  assert.deepEqual((await state(again)).table, (await state(page)).table);
});

check("a layout that does not divide says so, and a button mends it", async ({ open }) => {
  const page = await open(PIPELINE.replace("pp=16", "pp=5"));
  await open_section(page, "layout");
  assert.match(await text(page, "#section-layout .misfit"), /divide|GPUs/);
  const buttons = await page.$$("#section-layout .misfit [data-set]");
  assert.ok(buttons.length > 0);
  const before = await text(page, "#section-layout .misfit");
  await page.$eval("#section-layout .misfit [data-set]", (button) => button.click());
  await page.waitForFunction((before) => document.querySelector("#section-layout .misfit")?.textContent.replace(/\s+/g, " ").trim() !== before, {}, before);
});

check("a plan is searched while a slider is dragged; a layout is applied, sorted and filtered, its link reopened", async ({ open }) => {
  const page = await open("?v=1&preset=llama2-7b-fsdp&accum=16");
  await open_section(page, "plan");
  const table = () => page.waitForSelector("#section-plan table", { timeout: 20_000 });
  await table();
  // The longest frame while searches run is reported, not asserted.
  await page.evaluate(() => {
    window.longest = 0;
    let last = performance.now();
    const tick = (now) => { window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  });
  await drag(page, "seq", 0.45);
  await table();
  console.log(`# longest frame while searching: ${Math.round(await page.evaluate(() => window.longest))} ms`);
  const first = () => page.$eval("#section-plan table:last-of-type tbody tr:first-child", (row) => row.textContent);
  await page.waitForSelector("#section-plan [data-sort]");
  const fastest = await first();
  const sorts = await page.$$eval("#section-plan [data-sort]", (buttons) => buttons.map((button) => button.dataset.sort));
  await page.$eval(`#section-plan [data-sort="${sorts.at(-1)}"]`, (button) => button.click());
  assert.equal(await page.$eval(`#section-plan [data-sort="${sorts.at(-1)}"]`, (button) => button.getAttribute("aria-pressed")), "true");
  await page.$eval("#section-plan [data-filter]", (button) => button.click());
  assert.equal(await page.$eval("#section-plan [data-filter]", (button) => button.getAttribute("aria-pressed")), "true");
  assert.ok(fastest.length > 10);
  await page.$eval("#section-plan td [data-set], #section-plan th [data-set]", (button) => button.click());
  // Searched again, the layout in the fields is one of the rows.
  await page.waitForSelector("#section-plan tr.chosen", { timeout: 20_000 });
  await counted(page);
  await page.waitForFunction(() => location.search.includes("stack="));
  const again = await open(new URL(await address(page)).search);
  await counted(again);
  assert.deepEqual((await query(again)), (await query(page)));
  assert.deepEqual((await state(again)).table, (await state(page)).table);
});

check("sweeps and launch settings open", async ({ open }) => {
  const page = await open("?v=1&preset=llama2-7b-fsdp&accum=16");
  await open_section(page, "sweep");
  await page.waitForSelector("#section-sweep table", { timeout: 60_000 });
  await open_section(page, "launch");
  assert.match(await text(page, "#section-launch"), /Megatron-LM|torchtitan/);
  assert.doesNotMatch(await text(page, "#sections"), /\bNaN\b/);
});
