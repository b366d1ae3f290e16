// Plays a recording again: same seed, same calls, and a look at whether the lists are the same. Loaded when it is asked for.

import type { ReplayOptions, Replayed } from "./again.js";
import type { Door } from "./door.js";
import { SottovoceError } from "./errors.js";
import { Http } from "./http.js";
import { fromBase64, serverOf } from "./open.js";
import { coreConfig } from "./settings.js";
import type { Call, ReplayFile } from "./tape.js";

/** Which argument of a call is a typed array, and of which kind. */
const ARRAYS: Partial<Record<Call["call"], readonly (((values: ArrayLike<number>) => unknown) | undefined)[]>> = {
  recommend: [(values) => Uint32Array.from(values)],
  importHistory: [
    (values) => Uint32Array.from(values), (values) => Float64Array.from(values),
    (values) => Uint8Array.from(values), (values) => Float32Array.from(values),
  ],
};

/** What a file may ask of the engine; anything else is no recording. */
const ALLOWED: ReadonlySet<string> = new Set<Call["call"]>([
  "observe", "undo", "setContext", "receive", "configure", "lessOf", "unmute", "importHistory", "recommend", "interests",
]);

/** See `replay`. */
export async function play(
  file: ReplayFile, { server, fetch: own, signal }: ReplayOptions, make: (config: Record<string, unknown>, seed: bigint) => Promise<Door>,
): Promise<Replayed> {
  check(file);
  const http = new Http({ server: serverOf(server), fetch: own ?? fetch.bind(globalThis), received: () => {}, reached: () => {} });
  const door = await make(coreConfig(file.config), BigInt(file.seed));
  try {
    const { name, shards } = await http.manifest(signal);
    const etags = shards.map(({ etag }) => etag);
    if (name !== file.catalogue.name || etags.join() !== file.catalogue.etags.join()) {
      throw new SottovoceError("replay/catalogue", `The recording is of another state of the catalogue "${file.catalogue.name}".`, "Serve the catalogue it was made with.");
    }
    if (file.state !== undefined) door.restore(fromBase64(file.state));
    for (const { embeddings, etag } of shards) door.loadShard(await http.embeddings(embeddings, { etag, signal }));
    return again(door, file.calls);
  } finally {
    door.free();
  }
}

/** Makes the calls. @internal */
export function again(door: Door, calls: readonly Call[]): Replayed {
  const lists: number[][] = [];
  let difference: Replayed["difference"];
  for (const [i, { call, args, answer = [] }] of calls.entries()) {
    const method = door[call] as (...args: unknown[]) => ArrayLike<number> | undefined;
    const given = method.apply(door, args.map((arg, j) => thawed(arg, ARRAYS[call]?.[j])));
    if (call !== "recommend") continue;
    const now = Array.from(given ?? []);
    lists.push(now);
    if (now.join() !== answer.join()) difference ??= { call: i, recorded: answer, now };
  }
  return { same: !difference, lists, ...(difference && { difference }) };
}

function thawed(value: unknown, array: ((values: ArrayLike<number>) => unknown) | undefined): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return array ? array(value as number[]) : value;
  const { base64 } = value as { base64?: string };
  return typeof base64 === "string" ? fromBase64(base64) : value;
}

function check(file: ReplayFile): void {
  const known =
    file?.format === 1 && /^\d+$/.test(file.seed) && Array.isArray(file.catalogue?.etags) && Array.isArray(file.calls) &&
    file.calls.every((each) => ALLOWED.has(each?.call) && Array.isArray(each.args));
  if (!known) throw new SottovoceError("replay/malformed", "This is no recording of this package.", "Choose the file that replayFile() gave.");
}
