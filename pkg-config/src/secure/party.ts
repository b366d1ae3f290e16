// One device's part in secure rounds, for as long as the page is open and the listener agrees: asks the engine what is to be done, has it
// carried, and waits. One tab at a time, or two would act as one device and sign two things.

import type { CoreRoundState, Door } from "../door.js";
import { SottovoceError, codeOf } from "../errors.js";
import type { Http } from "../http.js";
import { carry, taken, type Means } from "./carry.js";
import { hindrance, idle, pause, spread } from "./moment.js";
import { OTHER_KEY, otherKey, serverKey, trust, type KeyGiven } from "./trust.js";
import type { Budget, ParticipateOptions, Participation, Privacy, RoundPolicy, Vault, Waiting } from "./types.js";
import { damaged, openVault } from "./vault.js";

/** What the rounds need of the engine. */
export interface Host {
  readonly door: Door;
  readonly http: Http;
  /** Names the vault, and the lock on it. */
  readonly name: string;
  /** A place of the page's own; `"none"` where the page wants nothing kept. */
  readonly vault: Vault | "none" | undefined;
  /** The server's key, where the page knows it. */
  readonly key: KeyGiven | undefined;
  readonly policy: RoundPolicy;
  readonly budget: () => Budget;
  /** Whether this tab keeps the listener's state: that of another tab has another history and another consent. */
  readonly mine: () => boolean;
  /** Takes shared weights in. */
  readonly weights: (bytes: Uint8Array) => void;
  /** Brings the songs to where rounds have moved them. */
  readonly songs: (signal: AbortSignal) => Promise<void>;
  /** State changed, and perhaps the ledger. */
  readonly changed: () => void;
  /** See {@link Means}. */
  readonly leaving: Means["leaving"];
  readonly settled: Means["settled"];
  /** The round has moved on, or waits for something else. */
  readonly moved: () => void;
  /** Consent was withdrawn in another tab. */
  readonly withdraw: () => void;
}

type Opened = Vault & { close?(): void };

/** What hinders is looked at again after so long. */
const LOOK_MS = 5_000;
const LOOK_ELSEWHERE_MS = 1_000;
/** The engine is asked again at least so often, and at most. */
const [SHORTEST_MS, LONGEST_MS] = [50, 30_000];
/** Pauses after failures: twice as long after each, up to this. */
const PATIENCE_MS = 60_000;
/** A seat is waited for so long. */
const SEAT_MS = 600_000;
/** Another tab has the lock, where it does not come at once. */
const ELSEWHERE_MS = 300;
/** A tab that still has the lock is on its way out. */
const ENDED_MS = 5_000;
const DELTA = 1e-6;

