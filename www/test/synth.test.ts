import assert from "node:assert/strict";
import { test } from "node:test";
import { compose } from "../src/sound/score.js";
import { play } from "../src/sound/synth.js";
import { RATE, sound } from "../src/sound/voices.js";
import type { Traits } from "../src/traits.js";

const traits: Traits = { tempo: 0.4, mood: 0.7, key: 0.4, harmony: 0.6, density: 0.7, swing: 0.3, brightness: 0.5, space: 0.5, register: 0.5, drive: 0.6 };
const genres = ["rock", "deep house", "jazz", "folk", "ambient", "piano"];

test("every kit sounds: finite, neither silent nor clipped, equally loud, and over at the end", () => {
  for (const [song, genre] of genres.entries()) {
    const { left, right, outline } = play(compose(song, genre, traits));
    const rms = Math.sqrt([left, right].reduce((sum, side) => sum + side.reduce((s, v) => s + v * v, 0), 0) / (2 * left.length));
    const peak = Math.max(...[left, right].map((side) => side.reduce((most, v) => Math.max(most, Math.abs(v)), 0)));
    assert.ok(rms > 0.09 && rms < 0.13, `${genre}: ${rms}`);
    assert.ok(peak > 0.2 && peak <= 0.9, `${genre}: ${peak}`);
    assert.ok(Math.abs(left.at(-1) ?? 1) < 1e-3);
    assert.ok(outline.every((level) => level >= 0 && level <= 1) && outline.some((level) => level > 0.99));
  }
});

test("strings are in tune: the strongest pitch is the note's, within three cents", () => {
  for (const hertz of [110, 220, 440, 880]) {
    const note = sound("pluck", { hertz, seconds: 1, brightness: 0.4 });
    // How much of a pitch is there: the discrete Fourier transform at one frequency.
    const strength = (pitch: number) => {
      let [re, im] = [0, 0];
      for (let i = 3000; i < 23000; i++) {
        const window = Math.sin((Math.PI * (i - 3000)) / 20000) ** 2;
        re += (note[i] ?? 0) * window * Math.cos((2 * Math.PI * pitch * i) / RATE);
        im += (note[i] ?? 0) * window * Math.sin((2 * Math.PI * pitch * i) / RATE);
      }
      return Math.hypot(re, im);
    };
    let best = 0;
    for (let cents = -40; cents <= 40; cents++) if (strength(hertz * 2 ** (cents / 1200)) > strength(hertz * 2 ** (best / 1200))) best = cents;
    assert.ok(Math.abs(best) <= 3, `${hertz} Hz is ${best} cents off`);
  }
});

test("the same score is the same sound", () => {
  const score = compose(3, "jazz", traits);
  assert.deepEqual(play(score).left.slice(0, 40000), play(score).left.slice(0, 40000));
});
