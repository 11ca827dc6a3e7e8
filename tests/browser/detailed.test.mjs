// The detailed estimator: a model found by name, a configuration file, an unknown solved, what others would count.
import assert from "node:assert/strict";
import { NARROW, address, check, choose, leave, paste, query, text, type, value } from "./support.mjs";

// Llama-3-8B's config.json, from its repository on Hugging Face.
const LLAMA_3_8B = JSON.stringify({
  architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_size: 4096, intermediate_size: 14336,
  num_hidden_layers: 32, num_attention_heads: 32, num_key_value_heads: 8, vocab_size: 128256, hidden_act: "silu",
  max_position_embeddings: 8192, rms_norm_eps: 1e-5, rope_theta: 500000.0, tie_word_embeddings: false,
});
const LLAMA_3_8B_PARAMETERS = "8,030,261,248"; // counted by Hugging Face's safetensors index

const unfold = async (page, section) => {
  await page.click(`#section-${section}-fold > summary`);
  await page.waitForFunction((id) => document.querySelector(id)?.querySelector("table, strong, p:not(.aside)"), {}, `#section-${section}`);
};
/** Waits for the second wasm. */
const engine = (page) => page.waitForFunction(() => petaday.engine);
const dropFile = (page, selector, name, content) =>
  page.$eval(selector, (place, name, content) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([content], name, { type: "application/json" }));
    place.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }, name, content);
const imported = async (page) => {
  await page.waitForFunction(() => document.querySelector("#imported").textContent.trim());
  return text(page, "#imported");
};

check("a first view does not ask for the second wasm", async ({ open, requests }) => {
  await open();
  assert.deepEqual(requests.filter((path) => /engine/.test(path)), []);
});

check("the catalogue is searched by keyboard", async ({ open }) => {
  const page = await open();
  await choose(page, "est", "detailed");
  await engine(page);
  await page.focus("#field-model");
  await page.keyboard.type("deepseek v3");
  await page.keyboard.press("Enter");
  assert.equal(await text(page, "#sentence strong"), "DeepSeek-V3");
  const { model, est } = await query(page);
  assert.deepEqual([model, est], ["deepseek-v3", "detailed"]);
  await unfold(page, "parameters");
  // The hub's 671,026,419,200 hold 256 biases in each of 58 layers, which are buffers; 37 B work on a token
  // (DeepSeek-V3, arXiv:2412.19437, abstract).
  assert.match(await text(page, "#section-parameters p"), /^671,026,404,352 parameters, of which 37,\d{3},\d{3},\d{3} work/);
});

check("Escape goes back to the model that was", async ({ open }) => {
  const page = await open("?v=1&preset=article&est=detailed&model=llama-2-7b");
  await page.focus("#field-model");
  await page.keyboard.type("gpt");
  await page.keyboard.press("Escape");
  await leave(page);
  assert.equal(await value(page, "#field-model"), "Llama-2-7B");
});

check("an unknown model is named, and what was typed stays", async ({ open }) => {
  const page = await open("?v=1&preset=article&est=detailed&model=llama-2-7b");
  await paste(page, "#field-model", "no such model");
  await leave(page);
  assert.match(await text(page, "#error-model"), /Model = “no such model” is unknown; valid: one of 159/);
  assert.equal(await value(page, "#field-model"), "no such model");
  assert.equal(await text(page, "#sentence strong"), "Llama-2-7B");
});

check("a config.json is pasted, and its link restores it", async ({ open }) => {
  const page = await open();
  await page.click("#import > summary");
  await page.focus("#config");
  await page.keyboard.sendCharacter(LLAMA_3_8B);
  assert.match(await imported(page), /^Read: own Llama with 8\.03 B parameters/);
  await unfold(page, "parameters");
  const counted = await text(page, "#section-parameters");
  assert.match(counted, new RegExp(LLAMA_3_8B_PARAMETERS));
  await page.waitForFunction(() => location.search.includes("vocab=128256"));
  const link = await address(page);
  assert.ok(link.length < 2_000, `${link.length} characters`);
  const again = await open(new URL(link).search);
  await unfold(again, "parameters");
  assert.equal(await text(again, "#section-parameters"), counted);
  assert.equal(await text(again, "#verdict"), await text(page, "#verdict"));
});

