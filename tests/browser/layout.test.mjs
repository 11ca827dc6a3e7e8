// What is where: on one small screen together, nothing cut off, nothing that moves by itself.
import assert from "node:assert/strict";
import { ARTICLE, NARROW, WIDE, check, drag, reveal, text, unfold } from "./support.mjs";

const PRESETS = ["article", "gpt2-small", "llama2-7b", "gpt3-175b", "gpt-22b"];
const WIDTHS = [320, 390, 768, 1280];

/** Runs in the page: what shows less of its text than it has. */
function clipped() {
  const controls =
    "label, legend, button, summary, h2, th, td, .segmented span, .figure .value, .figure .label, .capacity-label, " +
    ".verdict, .segment .text, input.text, .embed-foot a";
  const shown = [...document.querySelectorAll(`${controls}, select`)].filter(
    // A wide table scrolls by itself, and can be focused to do so.
    (element) => element.checkVisibility() && !element.closest(".hidden, .wide") && !element.matches(".skip"),
  );
  const canvas = document.createElement("canvas").getContext("2d");
  const cut = (element) => {
    const style = getComputedStyle(element);
    if (element.matches("select")) {
      canvas.font = style.font;
      const room = element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      return canvas.measureText(element.selectedOptions[0].text).width > room + 1;
    }
    return style.display !== "inline" && element.scrollWidth > element.clientWidth;
  };
  const outside = (element) => {
    const { left, right } = element.getBoundingClientRect();
    let holder = element.parentElement;
    while (holder && getComputedStyle(holder).overflowX === "visible") holder = holder.parentElement;
    const room = holder?.getBoundingClientRect() ?? { left: 0, right: innerWidth };
    return left < room.left - 0.5 || right > room.right + 0.5;
  };
  return shown
    .filter((element) => cut(element) || outside(element))
    .map((element) => {
      const text = element.selectedOptions?.[0].text ?? element.value ?? element.textContent;
      return `${element.localName} “${text}” in ${element.closest("[id]").id} (${element.scrollWidth} px)`;
    });
}

const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

const box = (page, selector) =>
  page.$eval(selector, (element) => {
    const { top, bottom, left, right } = element.getBoundingClientRect();
    return { top, bottom, left, right };
  });

check("sliders, verdict and bar are on a small screen together", async ({ open }) => {
  for (const [address, first] of [["", "#field-model"], [ARTICLE, "#slider-params"]]) {
    const page = await open(address, { viewport: NARROW });
    const foot = await box(page, ".foot");
    for (const selector of [first, "#slider-tokens", "#slider-gpus", "#verdict", "#memory-chart .segments"]) {
      const { top, bottom, left, right } = await box(page, selector);
      assert.ok(top > 0 && left >= 0 && right <= NARROW.width, selector);
      assert.ok(bottom <= foot.top, `${selector} ends at ${bottom}, the foot begins at ${foot.top}`);
    }
    assert.equal(await page.evaluate(() => scrollY), 0);
  }
});

for (const width of WIDTHS) {
  check(`nothing is cut off or scrolls sideways at ${width} px`, async ({ open }) => {
    const found = [];
    for (const link of [...PRESETS.map((preset) => `?v=1&preset=${preset}`), "?embed=1", "?embed=1&preset=gpt3-175b"]) {
      const page = await open(link, { viewport: { width, height: 900 } });
      await unfold(page);
      const scroll = await sideways(page);
      found.push(...(await page.evaluate(clipped)).map((what) => `${link}: ${what}`));
      await page.$eval(".segment[data-part=activations]", (segment) => segment.click());
      const explained = await sideways(page);
      if (scroll > 0) found.push(`${link}: ${scroll} px too wide`);
      if (explained > scroll) found.push(`${link}: ${explained} px too wide with an explanation open`);
    }
    assert.deepEqual(found, []);
  });
}

check("the longest numbers, messages and explanations scroll nothing sideways", async ({ open }) => {
  const longest =
    "?params=9999999999999&tokens=999999999999999&gpus=999999&tflops=99999.1234567891&seq=16777215&batch=65535" +
    "&hidden=131071&layers=999&heads=1&optimizer=" + "x".repeat(200);
  const found = [];
  for (const width of WIDTHS) {
    const page = await open(longest, { viewport: { width, height: 900 } });
    const measure = async (what) => {
      const scroll = await sideways(page);
      if (scroll > 0) found.push(`${what}: ${scroll} px too wide at ${width} px`);
    };
    await measure("at first");
    await unfold(page);
    await page.$$eval(".note summary", (notes) => notes.forEach((note) => note.click()));
    await measure("unfolded");
    for (const opener of await page.$$(".figure[aria-expanded], .segment")) {
      await opener.evaluate((opener) => opener.click());
      await measure(await page.$eval("[aria-expanded=true]", (open) => `explained: ${open.textContent}`));
    }
    for (const [button, dialog] of [["#share", "#share-dialog"], ["#embed", "#embed-dialog"]]) {
      await page.click(button);
      const { left, right } = await box(page, dialog);
      if (left < 0 || right > width) found.push(`${dialog} at ${width} px`);
      await page.keyboard.press("Escape");
    }
  }
  assert.deepEqual(found, []);
});

check("nothing shifts while the page loads", async ({ open }) => {
  for (const viewport of [WIDE, NARROW]) {
    for (const link of ["", "?v=1&preset=gpt3-175b", "?embed=1&preset=llama2-7b", "petaday.html"]) {
      const page = await open(link, { viewport });
      const shifted = await page.evaluate(async () => {
        let sum = 0;
        const add = (list) => list.getEntries().forEach((entry) => (sum += entry.value));
        new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
        await new Promise((done) => setTimeout(done, 300));
        return sum;
      });
      assert.ok(shifted < 0.02, `${link} at ${viewport.width} px: ${shifted}`);
    }
  }
});

check("nothing in view moves while a slider is dragged", async ({ open }) => {
  const moved = [];
  for (const viewport of [WIDE, NARROW]) {
    const page = await open(undefined, { viewport });
    for (const key of ["params", "tokens", "gpus", "tflops", "seq", "batch", "hidden", "layers", "heads"]) {
      const watched = [`#slider-${key}`, "#verdict", ".figures", "#memory-chart .segments", "#memory-table"];
      const boxes = () => Promise.all(watched.map((selector) => box(page, selector)));
      for (const share of [0, 1]) {
        await reveal(page, key);
        const before = await boxes();
        await drag(page, key, share, async () => {
          (await boxes()).forEach(({ top }, n) => {
            const by = Math.round(top - before[n].top);
            const inView = before[n].bottom > 0 && before[n].top < viewport.height - 60;
            if (inView && Math.abs(by) > 1) {
              moved.push(`${key} to ${share} at ${viewport.width} px moves ${watched[n]} by ${by} px`);
            }
          });
        });
      }
      await page.click("#reset");
    }
  }
  assert.deepEqual(moved, []);
});

check("the foot of a small screen says the same as the answer", async ({ open }) => {
  const page = await open("?v=1&preset=article&params=70B", { viewport: NARROW });
  assert.match(await text(page, ".foot"), /^Does not fit ?1,635\.1 of 85\.5 GB ?681 PF-days$/);
});
