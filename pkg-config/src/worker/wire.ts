// What page and worker say to each other.

import type { OpenOptions } from "../options.js";
import type { Sottovoce } from "../engine.js";
import type { EngineEvent, Song } from "../types.js";
import type { WasmSource } from "../init.js";

/** What can be read or called from the page. */
export const CALLS = [
  "addSongs", "configure", "contribute", "deleteData", "embedding", "explain", "explainUpload", "exportData", "flush", "history", "importData", "importHistory",
  "interests", "keep", "kept", "ledger", "lessOf", "library", "muted", "near", "observe", "participate", "pause", "portrait", "privacy", "recommend",
  "refresh", "replayFile", "resume", "roundState", "rounds", "sessionVector", "setBudget", "setConsent", "setContext", "similarity", "takeOver", "undo", "unmute",
] as const satisfies readonly (keyof Sottovoce)[];

/** What can be read from the page. */
export const PROPERTIES = ["consent", "consents", "online", "paused", "seen", "storage", "weightsVersion"] as const satisfies readonly (keyof Sottovoce)[];

/** What can be called. */
export type CallName = (typeof CALLS)[number];
/** What can be read. */
export type PropertyName = (typeof PROPERTIES)[number];

/** Options that can travel to a worker. */
export type Sendable = Omit<OpenOptions, "store" | "vault" | "fetch" | "progress" | "signal"> & {
  readonly store?: "indexeddb" | "memory";
  readonly wasm?: Exclude<WasmSource, Request | Response | Promise<Response>>;
};

/** From the page. */
export type Asked =
  | { readonly id: number; readonly open: Sendable }
  /** `signalled`: the last argument had an AbortSignal, which stayed behind. */
  | { readonly id: number; readonly call: CallName; readonly args: readonly unknown[]; readonly signalled: boolean }
  | { readonly id: number; readonly read: PropertyName }
  | { readonly id: number; readonly close: true }
  | { readonly abort: number };

/** What crosses in place of an Error, whose extra fields a structured clone loses. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly next: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** From the worker. */
export type Told =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failed: Failure }
  | { readonly opened: { readonly catalogue: string; readonly songs: readonly Song[] } }
  | { readonly progress: number }
  | { readonly event: EngineEvent };

/** The part of a Worker, or of a worker's own scope, that both sides need. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
}

/** The buffers of typed arrays in a value, one level deep: they are handed over, not copied. */
export function buffersOf(value: unknown): Transferable[] {
  const values = ArrayBuffer.isView(value) ? [value] : typeof value === "object" && value !== null ? Object.values(value) : [];
  return [...new Set(values.filter(ArrayBuffer.isView).map(({ buffer }) => buffer as ArrayBuffer))];
}
