import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Listening, type On } from "../src/listening.js";
import { songId, type ListenEvent } from "../src/types.js";

const LONG = 200_000;
const on = (song: number, durationMs = LONG): On => ({ song: songId(song), slot: song, durationMs });

/** An engine that only writes down. */
class Notes {
  readonly events: ListenEvent[] = [];
  undone = 0;
  observe(event: ListenEvent): void {
    this.events.push(event);
  }
  undo(): void {
    this.undone++;
    this.events.pop();
  }
  get said(): string[] {
    return this.events.map(({ song, feedback }) => `${song} ${feedback.kind}`);
  }
}

/** A player with a clock; `listening` is told as `<audio>` tells, four times a second. */
class Deck {
  readonly notes = new Notes();
  readonly listening = new Listening(this.notes);
  at = 1_000_000;
  position = 0;

  start(song: number): "new" | "back" {
    this.position = 0;
    return this.listening.start(on(song), this.at);
  }

  play(ms: number): this {
    this.listening.play(this.position, this.at);
    for (let left = ms; left > 0; left -= 250) {
      this.at += Math.min(left, 250);
      this.position += Math.min(left, 250);
      this.listening.tick(this.position, this.at);
    }
    return this;
  }

  wait(ms: number): this {
    this.at += ms;
    return this;
  }
}

test("songs follow each other: complete, skip with its share, nothing for what is still on", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(LONG).listening.ended(deck.at);
  deck.start(2);
  deck.play(20_000).listening.next(deck.at);
  deck.start(3);
  deck.play(5000);
  const [first, second] = deck.notes.events;
  assert.deepEqual(deck.notes.said, ["1 complete", "2 skip"]);
  assert.deepEqual(second?.feedback, { kind: "skip", heard: 0.1 });
  assert.deepEqual([first?.playedMs, second?.playedMs, second?.slot], [LONG, 20_000, 2]);
  assert.equal(first!.at! - first!.shownAt, LONG);
});

test("choosing another song is leaving this one", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(50_000);
  deck.start(2);
  assert.deepEqual(deck.notes.events.map(({ feedback }) => feedback), [{ kind: "skip", heard: 0.25 }]);
});

test("a pause of an hour is no listening", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(20_000).listening.pause(deck.position, deck.at);
  deck.wait(3_600_000).play(20_000).listening.next(deck.at);
  assert.deepEqual(deck.notes.events[0]?.feedback, { kind: "skip", heard: 0.2 });
  assert.equal(deck.notes.events[0]?.playedMs, 40_000);
});

test("seeking to the last chord is no listening to the end", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(10_000);
  deck.position = 195_000;
  deck.listening.seek(deck.position, deck.at);
  deck.play(5000).listening.ended(deck.at);
  assert.equal(deck.notes.events[0]?.feedback.kind, "skip");
});

test("a tab that slept while the sound went on heard it; one that slept in silence did not", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(1000);
  deck.wait(190_000).listening.tick(191_000, deck.at);
  deck.listening.next(deck.at);
  deck.start(2);
  deck.play(1000);
  // The machine slept: clock on, position not.
  deck.wait(3_600_000).listening.tick(1000, deck.at);
  deck.listening.next(deck.at);
  assert.deepEqual(deck.notes.said, ["1 complete", "2 skip"]);
  assert.deepEqual(deck.notes.events[1]?.feedback, { kind: "skip", heard: 0.005 });
});

test("a song on repeat is complete each time round", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(LONG);
  for (let round = 0; round < 2; round++) {
    deck.position = 0;
    deck.at += 250;
    deck.listening.tick(0, deck.at);
    deck.play(LONG);
  }
  deck.listening.next(deck.at);
  assert.deepEqual(deck.notes.said, ["1 complete", "1 complete", "1 complete"]);
  assert.ok(deck.notes.events.every(({ playedMs }) => Math.abs(playedMs! - LONG) < 1000));
});

test("back to the start by hand is no second play", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(50_000);
  deck.position = 0;
  deck.listening.seek(0, deck.at);
  deck.play(20_000).listening.next(deck.at);
  assert.deepEqual(deck.notes.events.map(({ feedback }) => feedback), [{ kind: "skip", heard: 0.25 }]);
});

test("in a run of skips only the first is a judgement", () => {
  const deck = new Deck();
  for (let song = 1; song <= 6; song++) {
    deck.start(song);
    deck.wait(300);
    deck.listening.next(deck.at);
  }
  deck.start(7);
  deck.play(5000).listening.next(deck.at);
  assert.deepEqual(deck.notes.said, ["1 skip", "7 skip"]);
});

test("skipping and coming back within a second takes the skip back, and listening goes on", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(100_000).listening.next(deck.at);
  assert.deepEqual(deck.notes.said, ["1 skip"]);
  deck.start(2);
  deck.wait(600);
  assert.equal(deck.start(1), "back");
  assert.deepEqual([deck.notes.said, deck.notes.undone], [[], 1]);
  deck.position = 100_000;
  deck.play(95_000).listening.next(deck.at);
  assert.deepEqual(deck.notes.said, ["1 complete"]);
});

test("coming back later is listening again", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(10_000).listening.next(deck.at);
  deck.start(2);
  deck.wait(5000);
  assert.equal(deck.start(1), "new");
  assert.deepEqual([deck.notes.said, deck.notes.undone], [["1 skip", "2 skip"], 0]);
});

test("a player that is put away judges nothing", () => {
  const deck = new Deck();
  deck.start(1);
  deck.play(10_000).listening.stop();
  deck.listening.next(deck.at);
  deck.listening.ended(deck.at);
  assert.deepEqual(deck.notes.events, []);
});

test("whatever a listener does, every song has one judgement at most for each time it came on, and every event is sane", () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant("start" as const), n: fc.integer({ min: 0, max: 4 }) }),
    fc.record({ what: fc.constantFrom("play", "wait", "pause", "seek" as const), n: fc.integer({ min: 0, max: LONG }) }),
    fc.record({ what: fc.constantFrom("next", "ended", "stop" as const), n: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const deck = new Deck();
      let came = 0;
      for (const { what, n } of steps) {
        const { listening } = deck;
        if (what === "start") came += Number(deck.start(n) === "new");
        else if (what === "play") deck.play(n % 30_000);
        else if (what === "wait") deck.wait(n);
        else if (what === "pause") listening.pause(deck.position, deck.at);
        else if (what === "seek") listening.seek((deck.position = n), deck.at);
        else if (what === "stop") listening.stop();
        else listening[what](deck.at);
      }
      const { events, undone } = deck.notes;
      assert.ok(events.length + undone <= came + undone, `${events.length} events, ${came} songs`);
      for (const { feedback, shownAt, at, playedMs } of events) {
        assert.ok(at! >= shownAt && playedMs! >= 0);
        if (feedback.kind === "skip") assert.ok(feedback.heard >= 0 && feedback.heard <= 1);
        else assert.equal(feedback.kind, "complete");
      }
    }),
  );
});
