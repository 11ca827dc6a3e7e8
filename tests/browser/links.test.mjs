// The address: history, links good and bad, and what the share and embed dialogs hand out.
import assert from "node:assert/strict";
import {
  address, assertByHand, assertNoNonsense, check, choose, drag, leave, near, number, paste, query, shows, state, text,
  type, unfold, value,
} from "./support.mjs";

check("one history entry for each settled change; back and forward restore every one", async ({ open }) => {
  const page = await open();
  await unfold(page);
  const steps = {
    "a drag": () => drag(page, "tokens", 0.8, () => new Promise((done) => setTimeout(done, 600))),
    "another drag of it": () => drag(page, "tokens", 0.3),
    "a drag of another": () => drag(page, "gpus", 0.6),
    "typing": async () => (await type(page, "#field-params", "13B"), leave(page)),
    "typing in the question": async () => (await type(page, "#sentence-tflops", "20"), leave(page)),
    "typing in the converter": async () => (await type(page, "#convert-days", "30"), leave(page)),
    "an option": () => choose(page, "precision", "mixed"),
    "a folded option": () => choose(page, "grads", "fp32"),
    "a GPU": () => page.select("#field-gpu", "a100-80"),
    "a hold": () => page.click("#hold-days"),
    "a preset": () => page.select("#preset", "gpt3-175b"),
    "a change to the preset": () => choose(page, "recompute", "selective"),
    "a reset": () => page.click("#reset"),
    "the slider's arrow key": () => page.focus("#slider-seq").then(() => page.keyboard.press("ArrowRight")),
  };
  const entries = () => page.evaluate(() => history.length);
  const first = await entries();
  const walked = [{ address: await address(page), shown: await state(page) }];
  for (const [name, step] of Object.entries(steps)) {
    await step();
    const shown = await state(page);
    assert.notDeepEqual(shown, walked.at(-1).shown, name);
    walked.push({ address: await address(page), shown });
    assert.equal(await entries(), first + walked.length - 1, name);
  }
  const names = ["the start", ...Object.keys(steps)];
  const visit = async (index) => {
    assert.equal(await address(page), walked[index].address, names[index]);
    assert.deepEqual(await state(page), walked[index].shown, names[index]);
  };
  for (let index = walked.length - 2; index >= 0; index--) {
    await page.goBack();
    await visit(index);
  }
  for (let index = 1; index < walked.length; index++) {
    await page.goForward();
    await visit(index);
  }
  assert.equal(await entries(), first + walked.length - 1);
});

check("a link opens exactly what it says, after ? and after #", async ({ open }) => {
  const link =
    "v=1&preset=article&params=70B&tokens=1.4T&gpus=1024&gpu=a100-80&mfu=45&precision=mixed&grads=fp32" +
    "&optimizer=adamw8bit&recompute=selective&seq=4096&batch=1&hidden=8192&layers=80&heads=64&tp=8&hold=compute.days";
  const page = await open(`?${link}`);
  const shown = await state(page);
  assert.ok(!(await shows(page, "#notices")));
  assert.deepEqual(shown.held.sort(), ["hold-compute", "hold-days"]);
  assert.equal(shown.values["field-tflops"], "140.4"); // 45 % of the A100's 312
  assertByHand(shown);
  for (const other of [`#${link}`, `#?${link}`, `?preset=article#${link.replace("preset=article&", "")}`]) {
    assert.deepEqual(await state(await open(other)), shown, other);
  }
});

check("presets open as published", async ({ open }) => {
  const page = await open("?v=1&preset=gpt3-175b");
  near(number(await text(page, "#figure-compute")), 3640, 5, "PF-days of GPT-3 in Brown et al. 2020, Table D.1");
  for (const preset of ["gpt2-small", "llama2-7b", "gpt3-175b", "gpt-22b", "article"]) {
    await page.select("#preset", preset);
    const shown = await state(page);
    assertByHand(shown);
    assert.deepEqual(await query(page), { v: "1", preset });
    assert.deepEqual(await state(await open(`?v=1&preset=${preset}`)), shown);
  }
});

check("an address edited after # is followed; the way to the question changes no number", async ({ open }) => {
  const page = await open("#v=1&preset=article&params=70B");
  assert.equal(await value(page, "#field-params"), "70 B");
  await page.focus(".skip");
  await page.keyboard.press("Enter");
  assert.equal(await value(page, "#field-params"), "70 B", "after the skip link");
  await page.evaluate(() => (location.hash = "v=1&preset=article&params=13B"));
  await page.waitForFunction(() => document.querySelector("#field-params").value === "13 B");
  assertByHand(await state(page));
});

