import { Sottovoce, codeOf } from "/node_modules/sottovoce/dist/index.js";

const asked = [];
/** The network, counted; away where `broken`. */
const through = (broken) => (url, options) => {
  asked.push(new URL(url).pathname.split("/").at(-1));
  return broken ? Promise.reject(new TypeError("no network")) : fetch(url, options);
};
const visit = async (options, use = () => {}) => {
  asked.length = 0;
  try {
    const engine = await Sottovoce.open({ store: "memory", ...options });
    const report = { online: engine.online, songs: engine.songs.size, list: engine.recommend({ k: 3 }).length, asked: [...asked].sort(), more: await use(engine) };
    await engine.close();
    return report;
  } catch (error) {
    return { failed: codeOf(error) ?? String(error) };
  }
};
const cacheOf = async (name) => caches.open(`sottovoce:${name}`);

const report = {};
report.first = await visit({ name: "a", fetch: through(false) });
report.second = await visit({ name: "a", fetch: through(false) });
report.offline = await visit({ name: "a", fetch: through(true) });

// A copy that rotted, under the ETag it came with; and a file of a catalogue that is no more.
const cache = await cacheOf("a");
await cache.put("/v1/catalogue/shards/0/embeddings", new Response("rotten", { headers: { etag: '"drawn"' } }));
await cache.put("/v1/catalogue/shards/7/embeddings", new Response("stale"));
report.rotten = await visit({ name: "a", fetch: through(false) });
report.healed = await visit({ name: "a", fetch: through(true) });
report.kept = (await cache.keys()).map(({ url }) => new URL(url).pathname.split("/").at(-1)).sort();

// A cap that leaves room for the song list, not for everything.
report.small = await visit({ name: "b", cacheBytes: 5000, fetch: through(false) });
const bodies = await Promise.all((await (await cacheOf("b")).matchAll()).map(async (each) => (await each.arrayBuffer()).byteLength));
report.smallBytes = bodies.reduce((sum, bytes) => sum + bytes, 0);
report.smallFiles = bodies.length;
report.none = await visit({ name: "c", cacheBytes: 0, fetch: through(false) });
report.noneOffline = await visit({ name: "c", cacheBytes: 0, fetch: through(true) });

report.deleted = await visit({ name: "a", fetch: through(false) }, (engine) => engine.deleteData().then(({ left }) => left));
report.afterwards = await caches.has("sottovoce:a");
globalThis.report = report;
