/**
 * The whole engine: what `sottovoce` has, and federated rounds, the listener's interests and portrait, likeness of songs, import of
 * histories, re-ranking by MMR and SSD, tag caps, and cells for catalogues of a million songs. The same classes over a larger wasm file.
 *
 * @packageDocumentation
 */
export * from "./index.js";
