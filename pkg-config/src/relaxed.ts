/**
 * The same package over WebAssembly's relaxed SIMD: multiplication and addition in one instruction where the processor has it. Faster
 * by what `cargo xtask bench device` prints beside `relaxed`, and no longer the same bits on every machine: a replay file made here may
 * end in another list elsewhere. Where the browser has no relaxed SIMD ({@link relaxedSimd} says) the usual file is loaded.
 *
 * @packageDocumentation
 */
import { Sottovoce as Engine, init as load, type OpenOptions, type WasmSource } from "./index.js";

export * from "./index.js";

/** As `init` of `sottovoce`; when nothing is given, the file for this browser. */
export function init(source?: WasmSource): Promise<void> {
  return load(source ?? (relaxedSimd() ? new URL("./sottovoce-relaxed.wasm", import.meta.url) : undefined));
}

/** Whether WebAssembly here knows relaxed SIMD: a module of one function that multiplies and adds zeros. */
export function relaxedSimd(): boolean {
  return WebAssembly.validate(
    Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 17, 65, 0, 253, 17, 65, 0, 253, 17, 253, 133, 2, 11),
  );
}

/** As `Sottovoce` of `sottovoce`. */
export type Sottovoce = Engine;

/** As `Sottovoce` of `sottovoce`. */
export const Sottovoce = {
  /** As `Sottovoce.open` of `sottovoce`. */
  async open(options: OpenOptions = {}): Promise<Engine> {
    await init();
    return Engine.open(options);
  },
};
