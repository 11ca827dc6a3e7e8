// Makes dist/petaday.html of dist/index.html: one file that asks the network for nothing. It runs from file://
// and in an iframe with sandbox="allow-scripts", where a browser refuses to load modules and wasm by address.
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const dist = process.argv[2] ?? "dist";
const read = (address) => readFileSync(join(dist, address.replace(/^\.?\//, "").split(/[?#]/)[0]));
const attribute = (tag, name) => tag.match(new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, "i"))?.slice(1).find(Boolean);
const stop = (why) => {
  console.error(`tools/single.mjs: ${why}`);
  process.exit(1);
};

// What would end, or confuse, the element it stands in; in a string the backslash changes nothing.
const inScript = (text) => text.replace(/<\/(?=script)/gi, "<\\/").replaceAll("<!--", "\\x3C!--");
const inStyle = (text) => text.replace(/<\/(?=style)/gi, "<\\/");

let html = read("index.html").toString();

// Trunk's starter: imports the glue, and gives it the wasm's address.
const starter = [...html.matchAll(/<script\b[^>]*type="?module"?[^>]*>([\s\S]*?)<\/script>/gi)].find(([, body]) => /\bimport\b/.test(body));
if (!starter) stop("no module script in index.html: was it built by Trunk?");
const glueAddress = starter[1].match(/from\s*['"]([^'"]+\.js)['"]/)?.[1];
const wasmAddress = starter[1].match(/['"]([^'"]+\.wasm)['"]/)?.[1];
if (!glueAddress || !wasmAddress) stop("the module script in index.html names no glue or no wasm");

// One module can't import another without an address, so the glue's exports become plain declarations.
let start;
const glue = read(glueAddress)
  .toString()
  .replace(/\bexport\s*\{([^}]*)\}\s*;?/g, (_, names) => {
    start ??= names.match(/([\w$]+)\s+as\s+default/)?.[1];
    return "";
  })
  .replace(/\bexport\s+default\s+([\w$]+)\s*;?/g, (_, name) => ((start = name), ""))
  .replace(/\bexport\s+(?=(async\s+)?function|class|const|let|var)/g, "");
if (!start) stop(`${glueAddress} exports no default`);
if (/^\s*import\b(?!\s*[.(])/m.test(glue)) stop(`${glueAddress} imports other modules, which a single file can't`);

const wasm = read(wasmAddress).toString("base64");
const script = `<script type="module">
${inScript(glue)}
${start}({ module_or_path: Uint8Array.from(atob("${wasm}"), (c) => c.charCodeAt(0)) });
</script>`;

// The second wasm, kept as text until it is asked for.
const engine = `<script type="text/plain" id="engine-glue">${inScript(read("petaday-engine.js").toString())}</script>
<script type="text/plain" id="engine-wasm">${read("petaday-engine_bg.wasm").toString("base64")}</script>
<script>
petaday.fetch = function () {
  var text = function (id) { return document.getElementById(id).textContent; };
  var script = document.createElement("script");
  script.textContent = text("engine-glue");
  document.head.append(script);
  return Promise.resolve(Uint8Array.from(atob(text("engine-wasm")), function (c) { return c.charCodeAt(0); }));
};
</script>
`;

html = html.replace(starter[0], "");
html = html.replace(/<link\b[^>]*>\s*/gi, (tag) => {
  const rel = attribute(tag, "rel")?.toLowerCase() ?? "";
  const href = attribute(tag, "href") ?? "";
  if (/^(module)?preload$|^manifest$/.test(rel)) return "";
  if (/^(data|https?):/.test(href)) return tag;
  if (rel === "stylesheet") return `<style>${inStyle(read(href).toString())}</style>\n`;
  if (/icon/.test(rel)) {
    const type = { svg: "image/svg+xml", png: "image/png", ico: "image/x-icon" }[href.split(".").pop()];
    return `<link rel="${rel}" href="data:${type};base64,${read(href).toString("base64")}">\n`;
  }
  return tag;
});
html = html.replace(/<html\b/i, "<html data-single");
// Last in the body, so that the first paint does not wait for half a megabyte of script to be read.
const end = html.toLowerCase().lastIndexOf("</body>");
if (end < 0) stop("index.html has no </body>");

const rest = html.match(/<(?:link|script|img|iframe|source)\b[^>]*\s(?:src|href)\s*=\s*["']?(?!data:|#)[^"'\s>]+/i);
if (rest && !/rel="?canonical/.test(rest[0])) stop(`index.html loads something that this script does not inline: ${rest[0]}`);

html = html.slice(0, end) + engine + script + html.slice(end);
const out = join(dist, "petaday.html");
writeFileSync(out, html);
console.log(`${basename(dist)}/petaday.html: ${html.length.toLocaleString("en")} bytes`);
