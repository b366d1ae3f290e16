// Each kernel beside the same work in other engines: first whether they agree, then sample by sample in turn, so that whatever else
// the machine does meets all of them alike. `?engines=own,relaxed,js,ort,tfjs&samples=60`

import { SHAPE, makeData } from "/peers/data.js";

const asked = new URLSearchParams(location.search);
const engines = asked.get("engines").split(",");
const samples = Number(asked.get("samples") ?? 60);
/** A sample lasts at least this long, in milliseconds: a hundred times the clock's step. */
const SAMPLE_MS = 0.5;
const WARM_UP_MS = 150;

/** The product's kernels, and what relaxed SIMD makes of them. */
const OURS = new Set(["own", "relaxed"]);

const data = makeData();
const OPS = {
  forward: (engine) => engine.forward(data.history),
  score_10k_32: (engine) => engine.score(data.query, SHAPE.top),
  train_32: (engine) => engine.train(data.histories, data.positives, 1e-4),
  dpp_500_64_30: (engine) => engine.dpp(data.candidates, data.quality, SHAPE.slate),
};

/** What each engine answers; the loss over a few real steps, after the rest, because not every engine shares the trained weights. */
async function answers(engine) {
  const user = [...(await engine.forward(data.history))];
  const losses = [];
  for (let i = 0; i < 5; i += 1) losses.push(await engine.train(data.histories, data.positives, 0.05));
  return {
    user,
    losses,
    best: [...(await engine.score(data.query, SHAPE.top))],
    slate: [...(await engine.dpp(data.candidates, data.quality, SHAPE.slate))],
  };
}

const near = (a, b, within) => a.length === b.length && a.every((x, i) => Math.abs(x - b[i]) <= within);

function scoresOf(ids) {
  return ids.map((id) => data.query.reduce((sum, x, k) => sum + x * data.items[id * SHAPE.user + k], 0));
}

/** Where two engines differ, in words. Ids may differ where scores are equal. */
function differences(mine, theirs) {
  const wrong = [];
  if (!near(mine.losses, theirs.losses, 1e-3)) wrong.push(`losses ${mine.losses} and ${theirs.losses}`);
  if (!near(mine.user, theirs.user, 1e-3)) wrong.push(`users ${mine.user} and ${theirs.user}`);
  if (new Set(theirs.best).size !== SHAPE.top || !near(scoresOf(mine.best), scoresOf(theirs.best), 1e-4)) wrong.push(`best ${mine.best} and ${theirs.best}`);
  if (!near(mine.slate, theirs.slate, 0)) wrong.push(`slates ${mine.slate} and ${theirs.slate}`);
  return wrong;
}

/** How often an operation fits into a sample. */
async function warmUp(engine, op) {
  const begin = performance.now();
  let calls = 0;
  while (performance.now() - begin < WARM_UP_MS) {
    await op(engine);
    calls += 1;
  }
  return Math.max(1, Math.round((SAMPLE_MS * calls) / (performance.now() - begin)));
}

async function sample(engine, op, calls) {
  const begin = performance.now();
  for (let i = 0; i < calls; i += 1) {
    const answer = op(engine);
    if (answer instanceof Promise) await answer;
  }
  return (performance.now() - begin) / calls;
}

async function measure(running, op) {
  const names = Object.keys(running);
  const calls = {};
  for (const name of names) calls[name] = await warmUp(running[name], op);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let i = 0; i < samples; i += 1) {
    // Everyone comes first as often as last.
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(i + turn) % names.length];
      times[name].push(await sample(running[name], op, calls[name]));
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return times;
}

async function everything() {
  const running = {};
  for (const name of engines) {
    const { create } = await import(OURS.has(name) ? `./${name}.js` : `/peers/${name}.js`);
    running[name] = await create(makeData());
  }
  const versions = Object.fromEntries(engines.map((name) => [name, running[name].version]));
  const first = await answers(running.own);
  const disagreements = {};
  for (const name of engines.filter((name) => name !== "own")) {
    const wrong = differences(first, await answers(running[name]));
    if (wrong.length > 0) disagreements[name] = wrong;
  }
  if (Object.keys(disagreements).length > 0) return { disagreements };
  const ops = {};
  for (const [name, op] of Object.entries(OPS)) ops[name] = await measure(running, op);
  return { versions, ops, limits: running.own.limits() };
}

try {
  window.result = { isolated: crossOriginIsolated, ...(await everything()) };
} catch (error) {
  window.result = { error: String(error?.stack ?? error) };
}
