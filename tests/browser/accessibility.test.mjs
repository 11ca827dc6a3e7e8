// axe-core on every state of the page: light and dark, wide and narrow, whole and embedded.
import assert from "node:assert/strict";
import { axePath } from "../../tools/browser.mjs";
import { ARTICLE, NARROW, WIDE, check, leave, paste, text, unfold } from "./support.mjs";

async function violations(page, what) {
  if (!(await page.evaluate(() => "axe" in window))) await page.addScriptTag({ path: axePath });
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map(({ id, nodes }) => {
    const places = nodes.map(({ target }) => target.join(" ")).join(", ");
    return `${what}: ${id} at ${places}: ${nodes[0].failureSummary}`;
  });
}

const explain = async (page) => {
  await page.click(".segment[data-part=activations]");
  await page.click(".note:not([hidden]) summary");
};
const showError = async (page) => {
  await paste(page, "#field-params", "lots");
  await leave(page);
};
const STATES = {
  "": {
    "at first": () => {},
    "with all unfolded": async (page) => {
      await unfold(page);
      await page.waitForFunction(() => document.querySelectorAll(".section table").length > 3);
    },
    "with tensors listed": async (page) => {
      await page.click(".segment[data-part=activations]");
      await page.waitForSelector("#explain-activations table");
    },
  },
  [ARTICLE]: {
    "at first": () => {},
    "with all unfolded": unfold,
    "with an explanation open": explain,
    "with an error": showError,
    "with the share dialog open": (page) => page.click("#share"),
    "with the embed dialog open": async (page) => {
      await page.keyboard.press("Escape");
      await page.click("#embed");
    },
  },
  "?embed=1&v=1&preset=article": { "at first": () => {}, "with an explanation open": explain, "with an error": showError },
  "?params=0&foo=1&precision=mixed&gpu=h200-sxm&recompute=full&tflops=2000": { "with notices, fitting": () => {} },
};

for (const scheme of ["light", "dark"]) {
  for (const [width, viewport] of Object.entries({ wide: WIDE, narrow: NARROW })) {
    check(`axe finds nothing, ${scheme} and ${width}`, async ({ open }) => {
      const found = [];
      for (const [address, states] of Object.entries(STATES)) {
        const page = await open(address, { scheme, viewport });
        for (const [name, enter] of Object.entries(states)) {
          await enter(page);
          found.push(...(await violations(page, `${address} ${name}`)));
        }
      }
      assert.deepEqual(found, []);
    });
  }
  check(`axe finds nothing after switching away from ${scheme}`, async ({ open }) => {
    const page = await open("", { scheme });
    await page.click("#theme");
    assert.deepEqual(await violations(page, "switched"), []);
  });
}

check("the verdict is spoken once a change is complete, not while it lasts", async ({ open }) => {
  const page = await open();
  const spoken = () => text(page, "#answer [role=status]");
  const before = await spoken();
  assert.match(before, /^Does not fit\. 375\.1 of 85\.5 GB/);
  await page.focus("#field-params");
  await page.$eval("#field-params", (field) => field.select());
  await page.keyboard.sendCharacter("14B");
  assert.equal(await spoken(), before);
  await leave(page);
  assert.match(await spoken(), /^Does not fit\. 515\.1 of 85\.5 GB/);
});
