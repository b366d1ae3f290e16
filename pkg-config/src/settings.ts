// Settings and the moment in the engine's numbers.

import type { EngineConfig } from "./options.js";
import type { Context } from "./types.js";

/** The context as the engine takes it. */
export interface CoreContext {
  readonly hour?: number | undefined;
  readonly weekday?: number | undefined;
  readonly device?: number | undefined;
  readonly locale?: number | undefined;
  readonly scene?: number | undefined;
}

/** By the engine's numbers. */
const DEVICES = ["phone", "tablet", "desktop", "car", "speaker", "tv", "other"] as const satisfies readonly Context["device"][];

/** By the engine's numbers. */
const METHODS = ["dpp", "mmr", "ssd"] as const satisfies readonly EngineConfig["method"][];

/** The engine's numbers for a context. */
export function coreContext({ device, locale, ...rest }: Context): CoreContext {
  return { ...rest, device: device && DEVICES.indexOf(device), locale: locale ? localeOf(locale) : undefined };
}

/** The engine's numbers for its settings. */
export function coreConfig({ method, quota, ...rest }: EngineConfig): Record<string, unknown> {
  return { ...rest, method: method && METHODS.indexOf(method), quota: quota === undefined ? quota : +quota };
}

/** Few enough buckets that a locale says little; the engine looks at the lowest four bits. */
function localeOf(locale: string): number {
  return [...locale].reduce((hash, char) => (Math.imul(hash, 31) + char.charCodeAt(0)) & 0xffff, 0);
}
