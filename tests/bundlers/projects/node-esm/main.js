import { Sottovoce } from "sottovoce";
import * as inline from "sottovoce/inline";
import * as slim from "sottovoce/slim";
import { journey } from "../../../projects/journey.js";

const server = process.argv[2];
const { memoryStore } = await import("sottovoce");
const store = memoryStore();
const report = await journey(() => Sottovoce.open({ server, store, seed: 7n }));

const engine = await inline.Sottovoce.open({ server, store: "memory", seed: 7n });
report.inline = engine.recommend({ k: 3 });
await engine.close();

try {
  new slim.Recommender();
} catch (error) {
  report.early = error.code;
}
await slim.init();
const small = new slim.Recommender();
report.slimSongs = small.loadShard(new Uint8Array(await (await fetch(`${server}v1/catalogue/shards/0/embeddings`)).arrayBuffer()));
const [song] = small.recommend({ k: 5 });
small.observe({ song, slot: 0, shownAt: 0, feedback: { kind: "skip", heard: 0 } });
report.slim = small.recommend({ k: 5 });
report.slimReasons = small.explain().length;
small.free();
console.log(JSON.stringify(report));
