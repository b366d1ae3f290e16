import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PlayTracker } from "../src/feedback.js";

const LONG = 200_000;

/** Plays from `from` to `to` at normal speed with a tick every quarter of a second; the clock's time at the end. */
function listen(tracker: PlayTracker, from: number, to: number, at: number): number {
  tracker.play(from, at);
  for (let position = from; position < to; position += 250) tracker.tick(position, at + position - from);
  tracker.tick(to, at + to - from);
  return at + to - from;
}

test("a song heard to its end is complete", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  assert.deepEqual(tracker.ended(listen(tracker, 0, LONG, 0)), { kind: "complete" });
});

test("a song left early is a skip, with the share that was heard", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  assert.deepEqual(tracker.next(listen(tracker, 0, 20_000, 0)), { kind: "skip", heard: 0.1 });
});

test("left in its last moments it is complete", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  assert.deepEqual(tracker.next(listen(tracker, 0, 191_000, 0)), { kind: "complete" });
});

test("what was sought over was not heard", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  const at = listen(tracker, 0, 10_000, 0);
  tracker.seek(190_000, at);
  const end = listen(tracker, 190_000, LONG, at);
  const feedback = tracker.ended(end);
  assert.equal(feedback.kind, "skip");
  assert.ok(feedback.kind === "skip" && Math.abs(feedback.heard - 0.1) < 1e-9);
});

test("a jump that the player did not announce is a seek too", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  tracker.play(0, 0);
  tracker.tick(1000, 1000);
  tracker.tick(150_000, 1250);
  assert.equal(tracker.heard, 1000 / LONG);
});

test("the same bars twice count once, and apart stretches add up", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  let at = listen(tracker, 0, 50_000, 0);
  tracker.seek(0, at);
  at = listen(tracker, 0, 50_000, at);
  tracker.seek(100_000, at);
  at = listen(tracker, 100_000, 120_000, at);
  tracker.seek(40_000, at);
  listen(tracker, 40_000, 110_000, at);
  assert.equal(tracker.heard, 0.6);
});

test("time passed in a pause is not heard", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  let at = listen(tracker, 0, 10_000, 0);
  tracker.pause(10_000, at);
  at += 3_600_000;
  tracker.tick(10_000, at);
  listen(tracker, 10_000, 20_000, at);
  assert.equal(tracker.heard, 0.1);
});

test("a tab that slept while the sound went on loses nothing", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  tracker.play(0, 0);
  tracker.tick(120_000, 120_400);
  assert.equal(tracker.heard, 0.6);
});

test("the first quick skip is a judgement, the rest of a run is passing by", () => {
  const first = new PlayTracker({ durationMs: LONG, at: 0 });
  assert.deepEqual(first.next(300), { kind: "skip", heard: 0 });
  const second = new PlayTracker({ durationMs: LONG, at: 300, bySkip: true });
  assert.equal(second.next(700), undefined);
  const stayed = new PlayTracker({ durationMs: LONG, at: 300, bySkip: true });
  assert.deepEqual(stayed.next(1500), { kind: "skip", heard: 0 });
});

test("a song without a length is never complete and never divides by nothing", () => {
  const tracker = new PlayTracker({ durationMs: 0, at: 0 });
  tracker.play(0, 0);
  tracker.tick(5000, 5000);
  assert.equal(tracker.heard, 0);
  assert.deepEqual(tracker.ended(6000), { kind: "skip", heard: 0 });
});

test("twice as fast is heard as much, and what runs ahead of that was sought", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  tracker.rate = 2;
  tracker.play(0, 0);
  tracker.tick(100_000, 50_000);
  assert.equal(tracker.heard, 0.5);
  tracker.tick(160_000, 60_000);
  assert.equal(tracker.heard, 0.5);
});

test("a length that is learned late counts what was heard before", () => {
  const tracker = new PlayTracker({ durationMs: 0, at: 0 });
  listen(tracker, 0, 30_000, 0);
  assert.equal(tracker.heard, 0);
  tracker.durationMs = LONG;
  assert.equal(tracker.heard, 0.15);
  const stream = new PlayTracker({ durationMs: Infinity, at: 0 });
  listen(stream, 0, 30_000, 0);
  assert.equal(stream.heard, 0);
});

test("time that sounded counts repeats, the share that was heard does not", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  let at = listen(tracker, 0, 20_000, 0);
  tracker.seek(0, at);
  at = listen(tracker, 0, 20_000, at);
  assert.deepEqual([tracker.heard, tracker.playedMs], [0.1, 40_000]);
});

test("positions that are no numbers are passed over", () => {
  const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
  tracker.play(Number.NaN, 0);
  tracker.tick(Number.NaN, 250);
  tracker.tick(500, 500);
  assert.ok(tracker.heard <= 500 / LONG);
});

/** One thing a listener does for a while. */
const doing = fc.oneof(
  fc.record({ what: fc.constant("play" as const), ms: fc.integer({ min: 0, max: 60_000 }) }),
  fc.record({ what: fc.constant("rest" as const), ms: fc.integer({ min: 0, max: 3_600_000 }) }),
  fc.record({ what: fc.constant("seek" as const), ms: fc.integer({ min: 0, max: LONG }) }),
);

test("whatever is done, what counts as heard is what sounded, to the tick", () => {
  fc.assert(
    fc.property(fc.array(doing, { maxLength: 12 }), fc.integer({ min: 100, max: 5000 }), (doings, every) => {
      const tracker = new PlayTracker({ durationMs: LONG, at: 0 });
      /** Every tenth of a second of the song, whether it sounded. */
      const sounded = new Set<number>();
      let [position, at, played] = [0, 0, 0];
      for (const { what, ms } of doings) {
        const before = tracker.heard;
        if (what === "seek") tracker.seek((position = ms), at);
        else if (what === "rest") {
          tracker.pause(position, at);
          at += ms;
        } else {
          tracker.play(position, at);
          const end = Math.min(LONG, position + ms);
          for (let tenth = Math.ceil(position / 100); (tenth + 1) * 100 <= end; tenth++) sounded.add(tenth);
          played += end - position;
          while (position < end) {
            const step = Math.min(every, end - position);
            tracker.tick((position += step), (at += step));
          }
          tracker.pause(position, at);
        }
        assert.ok(tracker.heard >= before, "never less");
      }
      assert.ok(tracker.heard <= 1);
      assert.ok(Math.abs(tracker.playedMs - played) < 1e-6);
      // The bitmap loses up to a tenth at each edge.
      assert.ok(Math.abs(tracker.heard * LONG - sounded.size * 100) <= 200 * (doings.length + 1));
    }),
  );
});