// [address, what its notices name]; all else is as in the preset.
const BAD_LINKS = [
  ["?params=0&layers=abc&foo=1", ["Parameters = 0", "1 M to 10 T", "Layers = “abc”", "1 to 1,000", "“foo”"]],
  ["?preset=unknown", ["preset = “unknown”", "article"]],
  ["?v=2&preset=article", ["v = “2”"]],
  ["?v=&gpu=h900", ["v = “”", "GPU = “h900”", "h100-sxm"]],
  ["?precision=fp8", ["Precision = “fp8”", "fp32, 16bit, mixed"]],
  ["?heads=30", ["Heads = 30 does not divide hidden size = 4096", "16, 32"]],
  ["?params=NaN&tokens=1e400&gpus=-5&tflops=&mfu=inf", ["“NaN”", "1e400", "-5", "empty", "“inf”"]],
  ["?params=7B&params=7B", ["params stands twice"]],
  ["?hold=everything", ["hold = “everything”"]],
  ["?%FF%zz=%&params=%E0%A4%A&tokens=%00&=&&&=1&%", ["Parameters = “", "Tokens = “"]],
  ["?params=<img src=x onerror=alert(1)>", ["Parameters = “<img src=x"]],
  [`?params=${"9".repeat(6000)}`, ["Parameters = 9", "1 M to 10 T"]],
  [`#params=${"x".repeat(200_000)}&${"y=1&".repeat(1000)}`, ["Parameters = “x", "“y”"]],
];

check("bad links: a notice names each field that fell back, and the page works", async ({ open }) => {
  const fallback = await state(await open());
  for (const [link, named] of BAD_LINKS) {
    const what = link.slice(0, 60);
    const page = await open(link);
    const notices = await text(page, "#notices");
    for (const name of named) assert.ok(notices.includes(name), `${what}: ${name} in ${notices.slice(0, 500)}`);
    await assertNoNonsense(page, what);
    assert.deepEqual(await state(page), fallback, what);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what}: no wider`);
    await drag(page, "params", 1);
    assertByHand(await state(page));
    assert.deepEqual(await query(page), { v: "1", preset: "article", params: "10T" }, what);
    await page.click("#notices button");
    assert.ok(!(await shows(page, "#notices")));
    await page.evaluate(() => document.activeElement.blur());
  }
});

check("good fields of a bad link are kept", async ({ open }) => {
  const page = await open("?v=1&preset=article&params=70B&tokens=many&layers=80");
  const shown = await state(page);
  assert.deepEqual(
    ["params", "tokens", "layers"].map((key) => shown.values[`field-${key}`]),
    ["70 B", "140 B", "80"],
  );
  assert.match(await text(page, "#notices"), /Tokens = “many”/);
  assertByHand(shown);
});

check("the share dialog hands out the address's scenario, and closes without a trap", async ({ open }) => {
  const page = await open();
  await drag(page, "tokens", 0.7);
  await choose(page, "optimizer", "sgd");
  await page.click("#share");
  const link = await value(page, "#share-link");
  assert.equal(link, await address(page));
  assert.deepEqual(await state(await open(link)), await state(page));
  await page.keyboard.press("Escape");
  assert.ok(!(await shows(page, "dialog[open]")));
  assert.equal(await page.evaluate(() => document.activeElement.id), "share");

  await page.click("#embed");
  const snippet = await value(page, "#embed-snippet");
  const source = await page.evaluate((snippet) => {
    const frame = new DOMParser().parseFromString(snippet, "text/html").querySelector("iframe[title]");
    return frame.getAttribute("src");
  }, snippet);
  const [home, scenario] = source.split("?");
  assert.equal(home, new URL("petaday.html", page.url().split("?")[0]).href);
  assert.equal(scenario, `embed=1&${link.split("?")[1]}`);
  await page.click("#embed-dialog form button");
  assert.ok(!(await shows(page, "dialog[open]")));
});

check("copying writes to the clipboard, or where that is forbidden selects the link", async ({ open }) => {
  for (const state of ["granted", "denied"]) {
    const page = await open();
    const permission = { name: "clipboard-write", allowWithoutSanitization: false };
    const { origin } = new URL(page.url());
    await page.browserContext().setPermission(
      origin,
      { permission, state },
      { permission: { name: "clipboard-read", allowWithoutSanitization: false }, state: "granted" },
    );
    await page.click("#share");
    await page.click("#share-dialog .copied button");
    const link = await value(page, "#share-link");
    if (state === "granted") {
      await page.waitForFunction(() => document.querySelector("#share-dialog .copied button").textContent === "Copied");
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link);
    } else {
      await page.waitForFunction(() => getSelection().toString() !== "");
      assert.equal(await page.evaluate(() => getSelection().toString()), link);
    }
  }
});

check("typing on leaves what is not valid yet out of the address", async ({ open }) => {
  const page = await open();
  await paste(page, "#field-params", "70B");
  await paste(page, "#field-layers", "lots");
  await leave(page);
  assert.deepEqual(await query(page), { v: "1", preset: "article", params: "70B" });
});
