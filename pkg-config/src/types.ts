// The words of the public face.

import type { RoundState } from "./secure/types.js";

declare const brand: unique symbol;

/** A song's number in the catalogue. A plain number at run time; a type of its own, so that it is never taken for a slot. */
export type SongId = number & { readonly [brand]: "SongId" };

/** Takes a number for a song's id. */
export function songId(id: number): SongId {
  return id as SongId;
}

/** A song as the catalogue describes it. */
export interface Song {
  readonly id: SongId;
  readonly title: string;
  readonly artist: string;
  readonly artistId: number;
  readonly album: string | undefined;
  readonly genre: string | undefined;
  /** BCP 47 where the source has it. */
  readonly language: string | undefined;
  readonly durationMs: number | undefined;
  /** Where the audio lies, where the catalogue has any. */
  readonly url: string | undefined;
  /** 0 to 1: `ln(1 + plays) / ln(1 + most plays)`. */
  readonly popularity: number;
}

/** What a listener did with a song. It stays on the device. */
export type Feedback =
  | { readonly kind: "skip"; /** The share of the song that was heard, 0 to 1. */ readonly heard: number }
  | { readonly kind: "complete" }
  | { readonly kind: "like" }
  | { readonly kind: "dislike" }
  /** Shown, and passed over without being played. */
  | { readonly kind: "ignore" };

/** A song that was on, and what came of it. It stays on the device. */
export interface ListenEvent {
  readonly song: SongId;
  /** Its place in the slate it was taken from, from 0. */
  readonly slot: number;
  /** When it came on, in milliseconds since the epoch. */
  readonly shownAt: number;
  /** When the feedback came; now, when left out. */
  readonly at?: number;
  /**
   * How long it sounded, in milliseconds, where the player knows; pauses do not count. Needed only for a skip that does not say what
   * share was heard ({@link PlayedEvent}). The engine remembers the share, not the time.
   */
  readonly playedMs?: number;
  readonly feedback: Feedback;
}

/**
 * A skip by how long the song sounded: the share that was heard comes of that and of the song's length in the catalogue. Nothing was heard
 * of a song whose length is not known.
 */
export interface PlayedEvent extends Omit<ListenEvent, "playedMs" | "feedback"> {
  readonly playedMs: number;
  readonly feedback: { readonly kind: "skip"; readonly heard?: undefined };
}

/** What the engine may know of the moment; leave out what it should not. It stays on the device. */
export interface Context {
  /** 0 to 23. */
  readonly hour?: number;
  /** 0 (Monday) to 6. */
  readonly weekday?: number;
  readonly device?: "phone" | "tablet" | "desktop" | "car" | "speaker" | "tv" | "other";
  /** What the listening is for, by a number of the page's own, 0 to 7: the way to work, a party, falling asleep. */
  readonly scene?: number;
  /** BCP 47, such as `navigator.language`. */
  readonly locale?: string;
}

/** What the listener may agree to, one by one. Each can be taken back at any time. */
export interface Consents {
  /** Taking part in federated rounds: one update a round leaves the device, clipped, noised and masked. Off to begin with. */
  readonly rounds: boolean;
  /** Asking the server for songs with noised interests, in `sottovoce/full`; see its `fetchCandidates`. Off to begin with. */
  readonly recall: boolean;
  /** Letting the personal weights on this device learn from what is heard. On to begin with: nothing of it leaves. */
  readonly learning: boolean;
}

/** Something the engine thinks the listener likes. */
export interface Interest {
  /** Its share of the listener's taste. */
  readonly weight: number;
  /** The songs nearest to it, nearest first. */
  readonly songs: readonly SongId[];
  /** Its index in {@link Taste.muted}, for `unmute`, where the listener asked for less of it: it stays an interest all the same. */
  readonly muted?: number;
}

/** One side of a {@link Portrait}. */
export interface Trait {
  /** 0 to 1. */
  readonly value: number;
  /** Where that stands among listeners: 1 (least fifth) to 5. */
  readonly stars: 1 | 2 | 3 | 4 | 5;
}

/** How a listener listens, computed on the device and kept there; without the sides that the library cannot tell yet. */
export interface Portrait {
  /** How much is heard for the first time. */
  readonly explore?: Trait;
  /** How many kinds of music. */
  readonly diverse?: Trait;
  /** How much that just came out. */
  readonly newSong?: Trait;
  /** How far from what everybody hears. */
  readonly niche?: Trait;
  /** How far from where everybody stands. */
  readonly unique?: Trait;
  /** How close together it all lies. */
  readonly focused?: Trait;
}

/** What the engine knows of one song that was ever on; not bounded by the history. */
export interface LibraryEntry {
  readonly song: SongId;
  readonly plays: number;
  readonly skips: number;
  readonly liked: boolean;
  /** When it was on last, in milliseconds since the epoch. */
  readonly last: number;
}

/** A listening history in columns of one length: as the engine takes it, without an object for every row. */
export interface HistoryColumns {
  readonly songs: Uint32Array;
  /** Milliseconds since the epoch. */
  readonly at: Float64Array;
  /** 0 skip, 1 complete, 2 like, 3 dislike, 4 ignore. */
  readonly behaviour: Uint8Array;
  /** The share that was heard, 0 to 1. */
  readonly heard: Float32Array;
}

