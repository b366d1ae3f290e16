// Radio from a song: the song stands in for the listener's taste, and what is skipped on the way still counts.

import { LIST, type Scene } from "./scene.js";

const NEIGHBOURS = 400;

export const radio: Scene = {
  id: "radio",
  name: "Song radio",
  hint: "Songs near the one that is on",
  fromSong: true,
  compose({ door, around }) {
    if (!around) return { nothing: "Play a song first: the radio starts from it." };
    const candidates = door.near(around.id, NEIGHBOURS);
    if (candidates.length === 0) return { nothing: `Nothing on this device lies near “${around.title}”.` };
    return {
      k: LIST,
      candidates,
      around: around.id,
      config: { session: 1, maxPerArtist: 4 },
      words: `Songs that lie near “${around.title}”. Skip what does not belong and it steers away.`,
    };
  },
};
