/**
 * The engine in a worker: the same names, each answer a promise. Ranking takes about a millisecond, so most pages need none of
 * this; it helps where histories are imported or very large catalogues scanned.
 *
 * @packageDocumentation
 */
import { SottovoceError, type EngineEvent, type OpenOptions, type Song, type SongId, type Sottovoce } from "./index.js";
import { CALLS, PROPERTIES, buffersOf, type CallName, type Failure, type Port, type PropertyName, type Sendable, type Told } from "./worker/wire.js";

export type { CallName, PropertyName };

/** The same function, from across. */
export type Later<F> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;

/** {@link Sottovoce}, from across: methods and properties of the same names, each giving a promise. */
export type RemoteSottovoce = {
  readonly [K in PropertyName]: Promise<Sottovoce[K]>;
} & {
  readonly [K in Exclude<CallName, "kept">]: Later<Sottovoce[K]>;
} & {
  /** The catalogue's name. */
  readonly catalogue: string;
  /** Every song of the catalogue; a copy on this side. */
  readonly songs: ReadonlyMap<SongId, Song>;
  /** See `Sottovoce.kept`. */
  kept<T>(key: string): Promise<T | undefined>;
  /** Calls `listener` on every event of that type, until the returned function is called. */
  on<T extends EngineEvent["type"]>(type: T, listener: (event: Extract<EngineEvent, { type: T }>) => void): () => void;
  /** Keeps what is left to keep, then ends the worker. */
  close(): Promise<void>;
  /** Same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
};

/** What {@link openInWorker} takes: what `Sottovoce.open` takes, as far as it can travel. */
export interface WorkerOptions extends Sendable, Pick<OpenOptions, "progress" | "signal"> {
  /** Whether the worker has the whole engine, that of `sottovoce/full`. False. */
  readonly full?: boolean;
  /** A worker that runs `sottovoce/worker-host`, or `sottovoce/worker-host-full` for the whole engine; one is started when left out. */
  readonly worker?: Worker;
}

/**
 * Starts a worker and opens the engine in it. Typed arrays that go in are handed over and empty afterwards; those that come out
 * are yours.
 *
 * ```ts
 * const engine = await openInWorker({ server: "https://music.example" });
 * const queue = await engine.recommend({ k: 30 });
 *
 * const whole = await openInWorker({ server: "https://music.example", full: true });
 * const interests = await whole.interests();
 * ```
 *
 * @throws SottovoceError as `Sottovoce.open`; `worker/failed` where the worker did not start.
 */
export async function openInWorker({ worker, full, progress, signal, ...options }: WorkerOptions = {}): Promise<RemoteSottovoce> {
  const started = worker ?? begun(full);
  const server = new URL(options.server ?? "/", globalThis.location?.href).href;
  try {
    return await connect(started, { ...options, server }, { progress, signal, end: () => started.terminate() });
  } catch (error) {
    started.terminate();
    throw error;
  }
}

/** Written out twice: bundlers look for this very form, with the address in it. */
function begun(full: boolean | undefined): Worker {
  return full
    ? new Worker(new URL("./worker-host-full.js", import.meta.url), { type: "module" })
    : new Worker(new URL("./worker-host.js", import.meta.url), { type: "module" });
}

/** The page's side of a worker that is there already. @internal */
export async function connect(
  port: Port & { addEventListener(type: "error", listener: (event: { message?: string }) => void): void },
  options: Sendable,
  { progress, signal, end }: { progress?: ((share: number) => void) | undefined; signal?: AbortSignal | undefined; end: () => void },
): Promise<RemoteSottovoce> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  const listeners = new Map<string, Set<(event: never) => void>>();
  const songs = new Map<SongId, Song>();
  let catalogue = "";
  let last = 0;

  const ask = <T>(question: object, transfer: Transferable[] = [], aborting?: AbortSignal): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      aborting?.throwIfAborted();
      const id = ++last;
      const abort = () => {
        port.postMessage({ abort: id }, []);
        waiting.delete(id);
        reject(aborting?.reason);
      };
      const done = <V>(settle: (value: V) => void) => (value: V) => {
        aborting?.removeEventListener("abort", abort);
        settle(value);
      };
      waiting.set(id, { resolve: done(resolve as (value: unknown) => void), reject: done(reject) });
      aborting?.addEventListener("abort", abort, { once: true });
      port.postMessage({ id, ...question }, transfer);
    });

  port.addEventListener("message", ({ data }) => {
    const told = data as Told;
    if ("progress" in told) progress?.(told.progress);
    else if ("event" in told) for (const listener of listeners.get(told.event.type) ?? []) listener(told.event as never);
    else if ("opened" in told) {
      ({ catalogue } = told.opened);
      for (const song of told.opened.songs) songs.set(song.id, song);
    } else {
      const asked = waiting.get(told.id);
      waiting.delete(told.id);
      if ("failed" in told) asked?.reject(revived(told.failed));
      else asked?.resolve(told.value);
    }
  });
  port.addEventListener("error", ({ message = "it could not be loaded" }) => {
    const error = new SottovoceError("worker/failed", `The worker failed: ${message}.`, "Check that worker-host.js (with full, worker-host-full.js) is served, and worker-src in the Content-Security-Policy.");
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });

  await ask({ open: options }, [], signal);
  const close = async () => {
    await ask({ close: true });
    end();
  };
  const remote: Record<PropertyKey, unknown> = {
    songs,
    catalogue,
    close,
    on(type: string, listener: (event: never) => void) {
      const known = listeners.get(type) ?? new Set();
      listeners.set(type, known.add(listener));
      return () => void known.delete(listener);
    },
  };
  if (Symbol.asyncDispose) remote[Symbol.asyncDispose] = close;
  for (const call of CALLS) {
    remote[call] = (...args: unknown[]) => {
      const { args: sent, signal: aborting } = travelling(args);
      return ask({ call, args: sent, signalled: !!aborting }, sent.flatMap(buffersOf), aborting);
    };
  }
  for (const read of PROPERTIES) Object.defineProperty(remote, read, { get: () => ask({ read }) });
  return remote as unknown as RemoteSottovoce;
}

/** Arguments as they can travel: without the signal, iterables as arrays. */
function travelling(args: readonly unknown[]): { args: unknown[]; signal: AbortSignal | undefined } {
  let signal: AbortSignal | undefined;
  const sent = args.map((arg) => {
    if (typeof arg !== "object" || arg === null || ArrayBuffer.isView(arg)) return arg;
    if (Symbol.iterator in arg) return [...(arg as Iterable<unknown>)];
    const { signal: its, ...rest } = arg as { signal?: unknown; candidates?: Iterable<unknown> };
    if (its instanceof AbortSignal) signal = its;
    else if (its !== undefined) return arg;
    return rest.candidates ? { ...rest, candidates: [...rest.candidates] } : rest;
  });
  return { args: sent, signal };
}

function revived({ name, message, code, next, retryAfterMs }: Failure): Error {
  const error: Error & { code?: string; next?: string; retryAfterMs?: number } = new Error(message);
  error.name = name;
  if (code !== undefined) error.code = code;
  if (next !== undefined) error.next = next;
  if (retryAfterMs !== undefined) error.retryAfterMs = retryAfterMs;
  return name === "SottovoceError" ? Object.setPrototypeOf(error, SottovoceError.prototype) as SottovoceError : error;
}
