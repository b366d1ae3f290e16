// Takes part in secure rounds, while and only while the listener consents, and follows how they stand.

import { codeOf, type Privacy, type RoundState, type RoundStatus, type Sottovoce, type Upload } from "sottovoce";

const SOON_MS = 2000;
const LATER_MS = 6000;

/** How things stand. */
export interface Standing {
  /** This device's part. */
  readonly state: RoundState | undefined;
  readonly privacy: Privacy | undefined;
  /** What is about to leave, or has just left. */
  readonly upload: Upload | undefined;
  /** The round this device is in, and the one whose outcome it knows, as far as the server still tells. */
  readonly mine: RoundStatus | undefined;
  readonly last: RoundStatus | undefined;
  readonly newest: RoundStatus | undefined;
  /** Why this device can take no part, for the listener. */
  readonly problem: string;
}

const NOTHING: Standing = { state: undefined, privacy: undefined, upload: undefined, mine: undefined, last: undefined, newest: undefined, problem: "" };

/** Takes part and watches. */
export class RoundWatch {
  standing = NOTHING;
  readonly #engine: Sottovoce;
  readonly #show: (standing: Standing) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Ends the part that is being taken. */
  #gone = new AbortController();
  #refreshed = -1;

  constructor(engine: Sottovoce, show: (standing: Standing) => void) {
    this.#engine = engine;
    this.#show = show;
    engine.on("consent", () => this.#follow());
    engine.on("pause", () => this.#follow());
    engine.on("round", () => this.#tell());
    engine.on("change", ({ cause }) => (cause === "restore" || cause === "delete") && this.#follow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#look());
    this.#follow();
  }

  /** Takes part whatever the moment is: on battery, on a metered connection. */
  now(): void {
    this.#takePart({ idle: false, charging: false, unmetered: false });
  }

  #follow(): void {
    this.#gone.abort();
    this.#move({ mine: undefined, last: undefined, newest: undefined, problem: "" });
    this.#tell();
    if (!this.#engine.consent || this.#engine.paused) return;
    this.#takePart({});
    this.#look();
  }

  #takePart(moment: { idle?: boolean; charging?: boolean; unmetered?: boolean }): void {
    this.#gone.abort();
    const gone = (this.#gone = new AbortController());
    this.#move({ problem: "" });
    this.#engine.participate({ ...moment, signal: gone.signal }).catch((error: unknown) => {
      if (!gone.signal.aborted) this.#move({ problem: codeOf(error) === "consent/off" ? "" : error instanceof Error ? error.message : String(error) });
    });
  }

  /** What the engine says. The account is read at rest, so it comes a moment later. */
  #tell(): void {
    const engine = this.#engine;
    this.#move({ state: engine.roundState(), upload: engine.explainUpload() });
    void engine.privacy().then((privacy) => this.#move({ privacy }), () => {});
  }

  /** What the server says, again and again. */
  #look(): void {
    clearTimeout(this.#timer);
    if (!this.#engine.consent || document.hidden) return;
    const again = () => {
      if (this.#engine.consent && !document.hidden) this.#timer = setTimeout(() => this.#look(), this.standing.newest?.state === "open" ? SOON_MS : LATER_MS);
    };
    this.#ask().then(again, again);
  }

  async #ask(): Promise<void> {
    const rounds = await this.#engine.rounds();
    const { state } = this.standing;
    const told = (number: number | undefined) => rounds.find(({ round }) => round === number);
    const last = told(state?.outcome?.round);
    this.#move({ newest: rounds[0], mine: told(state?.round), last });
    // Its fruit: the weights that this device helped to make.
    if (last?.state === "closed" && last.round !== this.#refreshed) {
      this.#refreshed = last.round;
      await this.#engine.refresh();
    }
  }

  #move(change: Partial<Standing>): void {
    this.standing = { ...this.standing, ...change };
    this.#show(this.standing);
  }
}
