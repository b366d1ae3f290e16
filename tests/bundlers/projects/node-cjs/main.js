const { Sottovoce, memoryStore, SottovoceError } = require("sottovoce");
const inline = require("sottovoce/inline");
const slim = require("sottovoce/slim");

(async () => {
  const { journey } = await import("../../../projects/journey.js");
  const server = process.argv[2];
  const store = memoryStore();
  const report = await journey(() => Sottovoce.open({ server, store, seed: 7n }));
  report.sameErrors = inline.SottovoceError === SottovoceError;
  await slim.init();
  report.slimSongs = new slim.Recommender().loadShard(new Uint8Array(await (await fetch(`${server}v1/catalogue/shards/0/embeddings`)).arrayBuffer()));
  console.log(JSON.stringify(report));
})();
