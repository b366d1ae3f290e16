// Reads histories away from the page, which goes on playing. It makes no request: files come in as handles, columns go out.

import { readHistory, unmatchedTable, type HistoryReport } from "sottovoce/history";
import type { Answer, Order, Report } from "./messages.js";

/** Milliseconds between two words about progress. */
const EVERY = 60;

const page = self as unknown as { onmessage: ((event: MessageEvent<Order>) => void) | null; postMessage(answer: Answer, transfer?: Transferable[]): void };

page.onmessage = ({ data: { files, catalogue } }) => {
  let told = 0;
  const progress = (share: number) => {
    const now = performance.now();
    if (share < 1 && now - told < EVERY) return;
    told = now;
    page.postMessage({ kind: "progress", share });
  };
  readHistory(files, catalogue, { progress }).then(
    ({ columns, report }) => {
      const { songs, at, behaviour, heard } = columns;
      page.postMessage({ kind: "read", columns, report: plain(report) }, [songs.buffer, at.buffer, behaviour.buffer, heard.buffer] as Transferable[]);
    },
    (error: unknown) => page.postMessage({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
};

function plain(report: HistoryReport): Report {
  const errors = report.errors.map(({ code, file, message, next, place }) => ({ code, file, message, next, place }));
  return { ...report, errors, table: unmatchedTable(report) };
}
