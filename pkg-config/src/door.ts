// The wasm door as this package expects it: the generated class gives `any` where Rust hands out objects, these are their shapes.

import type { EventRow } from "./event.js";
import type { RoundState, Upload } from "./secure/types.js";
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
  readonly hour?: number;
  readonly weekday?: number;
  readonly device?: number;
  readonly locale?: number;
  readonly scene?: number;
}

/** A message that waits to go out. */
export interface Outgoing {
  readonly round: number;
  readonly key: string;
  readonly bytes: Uint8Array;
  free(): void;
}

/** What the engine asks its caller to do next in secure rounds; which of the fields mean something depends on the kind. */
export interface CoreErrand {
  readonly kind: "get" | "put" | "keep" | "mask";
  readonly path?: string | undefined;
  /** The message's name. */
  readonly message?: string | undefined;
  /** What to send; the vault; the 16 bytes of a mask's key. */
  readonly body?: Uint8Array | undefined;
  /** How much of a mask's stream. */
  readonly length?: number | undefined;
  free(): void;
}

/** Where the rounds stand, and the account. */
export interface CoreRoundState extends Omit<RoundState, "participating" | "waiting"> {
  readonly spent: { readonly epsilon: number; readonly delta: number };
  readonly budget: { readonly epsilon: number; readonly delta: number };
  /** Rounds that were paid for. */
  readonly charged: number;
}

/** The wasm class, method by method. */
export interface Door {
  loadShard(bytes: Uint8Array): number;
  songs(): number;
  receive(bytes: Uint8Array): { kind: string; version: number; round: number; status: "accepted" | "already-counted" | "round-closed" };
  weightsVersion(): number | undefined;
  needsWeights(): boolean;
  configure(config: Record<string, unknown>): void;
  setContext(context: CoreContext): void;
  observe(...row: EventRow): void;
  undo(): number | undefined;
  importHistory(songs: Uint32Array, at: Float64Array, behaviour: Uint8Array, heard: Float32Array): number;
  recommend(candidates: Uint32Array | undefined, k: number, now: number, options?: Record<string, unknown>): Uint32Array;
  explain(): SlotReason[];
  embedding(song: number): Float32Array | undefined;
  near(song: number, k: number): Uint32Array;
  similarity(songs: Uint32Array): Float32Array;
  sessionVector(now: number): Float32Array;
  interests(k: number): Interest[];
  lessOf(index: number): boolean;
  muted(k: number): Pick<Interest, "songs">[];
  unmute(index: number): boolean;
  portrait(): Portrait;
  library(): { songs: Uint32Array; plays: Uint32Array; skips: Uint32Array; liked: Uint8Array; last: Float64Array };
  seen(): number;
  consent(): boolean;
  setConsent(on: boolean): void;
  contribute(): number;
  outbox(): Outgoing | undefined;
  sent(now: number): void;
  abandon(round: number): void;
  roundErrand(now: number): CoreErrand | undefined;
  roundAnswer(status: number, body: Uint8Array, now: number): void;
  roundKept(bytes: Uint8Array): void;
  roundStream(bytes: Uint8Array): void;
  roundSent(now: number): void;
  /** Of `sottovoce/full` alone. */
  recordLeft?(message: string, bytes: number, meaning: string, now: number): void;
  roundState(): CoreRoundState;
  explainUpload(): Upload | undefined;
  vault(): Uint8Array;
  restoreVault(bytes: Uint8Array): void;
  forgetVault(): void;
  setBudget(epsilon: number, delta: number): void;
  setRoundPolicy(survivors: number, members: number, apart: number): void;
  trustServer(key: Uint8Array): void;
  setRecallConsent(on: boolean): void;
  askRecall(songs: number, epsilon: number, pause: number, now: number): Uint8Array | undefined;
  asked(now: number): void;
  takeAnswer(bytes: Uint8Array): number;
  abandonQuestion(): void;
  recallAccount(): Float64Array;
  recallState(): Uint8Array;
  restoreRecall(bytes: Uint8Array, songs: boolean): number;
  recordDownload(message: string, bytes: number, meaning: string, now: number): void;
  ledger(): Omit<Ledger, "roundChecks">;
  snapshot(): Uint8Array;
  restore(snapshot: Uint8Array): void;
  history(): Row[];
  exportData(): Record<string, unknown> & { readonly history: Row[] };
  deleteData(): void;
  free(): void;
}
