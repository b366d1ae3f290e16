/** The smaller wasm's glue; the build says which file it is. */
declare module "#slim-core" {
  export class Recommender {
    constructor(config: Record<string, unknown>, seed: bigint);
    songs(): number;
    loadShard(bytes: Uint8Array): number;
    setContext(context: import("./settings.js").CoreContext): void;
    observe(...row: import("./event.js").EventRow): void;
    undo(): number | undefined;
    recommend(candidates: Uint32Array | undefined, k: number, now: number): Uint32Array;
    explain(): import("./types.js").SlotReason[];
    free(): void;
  }
  export default function start(source: { module_or_path: unknown }): Promise<unknown>;
}
