// Whether now is a good moment: what the browser tells of charger, connection and page, and a pause until it has nothing better to do.

import type { Moment, Waiting } from "./types.js";

/** What some browsers tell beyond the types. */
interface Platform {
  readonly connection?: { readonly saveData?: boolean; readonly metered?: boolean; readonly type?: string };
  getBattery?(): Promise<{ readonly charging: boolean }>;
}

/** A page that is busy all the time is not waited for longer. */
const IDLE_MS = 2000;

/** What speaks against beginning just now, if anything does. What the browser does not tell speaks against nothing. */
export async function hindrance({ charging = true, unmetered = true, visible = false }: Moment): Promise<Waiting | undefined> {
  const platform = (globalThis.navigator ?? {}) as Platform;
  if (visible && globalThis.document?.hidden) return "hidden";
  const { saveData, metered, type } = platform.connection ?? {};
  if (unmetered && (saveData || metered || type === "cellular")) return "metered";
  if (charging) {
    // A page may be forbidden to ask.
    const battery = await platform.getBattery?.().catch(() => undefined);
    if (battery && !battery.charging) return "battery";
  }
  return undefined;
}

/** Resolved when the page has nothing better to do; at once in a worker, which is in nobody's way. */
export function idle({ idle: wanted = true }: Moment): Promise<void> {
  return new Promise((resolve) => {
    const { requestIdleCallback } = globalThis as Partial<typeof globalThis>;
    if (wanted && requestIdleCallback) requestIdleCallback(() => resolve(), { timeout: IDLE_MS });
    else resolve();
  });
}

/** Waits; rejects with the signal's reason when that is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** A little more than `ms`, so that devices that were sent away together do not come back together. */
export function spread(ms: number, random: () => number = Math.random): number {
  return ms * (1 + random() / 4);
}
