// From a skip to the new queue, in the page: `observe` and `recommend` of the npm package over 10,000 resident songs, and beside
// it, sample by sample, the same work in plain JavaScript.

import { Sottovoce } from "/dist/index.js";
import { Peer } from "./peer.js";

const WARM_UP = 120;
const SAMPLES = 400;
const SLATE = 30;

const peers = new URLSearchParams(location.search).has("peers");

/** One listener's way: two songs in five are heard to the end, the others left after a while. */
const completes = (i) => i % 5 < 2;

function eventOf(song, complete) {
  const at = Date.now();
  return { song, slot: 0, shownAt: at - 5000, at, feedback: complete ? { kind: "complete" } : { kind: "skip", heard: 0.1 } };
}

async function fetched(path) {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

async function openPeer(config) {
  const { shards } = await (await fetch("/v1/catalogue")).json();
  const embeddings = await Promise.all(shards.map((shard) => fetched(shard.embeddings)));
  return new Peer(embeddings, await fetched("/v1/tower/weights"), config);
}

function openOwn(config) {
  return Sottovoce.open({ server: "/", store: "memory", seed: 7n, config });
}

/** Each takes note of the same events; the slates must be the same songs. Without the personal step, which draws at random. */
async function agreement() {
  const [own, peer] = [await openOwn({ personalRate: 0 }), await openPeer({ personalRate: 0 })];
  let [same, all] = [0, 0];
  let queue = own.recommend({ k: SLATE });
  for (let i = 0; i < 60; i += 1) {
    const event = eventOf(queue[i % 3], completes(i));
    own.observe(event);
    peer.observe(event);
    queue = own.recommend({ k: SLATE });
    const theirs = new Set(peer.recommend(SLATE, Date.now()));
    same += queue.filter((song) => theirs.has(song)).length;
    all += queue.length;
  }
  await own.close();
  return same / all;
}

async function measure() {
  const own = await openOwn({});
  const peer = peers ? await openPeer({}) : undefined;
  const candidates = [...own.songs.keys()];
  const ops = { skip_to_queue: [], observe: [], recommend: [], recommend_from_10000_given: [] };
  const peerSamples = [];
  let [queue, theirs] = [own.recommend({ k: SLATE }), peer?.recommend(SLATE, Date.now())];

  const ours = (complete, keep) => {
    const event = eventOf(queue[0], complete);
    const begin = performance.now();
    own.observe(event);
    const between = performance.now();
    queue = own.recommend({ k: SLATE });
    const end = performance.now();
    if (!keep) return;
    ops.skip_to_queue.push(end - begin);
    ops.observe.push(between - begin);
    ops.recommend.push(end - between);
  };
  const their = (complete, keep) => {
    const event = eventOf(theirs[0], complete);
    const begin = performance.now();
    peer.observe(event);
    theirs = peer.recommend(SLATE, Date.now());
    if (keep) peerSamples.push(performance.now() - begin);
  };

  for (let i = 0; ops.skip_to_queue.length < SAMPLES; i += 1) {
    const complete = completes(i);
    const keep = i >= WARM_UP && !complete;
    // Interleaved, each first as often as second, with the page's own business let in between.
    const turns = peer ? (i % 2 ? [their, ours] : [ours, their]) : [ours];
    for (const turn of turns) {
      turn(complete, keep);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (keep) {
      const begin = performance.now();
      own.recommend({ k: SLATE, candidates });
      ops.recommend_from_10000_given.push(performance.now() - begin);
    }
  }
  const songs = own.songs.size;
  await own.close();
  return { songs, ops, peer: peer && { name: "plain JavaScript", samples: peerSamples } };
}

try {
  const agrees = peers ? await agreement() : undefined;
  window.result = { isolated: crossOriginIsolated, agrees, ...(await measure()) };
} catch (error) {
  window.result = { error: String(error?.stack ?? error) };
}
