// The worker's side: one engine, asked through messages.

import { SottovoceError, codeOf, type EngineEvent, type Sottovoce as Engine } from "../index.js";
import { CALLS, PROPERTIES, buffersOf, type Asked, type Failure, type Port, type Told } from "./wire.js";

const EVENTS = ["change", "ledger", "consent", "pause", "storage", "connection", "contribution", "round"] as const satisfies readonly EngineEvent["type"][];

/** What `sottovoce` and `sottovoce/full` both have. */
export type Engines = Pick<typeof import("../index.js"), "Sottovoce" | "init">;

/** Answers what comes in through `port`, with an engine of those given. */
export function serve(port: Port, { Sottovoce, init }: Engines): void {
  let engine: Engine | undefined;
  const running = new Map<number, AbortController>();
  const tell = (told: Told, transfer: Transferable[] = []) => port.postMessage(told, transfer);

  const open = async ({ wasm, ...options }: Extract<Asked, { open: unknown }>["open"], signal: AbortSignal) => {
    if (wasm) await init(wasm);
    engine = await Sottovoce.open({ ...options, signal, progress: (progress) => tell({ progress }) });
    for (const type of EVENTS) engine.on(type, (event) => tell({ event: sendable(event) }));
    tell({ opened: { catalogue: engine.catalogue, songs: [...engine.songs.values()] } });
  };

  const answer = async (asked: Exclude<Asked, { abort: number }>, signal: AbortSignal): Promise<unknown> => {
    if ("open" in asked) return open(asked.open, signal);
    if (!engine) throw new SottovoceError("engine/closed", "No engine is open in this worker.", "Open one first.");
    if ("close" in asked) return engine.close();
    if ("read" in asked) {
      if (!PROPERTIES.includes(asked.read)) throw new TypeError(`${asked.read} cannot be read`);
      return asked.read === "storage" ? sendableStorage(engine.storage) : engine[asked.read];
    }
    if (!CALLS.includes(asked.call)) throw new TypeError(`${asked.call} cannot be called`);
    const args = [...asked.args];
    if (asked.signalled) args.push({ ...(args.pop() as object), signal });
    const given = await (engine[asked.call] as (...args: unknown[]) => unknown).apply(engine, args);
    return asked.call === "observe" ? sendableStorage(given) : given;
  };

  port.addEventListener("message", ({ data }) => {
    const asked = data as Asked;
    if ("abort" in asked) return running.get(asked.abort)?.abort();
    const { id } = asked;
    const controller = new AbortController();
    running.set(id, controller);
    answer(asked, controller.signal)
      .then(
        (value) => tell({ id, value }, buffersOf(value)),
        (error: unknown) => tell({ id, failed: failure(error) }),
      )
      .finally(() => running.delete(id));
  });
}

function sendable(event: EngineEvent): EngineEvent {
  return event.type === "storage" ? { ...event, storage: sendableStorage(event.storage) as typeof event.storage } : event;
}

/** A storage's error may have causes that no clone knows. */
function sendableStorage(storage: unknown): unknown {
  const { error } = storage as { error?: Error };
  return error ? { ...(storage as object), error: Object.assign(new Error(error.message), { name: error.name }) } : storage;
}

function failure(error: unknown): Failure {
  const { name = "Error", message = String(error), next, retryAfterMs } = error as Partial<SottovoceError>;
  return { name, message, code: codeOf(error), next, retryAfterMs };
}
