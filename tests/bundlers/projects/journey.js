// What every project does with the package: open, take a queue, skip, take another, close, come back.

/** Gives what happened; the driver judges it. */
export async function journey(open) {
  const engine = await open();
  const first = engine.recommend({ k: 10 });
  const kept = await engine.observe({ song: first[0], slot: 0, shownAt: Date.now(), feedback: { kind: "skip", heard: 0.1 } });
  const second = engine.recommend({ k: 10 });
  const reasons = engine.explain().map(({ song }) => song);
  const report = { songs: engine.songs.size, first, second, reasons, kept: kept.kind, seen: engine.seen };
  await engine.close();
  const again = await open();
  report.seenAgain = again.seen;
  await again.close();
  return report;
}

/** The same through `sottovoce/worker`. */
export async function workerJourney(openInWorker, options) {
  const engine = await openInWorker({ ...options, store: "memory" });
  const first = await engine.recommend({ k: 10, candidates: new Set(engine.songs.keys()) });
  await engine.observe({ song: first[0], slot: 0, shownAt: Date.now(), feedback: { kind: "complete" } });
  const embedding = await engine.embedding(first[0]);
  const report = { songs: engine.songs.size, first, seen: await engine.seen, dimension: embedding.length };
  const aborted = new AbortController();
  aborted.abort(new Error("no more"));
  report.aborted = await engine.refresh({ signal: aborted.signal }).then(() => "", (error) => error.message);
  report.code = await engine.contribute().then(() => "", (error) => error.code);
  await engine.close();
  return report;
}
