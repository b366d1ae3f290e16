/**
 * Private music recommendations: an engine that lives in the page, learns there, and tells nobody.
 *
 * @packageDocumentation
 */
export { Sottovoce } from "./engine.js";
export type { EngineConfig, OpenOptions } from "./engine.js";
export type { Addition } from "./additions.js";
export { init } from "./init.js";
export type { WasmSource } from "./init.js";
export { COMPLETE_AT_END, COMPLETE_BY_HAND, PASSING_MS, PlayTracker } from "./feedback.js";
export type { PlayStart } from "./feedback.js";
export { memoryStore, indexedDbStore } from "./store.js";
export type { Saved, Store } from "./store.js";
export { SottovoceError, codeOf } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export { songId } from "./types.js";
export type {
  Context, Contribution, EngineEvent, Erasure, Feedback, Ledger, LedgerEntry, ListenEvent, RoundStatus, SlotReason, Song, SongId, Storage,
} from "./types.js";
