// A small server in the product's terms: a catalogue of drawn songs, no weights, and the files of a page with a strict policy.

import { createServer } from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

const SONGS = 300;
const DIMENSION = 16;
const CBOR = "application/vnd.sottovoce.v1+cbor";

/** What a page of the strict kind sends; no COOP, no COEP. */
export const STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".css": "text/css", ".json": "application/json" };

/** Serves the catalogue, and `folder` where there is one; `{url, close}`. `told` may take a path for itself. */
export async function serveCatalogue({ folder, policy = STRICT, told } = {}) {
  const server = createServer((request, response) => {
    if (told?.(request.url)) return response.writeHead(204).end();
    answer(request, response, folder, policy).catch((error) => response.writeHead(500).end(String(error)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function answer(request, response, folder, policy) {
  const { pathname } = new URL(request.url, "http://localhost");
  // Pages of other origins (a development server, next start) and workers without one may call.
  response.setHeader("access-control-allow-origin", "*");
  response.setHeader("access-control-allow-headers", "*");
  if (request.method === "OPTIONS") return response.writeHead(204).end();
  if (pathname === "/v1/catalogue") {
    const shard = { index: 0, songs: SONGS, bytes: 0, etag: '"drawn"', metadata: "/v1/catalogue/shards/0/songs", embeddings: "/v1/catalogue/shards/0/embeddings" };
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ name: "drawn", songs: SONGS, dimension: DIMENSION, shards: [shard] }));
  }
  if (pathname === "/v1/catalogue/shards/0/songs") {
    const songs = Array.from({ length: SONGS }, (_, id) => ({ id, title: `Song ${id}`, artist: `Artist ${id % 40}`, artist_id: id % 40, duration_ms: 180_000, popularity: (id % 10) / 10 }));
    return response.writeHead(200, { "content-type": "application/json", etag: '"drawn"' }).end(JSON.stringify(songs));
  }
  if (pathname === "/v1/catalogue/shards/0/embeddings") return response.writeHead(200, { "content-type": CBOR, etag: '"drawn"' }).end(shard());
  if (pathname.startsWith("/v1/")) return response.writeHead(404, { "content-type": "application/problem+json" }).end('{"title":"Not here"}');
  if (!folder) return response.writeHead(404).end();
  const file = join(folder, normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname));
  const body = await readFile(file).catch(() => undefined);
  if (!body) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", ...(policy && { "content-security-policy": policy }) }).end(body);
}

/** A shard as the server's encoder writes it: version, kind 1, then the columns. */
function shard() {
  let state = 1;
  const draw = () => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24) - 128;
  const columns = [
    uint(0), uint(DIMENSION),
    bytes(Uint32Array.from({ length: SONGS }, (_, i) => i)),
    bytes(Uint32Array.from({ length: SONGS }, (_, i) => i % 40)),
    // Albums, styles, languages and years: not known.
    ...[new Uint32Array(SONGS), new Uint16Array(SONGS), new Uint16Array(SONGS), new Uint16Array(SONGS)].map(bytes),
    bytes(Float32Array.from({ length: SONGS }, (_, i) => (i % 10) / 10)),
    bytes(new Uint32Array(SONGS).fill(20)),
    bytes(new Float32Array(SONGS).fill(0.003)),
    bytes(Int8Array.from({ length: SONGS * DIMENSION }, draw)),
    // No traffic weights.
    bytes(new Float32Array()),
  ];
  return Uint8Array.from(list(uint(1), uint(1), list(...columns)));
}

function head(major, value) {
  const top = major << 5;
  if (value < 24) return [top | value];
  if (value < 0x100) return [top | 24, value];
  if (value < 0x10000) return [top | 25, value >> 8, value & 255];
  return [top | 26, value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
}

const uint = (value) => head(0, value);
const list = (...items) => [...head(4, items.length), ...items.flat()];
const bytes = (values) => [...head(2, values.byteLength), ...new Uint8Array(values.buffer)];
