// How a wasm file gets from wherever it lies into the generated glue: shared by the engine and by its slim sister.

import { SottovoceError } from "./errors.js";

/** Where the wasm comes from: its address, an answer to a fetch, its bytes, or a compiled module. */
export type WasmSource = URL | string | Request | Response | Promise<Response> | BufferSource | WebAssembly.Module;

/** Something that is loaded once. */
export interface Loader {
  readonly ready: boolean;
  init(source?: WasmSource): Promise<void>;
}

/** Loads once; a failure leaves it as if nothing had been tried. */
export function loader(start: (module: WebAssembly.Module) => Promise<unknown>, beside: () => URL): Loader {
  let running: Promise<void> | undefined;
  let ready = false;
  return {
    get ready() {
      return ready;
    },
    init(source) {
      running ??= load(start, source, beside).then(
        () => {
          ready = true;
        },
        (cause: unknown) => {
          running = undefined;
          throw explained(cause);
        },
      );
      return running;
    },
  };
}

async function load(start: (module: WebAssembly.Module) => Promise<unknown>, source: WasmSource | undefined, beside: () => URL): Promise<void> {
  if (typeof WebAssembly === "undefined") throw new TypeError("WebAssembly is switched off");
  let given = await (source ?? beside());
  if (typeof given === "string" || given instanceof URL || given instanceof Request) {
    given = String(given).startsWith("file:") ? await readFile(String(given)) : await fetch(given);
  }
  await start(given instanceof WebAssembly.Module ? given : await compiled(given));
}

async function compiled(given: Response | BufferSource): Promise<WebAssembly.Module> {
  if (!(given instanceof Response)) return WebAssembly.compile(given);
  if (!given.ok) throw new TypeError(`${given.url}: ${given.status} ${given.statusText}`);
  // Compiling while it comes needs the right media type, which not every server sends.
  return given.headers.get("content-type") === "application/wasm" ? WebAssembly.compileStreaming(given) : WebAssembly.compile(await given.arrayBuffer());
}

/** Node's fetch does not read files. The name is put together so that a bundler for the page does not look for it. */
async function readFile(address: string): Promise<BufferSource> {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  if (!process?.versions?.node) throw new TypeError(`${address} is a file; hand its bytes to init()`);
  const name = ["node", "fs/promises"].join(":");
  const fs = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { readFile(path: URL): Promise<BufferSource> };
  return fs.readFile(new URL(address));
}

function explained(cause: unknown): SottovoceError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return /content security policy|unsafe-eval|switched off/i.test(detail)
    ? new SottovoceError("wasm/blocked", `This page may not run WebAssembly (${detail}).`, "Allow 'wasm-unsafe-eval' in script-src of its Content-Security-Policy.", { cause })
    : new SottovoceError("wasm/unavailable", `The engine did not load (${detail}).`, "Check that sottovoce.wasm is served beside the script, or pass its address to init().", { cause });
}
