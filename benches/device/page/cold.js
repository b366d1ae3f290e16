// An engine whose code was never fetched, to its first recommendation from 10,000 songs: fetch, compile, get ready, answer.
// `?engine=own|ort|tfjs`, `own&network` for the catalogue's download as well, and `bare` for what nobody can go below.
//
// Catalogue and weights cost everyone the same bytes, so they lie in memory before the clock starts. Ours is the npm package as a page
// uses it: it reads shards and song lists, embeds, scores 64 dimensions, and a DPP under rules writes a slate of 30. The peers get
// their arrays ready made, embed a history and give the best 200 by 32 dimensions; the slate is left out.

const asked = new URLSearchParams(location.search);
const engine = asked.get("engine");
/** Names and lengths in the order of `peers/build.mjs`. */
const PARTS = [["query", 64], ["hidden", 8192], ["hiddenBias", 64], ["out", 2048], ["outBias", 32], ["items", 320_000]];
const history = Float32Array.from({ length: 3200 }, (_, i) => Math.sin(i));

const bytesOf = async (path) => (await fetch(path)).arrayBuffer();

/** Answers for the package, from memory. */
async function kept() {
  const manifest = await (await fetch("/v1/catalogue")).json();
  const paths = ["/v1/catalogue", "/v1/tower/weights", ...manifest.shards.flatMap(({ metadata, embeddings }) => [metadata, embeddings])];
  const bodies = new Map(await Promise.all(paths.map(async (path) => [path, await bytesOf(path)])));
  return async (request) => {
    const body = bodies.get(new URL(request.url ?? request, location.href).pathname);
    return body ? new Response(body, { headers: { etag: '"1"' } }) : new Response(null, { status: 404 });
  };
}

async function own() {
  const fetch = asked.has("network") ? undefined : await kept();
  return async () => {
    const { Sottovoce } = await import("/dist/index.js");
    const running = await Sottovoce.open({ server: "/", store: "memory", seed: 7n, fetch });
    return running.recommend({ k: 30 });
  };
}

async function peer() {
  const bytes = await bytesOf("/peers/model.bin");
  let at = 0;
  const { items, ...weights } = Object.fromEntries(PARTS.map(([name, length]) => [name, new Float32Array(bytes, 4 * at, ((at += length), length))]));
  return async () => {
    const { create } = await import(`/peers/${engine}.js`);
    const running = await create({ weights, items }, { only: ["forward", "score"] });
    return running.score(await running.forward(history), 200);
  };
}

/** One small module and our wasm, compiled and no more: a page's cost of anything of that size. */
async function bare() {
  return async () => {
    await import("/dist/listening.js");
    await WebAssembly.compileStreaming(fetch("/dist/sottovoce.wasm"));
    return [];
  };
}

const ENGINES = { own: [own, 30], bare: [bare, 0] };

try {
  const [ready, wanted] = ENGINES[engine] ?? [peer, 200];
  const start = await ready();
  const begin = performance.now();
  const songs = await start();
  const ms = performance.now() - begin;
  if (songs.length !== wanted) throw new Error(`${songs.length} songs`);
  window.result = { isolated: crossOriginIsolated, ms };
} catch (error) {
  window.result = { error: String(error?.stack ?? error) };
}
