// What tests of secure rounds stand on: a device's engine and a server, both small enough to see through, and locks between tabs.

import { webcrypto } from "node:crypto";
import type { CoreErrand, CoreRoundState, Door } from "../src/door.js";
import { Http } from "../src/http.js";
import type { Host } from "../src/secure/party.js";
import type { Upload } from "../src/secure/types.js";

const STEPS = ["offer", "vault", "join", "roster", "charge", "mask", "keep", "report", "outcome", "over"] as const;
type Step = (typeof STEPS)[number];
const PHASES = { offer: "idle", vault: "joining", join: "joining", roster: "roster", charge: "training", mask: "masking", keep: "masking", report: "reporting", outcome: "outcome", over: "idle" } as const;

/** What the fake engine keeps: everything that a closed tab must not lose. */
interface Kept {
  step: Step;
  /** Drawn once for a round; a second one would be a second device. */
  name: number;
  report: number[];
  charged: number;
  rounds: number;
  fate?: "included" | "missed";
  trusted?: number[];
}

const FIRST: Kept = { step: "offer", name: 0, report: [], charged: 0, rounds: 0 };
const ROUND = 12;
let names = 0;

/** An engine that goes through one round, step by step, as the real one does: what matters is in the vault before anything leaves. */
export class FakeEngine {
  kept: Kept = { ...FIRST };
  on = true;
  stream: Uint8Array | undefined;
  readonly calls: string[] = [];
  readonly ledger: { message: string; bytes: number }[] = [];
  budget = { epsilon: 8, delta: 1e-6 };
  policy = { survivors: 0, members: 0, apart: 0 };
  retryAt = 0;
  loss = false;

  roundErrand(): CoreErrand | undefined {
    const free = () => {};
    if (!this.on || !this.kept.trusted || Date.now() < this.retryAt) return undefined;
    const { step, name, report } = this.kept;
    const path = (what: string) => `v1/rounds/${ROUND}/${what}/${name}`;
    switch (step) {
      case "offer":
        return { kind: "get", path: "v1/rounds/next", message: "secure offer", free };
      case "vault":
      case "charge":
      case "keep":
        return { kind: "keep", body: this.vault(), free };
      case "join":
        return { kind: "put", path: path("joins"), message: "join", body: Uint8Array.of(1, name), free };
      case "roster":
        return { kind: "get", path: path("rosters"), message: "roster", free };
      case "mask":
        return { kind: "mask", body: new Uint8Array(16).fill(7), length: 40, free };
      case "report":
        return { kind: "put", path: path("reports"), message: "report", body: Uint8Array.from(report), free };
      case "outcome":
        return { kind: "get", path: path("outcomes"), message: "outcome", free };
      case "over":
        return undefined;
    }
  }

  roundAnswer(status: number, body: Uint8Array): void {
    this.calls.push(`${this.kept.step} ${status}`);
    if (status === 204) return;
    if (status >= 400) {
      this.kept = { ...this.kept, step: "over", fate: "missed" };
      return;
    }
    if (this.kept.step === "offer") Object.assign(this.kept, { name: ++names, report: [] });
    if (this.kept.step === "outcome") this.kept.fate = body[0] ? "included" : "missed";
    this.#next();
  }

  roundKept(bytes: Uint8Array): void {
    if (String(bytes) !== String(this.vault())) throw new Error("something else came back");
    this.calls.push(this.kept.step);
    // What is read back is charged; from here on the noise may be drawn.
    this.#next();
  }

  roundStream(stream: Uint8Array): void {
    this.stream = stream;
    this.kept.report = [this.kept.name, ...crypto.getRandomValues(new Uint8Array(4))];
    this.#next();
  }

  roundSent(): void {
    const errand = this.roundErrand();
    this.ledger.push({ message: errand?.message ?? "", bytes: errand?.body?.length ?? 0 });
  }

  roundState(): CoreRoundState {
    const { step, charged, rounds, fate } = this.kept;
    return {
      phase: PHASES[step], round: step === "offer" ? undefined : ROUND, enlisted: false, included: +(fate === "included"),
      outcome: fate && { round: ROUND, fate }, retryAt: this.retryAt || undefined, why: undefined,
      spent: { epsilon: this.loss ? this.budget.epsilon : charged, delta: 1e-6 }, budget: this.budget, charged: rounds,
    };
  }

  explainUpload(): Upload | undefined {
    return undefined;
  }

  vault(): Uint8Array {
    // Charged before the noise, whatever comes of it; what was masked half is masked again.
    const { step } = this.kept;
    const charge = step === "charge" ? { charged: this.kept.charged + 1, rounds: this.kept.rounds + 1, step: "mask" as const } : {};
    const next = { vault: "join", keep: "report" } as const;
    return new TextEncoder().encode(JSON.stringify({ ...this.kept, ...(step in next && { step: next[step as "vault"] }), ...charge }));
  }

