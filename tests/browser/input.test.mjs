// What is typed wrong: a message by the field, the text as typed, the last good answer, and a way on.
import assert from "node:assert/strict";
import { assertByHand, assertNoNonsense, check, drag, leave, paste, state, text, unfold, value } from "./support.mjs";

// [key, name, valid range, beyond it]
const FIELDS = [
  ["params", "Parameters", "1 M to 10 T", "2e13"],
  ["tokens", "Tokens", "1 M to 1,000 T", "1e16"],
  ["gpus", "GPUs", "1 to 1 M", "2M"],
  ["tflops", "TFLOP/s each", "0.001 to 100,000 TFLOP/s", "200k"],
  ["seq", "Sequence", "1 to 16,777,216", "16777217"],
  ["batch", "Micro-batch", "1 to 65,536", "65_537"],
  ["hidden", "Hidden size", "1 to 131,072", "131073"],
  ["layers", "Layers", "1 to 1,000", "1001"],
  ["heads", "Heads", "1 to 1,024", "1025"],
  ["tp", "Tensor parallel", "1 to 1,024", "2048"],
];
const BAD = ["0", "-5", "NaN", "1e400", "", "lots", "1.2.3", "inf"];

/** Everything but the fields: the answer. */
const answer = ({ figures, table, chart, over, capacity }) => ({ figures, table, chart, over, capacity });

async function assertRefused(page, selector, error, typed, says, before) {
  const what = `${selector} = “${typed}”`;
  await paste(page, selector, typed);
  for (const moment of ["while typing", "after leaving"]) {
    const message = await text(page, error);
    for (const part of says) assert.ok(message.includes(part), `${what} ${moment}: ${part} in “${message}”`);
    assert.equal(await value(page, selector), typed, `${what} ${moment}`);
    const after = await state(page);
    assert.ok(after.stale, `${what} ${moment}: marked as the last good answer`);
    assert.match(after.verdict, /last good answer/i);
    assert.deepEqual(answer(after), answer(before), `${what} ${moment}`);
    await assertNoNonsense(page, `${what} ${moment}`);
    await leave(page);
  }
  const marks = await page.$eval(selector, (field) => ({
    invalid: field.getAttribute("aria-invalid"),
    described: field.getAttribute("aria-describedby"),
  }));
  assert.deepEqual(marks, { invalid: "true", described: error.slice(1) });
}

async function assertAccepted(page, selector, error, typed) {
  await paste(page, selector, typed);
  await leave(page);
  assert.equal(await text(page, error), "");
  assert.equal(await page.$eval(selector, (field) => field.getAttribute("aria-invalid")), null);
  const shown = await state(page);
  assert.ok(!shown.stale);
  assertByHand(shown);
}

for (const [key, name, valid, beyond] of FIELDS) {
  check(`${name}: refuses what is no ${name}`, async ({ open }) => {
    const page = await open();
    await unfold(page);
    const before = await state(page);
    const good = before.values[`field-${key}`];
    const [field, error] = [`#field-${key}`, `#error-${key}`];
    const fraction = key === "tflops" ? [] : ["1.5"];
    for (const typed of [...BAD, ...fraction, beyond]) {
      await assertRefused(page, field, error, typed, [name, "valid", valid], before);
    }
    await assertAccepted(page, field, error, good);

    // The sliders work on: another one, then its own, which ends the wait.
    await paste(page, field, "lots");
    const other = key === "tokens" ? "params" : "tokens";
    await drag(page, other, 1);
    const dragged = await state(page);
    assert.equal(dragged.values[`field-${other}`], other === "tokens" ? "1,000 T" : "10 T");
    assert.notDeepEqual(dragged.figures, before.figures);
    assert.equal(dragged.values[`field-${key}`], "lots");
    assert.ok(dragged.stale);
    await drag(page, key, 0.75);
    const after = await state(page);
    assert.ok(!after.stale);
    assertByHand(after);
  });
}

check("heads, hidden size and tensor parallel have to divide; two fields may wait for each other", async ({ open }) => {
  const page = await open();
  await unfold(page);
  const before = await state(page);
  const cases = [
    ["heads", "30", ["Heads = 30", "hidden size = 4096", "16, 32"], "32"],
    ["hidden", "5000", ["hidden size = 5000", "Heads = 16", "10, 20"], "8192"],
    ["tp", "3", ["Tensor parallel = 3", "heads = 16", "2, 4"], "4"],
  ];
  for (const [key, typed, says, mended] of cases) {
    await assertRefused(page, `#field-${key}`, `#error-${key}`, typed, says, before);
    await assertAccepted(page, `#field-${key}`, `#error-${key}`, mended);
    await page.click("#reset");
  }
  await paste(page, "#field-hidden", "5000");
  assert.ok((await state(page)).stale);
  await paste(page, "#field-heads", "40");
  await leave(page);
  const shown = await state(page);
  assert.deepEqual([shown.values["field-hidden"], shown.values["field-heads"]], ["5,000", "40"]);
  assert.equal(await text(page, "#error-hidden"), "");
  assertByHand(shown);
});

check("the converter refuses the same, and what would lead out of range", async ({ open }) => {
  const page = await open();
  const before = await state(page);
  for (const [key, name] of [["flop", "FLOP"], ["pf-days", "PF-days"], ["gpu-hours", "GPU-hours"], ["days", "Days"]]) {
    const [field, error] = [`#convert-${key}`, `#error-convert-${key}`];
    for (const typed of BAD) await assertRefused(page, field, error, typed, [name, "above 0"], before);
    // No more than 1,000 T tokens and no fewer than 1 M.
    for (const typed of ["1e300", "1e-9"]) {
      await assertRefused(page, field, error, typed, [name, "Tokens", "1 M to 1,000 T"], before);
    }
    await assertAccepted(page, field, error, before.values[`convert-${key}`]);
    await page.click("#reset").catch(() => {}); // disabled where the edit came out exactly
  }
  for (const typed of [...BAD, "101"]) {
    await assertRefused(page, "#convert-mfu", "#error-convert-mfu", typed, ["MFU", "valid", "0.001 to 100 %"], before);
  }
  await assertAccepted(page, "#convert-mfu", "#error-convert-mfu", "50");
});

check("one wrong text, the same in every field that shows it", async ({ open }) => {
  const page = await open();
  await paste(page, "#sentence-tokens", "lots");
  await leave(page);
  for (const twin of ["sentence-tokens", "field-tokens", "convert-tokens"]) {
    assert.equal(await value(page, `#${twin}`), "lots");
    assert.equal(await page.$eval(`#${twin}`, (field) => field.getAttribute("aria-invalid")), "true");
  }
  assert.match(await text(page, "#error-tokens"), /Tokens = “lots”/);
  await page.click("#reset").catch(() => {});
  await page.select("#preset", "gpt2-small");
  assert.equal(await text(page, "#error-tokens"), "");
  assertByHand(await state(page));
});
