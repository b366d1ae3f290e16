// One listen as an export tells it, before it is known which song of the catalogue it was.

/** A listen. Fields that an export does not have are absent. */
export interface Play {
  readonly artist: string;
  readonly title: string;
  readonly album?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Whether {@link Play.at} is when it began or when it ended. */
  readonly when: "began" | "ended";
  /** How long it sounded. */
  readonly playedMs?: number;
  /** How long the song is, where the export says so. */
  readonly durationMs?: number;
  readonly ending: Ending;
}

/** How a listen ended, as far as an export tells. */
export const Ending = {
  /** The export only lists songs that were really heard. */
  Counted: 0,
  /** The song came to its end by itself. */
  Done: 1,
  /** The listener went on to something else, or the export says that it was skipped. */
  Left: 2,
  /** Something else ended it: the app was closed, the connection lost, or nothing is said. */
  Unsaid: 3,
} as const;

/** One of {@link Ending}. */
export type Ending = (typeof Ending)[keyof typeof Ending];

/** A record that is well formed and no song: a podcast, an audiobook, what is playing just now. */
export const NOT_A_SONG = Symbol("not a song");

/** What a record says: a listen, {@link NOT_A_SONG}, or `undefined` where it cannot be understood. */
export type Reading = Play | typeof NOT_A_SONG | undefined;

/** The engine's numbers for behaviours. */
export const Behaviour = { Skip: 0, Complete: 1 } as const;

/** Less than this is a skip, as streaming services count it. */
export const SHORT_MS = 30_000;
/** Stands for a song's length where neither the catalogue nor the history tells it: the usual length of a song. */
export const USUAL_MS = 210_000;
/** Heard to this share, a song that was left counts as heard: only its fade was missed. */
const ONLY_THE_FADE = 0.95;
/** Heard to this share, a song that ended for an unknown reason counts as heard; Last.fm counts the same way. */
const HALF = 0.5;

/** What the engine learns from a listen: what was done, and the share of the song that was heard. */
export function judge(ending: Ending, playedMs: number | undefined, durationMs: number | undefined): { behaviour: number; heard: number } {
  const complete = { behaviour: Behaviour.Complete, heard: 1 };
  if (ending === Ending.Counted && playedMs === undefined) return complete;
  if (playedMs === undefined) return ending === Ending.Left ? { behaviour: Behaviour.Skip, heard: 0 } : complete;
  const heard = Math.min(1, Math.max(0, playedMs / (durationMs && durationMs > 0 ? durationMs : USUAL_MS)));
  const known = durationMs !== undefined && durationMs > 0;
  const skip = { behaviour: Behaviour.Skip, heard };
  // Shorter than a skip's bound only a short song can have been heard.
  if (playedMs < SHORT_MS) return known && heard >= ONLY_THE_FADE && ending !== Ending.Left ? complete : skip;
  switch (ending) {
    case Ending.Done:
    case Ending.Counted:
      return complete;
    case Ending.Left:
      return heard >= ONLY_THE_FADE ? complete : skip;
    default:
      return !known || heard >= HALF ? complete : skip;
  }
}
