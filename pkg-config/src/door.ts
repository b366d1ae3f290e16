// The wasm door as this package expects it: the generated class gives `any` where Rust hands out objects, these are their shapes.

import type { Recommender } from "./generated/sottovoce.js";
import type { CoreContext } from "./settings.js";
import type { Interest, Ledger, Portrait, SlotReason } from "./types.js";

/** A remembered event as the engine tells it. */
export interface Row {
  readonly song: number;
  readonly slot: number;
  readonly shownAt: number;
  readonly at: number;
  readonly behaviour: number;
  readonly heard?: number;
  readonly playedMs?: number;
  readonly hour?: number;
  readonly weekday?: number;
}

type Loose = "explain" | "history" | "ledger" | "exportData" | "receive" | "setContext" | "observe";

/** What {@link Sottovoce} needs of the engine's core. */
export interface Door extends Omit<Recommender, Loose> {
  explain(): SlotReason[];
  history(): Row[];
  ledger(): Omit<Ledger, "roundChecks">;
  exportData(): Record<string, unknown>;
  receive(bytes: Uint8Array): { kind: string; version: number; round: number; status: "accepted" | "already-counted" | "round-closed" };
  setContext(context: CoreContext): void;
  observe(song: number, slot: number, shownAt: number, at: number, behaviour: number, heard: number, playedMs?: number): void;
  importHistory(songs: Uint32Array, at: Float64Array, behaviour: Uint8Array, heard: Float32Array): number;
  recommendWith(candidates: Uint32Array | undefined, k: number, now: number, options: Record<string, unknown>): Uint32Array;
  configure(config: Record<string, unknown>): void;
  interests(k: number): Interest[];
  lessOf(index: number): void;
  muted(): Pick<Interest, "songs">[];
  unmute(index: number): void;
  portrait(): Portrait;
  library(): { songs: Uint32Array; plays: Uint32Array; skips: Uint32Array; liked: Uint8Array; last: Float64Array };
  similarity(songs: Uint32Array): Float32Array;
  sessionVector(now: number): Float32Array;
  near(song: number, k: number): Uint32Array;
}
