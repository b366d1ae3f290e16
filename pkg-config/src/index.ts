/**
 * Private music recommendations: an engine that lives in the page, learns there, and tells nobody.
 *
 * @packageDocumentation
 */
export { Sottovoce } from "./engine.js";
export type { EventOf, Hands } from "./hands.js";
export type { TakingPart } from "./taking-part.js";
export type { Taste } from "./taste.js";
export type { ComponentOptions, EngineConfig, OpenOptions, RecommendOptions } from "./options.js";
export type { Addition } from "./additions.js";
export { init } from "./init.js";
export type { WasmSource } from "./init.js";
export { COMPLETE_AT_END, COMPLETE_BY_HAND, PASSING_MS, PlayTracker } from "./feedback.js";
export type { PlayStart } from "./feedback.js";
export { memoryStore, indexedDbStore } from "./store.js";
export type { Loaded, Saved, Store } from "./store.js";
export { SottovoceError, codeOf } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export type { Imported } from "./portable.js";
export { replay } from "./again.js";
export type { ReplayOptions, Replayed } from "./again.js";
export type { Call, ReplayFile } from "./tape.js";
export type {
  Budget, Moment, ParticipateOptions, Participation, Privacy, RoundPolicy, RoundState, Upload, Vault, Waiting,
} from "./secure/types.js";
export { songId } from "./types.js";
export type {
  Acknowledged, Consents, Context, Contribution, EngineEvent, Erasure, Feedback, HistoryColumns, Interest, Ledger, LedgerEntry, LibraryEntry,
  ListenEvent, PlayedEvent, Portrait, RoundStatus, SlotReason, Song, SongId, Storage, Trait,
} from "./types.js";
