// What the listener agrees to, and what follows from it: taking note or not, secure rounds, rounds in the open.

import { SottovoceError } from "./errors.js";
import { Hands, type Parts } from "./hands.js";
import type { RoundOptions } from "./secure.js";
import type { Party } from "./secure/party.js";
import type { Budget, ParticipateOptions, Participation, Privacy, RoundState, Upload } from "./secure/types.js";
import type { Consents, Contribution, RoundStatus } from "./types.js";

/** An engine's part in rounds, as far as the listener agrees. {@link Sottovoce} is one. */
export abstract class TakingPart extends Hands {
  /** Aborts all that only consent allows. */
  #consented = new AbortController();
  #contributing: Promise<Contribution> | undefined;
  readonly #options: RoundOptions;
  /** Secure rounds, once something of them was asked for. */
  #party: Promise<Party> | undefined;
  #there: Party | undefined;

  /** @internal */
  protected constructor(...parts: Parts) {
    super(...parts);
    // Not all of them: what the page gave to be read once may be large.
    const [, { rounds, budget, roundPolicy, serverKey, vault, store, name }] = parts;
    this.#options = { rounds, budget, roundPolicy, serverKey, vault, store, name } as RoundOptions;
  }

  /** Whether the listener lets updates leave this device; the same as `consents.rounds`. */
  get consent(): boolean {
    return this.alive.consent();
  }

  /** What the listener agreed to, purpose by purpose. */
  get consents(): Consents {
    return { recall: false, learning: true, ...this.keeper.state.settings.consents, rounds: this.consent };
  }

