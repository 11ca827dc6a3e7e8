// A small static file server for the tests, the benchmark and Lighthouse.
// `node tools/server.mjs [folder] [port]` serves by hand.
import { createServer } from "node:http";
import { readFile, realpath, stat } from "node:fs/promises";
import { extname, join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { brotliCompress } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".txt": "text/plain; charset=utf-8",
  ".xml": "application/xml",
};
const COMPRESSIBLE = /^text\/|json|javascript|wasm|svg|xml/;
const HASHED = /-[0-9a-f]{8,}(_bg)?\.[a-z]+$/; // Trunk's names change with their content

const brotli = promisify(brotliCompress);

/**
 * Serves the folder `root` on 127.0.0.1.
 * Options: prefix, the path it is served under; cors, send Access-Control-Allow-Origin: *;
 * compress, brotli for those who accept it; port, 0 for any free one.
 * Gives { url (ends in "/"), port, requests (the paths asked for so far), close() }.
 */
export async function serve(root, { prefix = "/", cors = false, compress = false, port = 0 } = {}) {
  const base = await realpath(resolve(root));
  const mount = `/${prefix}/`.replace(/\/+/g, "/");
  const compressed = new Map();
  const requests = [];

  const answer = async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return { status: 405 };
    let path;
    try {
      path = decodeURIComponent(request.url.split(/[?#]/)[0]);
    } catch {
      return { status: 400 };
    }
    requests.push(path);
    if (path.includes("\0")) return { status: 400 };
    if (path + "/" === mount) return { status: 301, headers: { location: mount } };
    if (!path.startsWith(mount)) return { status: 404 };

    // The real path, links resolved, has to lie inside the root.
    let file = join(base, path.slice(mount.length));
    let info;
    try {
      file = await realpath(file);
      if (file !== base && !file.startsWith(base + sep)) return { status: 404 };
      info = await stat(file);
      if (info.isDirectory()) {
        if (!path.endsWith("/")) return { status: 301, headers: { location: `${path}/` } };
        file = await realpath(join(file, "index.html"));
        if (!file.startsWith(base + sep)) return { status: 404 };
        info = await stat(file);
      }
    } catch {
      return { status: 404 };
    }

    const type = TYPES[extname(file).toLowerCase()] ?? "application/octet-stream";
    const headers = {
      "content-type": type,
      "cache-control": HASHED.test(file) ? "public, max-age=31536000, immutable" : "no-cache",
    };
    let body = await readFile(file);
    if (compress && COMPRESSIBLE.test(type)) {
      headers.vary = "accept-encoding";
      if (/\bbr\b/.test(request.headers["accept-encoding"] ?? "")) {
        const key = `${file}:${info.mtimeMs}:${info.size}`;
        if (!compressed.has(key)) compressed.set(key, brotli(body));
        body = await compressed.get(key);
        headers["content-encoding"] = "br";
      }
    }
    return { status: 200, headers, body };
  };

  const server = createServer(async (request, response) => {
    const { status, headers = {}, body } = await answer(request).catch(() => ({ status: 500 }));
    const content = body ?? Buffer.from(`${status}\n`);
    response.writeHead(status, {
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      ...(cors && { "access-control-allow-origin": "*" }),
      ...headers,
      "content-length": content.length,
    });
    response.end(request.method === "HEAD" ? undefined : content);
  });
  await new Promise((done, fail) => server.once("error", fail).listen(port, "127.0.0.1", done));

  const bound = server.address().port;
  return {
    url: `http://127.0.0.1:${bound}${mount}`,
    port: bound,
    requests,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(await realpath(process.argv[1])).href) {
  const { url } = await serve(process.argv[2] ?? "dist", { compress: true, port: Number(process.argv[3] ?? 8081) });
  console.log(`Serving ${process.argv[2] ?? "dist"} on ${url}`);
}
