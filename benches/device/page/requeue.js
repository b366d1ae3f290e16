// From a skip to the new queue, in the page: `observe` and `recommend` of the npm package over 10,000 resident songs.

import { Sottovoce } from "/dist/index.js";

const WARM_UP = 120;
const SAMPLES = 400;
const SLATE = 30;

/** One listener's way: two songs in five are heard to the end, the others left after a while. */
const completes = (i) => i % 5 < 2;

function eventOf(song, complete) {
  const at = Date.now();
  return { song, slot: 0, shownAt: at - 5000, at, feedback: complete ? { kind: "complete" } : { kind: "skip", heard: 0.1 } };
}

async function measure() {
  const engine = await Sottovoce.open({ server: "/", store: "memory", seed: 7n });
  const candidates = [...engine.songs.keys()];
  const ops = { requeue: [], requeue_observe: [], requeue_recommend: [], requeue_from_10000_given: [] };
  let queue = engine.recommend({ k: SLATE });
  for (let i = 0; ops.requeue.length < SAMPLES; i += 1) {
    const event = eventOf(queue[0], completes(i));
    const begin = performance.now();
    engine.observe(event);
    const between = performance.now();
    queue = engine.recommend({ k: SLATE });
    const end = performance.now();
    // The page's own business is let in between.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (i < WARM_UP || completes(i)) continue;
    ops.requeue.push(end - begin);
    ops.requeue_observe.push(between - begin);
    ops.requeue_recommend.push(end - between);
    const given = performance.now();
    engine.recommend({ k: SLATE, candidates });
    ops.requeue_from_10000_given.push(performance.now() - given);
  }
  const songs = engine.songs.size;
  await engine.close();
  return { songs, ops };
}

try {
  window.result = { isolated: crossOriginIsolated, ...(await measure()) };
} catch (error) {
  window.result = { error: String(error?.stack ?? error) };
}
