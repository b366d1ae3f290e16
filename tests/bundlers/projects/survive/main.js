import { Sottovoce, songId } from "/node_modules/sottovoce/dist/index.js";

// `?write`: hears songs as fast as they are acknowledged, and tells the server of each one. Without: says what is there.
const engine = await Sottovoce.open();
const before = engine.seen;
if (location.search === "?write") {
  // The note behind the last event may have been lost with the page before this one.
  engine.keep("count", before);
  await fetch("/acknowledged/open");
  for (let n = before; ; n++) {
    // The song says which event it was.
    const kept = await engine.observe({ song: songId(n % 300), slot: 0, shownAt: n, at: n + 1, feedback: { kind: "complete" } });
    engine.keep("count", n + 1);
    if (kept.kind !== "kept") throw new Error(`not kept: ${JSON.stringify(kept)}`);
    await fetch(`/acknowledged/${n + 1}`);
  }
} else {
  const history = engine.history();
  globalThis.report = { seen: before, songs: history.map(({ song }) => song), storage: engine.storage.kind, count: engine.kept("count") ?? 0 };
}
