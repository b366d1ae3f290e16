// Loved once, not heard for months.

import type { LibraryEntry } from "sottovoce";
import { DAY_MS, LIST, type Scene } from "./scene.js";

/** Away for at least so long. */
const AWAY_DAYS = 90;
/** Heard out so often, a song was loved without a like. */
const LOVED_PLAYS = 3;
const FEWEST = 5;

export const rediscover: Scene = {
  id: "rediscover",
  name: "Rediscover",
  hint: "Loved, and not heard for months",
  compose({ songs, door, now }) {
    const loved = ({ liked, plays, skips }: LibraryEntry) => liked || (plays >= LOVED_PLAYS && plays >= 2 * skips);
    const away = ({ last }: LibraryEntry) => now - last >= AWAY_DAYS * DAY_MS;
    const candidates = door.library().filter((entry) => songs.has(entry.song) && loved(entry) && away(entry)).map(({ song }) => song);
    if (candidates.length < FEWEST) {
      const known = candidates.length === 0 ? "No song is old enough yet" : `Only ${candidates.length} so far`;
      return { nothing: `${known}: songs you loved come back here once you have not heard them for three months. Bring your listening history under Library to have them today.` };
    }
    return {
      k: LIST,
      candidates,
      config: { explore: 0, session: 0.5, noRepeat: 1, artistGap: 1 },
      words: `${candidates.length === 1 ? "A song" : `${candidates.length} songs`} you loved and have not heard for three months or longer.`,
    };
  },
};