  /**
   * Gives or withdraws consent, for the purposes named; a bare boolean means the rounds. Withdrawn from the rounds, whatever is
   * on its way is stopped. Withdrawn from learning, events still order the queue and are remembered, but the personal weights
   * stay as they are.
   */
  setConsent(given: boolean | Partial<Consents>): void {
    const before = this.consents;
    const { rounds, recall, learning } = { ...before, ...(typeof given === "boolean" ? { rounds: given } : given) };
    this.alive.setConsent(rounds);
    this.keeper.state.settings.consents = { recall, learning };
    if (!rounds) this.#stop(new SottovoceError("consent/off", "The listener withdrew consent.", "Ask again before contributing."));
    // What waited is dropped where it is kept, too; without a place to keep it there is nothing.
    if (before.rounds && !rounds && this.#secure) void this.#withParty((party) => party.drop()).catch(() => {});
    this.settle();
    this.keeper.changed();
    this.emit({ type: "consent", on: rounds, consents: this.consents });
  }

  /** Whether the engine takes no notes just now. */
  get paused(): boolean {
    return !!this.keeper.state.settings.paused;
  }

  /** From now on nothing is taken note of and nothing is contributed, here and after a reload, until {@link Sottovoce.resume}. */
  pause(): void {
    this.#stop(new SottovoceError("engine/paused", "The engine is paused.", "Call resume() first."));
    this.#pausing(true);
  }

  /** Takes notes again. */
  resume(): void {
    this.#pausing(false);
  }

  /**
   * Takes part in secure rounds for as long as the page is open: learns here, adds noise and masks, sends what only the sum of all can be read
   * of; and sits on committees that open such sums. It begins a round in a good moment only (see {@link Moment}), waits for its turn where
   * another tab is open, and goes on after a reload where it was. `on("round")` tells of every step. Calls while it runs share its outcome.
   *
   * @throws {@link SottovoceError} `consent/off` before any request where there is no consent; `engine/paused`; `round/mode` in an engine opened with
   * `rounds: "open"`; `round/unavailable` where secrets cannot be kept; `round/vault` where those that were kept cannot be read; `round/server-key`
   * where the server has another key than before. A server that is away or busy is waited for.
   */
  async participate(options: ParticipateOptions = {}): Promise<Participation> {
    this.#assertMay();
    void this.full;
    const { signal } = this.#consented;
    return this.#withParty((party) => party.participate(options, signal));
  }

  /** Where this device's part in the rounds stands. */
  roundState(): RoundState {
    const { spent: _, budget: __, charged: ___, ...state } = this.full.roundState();
    const { participating = false, waiting } = this.#there ?? {};
    return { ...state, participating, waiting };
  }

  /** What is about to leave in a secure round, or has just left; `undefined` where nothing is. */
  explainUpload(): Upload | undefined {
    return this.full.explainUpload();
  }

  /** What secure rounds have told so far at most, and what they may still tell. */
  privacy(): Promise<Privacy> {
    void this.full;
    return this.#withParty((party) => party.privacy());
  }

  /** Sets how much secure rounds may tell in all, in place of what the engine was opened with. Kept with the rest. */
  setBudget({ epsilon, delta = 1e-6 }: Budget): void {
    this.full.setBudget(epsilon, delta);
    this.keeper.state.settings.budget = { epsilon: epsilon === Infinity ? null : epsilon, delta };
    this.keeper.changed();
    this.emit({ type: "round", state: this.roundState() });
  }

  /**
   * Takes part in the open round of a server that collects updates in the open, if there is one: fetches its weights, learns here, sends one
   * clipped update, which the server can look at. Calls while it runs share its outcome.
   *
   * @throws {@link SottovoceError} `consent/off` before any request where there is no consent; `engine/paused`; `round/mode` unless opened with
   * `rounds: "open"`; `server/…`.
   */
  contribute({ signal }: { signal?: AbortSignal } = {}): Promise<Contribution> {
    this.#contributing ??= this.#contribute(signal).finally(() => {
      this.#contributing = undefined;
    });
    return this.#contributing;
  }

  /**
   * The server's newest rounds.
   *
   * @throws {@link SottovoceError} `consent/off` where there is no consent: asking would already tell that someone is here.
   */
  async rounds({ signal }: { signal?: AbortSignal } = {}): Promise<RoundStatus[]> {
    this.#assertConsent();
    return (await import("./rounds.js")).rounds(this.http, this.#withConsent(signal));
  }

  /** @internal */
  protected async halt(): Promise<void> {
    this.#stop();
    await this.#there?.close();
  }

  /** Ends what is under way in rounds, and forgets their secrets; how many records are left. @internal */
  protected async eraseSecrets(): Promise<number> {
    await this.#contributing?.catch(() => {});
    return this.#secure ? this.#withParty((party) => party.erase()) : 0;
  }

  /** Whether there can be secure rounds. The smaller engine's door knows none. */
  get #secure(): boolean {
    return this.#options.rounds !== "open" && !!this.door.roundErrand;
  }

  async #withParty<T>(work: (party: Party) => T): Promise<Awaited<T>> {
    const { door, http, keeper } = this;
    this.#party ??= import("./secure.js").then(({ partyOf }) => (this.#there = partyOf(this.#options, {
      door, http, keeper,
      tell: (type) => this.closed || this.emit(type === "ledger" ? { type } : { type, state: this.roundState() }),
      renew: (bytes) => this.renew(bytes),
      songs: (signal) => this.renewSongs(signal),
      withdraw: () => this.setConsent(false),
    })));
    return await work(await this.#party);
  }

  async #contribute(signal?: AbortSignal): Promise<Contribution> {
    this.#assertMay("open");
    const allowed = this.#withConsent(signal);
    const { contribute } = await import("./rounds.js");
    const result = await contribute(this.full, this.http, {
      signal: allowed,
      changed: () => {
        this.keeper.changed();
        this.emit({ type: "ledger" });
      },
      durable: () => this.flush(),
    });
    this.emit({ type: "contribution", result });
    return result;
  }

  #assertConsent(): void {
    if (!this.consent) {
      throw new SottovoceError("consent/off", "The listener has not consented to contributing.", "Ask, then call setConsent(true).");
    }
  }

  /** For one of the two kinds of rounds. */
  #assertMay(open?: "open"): void {
    this.#assertConsent();
    if (this.paused) throw new SottovoceError("engine/paused", "The engine is paused.", "Call resume() first.");
    if ((this.#options.rounds === "open") !== !!open) throw new SottovoceError("round/mode", "This engine was opened for rounds of the other kind.", "See the option rounds of open().");
  }

  #withConsent(signal?: AbortSignal): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#consented.signal]) : this.#consented.signal;
  }

  #stop(why?: Error): void {
    this.#consented.abort(why);
    this.#consented = new AbortController();
  }

  #pausing(paused: boolean): void {
    this.keeper.state.settings.paused = paused;
    this.keeper.changed();
    this.emit({ type: "pause", paused });
  }
}
