// Hands a history to the engine.

import type { Sottovoce, SongId } from "sottovoce";
import type { HistoryColumns } from "sottovoce/history";

/** As many as an engine without a door for histories learns, one by one, without keeping the page. */
const FEW = 60;

/** Makes `columns` the listener's history; how many listens the engine took. */
export function takeHistory(engine: Sottovoce, columns: HistoryColumns): number {
  const door = engine as unknown as { importHistory?(columns: HistoryColumns): number };
  return door.importHistory ? door.importHistory(columns) : observeNewest(engine, columns);
}

/** One by one, the newest only. */
function observeNewest(engine: Sottovoce, { songs, at, behaviour, heard }: HistoryColumns): number {
  const first = Math.max(0, songs.length - FEW);
  for (let i = first; i < songs.length; i++) {
    const when = at[i] ?? 0;
    const feedback = behaviour[i] === 0 ? ({ kind: "skip", heard: heard[i] ?? 0 } as const) : ({ kind: "complete" } as const);
    engine.observe({ song: songs[i] as SongId, slot: 0, shownAt: when, at: when, feedback });
  }
  return songs.length - first;
}