/** Why a song stands where it stands in the last slate. */
export interface SlotReason {
  readonly song: SongId;
  readonly slot: number;
  /** How well it fits the listener's taste. */
  readonly relevance: number;
  /** What this session's skips and plays add or take away. */
  readonly session: number;
  /** How much it differs from the songs above it. */
  readonly diversity: number;
  /** How much is heard of it elsewhere. */
  readonly popularity: number;
  /** What is added because little is known of it yet. */
  readonly explore: number;
  /** The factor on its quality, from the page or the server: more or less of such songs just now. */
  readonly weight?: number;
  /** How much quality the rules cost the slot. */
  readonly forgone?: number;
  /** What spoke most for it. */
  readonly why: "taste" | "session" | "fresh" | "popular" | "variety" | "boosted";
  /**
   * What the rules did to the slot, if anything: `passed-over`, others would have come first but for a rule; `gap-relaxed`, the
   * artist stands closer to the last than asked for, because too little else was left.
   */
  readonly rule?: "passed-over" | "gap-relaxed";
  /** A short sentence for the listener. */
  readonly text: string;
}

/** One message that crossed the wire. */
export interface LedgerEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly direction: "up" | "down";
  /** The message's name, such as `weight update`. */
  readonly message: string;
  /** Bytes of its body. */
  readonly bytes: number;
  /** What it means, in a sentence for the listener. */
  readonly meaning: string;
}

/** The account of everything that crossed the wire. */
export interface Ledger {
  /** The newest entries, oldest first. */
  readonly entries: readonly LedgerEntry[];
  /** Messages that ever left this device. */
  readonly sentMessages: number;
  /** Bytes that ever left this device. */
  readonly sentBytes: number;
  /** How often this page asked how the rounds stand, and how much came back: too many and too alike for entries of their own. */
  readonly roundChecks: { readonly messages: number; readonly bytes: number };
}

/** A federated round, as the server tells it. */
export interface RoundStatus {
  readonly round: number;
  readonly state: "open" | "closing" | "closed" | "abandoned";
  /** Whether updates come masked, so that only their sum can be read. */
  readonly secure: boolean;
  /** Of a secure round under way. */
  readonly stage: "joining" | "reporting" | "opening" | undefined;
  /** Of a secure round under way: devices that have joined. */
  readonly joined: number | undefined;
  /** Of a secure round: the noise multiplier; 0 is none. */
  readonly noise: number | undefined;
  /** Updates counted so far. */
  readonly updates: number;
  /** Updates it waits for. */
  readonly cohort: number;
  readonly openedAt: number;
  readonly closesAt: number;
  readonly closedAt: number | undefined;
  /** Version of the weights it starts from. */
  readonly weightsFrom: number;
  /** Version it made, once closed. */
  readonly weightsTo: number | undefined;
  /** Bound on the length of every update. */
  readonly clipNorm: number;
}

/** What came of {@link Sottovoce.contribute}. */
export type Contribution =
  | {
      readonly kind: "sent";
      readonly round: number;
      /** Examples it was learned from. 0 for one that had been waiting since an earlier call. */
      readonly examples: number;
      readonly bytes: number;
      readonly status: "accepted" | "already-counted" | "round-closed";
    }
  | { readonly kind: "no-round"; readonly retryAfterMs: number }
  /** Nothing was heard yet, or this round has this device's update already. */
  | { readonly kind: "nothing-to-learn"; readonly round: number };

/** Where the listener's state is kept just now. */
export type Storage =
  | { readonly kind: "kept" }
  | { readonly kind: "memory"; readonly why: "chosen" | "refused" | "full" | "damaged" | "elsewhere"; readonly error?: Error };

/** What became of an event: where it is kept, or that none is while the engine is paused. */
export type Acknowledged = Storage | { readonly kind: "paused" };

/** What {@link Sottovoce.deleteData} did. */
export interface Erasure {
  readonly at: number;
  /** Nothing is left in the store; read back after clearing. */
  readonly storeEmpty: boolean;
  /** No update waits to be sent. */
  readonly nothingPending: boolean;
  /** Events the engine still knows: 0. */
  readonly seen: number;
  /** What was counted after all was done, each by looking again: all 0. */
  readonly left: {
    /** Records in the store: snapshots and journal. */
    readonly stored: number;
    /** Events in the engine's memory. */
    readonly history: number;
    /** Lines in the ledger. */
    readonly ledger: number;
    /** Updates waiting to be sent. */
    readonly pending: number;
    /** Secrets of rounds, and the account of what was spent. */
    readonly secrets: number;
    /** The page's own notes. */
    readonly notes: number;
    /** Files of the catalogue in the cache. */
    readonly cached: number;
  };
}

/** What {@link Sottovoce.on} tells. */
export type EngineEvent =
  | {
      readonly type: "change";
      readonly cause: "observe" | "undo" | "weights" | "delete" | "restore" | "import" | "config" | "interests" | "songs";
    }
  | { readonly type: "ledger" }
  | { readonly type: "consent"; /** For the rounds. */ readonly on: boolean; readonly consents: Consents }
  | { readonly type: "pause"; readonly paused: boolean }
  | { readonly type: "storage"; readonly storage: Storage }
  | { readonly type: "connection"; readonly online: boolean }
  | { readonly type: "contribution"; readonly result: Contribution }
  | { readonly type: "round"; readonly state: RoundState };
