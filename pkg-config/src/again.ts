// The public face of playing a recording again; the player itself is fetched when it is needed.

import { Recommender } from "./generated/sottovoce.js";
import type { Door } from "./door.js";
import { init } from "./init.js";
import type { ReplayFile } from "./tape.js";

/** What {@link replay} takes beside the file. */
export interface ReplayOptions {
  /** Where the catalogue lies; the page's own origin when left out. */
  readonly server?: string | URL;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

/** What {@link replay} found. */
export interface Replayed {
  /** Whether every list came out as recorded. */
  readonly same: boolean;
  /** The lists, in the order they were asked for. */
  readonly lists: readonly (readonly number[])[];
  /** The first call whose list differs. */
  readonly difference?: { readonly call: number; readonly recorded: readonly number[]; readonly now: readonly number[] };
}

/**
 * Plays a recording of {@link Sottovoce.replayFile} again, on an engine of its own that keeps nothing.
 *
 * @throws {@link SottovoceError} `replay/malformed` for what is no such file; `replay/catalogue` where the server has another
 * catalogue now; `server/…`.
 */
export async function replay(file: ReplayFile, options: ReplayOptions = {}): Promise<Replayed> {
  return (await import("./replay.js")).play(file, options, async (config, seed) => {
    await init();
    return new Recommender(config, seed) as unknown as Door;
  });
}
