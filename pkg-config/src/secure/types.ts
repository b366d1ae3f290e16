// The words of secure rounds, for the package's face.

/** How much all rounds together may tell of the listener, for good: `(ε, δ)`-differential privacy of everything that ever left. */
export interface Budget {
  /** `ε`. `Infinity` asks for no noise: then the sum alone hides a listener among the others. */
  readonly epsilon: number;
  /** `δ`, between 0 and 1. 10⁻⁶. */
  readonly delta?: number;
}

/** What has been spent of the budget. */
export interface Privacy {
  /** `ε` spent so far; all of the budget where the account of it was lost. `Infinity` after a round without noise. */
  readonly epsilon: number;
  /** `ε` that may be spent in all. */
  readonly budget: number;
  /** `ε` that is left. */
  readonly left: number;
  /** The `δ` that all of this is said at. */
  readonly delta: number;
  /** Rounds that were charged. */
  readonly rounds: number;
  /** So many more fit at least, if they cost what those before did on average; `undefined` before the first. */
  readonly roundsLeft: number | undefined;
}

/** What this device asks of a round before it joins. */
export interface RoundPolicy {
  /** No sum of fewer devices may be opened. 2. */
  readonly survivors?: number;
  /** Members of the committee that opens it, at least. 1. */
  readonly members?: number;
  /** Rounds from one that this device takes part in to the next, at least: each costs bytes, and privacy. 1, every round. */
  readonly apart?: number;
}

/** When this device takes part. Each holds where the browser tells, and only before a round is joined: who has joined goes on. */
export interface Moment {
  /** Works when the page has nothing better to do. True. */
  readonly idle?: boolean;
  /** Not on battery. True. */
  readonly charging?: boolean;
  /** Not on a connection that is metered, cellular, or told to save data. True. */
  readonly unmetered?: boolean;
  /** Only while the page can be seen. False: a player usually plays in the background. */
  readonly visible?: boolean;
}

/** What {@link Sottovoce.participate} takes. */
export interface ParticipateOptions extends Moment {
  /** Ends after so many rounds whose outcome was told; without, it goes on. */
  readonly rounds?: number;
  /** Ends it when aborted; a round that was joined is gone on with the next time, if it is still open then. */
  readonly signal?: AbortSignal;
}

/** What came of {@link Sottovoce.participate}. */
export interface Participation {
  /** Rounds whose outcome was told meanwhile. */
  readonly rounds: number;
  /** In so many of them this device's part was in the sum that was opened. */
  readonly included: number;
  /** What ended it: so many rounds as asked for, consent withdrawn, the engine paused or closed. */
  readonly ended: "rounds" | "consent" | "paused" | "closed";
}

/**
 * What a round waits for: another tab that keeps this device's state; the page to be seen; the charger; an unmetered connection; the
 * network; a server that is busy or in trouble; room to write secrets down.
 */
export type Waiting = "elsewhere" | "hidden" | "battery" | "metered" | "offline" | "server" | "vault";

/** Where this device's part in the rounds stands. */
export interface RoundState {
  /**
   * `idle`, in no round; `joining`; `roster`, waiting until all who take part are known; `training`, learning here; `masking`;
   * `reporting`; `outcome`, the report is there and the tab may be closed, the sum is not opened yet.
   */
  readonly phase: "idle" | "joining" | "roster" | "training" | "masking" | "reporting" | "outcome";
  /** Which round. */
  readonly round?: number | undefined;
  /** Whether the server has this device down for its committees. */
  readonly enlisted: boolean;
  /** The newest round in which it has or had a seat on the committee, and what it did there. */
  readonly service?: { readonly round: number; readonly task: "seated" | "voted" | "disclosed" } | undefined;
  /** In so many rounds this device's part was in the sum that was opened. */
  readonly included: number;
  /** What became of the last report. */
  readonly outcome?: { readonly round: number; readonly fate: "included" | "missed" } | undefined;
  /** When there will be something to do again, in milliseconds since the epoch. */
  readonly retryAt?: number | undefined;
  /** Why it takes no part just now, or why the last thing it tried came to nothing: a stable code such as `round/budget`. */
  readonly why?: string | undefined;
  /** The same in words. */
  readonly whyText?: string | undefined;
  /** Whether {@link Sottovoce.participate} is running. */
  readonly participating: boolean;
  /** What it waits for, where it waits. */
  readonly waiting?: Waiting | undefined;
}

/** What is about to leave this device or just left, for the listener's own eyes: from the moment noise is added until the outcome is known. */
export interface Upload {
  readonly round: number;
  /** The update as it was learnt and clipped. It does not leave. */
  readonly clipped: Float32Array;
  /** The same with noise. It leaves under masks only. */
  readonly noised: Float32Array;
  /** Length of the clipped update. */
  readonly norm: number;
  /** No update is longer. */
  readonly clipNorm: number;
  /** Standard deviation of the noise of each number; 0 where none is added. */
  readonly sigma: number;
  /** Numbers travel in whole steps, so many to 1.0. */
  readonly steps: number;
  /** Bits a number in the report. */
  readonly bits: number;
  /** Bytes of the report. */
  readonly bytes: number;
}

/** A place to keep secrets of rounds; see `open({ vault })`. There must be one for each device, and nobody else may read it. */
export interface Vault {
  /** What was written last; `undefined` where nothing ever was. Rejects where it is there and cannot be read. */
  read(): Promise<Uint8Array | undefined>;
  /** Writes it in the place of what was there, so that it survives a crash, and gives what is found on reading it back. */
  write(bytes: Uint8Array): Promise<Uint8Array>;
  /** Forgets everything, and says how many records it finds on looking again. */
  erase(): Promise<number>;
}
