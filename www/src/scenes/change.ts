// A change of pace: away from where the session points, to something else that the listener likes.

import type { Interest } from "sottovoce";
import { dot, points } from "../engine-door.js";
import { LIST, once, type Scene, type Surroundings } from "./scene.js";

const NEIGHBOURS = 120;
/** Songs that stand for an interest. */
const FACES = 4;

export const change: Scene = {
  id: "change",
  name: "Change of pace",
  hint: "Something else that you like",
  compose({ songs, door }) {
    const interests = door.interests(FACES).filter(({ songs: faces }) => faces.length > 0);
    if (interests.length < 2) return { nothing: "Hear a few more songs first: there must be two things you like, to change from one to the other." };
    const session = door.sessionVector();
    const away = points(session) ? interests.reduce((far, each) => (towards(each, session, door) < towards(far, session, door) ? each : far)) : interests[1]!;
    const candidates = once(away.songs.flatMap((song) => [song, ...door.near(song, NEIGHBOURS)])).filter((song) => songs.has(song));
    return {
      k: LIST,
      candidates,
      around: away.songs[0]!,
      config: { session: 0, diversity: 0.5, maxPerArtist: 3 },
      words: "Something else that you like, far from what has been on.",
    };
  },
};

/** How far an interest lies in the session's direction: the mean of its songs. */
function towards({ songs }: Interest, session: Float32Array, door: Surroundings["door"]): number {
  const along = songs.map((song) => dot(door.embedding(song) ?? new Float32Array(), session));
  return along.reduce((sum, each) => sum + each, 0) / Math.max(1, along.length);
}
