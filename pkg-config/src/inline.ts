/**
 * The same package with the engine inside the script: for pages that can serve one file only. It weighs a third more than
 * script and wasm apart, and compiles later; take `sottovoce` where you can.
 *
 * @packageDocumentation
 */
import { Sottovoce as Engine, init as load, type OpenOptions, type WasmSource } from "./index.js";
import wasm from "./generated/sottovoce_bg.wasm";

export * from "./index.js";

/** As `init` of `sottovoce`, from the bytes inside this script when nothing is given. */
export function init(source: WasmSource = wasm): Promise<void> {
  return load(source);
}

/** As `Sottovoce` of `sottovoce`. */
export type Sottovoce = Engine;

/** As `Sottovoce` of `sottovoce`; opening it loads nothing but the catalogue. */
export const Sottovoce = {
  /** As `Sottovoce.open` of `sottovoce`. */
  async open(options: OpenOptions = {}): Promise<Engine> {
    await init();
    return Engine.open(options);
  },
};
