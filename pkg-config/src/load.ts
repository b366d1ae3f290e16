// How a wasm file gets from wherever it lies into the generated glue: shared by the engine and by its slim sister.

import { SottovoceError } from "./errors.js";

/** Where the wasm comes from: its address, an answer to a fetch, its bytes, or a compiled module. */
export type WasmSource = URL | string | Request | Response | Promise<Response> | BufferSource | WebAssembly.Module;

/** Something that is loaded once. */
export interface Loader {
  readonly ready: boolean;
  init(source?: WasmSource): Promise<void>;
}

/**
 * Loads once; a failure leaves it as if nothing had been tried. `instead` says which other file this browser needs, if any. It is asked
 * after the usual one is on its way: finding out wakes the browser's WebAssembly, which takes as long as the answer does.
 */
export function loader(start: (module: WebAssembly.Module) => Promise<unknown>, beside: () => URL, instead?: () => URL | undefined): Loader {
  let running: Promise<void> | undefined;
  let ready = false;
  return {
    get ready() {
      return ready;
    },
    init(source) {
      running ??= load(start, source, beside, instead).then(
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

async function load(
  start: (module: WebAssembly.Module) => Promise<unknown>, source: WasmSource | undefined, beside: () => URL, instead?: () => URL | undefined,
): Promise<void> {
  if (typeof WebAssembly === "undefined") throw new TypeError("WebAssembly is switched off");
  let given = await (source ?? usual(beside(), instead));
  if (typeof given === "string" || given instanceof URL || given instanceof Request) given = await asked(given);
  await start(given instanceof WebAssembly.Module ? given : await compiled(given));
}

function usual(beside: URL, instead?: () => URL | undefined): Promise<Response | BufferSource> {
  const coming = asked(beside);
  const other = instead?.();
  if (!other) return coming;
  coming.catch(() => {});
  return asked(other);
}

async function asked(file: string | URL | Request): Promise<Response | BufferSource> {
  return String(file).startsWith("file:") ? readFile(String(file)) : fetch(file);
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
