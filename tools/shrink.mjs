// Makes a built site smaller, in place: takes out of each wasm what its glue never asks for, optimises it, and minifies
// the glue. Not left to Trunk, which knows neither of the first nor of the last.
// wasm-bindgen keeps every export of every crate: of wasm-streams, which comes with the framework, nobody uses any.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { minify } from "terser";

const UNUSED_CLASS = /^export class (IntoUnderlying\w+) \{[\s\S]*?^\}\n(if \(Symbol\.dispose\)[^\n]*\n)?/gm;

const dist = process.argv[2] ?? "dist";
const binaryen = join(dirname(createRequire(import.meta.url).resolve("binaryen/package.json")), "bin");
const FEATURES = ["bulk-memory", "nontrapping-float-to-int", "sign-ext", "mutable-globals", "reference-types", "multivalue"].map((name) => `--enable-${name}`);
const scratch = mkdtempSync(join(tmpdir(), "petaday-"));
const tool = (name, ...args) => execFileSync(join(binaryen, name), args, { stdio: ["ignore", "pipe", "inherit"] });

for (const glueName of readdirSync(dist).filter((name) => name.endsWith(".js"))) {
  const wasm = join(dist, glueName.replace(/\.js$/, "_bg.wasm"));
  let glue = readFileSync(join(dist, glueName), "utf8");
  const unused = [...glue.matchAll(UNUSED_CLASS)].map(([, name]) => name);
  glue = glue.replace(UNUSED_CLASS, "");
  for (const name of unused) glue = glue.replace(new RegExp(`^const ${name}Finalization = [\\s\\S]*?;\\n`, "m"), "");

  // Reachable is what the glue names. Functions of like names stand together at the end: they are alike, and compress.
  const exports = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(wasm)));
  const wanted = exports.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(glue));
  const graph = [
    { name: "glue", root: true, reaches: wanted.map(({ name }) => `export ${name}`) },
    ...wanted.map(({ name }) => ({ name: `export ${name}`, export: name })),
  ];
  writeFileSync(join(scratch, "graph.json"), JSON.stringify(graph));
  tool("wasm-metadce", wasm, `--graph-file=${join(scratch, "graph.json")}`, ...FEATURES, "-g", "-o", join(scratch, "reachable.wasm"));
  tool("wasm-opt", join(scratch, "reachable.wasm"), ...FEATURES, "-Oz", "-tnh", "--reorder-functions-by-name", "-o", join(scratch, "small.wasm"));

  // Imports that are left; the glue offers no others.
  const imports = new Set(WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(join(scratch, "small.wasm")))).map(({ name }) => name));
  glue = glue.replace(/^ {8}(\w+): function[\s\S]*?^ {8}\},\n/gm, (text, name) => (imports.has(name) ? text : ""));
  const { code } = await minify(glue, { module: /^export /m.test(glue), compress: { passes: 3 }, toplevel: false });
  writeFileSync(join(dist, glueName), code);
  writeFileSync(wasm, readFileSync(join(scratch, "small.wasm")));
  console.log(`${glueName}: ${exports.length - wanted.length} exports of ${exports.length} taken out`);
}
rmSync(scratch, { recursive: true });