  restoreVault(bytes: Uint8Array): void {
    try {
      this.kept = JSON.parse(new TextDecoder().decode(bytes)) as Kept;
    } catch {
      this.loss = true;
      throw Object.assign(new Error("damaged"), { code: "vault/malformed" });
    }
  }

  forgetVault(): void {
    this.kept = { ...FIRST };
    this.loss = false;
  }

  setBudget(epsilon: number, delta: number): void {
    this.budget = { epsilon, delta };
  }

  setRoundPolicy(survivors: number, members: number, apart: number): void {
    this.policy = { survivors, members, apart };
  }

  trustServer(key: Uint8Array): void {
    if (this.kept.trusted && String(this.kept.trusted) !== String([...key])) throw Object.assign(new Error("another"), { code: "round/server-key" });
    this.kept.trusted = [...key];
  }

  consent(): boolean {
    return this.on;
  }

  setConsent(on: boolean): void {
    this.on = on;
    if (!on) this.kept = { ...FIRST, charged: this.kept.charged, rounds: this.kept.rounds, ...(this.kept.trusted && { trusted: this.kept.trusted }) };
  }

  recordDownload(message: string): void {
    this.calls.push(message);
  }

  /** As the real one: the account outlives it. */
  deleteData(): void {
    this.setConsent(false);
  }

  #next(): void {
    const { step } = this.kept;
    if (step === "charge") Object.assign(this.kept, { charged: this.kept.charged + 1, rounds: this.kept.rounds + 1 });
    this.kept.step = STEPS[STEPS.indexOf(step) + 1]!;
  }
}

/** A request as the server saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: Headers;
}

/** A server that answers every message of a round, in the way it is told to. */
export class FakeServer {
  readonly seen: Seen[] = [];
  key = "ab".repeat(32);
  /** Answers instead of the usual one, where it gives any. */
  instead: (seen: Seen) => Response | Promise<Response> | undefined = () => undefined;

  readonly fetch: typeof fetch = async (input, init) => {
    init?.signal?.throwIfAborted();
    const { pathname } = new URL(String(input));
    const body = init?.body ? String(Buffer.from(init.body as Uint8Array).toString("hex")) : "";
    const seen: Seen = { method: init?.method ?? "GET", path: pathname.slice(1), body, headers: new Headers(init?.headers) };
    this.seen.push(seen);
    return (await this.instead(seen)) ?? this.usual(seen);
  };

  usual({ method, path }: Seen): Response {
    if (path === "v1/log/key") return new Response(JSON.stringify({ algorithm: "Ed25519", key: this.key }));
    if (method === "PUT") return new Response(null, { status: 201 });
    return new Response(Uint8Array.of(1));
  }

  puts(what: string): Seen[] {
    return this.seen.filter(({ method, path }) => method === "PUT" && path.includes(what));
  }
}

/** What a party stands on, with this engine and server. */
export function hostOf(engine: FakeEngine, server: FakeServer, extra: Partial<Host> = {}): Host {
  const http = new Http({ server: new URL("http://songs.test/"), fetch: server.fetch, received: () => {}, reached: () => {} });
  return {
    door: engine as unknown as Door, http, name: "sottovoce:test:vault", vault: undefined, key: undefined, policy: { survivors: 3 }, budget: () => ({ epsilon: 8 }),
    mine: () => true, weights: () => {}, songs: async () => {}, changed: () => {}, leaving: async () => {}, settled: () => {}, moved: () => {}, withdraw: () => engine.setConsent(false), ...extra,
  };
}

/** Puts these in the place of an object's own methods. */
export function standIn(object: object, methods: Record<string, (...args: never[]) => unknown>): void {
  Object.assign(object, methods);
}

/** Locks as browsers have them: one holder, the others wait in line. */
export function fakeLocks(): Pick<LockManager, "request"> {
  const queues = new Map<string, Promise<unknown>>();
  const request = async (name: string, options: LockOptions, work: (lock: unknown) => unknown) => {
    const before = queues.get(name) ?? Promise.resolve();
    const { signal } = options;
    let free = () => {};
    queues.set(name, before.then(() => new Promise<void>((resolve) => (free = resolve))));
    const mine = queues.get(name);
    try {
      await Promise.race([before, new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true }))]);
      signal?.throwIfAborted();
      return await work({ name });
    } finally {
      void before.then(() => Promise.resolve().then(() => free()));
      void mine;
    }
  };
  return { request: request as LockManager["request"] };
}

/** Gives node what browsers have, for these tests. */
export function browserLike(locks: Pick<LockManager, "request"> | undefined = fakeLocks()): void {
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true, writable: true });
  if (!globalThis.crypto) Object.assign(globalThis, { crypto: webcrypto });
}
