// Follows the rounds, while and only while the listener consents.

import { codeOf, type Contribution, type RoundStatus, type Sottovoce } from "sottovoce";

/** With consent, the page contributes by itself once so many songs were judged since the last time. */
const BY_ITSELF = 8;
const SOON_MS = 2000;
const LATER_MS = 6000;

/** How things stand. */
export interface Standing {
  /** The round this device took part in last, as far as the server still tells. */
  readonly mine: RoundStatus | undefined;
  readonly newest: RoundStatus | undefined;
  /** What the last attempt came to, for the listener. */
  readonly outcome: string;
  readonly busy: boolean;
}

interface Notes {
  readonly round: number;
  readonly seen: number;
}

/** Watches rounds and contributes. */
export class RoundWatch {
  standing: Standing = { mine: undefined, newest: undefined, outcome: "", busy: false };
  readonly #engine: Sottovoce;
  readonly #show: (standing: Standing) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refreshed = -1;

  constructor(engine: Sottovoce, show: (standing: Standing) => void) {
    this.#engine = engine;
    this.#show = show;
    engine.on("consent", () => this.#follow());
    engine.on("change", ({ cause }) => cause === "restore" && this.#follow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#follow());
    this.#follow();
  }

  /** Takes part in the open round now. */
  async contribute(): Promise<void> {
    if (this.standing.busy) return;
    this.#move({ busy: true, outcome: "Learning here, in this page …" });
    try {
      const result = await this.#engine.contribute();
      if (result.kind === "sent" && result.status !== "round-closed") this.#engine.keep("contributed", { round: result.round, seen: this.#engine.seen } satisfies Notes);
      this.#move({ busy: false, outcome: this.#told(result) });
      await this.#look();
    } catch (error) {
      this.#move({ busy: false, outcome: codeOf(error) === "consent/off" ? "" : error instanceof Error ? error.message : String(error) });
    }
  }

  get #last(): Notes | undefined {
    return this.#engine.kept<Notes>("contributed");
  }

  #follow(): void {
    clearTimeout(this.#timer);
    if (!this.#engine.consent) {
      this.standing = { mine: undefined, newest: undefined, outcome: "", busy: false };
      this.#show(this.standing);
      return;
    }
    const again = () => {
      const waiting = this.standing.mine?.state === "open" || this.standing.newest === undefined;
      if (this.#engine.consent && !document.hidden) this.#timer = setTimeout(() => this.#follow(), waiting ? SOON_MS : LATER_MS);
    };
    this.#look().then(again, again);
  }

  async #look(): Promise<void> {
    if (!this.#engine.consent) return;
    const rounds = await this.#engine.rounds();
    const last = this.#last;
    const newest = rounds[0];
    const mine = last && rounds.find(({ round }) => round === last.round);
    this.#move({ newest, mine });
    // Its fruit: the weights that this device helped to make.
    if (mine?.state === "closed" && mine.round !== this.#refreshed) {
      this.#refreshed = mine.round;
      await this.#engine.refresh();
    }
    const since = this.#engine.seen - (last?.seen ?? 0);
    if (newest?.state === "open" && newest.round !== last?.round && since >= BY_ITSELF && !this.#engine.paused) await this.contribute();
  }

  #told(result: Contribution): string {
    switch (result.kind) {
      case "no-round":
        return "No round is open just now. The next one comes by itself.";
      case "nothing-to-learn":
        return result.round === this.#last?.round ? "This round has your update already." : "Nothing to learn from yet: hear a few songs first.";
      case "sent":
        return {
          accepted: `Counted in round ${result.round}.`,
          "already-counted": `Round ${result.round} had it already.`,
          "round-closed": `Round ${result.round} closed before it came. Nothing of it was used.`,
        }[result.status];
    }
  }

  #move(change: Partial<Standing>): void {
    this.standing = { ...this.standing, ...change };
    this.#show(this.standing);
  }
}
