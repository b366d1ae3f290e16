/** The smaller wasm's glue; the build says which file it is. */
declare module "#slim-core" {
  export class Recommender {
    /** Pool, diversity, artist gap, session, half-life in minutes, no repeat, explore, explore budget; NaN is the usual. */
    constructor(settings: Float32Array);
    songs(): number;
    /** New songs, or the number of a refusal below 0. */
    loadShard(bytes: Uint8Array): number;
    /** Whether the song is resident. */
    observe(song: number, slot: number, shownAt: number, at: number, behaviour: number, heard: number): boolean;
    /** The song, or −1. */
    undo(): number;
    recommend(candidates: Uint32Array | undefined, k: number, now: number): Uint32Array;
    /** Nine numbers a song. */
    explain(): Float32Array;
    free(): void;
  }
  export default function start(source: { module_or_path: unknown }): Promise<unknown>;
}
