// Runs Lighthouse five times with its mobile preset on the release build, served with brotli. Last line: the medians
// as JSON. Fails under 98 for performance and under 100 for anything else.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";
import { serve } from "./server.mjs";

const RUNS = 5;
const LEAST = { performance: 98, accessibility: 100, "best-practices": 100, seo: 100 };
const METRICS = { fcp_ms: "first-contentful-paint", lcp_ms: "largest-contentful-paint", tbt_ms: "total-blocking-time", cls: "cumulative-layout-shift", si_ms: "speed-index" };

// In a folder of its own, with its own lock file, so that only this script's users install it.
const from = createRequire(new URL("lighthouse/package.json", import.meta.url));
const { default: lighthouse } = await import(pathToFileURL(from.resolve("lighthouse")).href);

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const server = await serve("dist", { compress: true });
const runs = [];
const failing = new Set();
try {
  for (let run = 1; run <= RUNS; run++) {
    // A fresh browser each time: nothing cached.
    const browser = await launch();
    try {
      const port = Number(new URL(browser.wsEndpoint()).port);
      const result = await lighthouse(server.url, { port, output: "json", logLevel: "error", onlyCategories: Object.keys(LEAST) });
      const { categories, audits, runtimeError } = result.lhr;
      if (runtimeError) throw new Error(runtimeError.message);
      const scores = Object.fromEntries(Object.keys(LEAST).map((name) => [name, Math.round(categories[name].score * 100)]));
      const metrics = Object.fromEntries(
        Object.entries(METRICS).map(([name, audit]) => [name, Number(audits[audit].numericValue.toFixed(name === "cls" ? 4 : 0))]),
      );
      runs.push({ ...scores, ...metrics });
      console.log(`run ${run}: ${Object.entries({ ...scores, ...metrics }).map(([name, value]) => `${name} ${value}`).join(", ")}`);
      for (const name of Object.keys(LEAST).slice(1)) {
        for (const { id, weight } of categories[name].auditRefs) {
          if (weight > 0 && audits[id].score !== null && audits[id].score < 1) failing.add(`${name}: ${audits[id].title} (${id})`);
        }
      }
    } finally {
      await browser.close();
    }
  }
} finally {
  await server.close();
}

for (const audit of failing) console.log(audit);
const medians = Object.fromEntries(Object.keys(runs[0]).map((name) => [name, median(runs.map((run) => run[name]))]));
const under = Object.entries(LEAST).filter(([name, least]) => medians[name] < least);
for (const [name, least] of under) console.error(`tools/lighthouse.mjs: ${name} is ${medians[name]}, under ${least}`);
console.log(JSON.stringify(medians));
process.exitCode = under.length ? 1 : 0;
