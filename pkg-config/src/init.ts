// Brings the engine's wasm into the page, once.

import start from "./generated/sottovoce.js";
import { loader, type WasmSource } from "./load.js";

export type { WasmSource };

/** True where the build has a file without simd128 beside the other. */
declare const SCALAR: boolean;

const load = loader((module) => start({ module_or_path: module }), () => new URL("./sottovoce.wasm", import.meta.url), () =>
  SCALAR && !simd() ? new URL("./sottovoce-scalar.wasm", import.meta.url) : undefined,
);

/**
 * Loads the engine. Idempotent: calls while it loads share one promise, later ones cost nothing, and after a failure the next
 * call tries again. {@link Sottovoce.open} calls it by itself; call it earlier to choose the source or to save time.
 *
 * Safe to import and to call nothing of on a server: nothing runs before the first call.
 *
 * @param source Where the wasm comes from; the file beside this module when left out, the one without SIMD where the browser
 * has none. The first call decides.
 * @throws {@link SottovoceError} `wasm/blocked` where the page's policy forbids it, `wasm/unavailable` where it did not arrive.
 */
export function init(source?: WasmSource): Promise<void> {
  return load.init(source);
}

/** Whether WebAssembly here knows simd128: a module of one function that makes a vector and counts its bits. @internal */
export function simd(): boolean {
  return WebAssembly.validate(
    Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11),
  );
}
