// Writes down what the engine is asked, so that a bug report can be played again. Loaded when recording is asked for.

import type { Door } from "./door.js";
import { base64 } from "./open.js";
import type { EngineConfig } from "./options.js";

/** One call of the engine, and what it answered where that is to be the same again. Bytes are base64. */
export interface Call {
  readonly call: "observe" | "undo" | "setContext" | "receive" | "configure" | "lessOf" | "unmute" | "importHistory" | "recommend" | "interests";
  readonly args: readonly unknown[];
  /** The songs of a list, or the version of weights. */
  readonly answer?: readonly number[];
}

/** A session on paper: same file, same lists. */
export interface ReplayFile {
  readonly format: 1;
  readonly seed: string;
  readonly config: EngineConfig;
  readonly catalogue: { readonly name: string; readonly etags: readonly string[] };
  /** Version of the shared weights at the end. */
  readonly weights: number | undefined;
  /** The state it began from, base64; absent for a new listener. */
  readonly state?: string;
  /** How many of the calls are events of the listener. */
  readonly events: number;
  readonly calls: readonly Call[];
}

/** A recording in progress. */
export interface Tape {
  /** The engine, with a pen. */
  readonly door: Door;
  file(name: string, etags: readonly string[], weights: number | undefined): ReplayFile;
}

/** Calls on paper; older ones are given up by starting anew from a snapshot. */
const CALLS = 5000;

/** Gives a door that writes down what goes through it. */
export function record(core: Door, { seed, config }: { seed: bigint; config: EngineConfig }): Tape {
  let state: string | undefined;
  let calls: Call[] = [];
  const from = (snapshot: Uint8Array | undefined) => {
    state = snapshot && base64(snapshot);
    calls = [];
  };
  const write = (call: Call["call"], args: readonly unknown[], answer?: readonly number[]) => {
    calls.push({ call, args: args.map(plain), ...(answer && { answer }) });
    if (calls.length > CALLS) from(core.snapshot());
  };
  const pens: Partial<Record<keyof Door, (args: never[], answer: never) => void>> = {
    restore: ([bytes]: Uint8Array[]) => from(bytes),
    deleteData: () => from(undefined),
    receive: (args: Uint8Array[], answer: { kind: string; version: number }) => {
      if (answer.kind === "weights") write("receive", args, [answer.version]);
    },
  };
  // Songs that lie elsewhere from here on: what was written before cannot be played over them. Those of opening come before all that counts.
  pens.loadShard = () => {
    if (calls.some(({ call }) => call !== "setContext" && call !== "configure")) from(core.snapshot());
  };
  for (const name of ["observe", "undo", "setContext", "configure", "lessOf", "unmute", "importHistory"] as const) {
    pens[name] = (args) => write(name, args);
  }
  pens.recommend = (args, answer: Uint32Array) => write("recommend", args, Array.from(answer));
  // `lessOf` speaks of the interests last shown.
  pens.interests = (args) => write("interests", args);
  const door = new Proxy(core, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== "function") return value;
      const pen = pens[name as keyof Door] as ((args: unknown[], answer: unknown) => void) | undefined;
      return (...args: unknown[]) => {
        const answer = (value as (...args: unknown[]) => unknown).apply(target, args);
        pen?.(args, answer);
        return answer;
      };
    },
  });
  return {
    door,
    file: (name, etags, weights) => ({
      format: 1,
      seed: seed.toString(),
      config,
      catalogue: { name, etags },
      weights,
      ...(state !== undefined && { state }),
      events: calls.filter(({ call }) => call === "observe").length,
      calls: [...calls],
    }),
  };
}

/** Arguments as JSON: bytes as base64, other typed arrays as lists, nothing as null. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array && value.length > 64) return { base64: base64(value) };
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint32Array);
  return value ?? null;
}