/** Takes part in rounds. */
export class Party {
  waiting: Waiting | undefined;
  participating = false;
  #running: Promise<Participation> | undefined;
  /** Aborted when that is stopped. */
  #until: AbortSignal | undefined;
  readonly #host: Host;
  #vault: Promise<Opened> | undefined;
  /** The last thing that was done with the vault outside rounds. */
  #last = Promise.resolve();
  /** Tells this tab's word from others'. */
  readonly #me = Math.random();
  /** What the vault held when this tab last wrote or read it. */
  #kept: Uint8Array | undefined;
  /** Requests that the server wants to be left alone with, and until when. */
  readonly #later = new Map<string, number>();
  #seat = { now: "", since: 0 };
  readonly #known: Means["known"] = new Map();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Runs until so many rounds were told, or until `stop` is aborted. Calls while it runs share its outcome. */
  participate(options: ParticipateOptions, stop: AbortSignal): Promise<Participation> {
    const before = this.#running;
    if (before && !this.#until?.aborted) return before;
    const until = (this.#until = options.signal ? AbortSignal.any([stop, options.signal]) : stop);
    // One that was stopped is on its way out, and would only tell of that.
    const now = (before ?? Promise.resolve()).then(() => {}, () => {}).then(() => this.#participate(options, stop, until));
    const over = () => {
      if (this.#running === now) this.#running = undefined;
    };
    now.then(over, over);
    return (this.#running = now);
  }

  /** What was spent, by what is kept. */
  async privacy(): Promise<Privacy> {
    const { door, budget } = this.#host;
    // While this tab takes part, its engine knows best.
    if (!this.#running) await this.#alone(async () => {
      try {
        await this.#restore(await this.#open());
      } catch (error) {
        // Without a vault nothing was spent; with a broken one, everything, and the engine knows.
        if (!/^round\/(unavailable|vault)$/.test(codeOf(error) ?? "")) throw error;
      }
      const { epsilon, delta = DELTA } = budget();
      door.setBudget(epsilon, delta);
    });
    return privacyOf(door.roundState());
  }

  /** What the engine still held of a round is dropped at rest too, and in every other tab, once consent is off. */
  drop(): Promise<void> {
    this.#withdrawn();
    return this.#ended(false, async (vault) => {
      const { door } = this.#host;
      if (!(await this.#restore(vault))) return;
      // Withdrawn once more: what came back from the vault waits no longer either.
      const again = door.consent();
      door.setConsent(false);
      door.setConsent(again);
      await this.#keep(vault, door.vault());
    });
  }

  /** Forgets secrets and account; how many records are left. */
  async erase(): Promise<number> {
    this.#withdrawn();
    this.#later.clear();
    this.#known.clear();
    try {
      return await this.#ended(true, async (vault) => {
        const left = await vault.erase();
        this.#kept = undefined;
        this.#host.door.forgetVault();
        return left;
      });
    } catch (error) {
      // Where nothing can be kept, nothing is.
      if (codeOf(error) === "round/unavailable") return 0;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#running?.catch(() => {});
    await this.#last;
    (await this.#vault?.catch(() => undefined))?.close?.();
  }

  async #participate(options: ParticipateOptions, stop: AbortSignal, signal: AbortSignal): Promise<Participation> {
    const tally = { rounds: 0, included: 0 };
    let channel: BroadcastChannel | undefined;
    try {
      const vault = await this.#open();
      if (!globalThis.navigator?.locks) throw unavailable("This browser cannot tell one tab from another.");
      // What was stopped before it began has the end of it waited for by whatever is done with the vault now, and must not wait for that.
      signal.throwIfAborted();
      await this.#last;
      this.participating = true;
      this.#host.moved();
      channel = channelOf(this.#host.name);
      if (channel) channel.onmessage = ({ data }) => data === this.#me || this.#host.withdraw();
      while (!(await this.#turn(vault, options, signal, tally)));
      return { ...tally, ended: "rounds" };
    } catch (error) {
      if (!stop.aborted || options.signal?.aborted) throw error;
      const code = codeOf(stop.reason);
      return { ...tally, ended: code === "consent/off" ? "consent" : code === "engine/paused" ? "paused" : "closed" };
    } finally {
      channel?.close();
      this.participating = false;
      this.waiting = undefined;
      this.#host.moved();
    }
  }

  /** One thing with the vault after the other: what was read must not be put over what was written meanwhile. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const now = this.#last.then(work);
    this.#last = now.then(() => {}, () => {});
    return now;
  }

  /** The same once what was stopped has ended, with the lock; without it, where another tab does not let go of it and `anyway` says so. */
  #ended<T>(anyway: boolean, work: (vault: Opened) => Promise<T>): Promise<T> {
    const { name } = this.#host;
    const running = this.#running?.catch(() => {});
    return this.#alone(async () => {
      await running;
      const vault = await this.#open();
      const { locks } = globalThis.navigator ?? {};
      if (!locks) return work(vault);
      const signal = AbortSignal.timeout(ENDED_MS);
      try {
        return (await locks.request(name, { signal }, () => work(vault))) as T;
      } catch (error) {
        if (error !== signal.reason || !anyway) throw error;
        return work(vault);
      }
    });
  }

  #withdrawn(): void {
    const channel = channelOf(this.#host.name);
    channel?.postMessage(this.#me);
    channel?.close();
  }

  /** Once this tab's turn has come: rounds until it is over (true), or until another tab takes the listener's state (false). */
  async #turn(vault: Opened, options: ParticipateOptions, stop: AbortSignal, tally: { rounds: number; included: number }): Promise<boolean> {
    const { mine, name } = this.#host;
    if (!mine()) {
      this.#wait("elsewhere");
      await pause(LOOK_ELSEWHERE_MS, stop);
      return false;
    }
    const late = setTimeout(() => this.#wait("elsewhere"), ELSEWHERE_MS);
    try {
      return await navigator.locks.request(name, { signal: stop }, async () => {
        clearTimeout(late);
        this.#wait(undefined);
        await this.#restore(vault);
        stop.throwIfAborted();
        return this.#rounds(vault, options, stop, tally);
      });
    } finally {
      clearTimeout(late);
    }
  }

  async #rounds(vault: Opened, options: ParticipateOptions, signal: AbortSignal, tally: { rounds: number; included: number }): Promise<boolean> {
    const { door, mine, budget, policy: { survivors = 2, members = 1, apart = 1 } } = this.#host;
    const { epsilon, delta = DELTA } = budget();
    door.setBudget(epsilon, delta);
    door.setRoundPolicy(survivors, members, apart);
    let told = door.roundState().outcome?.round;
    let trusted = false;
    for (let failures = 0; mine(); ) {
      signal.throwIfAborted();
      try {
        const { phase, outcome, service } = door.roundState();
        if (outcome && outcome.round !== told) {
          told = outcome.round;
          tally.rounds++;
          tally.included += +(outcome.fate === "included");
        }
        if (tally.rounds >= (options.rounds ?? Infinity)) return true;
        // A round that was joined goes on, and so does a seat that was taken: others wait for them.
        if (phase === "idle" && !this.#sits(service) && (await this.#hindered(options, signal))) continue;
        if (!trusted) {
          const key = await serverKey(this.#host, signal);
          signal.throwIfAborted();
          trust(door, key);
          trusted = true;
        }
        await idle(options);
        signal.throwIfAborted();
        await this.#step(vault, signal);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        await this.#trouble(error, failures++, signal);
      }
    }
    return false;
  }

  /** Whether there is a seat on a committee with something still to be done. Where nothing moves for long, the round ended without it. */
  #sits(service: CoreRoundState["service"]): boolean {
    const now = service && service.task !== "disclosed" ? `${service.round} ${service.task}` : "";
    if (now !== this.#seat.now) this.#seat = { now, since: Date.now() };
    return now !== "" && Date.now() - this.#seat.since < SEAT_MS;
  }

  async #step(vault: Opened, signal: AbortSignal): Promise<void> {
    const { door, http, weights, songs, changed, leaving, settled, moved } = this.#host;
    const errand = taken(door.roundErrand(Date.now()));
    const path = errand && "path" in errand ? errand.path : "";
    const due = errand ? (this.#later.get(path) ?? 0) : (door.roundState().retryAt ?? Date.now() + LOOK_MS);
    const ms = due - Date.now();
    if (!errand || ms > 0) return pause(Math.min(Math.max(ms, SHORTEST_MS), LONGEST_MS), signal);
    const rest = await carry(errand, { door, http, keep: (bytes) => this.#keep(vault, bytes), signal, left: changed, leaving, settled, weights, songs, known: this.#known });
    if (path) this.#later.set(path, rest ? Date.now() + spread(rest) : 0);
    this.#wait(undefined);
    moved();
  }

  async #hindered(options: ParticipateOptions, signal: AbortSignal): Promise<boolean> {
    const waiting = await hindrance(options);
    signal.throwIfAborted();
    this.#wait(waiting);
    if (waiting) await pause(LOOK_MS, signal);
    return !!waiting;
  }

  /** Waits where waiting helps; throws what it does not help with. */
  async #trouble(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const code = codeOf(error) ?? "";
    // An answer to what the engine has dropped meanwhile.
    if (code === "round/no-errand") return;
    if (!/^(server|store)\/|^vault\/not-kept$/.test(code)) throw error;
    this.#wait(code === "server/away" ? "offline" : code.startsWith("server/") ? "server" : "vault");
    const { retryAfterMs = Math.min(PATIENCE_MS, 1000 * 2 ** failures) } = error as SottovoceError;
    await pause(spread(retryAfterMs), signal);
  }

  #wait(waiting: Waiting | undefined): void {
    if (this.waiting === waiting) return;
    this.waiting = waiting;
    this.#host.moved();
  }

  #open(): Promise<Opened> {
    const { vault, name } = this.#host;
    if (vault === "none") return Promise.reject(unavailable("This engine keeps nothing, and a budget that is forgotten is none."));
    this.#vault ??= vault ? Promise.resolve(vault) : openVault(name);
    this.#vault.catch(() => (this.#vault = undefined));
    return this.#vault;
  }

  async #keep(vault: Vault, bytes: Uint8Array): Promise<Uint8Array> {
    return (this.#kept = await vault.write(bytes));
  }

  /** Takes up what is kept; whether there was anything. */
  async #restore(vault: Vault): Promise<boolean> {
    const { door } = this.#host;
    try {
      const bytes = await vault.read();
      // The engine may know more by now than was worth keeping; only what another tab wrote is newer.
      if (bytes && !same(bytes, this.#kept)) door.restoreVault(bytes);
      this.#kept = bytes;
      return !!bytes;
    } catch (cause) {
      if (codeOf(cause)?.startsWith("store/")) throw cause;
      if (codeOf(cause) === OTHER_KEY) throw otherKey(cause);
      if (codeOf(cause) === "vault/version") {
        throw new SottovoceError("store/newer", "A newer version of this player keeps this device's secrets.", "Reload the page.", { cause });
      }
      // What cannot be opened is no vault to the engine either: it counts the budget as spent.
      if (codeOf(cause) === "round/vault") {
        try {
          door.restoreVault(new Uint8Array());
        } catch {
          throw cause;
        }
      }
      throw damaged(cause);
    }
  }
}

/** Through which tabs of one device hear of each other. */
function channelOf(name: string): BroadcastChannel | undefined {
  const channel: (BroadcastChannel & { unref?(): void }) | undefined = globalThis.BroadcastChannel && new BroadcastChannel(name);
  // Listening is no reason for a program outside of a browser to go on.
  channel?.unref?.();
  return channel;
}

function same(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, i) => byte === b[i]);
}

/** The account, as the package's face tells it. */
function privacyOf({ spent, budget, charged: rounds }: CoreRoundState): Privacy {
  const unbounded = budget.epsilon === Infinity;
  const left = unbounded ? Infinity : Math.max(0, budget.epsilon - spent.epsilon);
  // The more rounds there were, the less one more adds: the average is more than the next one costs.
  const roundsLeft = rounds === 0 ? undefined : unbounded ? Infinity : Math.floor(left / (spent.epsilon / rounds));
  return { epsilon: spent.epsilon, budget: budget.epsilon, left, delta: budget.delta, rounds, roundsLeft };
}

function unavailable(what: string): SottovoceError {
  return new SottovoceError("round/unavailable", what, "Open the engine without rounds, or give it a vault in a browser that has locks.");
}