check("a config.json is dropped", async ({ open }) => {
  const page = await open();
  await page.click("#import > summary");
  await dropFile(page, ".import", "config.json", LLAMA_3_8B);
  assert.match(await imported(page), /8\.03 B parameters/);
});

check("a broken file gets a message with the place, and stays text", async ({ open }) => {
  const page = await open();
  await page.click("#import > summary");
  await dropFile(page, ".import", "config.json", '{"model_type": "llama",\n "hidden_size": }');
  assert.match(await imported(page), /line 2/i);
  await dropFile(page, ".import", "config.json", '{"model_type": "<img src=x onerror=alert(1)>"}');
  await page.waitForFunction(() => /img src/.test(document.querySelector("#imported").textContent));
  assert.equal(await page.$("#imported img"), null);
  await dropFile(page, ".import", "config.json", `{"a": "${"x".repeat(2 << 20)}"}`);
  await page.waitForFunction(() => /bytes/.test(document.querySelector("#imported").textContent));
});

check("an unknown is solved, and taken", async ({ open }) => {
  const page = await open();
  await unfold(page, "solution");
  assert.match(await text(page, "#section-solution"), /Any number of GPUs will do/);
  await type(page, "#field-deadline", "10");
  await leave(page);
  // 5.88e21 FLOP at 40 TFLOP/s: 1,701.4 GPU-days.
  assert.match(await text(page, "#section-solution strong"), /^At least 171 GPUs: the deadline binds/);
  await page.click("#section-solution [data-set]");
  assert.equal(await value(page, "#field-gpus"), "171");
  await page.select("#field-solve", "tokens");
  assert.match(await text(page, "#section-solution strong"), /^At most 141 B tokens|^At most 1\.41e11 tokens/);
});

check("the same run under another convention has another MFU", async ({ open }) => {
  const page = await open("?v=1&preset=article&est=detailed&model=llama-2-7b&seq=4096");
  await unfold(page, "flop");
  const before = await text(page, "#section-flop .chosen");
  assert.match(before, /Exact, causal attention/);
  await page.click('#section-flop [data-set$="flop=6p"]');
  assert.match(await text(page, "#section-flop .chosen"), /6P \(Chinchilla\)/);
  // 6 × 6,738,415,616.
  assert.match(await text(page, "#section-flop .chosen td"), /^4\.043e10$/);
  assert.equal((await query(page)).flop, "6p");
});

check("money, energy and CO2 follow their assumptions", async ({ open }) => {
  const page = await open();
  await unfold(page, "money");
  await paste(page, "#field-price", "2");
  await leave(page);
  // 40,833 GPU-hours at $2; 700 W × 1.1.
  assert.match(await text(page, "#section-money > div"), /40,833 GPU-hours cost \$81,667/);
  assert.match(await text(page, "#section-money"), /31\.4 MWh/);
});

check("all sections open without a word in the console", async ({ open }) => {
  const page = await open("?v=1&preset=llama2-7b&est=detailed");
  for (const section of ["parameters", "flop", "money", "solution", "optimum", "checked"]) await unfold(page, section);
  assert.match(await text(page, "#section-checked"), /Llama-3\.1 405B/);
  assert.doesNotMatch(await text(page, "#sections"), /NaN|inf/);
});

check("figures that open to their formula are there on a small screen", async ({ open }) => {
  const page = await open("?v=1&preset=llama2-7b-fsdp", { viewport: NARROW });
  await page.waitForFunction(() => document.querySelector("#section-money-fold"));
  for (const section of ["money", "parameters", "flop"]) {
    await unfold(page, section);
    const hidden = await page.$$eval(`#section-${section} summary`, (figures) => figures.filter((figure) => !figure.checkVisibility()).length);
    assert.equal(hidden, 0, section);
  }
});
