// Deeper into an artist: what of theirs was never heard first, then the rest; then who is near, where they have too few songs.

import type { Song } from "sottovoce";
import { LIST, once, type Scene } from "./scene.js";

const ENOUGH = 8;
const NEIGHBOURS = 40;

export const deeper: Scene = {
  id: "deeper",
  name: "Deeper",
  hint: "More by the artist who is on",
  fromSong: true,
  compose({ songs, door, around }) {
    if (!around) return { nothing: "Play a song first: its artist is whom this goes into." };
    const theirs = [...songs.values()].filter((song) => song.artistId === around.artistId && song.id !== around.id);
    const heard = new Set(door.library().map(({ song }) => song));
    const unheard = theirs.filter(({ id }) => !heard.has(id));
    const chosen: readonly Song[] = unheard.length >= ENOUGH ? unheard : theirs;
    const few = chosen.length < ENOUGH;
    const candidates = once([...chosen.map(({ id }) => id), ...(few ? door.near(around.id, NEIGHBOURS) : [])]);
    if (candidates.length === 0) return { nothing: `There is no other song by ${around.artist} here, and none near.` };
    return {
      k: LIST,
      candidates,
      around: around.id,
      config: { artistGap: 0, explore: 0.3, session: 0.5, noRepeat: 10 },
      words: wordsOf(around.artist, chosen === unheard, theirs.length, few),
    };
  },
};

function wordsOf(artist: string, unheard: boolean, theirs: number, few: boolean): string {
  if (theirs === 0) return `No other song by ${artist} is here, so this is what lies next to the one you heard.`;
  if (few) return `All there is by ${artist}, and then who lies near.`;
  return unheard ? `Songs by ${artist} that you have not heard yet.` : `Songs by ${artist}, the ones you have not heard among them.`;
}
