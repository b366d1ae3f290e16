// The songs that only this device knows of, kept so that the engine has them before it takes up its history.

import { songId, type Addition } from "sottovoce";

const CACHE = "sottovoce:songs-of-mine";
const PLACE = "/songs-of-mine";

interface Kept extends Omit<Addition, "embedding"> {
  readonly embedding: readonly number[];
}

/** Keeps them; without room, or outside a secure context, they hold for this visit only. */
export async function keepMine(additions: readonly Addition[]): Promise<void> {
  const kept: Kept[] = additions.map(({ song, embedding }) => ({ song, embedding: Array.from(embedding, (x) => Number(x.toPrecision(5))) }));
  await globalThis.caches
    ?.open(CACHE)
    .then((cache) => cache.put(PLACE, new Response(JSON.stringify(kept))))
    .catch(() => {});
}

/** Those of the last visit. */
export async function mine(): Promise<Addition[]> {
  try {
    const response = await (await globalThis.caches?.open(CACHE))?.match(PLACE);
    const kept = response ? ((await response.json()) as Kept[]) : [];
    return kept.map(({ song, embedding }) => ({ song: { ...song, id: songId(song.id) }, embedding: Float32Array.from(embedding) }));
  } catch {
    return [];
  }
}

/** Forgets them. */
export async function forgetMine(): Promise<void> {
  await globalThis.caches?.delete(CACHE).catch(() => false);
}
