// Tells the chosen source what is on and what was heard, as listeners of music servers expect it to count.

import type { SongId } from "sottovoce";
import type { Player } from "../player.js";
import type { Source } from "./source.js";

/** A song counts as heard from this share on, or after four minutes; Last.fm's rule, which servers follow. */
const SHARE = 0.5;
const LONG_MS = 240_000;

/** What happened, and whether the server took it. */
export interface Told {
  readonly what: "began" | "heard" | "liked" | "unliked";
  readonly song: SongId;
  readonly ok: boolean;
}

/**
 * Watches a player for a source. `told` hears of each word to the server; a server that does not listen does not stop the music.
 * What it calls is `chosen()` at the time, so that the source may change.
 */
export function scrobble(player: Player, chosen: () => Source | undefined, told: (what: Told) => void): void {
  /** What is on: since when, how long it is, and whether the server knows. */
  let on: { song: SongId; began: number | undefined; lengthMs: number } | undefined;
  let seen = player.heard.at(-1);
  const liked = new Set<SongId>();

  player.watch((changed) => {
    const source = chosen();
    if (!source) return;
    // What was heard was on before what is on now.
    if (changed.has("heard")) follow(source);
    if (changed.has("now") || changed.has("playing")) begin(source);
  });

  function begin(source: Source): void {
    const { now } = player;
    if (!now || !source.has(now.song.id)) return void (on = undefined);
    if (on?.song !== now.song.id) on = { song: now.song.id, began: undefined, lengthMs: 0 };
    if (now.deck) on.lengthMs = now.deck.durationMs;
    if (!player.playing || on.began !== undefined) return;
    on.began = Date.now();
    tell("began", now.song.id, source.began(now.song));
  }

  function follow(source: Source): void {
    const last = player.heard.at(-1);
    const before = seen;
    seen = last;
    if (before && (!last || last.at < before.at)) return undone(source, before.song, before.feedback.kind);
    if (!last || last === before || !source.has(last.song)) return;
    const song = player.engine.songs.get(last.song);
    if (!song) return;
    const { feedback, at } = last;
    if (feedback.kind === "like") {
      liked.add(song.id);
      tell("liked", song.id, source.liked(song, true));
    }
    const share = feedback.kind === "complete" ? 1 : feedback.kind === "skip" ? feedback.heard : 0;
    const mine = on?.song === song.id ? on : undefined;
    const heardMs = share * (mine?.lengthMs ?? 0);
    if (share >= SHARE || heardMs >= LONG_MS) tell("heard", song.id, source.heard(song, mine?.began ?? at - heardMs));
  }

  /** A like that is taken back is no star any more. A scrobble cannot be taken back: the API has no word for it. */
  function undone(source: Source, id: SongId, kind: string): void {
    const song = player.engine.songs.get(id);
    if (kind !== "like" || !song || !liked.delete(id)) return;
    tell("unliked", id, source.liked(song, false));
  }

  function tell(what: Told["what"], song: SongId, word: Promise<void>): void {
    word.then(
      () => told({ what, song, ok: true }),
      () => told({ what, song, ok: false }),
    );
  }
}
