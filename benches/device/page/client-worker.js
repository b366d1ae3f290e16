// From the noised vector to the packed and signed report, in a worker: keys with 20 neighbours in wasm, the masks' streams by WebCrypto,
// added, packed, signed and written in wasm.

import start, { Round } from "/kernels/kernels.js";

const [D, DEVICES, NEIGHBOURS, SEATS] = [100_000, 100, 20, 41];
const [WARM_UP, SAMPLES] = [20, 100];
const KEY = 16;
/** Streams that are asked for before one is put on: none, as the product does it; or one, so that it is made while another is added. */
const [IN_TURN, AHEAD] = [0, 1];

const { memory } = await start({ module_or_path: "/kernels/kernels_bg.wasm" });

/** A key's stream is what it makes of zeros, from block 0 on. */
async function streamOf(key, zeros) {
  const name = "AES-CTR";
  const cipher = await crypto.subtle.importKey("raw", key, name, false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt({ name, counter: new Uint8Array(KEY), length: 128 }, cipher, zeros));
}

const report = (round, length) => new Uint8Array(memory.buffer, round.report(), length).slice();

/** Puts on all masks; says how long the engine took to add them. */
async function mask(round, zeros, ahead) {
  const keys = round.keys();
  const count = keys.length / KEY;
  const asked = [];
  let adding = 0;
  for (let i = 0; i < count; i += 1) {
    while (asked.length < Math.min(count, i + 1 + ahead)) {
      const at = asked.length * KEY;
      asked.push(streamOf(keys.slice(at, at + KEY), zeros));
    }
    const stream = await asked[i];
    const begin = performance.now();
    new Uint8Array(memory.buffer, round.stream(), stream.length).set(stream);
    round.apply();
    adding += performance.now() - begin;
  }
  return adding;
}

async function measure() {
  const round = new Round(D, DEVICES, NEIGHBOURS, SEATS);
  const zeros = new Uint8Array(round.stream_len());
  // One vector, both ciphers: the same bytes, or nothing is measured.
  const once = async (seed, put) => {
    round.noise(BigInt(seed));
    round.agree();
    await put();
    return report(round, round.finish());
  };
  const [theirs, own] = [await once(1, () => mask(round, zeros, AHEAD)), await once(1, () => {})];
  if (theirs.length !== own.length || theirs.some((byte, i) => byte !== own[i])) throw new Error("WebCrypto's report is another one");

  const parts = { agreeing: [], masking: [], adding: [], packing_and_signing: [], joining: [], checking_the_roster: [], with_its_own_cipher: [], with_a_stream_ahead: [] };
  const samples = [];
  for (let i = 0; i < WARM_UP + SAMPLES; i += 1) {
    round.noise(BigInt(i + 2));
    const begin = performance.now();
    round.agree();
    const agreed = performance.now();
    const adding = await mask(round, zeros, IN_TURN);
    const masked = performance.now();
    round.finish();
    const end = performance.now();
    const took = { agreeing: agreed - begin, masking: masked - agreed, adding, packing_and_signing: end - masked };
    if (i >= WARM_UP) samples.push(end - begin);
    round.noise(BigInt(i + 2));
    const again = performance.now();
    round.agree();
    await mask(round, zeros, AHEAD);
    round.finish();
    took.with_a_stream_ahead = performance.now() - again;
    if (i >= WARM_UP && i % 5 === 0) {
      // Not part of it: the rest of a round, and the report without WebCrypto.
      round.noise(1n);
      const rest = { joining: () => round.join(), checking_the_roster: () => round.check(), with_its_own_cipher: () => (round.agree(), round.finish()) };
      for (const [name, work] of Object.entries(rest)) {
        const from = performance.now();
        work();
        took[name] = performance.now() - from;
      }
    }
    if (i >= WARM_UP) for (const [name, ms] of Object.entries(took)) parts[name].push(ms);
  }
  const middle = (all) => all.sort((a, b) => a - b)[all.length >> 1];
  const found = Object.fromEntries(Object.entries(parts).map(([name, all]) => [`${name}_ms`, middle(all)]));
  return { samples, parameters: D, neighbours: NEIGHBOURS, report_bytes: theirs.length, ...found };
}

try {
  postMessage({ isolated: self.crossOriginIsolated, ...(await measure()) });
} catch (error) {
  postMessage({ error: String(error?.stack ?? error) });
}
