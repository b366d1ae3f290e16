// Asks a worker to read a history, and ends it.

import type { Findable, HistoryColumns } from "sottovoce/history";
import type { Answer, Order, Report } from "./messages.js";

/** A history that was read: what the engine would take, and what came of every record. */
export interface Read {
  readonly columns: HistoryColumns;
  readonly report: Report;
}

/**
 * Reads files in a worker of its own. `signal` ends it at once, worker and all.
 *
 * Rejects with the signal's reason, or where the worker could not work.
 */
export function readInWorker(
  address: URL,
  files: readonly File[],
  catalogue: Iterable<Findable>,
  { progress, signal }: { progress: (share: number) => void; signal: AbortSignal },
): Promise<Read> {
  const worker = new Worker(address, { type: "module" });
  const reading = new Promise<Read>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    worker.onerror = () => reject(new Error("The part that reads histories did not load. Reload the page and try again."));
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.kind === "progress") progress(data.share);
      else if (data.kind === "read") resolve(data);
      else reject(new Error(data.message));
    };
    const findable = Array.from(catalogue, ({ id, title, artist, album, durationMs, popularity }) => ({ id, title, artist, album, durationMs, popularity: popularity ?? 0 }));
    worker.postMessage({ files, catalogue: findable } satisfies Order);
  });
  return reading.finally(() => worker.terminate());
}
