// Thirty songs a day. Made by taste alone, with room for what few have heard; what was heard this week has its rest.

import { DAY_MS, LIST, type Scene } from "./scene.js";

const REST_DAYS = 7;

export const daily: Scene = {
  id: "daily",
  name: "Daily 30",
  hint: "Thirty songs for today",
  daily: true,
  compose({ songs, door, now }) {
    const resting = new Set(door.library().filter(({ last }) => now - last < REST_DAYS * DAY_MS).map(({ song }) => song));
    const candidates = [...songs.keys()].filter((song) => !resting.has(song));
    return {
      k: LIST,
      // In a small catalogue a busy week may leave too little.
      ...(candidates.length >= LIST && { candidates }),
      config: { session: 0, explore: 0.3, diversity: 0.45, maxPerArtist: 2 },
      words: `${LIST} songs for today, by your taste and not by the moment. They stay until midnight; none was on this week.`,
    };
  },
};
