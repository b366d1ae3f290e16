/**
 * Bring your own history: exports of Spotify, Last.fm and ListenBrainz, read on the device and matched to the catalogue.
 *
 * An entry of its own, `sottovoce/history`, so that only pages that offer it load its parsers. It touches no network and no page:
 * it runs in a worker, in a page and in node.
 *
 * @packageDocumentation
 */
export { readHistory, NAMES_KEPT } from "./import.js";
export type { HistoryFile, HistoryReport, ReadOptions } from "./import.js";
export type { HistoryColumns } from "../types.js";
export { CatalogueIndex } from "./catalogue.js";
export type { Closeness, Findable, Match, Wanted } from "./catalogue.js";
export { artistKey, folded, leadArtist, plainTitle } from "./names.js";
export { unmatchedTable } from "./report.js";
export { HistoryError, placeText } from "./errors.js";
export type { HistoryErrorCode, Place } from "./errors.js";
export type { Count } from "./tally.js";
