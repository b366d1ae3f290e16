// Brings the engine's wasm into the page, once.

import start, { type InitInput } from "./generated/sottovoce.js";
import { SottovoceError } from "./errors.js";

/** Where the wasm comes from: its address, an answer to a fetch, its bytes, or a compiled module. */
export type WasmSource = URL | string | Request | Response | Promise<Response> | BufferSource | WebAssembly.Module;

let running: Promise<void> | undefined;
let ready = false;

/**
 * Loads the engine. Idempotent: calls while it loads share one promise, later ones cost nothing, and after a failure the next
 * call tries again. {@link Sottovoce.open} calls it by itself; call it earlier to choose the source or to save time.
 *
 * Safe to import and to call nothing of on a server: nothing runs before the first call.
 *
 * @param source Where the wasm comes from; the file beside this module when left out. The first call decides.
 * @throws {@link SottovoceError} `wasm/blocked` where the page's policy forbids it, `wasm/unavailable` where it did not arrive.
 */
export function init(source?: WasmSource): Promise<void> {
  running ??= load(source).then(
    () => {
      ready = true;
    },
    (cause: unknown) => {
      running = undefined;
      throw explained(cause);
    },
  );
  return running;
}

/** Throws `init/missing`, naming `what`, unless {@link init} has finished. @internal */
export function assertReady(what: string): void {
  if (!ready) throw new SottovoceError("init/missing", `${what} was used before the engine was loaded.`, "Await init() first.");
}

async function load(source: WasmSource = new URL("./sottovoce.wasm", import.meta.url)): Promise<void> {
  if (typeof WebAssembly === "undefined") throw new TypeError("WebAssembly is switched off");
  const address = typeof source === "string" || source instanceof URL ? String(source) : "";
  const module_or_path = address.startsWith("file:") ? await readFile(address) : source;
  const answer = address && module_or_path === source ? await fetch(address) : module_or_path;
  if (answer instanceof Response && !answer.ok) throw new TypeError(`${answer.url}: ${answer.status} ${answer.statusText}`);
  await start({ module_or_path: answer as InitInput });
}

/** Node's fetch does not read files. Asked for at run time: a bundler for the page would look in vain for an import. */
async function readFile(address: string): Promise<BufferSource> {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): { readFile(path: URL): Promise<BufferSource> } } };
  const fs = process?.getBuiltinModule?.("node:fs/promises");
  if (!fs) throw new TypeError(`${address} is a file; hand its bytes to init()`);
  return fs.readFile(new URL(address));
}

function explained(cause: unknown): SottovoceError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return /content security policy|unsafe-eval|switched off/i.test(detail)
    ? new SottovoceError("wasm/blocked", `This page may not run WebAssembly (${detail}).`, "Allow 'wasm-unsafe-eval' in script-src of its Content-Security-Policy.", { cause })
    : new SottovoceError("wasm/unavailable", `The engine did not load (${detail}).`, "Check that sottovoce.wasm is served beside the script, or pass its address to init().", { cause });
}
