// The report as a table to keep: what the catalogue lacks.

import Papa from "papaparse";
import type { HistoryReport } from "./import.js";

/** A cell that a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** Unmatched songs as CSV: artist, title, plays. */
export function unmatchedTable({ unmatchedSongs }: Pick<HistoryReport, "unmatchedSongs">): string {
  const rows = unmatchedSongs.map(({ what: { artist, title }, count }) => [artist, title, count]);
  return Papa.unparse({ fields: ["artist", "title", "plays"], data: rows }, { escapeFormulae: FORMULA });
}
