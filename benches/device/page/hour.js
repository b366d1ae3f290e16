// An hour of listening in a few seconds: songs finished and skipped as a listener does, state kept in IndexedDB as a page has it. Every
// event is a task of its own; the browser itself says which tasks kept the page waiting for more than 50 ms.

import { Sottovoce } from "/dist/index.js";

const HOUR_MS = 3_600_000;
const SONG_MS = 210_000;
const PAUSE_MS = 25;

const pause = (ms = PAUSE_MS) => new Promise((resolve) => setTimeout(resolve, ms));

/** One song in five is heard to the end; of the others, a restless listener hears 5 to 40 seconds. */
function heard(i) {
  if (i % 5 === 0) return { ms: SONG_MS, feedback: { kind: "complete" } };
  const ms = 5_000 + ((i * 7919) % 35_000);
  return { ms, feedback: { kind: "skip", heard: ms / SONG_MS } };
}

async function listen() {
  const engine = await Sottovoce.open({ server: "/", seed: 7n });
  const over = [];
  const observer = new PerformanceObserver((list) => over.push(...list.getEntries().map(({ startTime, duration }) => ({ startTime, duration }))));
  observer.observe({ type: "longtask" });
  await pause(200);
  over.length = 0;

  const start = Date.now();
  let queue = engine.recommend({ k: 30 });
  let [events, longest] = [0, 0];
  for (let passed = 0; passed < HOUR_MS; events += 1) {
    const { ms, feedback } = heard(events);
    passed += ms;
    const begin = performance.now();
    engine.observe({ song: queue[0], slot: 0, shownAt: start + passed - ms, at: start + passed, feedback });
    queue = engine.recommend({ k: 30 });
    engine.explain();
    longest = Math.max(longest, performance.now() - begin);
    await pause();
  }
  await engine.close();
  await pause(200);
  observer.disconnect();
  return { events, longest, longTasks: over };
}

try {
  window.result = { isolated: crossOriginIsolated, ...(await listen()) };
} catch (error) {
  window.result = { error: String(error?.stack ?? error) };
}
