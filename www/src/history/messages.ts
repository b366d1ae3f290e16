// What page and worker say to each other. Errors travel as plain records: cloning would lose their fields.

import type { Findable, HistoryColumns, HistoryErrorCode, HistoryReport, Place } from "sottovoce/history";

/** A {@link HistoryError} on its way. */
export interface Trouble {
  readonly code: HistoryErrorCode;
  readonly file: string;
  readonly message: string;
  readonly next: string;
  readonly place: Place;
}

/** The report, as the page gets it. */
export interface Report extends Omit<HistoryReport, "errors"> {
  readonly errors: readonly Trouble[];
  /** The table of what is missing, to download. */
  readonly table: string;
}

/** To the worker: read these. */
export interface Order {
  readonly files: readonly File[];
  readonly catalogue: readonly Findable[];
}

/** From the worker. */
export type Answer =
  | { readonly kind: "progress"; readonly share: number }
  | { readonly kind: "read"; readonly columns: HistoryColumns; readonly report: Report }
  | { readonly kind: "failed"; readonly message: string };
