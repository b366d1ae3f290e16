// Secure rounds, in one part of the package that is loaded on demand.

import type { Door } from "./door.js";
import type { Http } from "./http.js";
import { left } from "./journal.js";
import type { Keeping } from "./keeping.js";
import type { OpenOptions } from "./options.js";
import { Party } from "./secure/party.js";

/** What of the options counts for rounds. */
export type RoundOptions = Pick<OpenOptions, "rounds" | "budget" | "roundPolicy" | "serverKey" | "vault" | "store" | "name">;

/** The engine, as far as its rounds see it. */
export interface Engine {
  readonly door: Door;
  readonly http: Http;
  readonly keeper: Keeping;
  /** Tells the page, unless the engine is closed. */
  tell(type: "ledger" | "round"): void;
  renew(weights: Uint8Array): unknown;
  songs(signal: AbortSignal): Promise<void>;
  withdraw(): void;
}

const EPSILON = 8;

/** An engine's part in secure rounds. */
export function partyOf({ name = "default", budget, roundPolicy = {}, serverKey, vault, store }: RoundOptions, { door, http, keeper, tell, renew, songs, withdraw }: Engine): Party {
  return new Party({
    door, http, withdraw, songs,
    // Not by the catalogue's name: a server that gives its catalogue another one must not find a budget untouched.
    name: `sottovoce:${name}:vault`,
    vault: vault ?? (store === "memory" ? "none" : undefined),
    key: serverKey,
    policy: roundPolicy,
    budget: () => {
      const { budget: chosen } = keeper.state.settings;
      return chosen ? { ...chosen, epsilon: chosen.epsilon ?? Infinity } : (budget ?? { epsilon: EPSILON });
    },
    mine: () => keeper.storage.kind === "kept" || keeper.storage.why !== "elsewhere",
    weights: (bytes) => void renew(bytes),
    changed: () => {
      keeper.changed();
      tell("ledger");
    },
    leaving: (message, bytes) => {
      keeper.state.settings.leaving = { message, bytes, at: Date.now() };
      keeper.changed();
      return keeper.flush();
    },
    settled: (counts) => {
      if (counts) left(door, keeper.state);
      delete keeper.state.settings.leaving;
    },
    moved: () => tell("round"),
  });
}
