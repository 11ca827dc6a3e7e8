// Weighs what a first view transfers: index.html and all it loads; and apart from it the single-file build.
// Last line: the same as JSON. --limit BYTES and --requests N make it fail above them.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const { values, positionals } = parseArgs({
  options: { limit: { type: "string" }, requests: { type: "string" } },
  allowPositionals: true,
});
const dist = positionals[0] ?? "dist";
if (!existsSync(join(dist, "index.html"))) {
  console.error(`tools/size.mjs: no ${dist}/index.html: run make build`);
  process.exit(1);
}

const weigh = (name) => {
  const bytes = readFileSync(join(dist, name));
  return {
    name,
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
  };
};

// What the page asks for later, and how many bytes it is then.
const LATER = ["petaday-engine.js", "petaday-engine_bg.wasm"];

// A file is loaded when index.html, or a script or style that it loads, names it outside a link to click and a
// <meta>. Names are hashed, so a text holds one only to load it.
const others = readdirSync(dist, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => /\.[a-z0-9]+$/i.test(name) && !name.endsWith(".html") && !LATER.includes(name));
const loaded = ["index.html"];
for (const name of loaded) {
  if (!/\.(html|js|mjs|css|webmanifest|json)$/.test(name)) continue;
  const text = readFileSync(join(dist, name), "utf8").replace(/<(a|meta)\b[^>]*>/gi, "");
  for (const other of others) if (!loaded.includes(other) && text.includes(other)) loaded.push(other);
}
// With no icon of its own a page makes the browser ask for /favicon.ico.
const icon = /<link\b[^>]*rel=["']?[^"'>]*icon/i.test(readFileSync(join(dist, "index.html"), "utf8"));

const rows = loaded.map(weigh);
const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
const first = { name: "first view", raw: total("raw"), gzip: total("gzip"), brotli: total("brotli") };
const later = LATER.map(weigh);
const single = existsSync(join(dist, "petaday.html")) ? weigh("petaday.html") : undefined;
const requests = rows.length + (icon ? 0 : 1);

const line = (name, ...columns) =>
  console.log(name.padEnd(44) + columns.map((value) => value.toLocaleString("en").padStart(10)).join(""));
line("file", "raw", "gzip", "brotli");
for (const row of [...rows, first, ...later, ...(single ? [single] : [])]) line(row.name, row.raw, row.gzip, row.brotli);
console.log(`${requests} requests`);

const over = [];
if (values.limit && first.brotli > Number(values.limit)) over.push(`${first.brotli} bytes are over ${values.limit}`);
if (values.requests && requests > Number(values.requests)) over.push(`${requests} requests are over ${values.requests}`);
for (const why of over) console.error(`tools/size.mjs: a first view's ${why}`);
console.log(
  JSON.stringify({ first_view_raw: first.raw, first_view_brotli: first.brotli, requests, later_brotli: later.reduce((sum, row) => sum + row.brotli, 0), single_brotli: single?.brotli ?? null }),
);
process.exitCode = over.length ? 1 : 0;
