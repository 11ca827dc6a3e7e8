// Where the page lives: any sub-path of a static host, a frame in another page, a file on a disk.
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { serve } from "../../tools/server.mjs";
import {
  ARTICLE, address, assertByHand, assertCaseStudy, check, dist, drag, embedded, query, shows, state, text, type, value,
} from "./support.mjs";

const file = pathToFileURL(join(dist, "petaday.html")).href;
const LINK = "v=1&preset=article&params=70B&tokens=1.4T";
const FRAME = 'width="700" height="760" title="petaday"';
const page = (frame) =>
  `<!doctype html><html lang="en"><title>A blog</title><link rel="icon" href="data:,"><h1>A blog</h1>${frame}</html>`;

/** The first load's answer, then a drag as far as it goes. */
async function assertWorks(where) {
  assert.equal(await text(where, "#figure-compute"), "68.1 PF-days");
  await assertDrags(where);
}

async function assertDrags(where) {
  const { chart } = await state(where);
  await drag(where, "params", 1);
  const shown = await state(where);
  assert.equal(shown.values["field-params"], "10 T");
  assert.notDeepEqual(shown.chart, chart);
  // An embed has no field for the rest: its scenario is the case study in all but the first three.
  if (shown.values["field-seq"]) assertByHand(shown);
  else assertCaseStudy(shown);
}

for (const prefix of ["/", "/a/b/c/", "/~me/tools (v1)/"]) {
  for (const name of ["", "petaday.html"]) {
    check(`served under ${prefix}${name}`, async ({ open, requests }) => {
      const site = await serve(dist, { prefix });
      try {
        const home = new URL(name, site.url).href;
        const page = await open(home + ARTICLE);
        await assertWorks(page);
        assert.equal(await address(page), `${home}?v=1&preset=article&params=10T`);
        assert.equal(await value(page, "#share-link"), await address(page));
        assert.deepEqual(await state(await open(await address(page))), await state(page));
        const folder = new URL(".", home).href;
        assert.ok((await value(page, "#embed-snippet")).includes(`src="${folder}petaday.html?embed=1&amp;v=1`));
        const others = requests.filter((url) => !url.startsWith(folder) && !url.startsWith("data:"));
        assert.deepEqual(others, []);
      } finally {
        await site.close();
      }
    });
  }
}

for (const [name, suffix] of [["with a query", `?${LINK}`], ["with a fragment", `#${LINK}`]]) {
  check(`petaday.html from a disk, ${name}`, async ({ open, requests }) => {
    const page = await open(file + suffix);
    assert.equal(await text(page, "#figure-compute"), "6,806 PF-days");
    assertByHand(await state(page));
    await assertDrags(page);
    assert.equal((await query(page)).params, "10T");
    const link = await value(page, "#share-link");
    assert.deepEqual(await state(await open(link)), await state(page));
    assert.deepEqual(requests.filter((url) => !/^(file|data):/.test(url)), []);
  });
}

check("petaday.html from a disk, alone", async ({ open, requests }) => {
  const page = await open(file);
  assert.equal(await text(page, "#figure-compute"), "992 PF-days");
  await drag(page, "gpus", 0.5);
  await page.waitForFunction(() => /^counted/.test(document.querySelector("#memory-heading small").textContent));
  const link = await value(page, "#share-link");
  assert.deepEqual((await state(await open(link))).values, (await state(page)).values);
  assert.deepEqual(requests.filter((url) => !/^(file|data):/.test(url)), []);
});

check("the snippet, sandboxed, in a page of another origin, from a host without CORS", async ({ open, host, url }) => {
  const answer = await fetch(`${url}petaday.html`);
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
  const full = await open(`?${LINK}`);
  const snippet = await value(full, "#embed-snippet");

  const sandboxed = snippet.replace("<iframe", '<iframe sandbox="allow-scripts"');
  // Some browsers refuse a sandbox its history as well.
  const first = () => {
    History.prototype.pushState = History.prototype.replaceState = () => {
      throw new DOMException("refused", "SecurityError");
    };
  };
  const blog = await open(await host(page(sandboxed)), { first, ready: "iframe" });
  const frame = await embedded(blog);
  const refused = (access) =>
    frame.evaluate(`try { ${access}; "allowed" } catch (error) { error.name }`);
  assert.equal(await refused("localStorage.length"), "SecurityError");
  assert.equal(await refused("history.replaceState(null, '', '?x')"), "SecurityError");
  assert.ok(!(await shows(frame, "header")));
  assert.equal(await text(frame, "#figure-compute"), "6,806 PF-days");
  assert.equal(await value(frame, "#full-address"), `${url}petaday.html?${LINK}`);

  await assertDrags(frame);
  await type(frame, "#field-gpus", "1_024");
  await blog.keyboard.press("Tab");
  assertCaseStudy(await state(frame));
  await frame.click("tr[data-part=activations] button");
  assert.match(await text(frame, "#explain-activations"), /235,149,459,456 bytes/);

  const carried = await value(frame, "#full-address");
  assert.equal(carried, `${url}petaday.html?v=1&preset=article&params=10T&tokens=1.4T&gpus=1024`);
  assert.equal(await frame.$eval("#open-full", (link) => link.href), carried);
  const opened = await state(await open(carried));
  assertByHand(opened);
  assert.deepEqual(opened.figures, (await state(frame)).figures);
});

check("copying in a sandbox selects the address and throws nothing", async ({ open, host, url }) => {
  const blog = await open(
    await host(page(`<iframe sandbox="allow-scripts" src="${url}petaday.html?embed=1&v=1&preset=article" ${FRAME}></iframe>`)),
    { ready: "iframe" },
  );
  const frame = await embedded(blog);
  await frame.click(".embed-foot button");
  await frame.waitForFunction(() => getSelection().toString() !== "");
  assert.equal(await frame.evaluate(() => getSelection().toString()), `${url}petaday.html?v=1&preset=article`);
});

for (const name of ["", "index.html", "petaday.html"]) {
  check(`/${name} embedded without a sandbox`, async ({ open, host, url }) => {
    const frames = `<iframe src="${url}${name}?embed=1&v=1&preset=article" ${FRAME}></iframe>`;
    const blog = await open(await host(page(frames)), { ready: "iframe" });
    const frame = await embedded(blog);
    const entries = await blog.evaluate(() => history.length);
    await assertWorks(frame);
    assert.deepEqual(await query(frame), { embed: "1", v: "1", preset: "article", params: "10T" });
    assert.equal(await value(frame, "#full-address"), `${url}${name}?v=1&preset=article&params=10T`);
    assert.ok((await blog.evaluate(() => history.length)) <= entries + 1);
  });
}

check("an embed that is opened with a fragment shows the same", async ({ open }) => {
  const page = await open(`petaday.html#embed=1&${LINK}`);
  assert.ok(!(await shows(page, "header")));
  assert.equal(await text(page, "#figure-compute"), "6,806 PF-days");
});

check("a page views itself in at most five requests, all its own", async ({ open, requests, url }) => {
  await open("");
  const asked = requests.filter((request) => !request.startsWith("data:"));
  assert.ok(asked.length <= 5 && asked.every((request) => request.startsWith(url)), asked.join("\n"));
});
