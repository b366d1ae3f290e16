/**
 * The whole engine: what `sottovoce` has, and federated rounds, the listener's interests and portrait, likeness of songs, import of
 * histories, re-ranking by MMR and SSD, tag caps, cells for catalogues of a million songs, and songs asked for where even more would have
 * to ride along. The same classes over a larger wasm file.
 *
 * @packageDocumentation
 */
export * from "./index.js";
export { Sottovoce } from "./asked.js";
export type { FetchedCandidates, FullOptions, RecallAccount, RecallOptions } from "./asked.js";
