// The engine that may ask for songs: for catalogues too large to download. Of `sottovoce/full` alone.

import type { Coming } from "./catalogue.js";
import { Sottovoce as Engine } from "./engine.js";
import { SottovoceError, codeOf } from "./errors.js";
import type { Parts } from "./hands.js";
import { MEDIA_TYPE, bytesOf, songsOf } from "./http.js";
import { base64, fromBase64 } from "./open.js";
import type { OpenOptions } from "./options.js";
import type { Imported } from "./portable.js";
import type { Consents, Erasure } from "./types.js";

/** How songs are asked for. */
export interface RecallOptions {
  /** Songs in an answer, 1 to 5000. 4000. */
  readonly songs?: number;
  /** `ε` of each of a question's four directions, for a distance of 1: less is blurrier and finds less. 50. */
  readonly epsilon?: number;
  /** Milliseconds between two questions, at least. Ten minutes. */
  readonly pauseMs?: number;
}

/** What {@link Sottovoce.open} of `sottovoce/full` takes. */
export interface FullOptions extends OpenOptions {
  /**
   * `"whole"`, the default, downloads the catalogue, and nothing about the listener leaves. `"asked"` downloads none of it: songs come with
   * {@link Sottovoce.fetchCandidates}, if the listener agrees to that, and stay for the next visits. A recording of such an engine cannot be
   * played again, because its songs are in no catalogue.
   */
  readonly catalogue?: "whole" | "asked";
  /** How songs are asked for, where they are. */
  readonly recall?: RecallOptions;
}

/** What came of {@link Sottovoce.fetchCandidates}. */
export type FetchedCandidates =
  | {
      readonly kind: "asked";
      /** Songs that came. */
      readonly songs: number;
      /** How many of them were not here yet. */
      readonly added: number;
      /** Bytes of the question; it went out twice, for the songs and for their titles. */
      readonly bytes: number;
    }
  /** Nothing was asked: `"fresh"`, the last answer is as good as a new one; `"whole"`, every song is here anyway. */
  | { readonly kind: "kept"; readonly why: "fresh" | "whole" };

/** What all questions so far have told the server, at most. */
export interface RecallAccount {
  /** How many there were. Sending one again is none. */
  readonly questions: number;
  /** The sum of `ε` over all their directions. For any two listeners the odds of all that was sent differ by `exp(2 · epsilon)` at most. */
  readonly epsilon: number;
}

const MEANING = {
  "recall answer": "Songs from where the blurred question pointed; which of them you hear is chosen here.",
  "recall titles": "Titles and artists of those songs, asked for with the very same bytes.",
} as const;

/**
 * As `Sottovoce` of `sottovoce`, and it may hold a part of a catalogue that is too large to download.
 *
 * ```ts
 * const engine = await Sottovoce.open({ server: "https://music.example", catalogue: "asked" });
 * engine.setConsent({ recall: true }); // once the listener said yes
 * await engine.fetchCandidates(); // asks with noise, or not at all where nothing has moved
 * engine.recommend({ k: 30 });
 * ```
 */
export class Sottovoce extends Engine {
  readonly #whole: boolean;
  readonly #recall: Required<RecallOptions>;
  /** The catalogue's ETags. */
  #of = "";
  /** Aborts what consent to recall allows. */
  #allowed = new AbortController();
  #fetching: Promise<FetchedCandidates> | undefined;

  /** Only {@link Sottovoce.open} makes one. */
  protected constructor(...parts: never);
  /** @internal */
  protected constructor(...parts: Parts);
  protected constructor(...parts: Parts) {
    super(...parts);
    const options: FullOptions = parts[1];
    this.#whole = options.catalogue !== "asked";
    this.#recall = { songs: 4000, epsilon: 50, pauseMs: 600_000, ...options.recall };
  }

  /**
   * As `open` of `sottovoce`. With `catalogue: "asked"` no song is downloaded; those of the last answers are here again.
   *
   * @throws {@link SottovoceError} `wasm/…`, `server/…`; the engine's own errors for a catalogue it cannot read.
   */
  static override open(options: FullOptions = {}): Promise<Sottovoce> {
    return super.opened(options, (...parts) => new Sottovoce(...parts), options.catalogue === "asked" ? 0 : undefined);
  }

  /**
   * Asks the server for songs near the listener's interests, if that is worth what it tells: a question is made only where the interests
   * have moved since the last answer, or a week later, and never within the pause. What leaves is which way up to four interests
   * point, each clipped and noised on this device first; the ledger has every byte. The songs that come are chosen from here, with the
   * interests as they are. Calls while it runs share its outcome; a question that was lost on its way is sent again as it was.
   *
   * @throws {@link SottovoceError} `consent/off` before any request where the listener has not agreed to `recall`; `engine/paused`;
   * `server/…`.
   */
  fetchCandidates({ signal }: { signal?: AbortSignal } = {}): Promise<FetchedCandidates> {
    this.#fetching ??= this.#fetch(signal).finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  /** What all questions so far have told the server, at most. */
  get recallAccount(): RecallAccount {
    const [questions = 0, epsilon = 0] = this.full.recallAccount();
    return { questions, epsilon };
  }

  /** As in `sottovoce`; withdrawn from `recall`, a question on its way is stopped. The songs that came stay. */
  override setConsent(given: boolean | Partial<Consents>): void {
    super.setConsent(given);
    if (!this.consents.recall) this.#withdrawn(new SottovoceError("consent/off", "The listener withdrew consent.", "Ask again before fetching."));
  }

  /** As in `sottovoce`; a question on its way is stopped. */
  override pause(): void {
    this.#stop(new SottovoceError("engine/paused", "The engine is paused.", "Call resume() first."));
    super.pause();
  }

  /** As in `sottovoce`. Songs that were asked for say something of the listener, and go too. */
  override async deleteData(): Promise<Erasure> {
    const erased = await super.deleteData();
    if (!this.#whole) this.known.clear();
    return erased;
  }

  /** As in `sottovoce`. The songs that are here stay, and so does the account of what was told. */
  override async importData(data: unknown): Promise<Imported> {
    const imported = await super.importData(data);
    this.#keep();
    await this.flush();
    return imported;
  }

  /** Songs that were asked for come where they are now with the next answer. @internal */
  protected override async renewSongs(signal?: AbortSignal): Promise<void> {
    if (this.#whole) await super.renewSongs(signal);
  }

  /** As in `sottovoce`, with the songs that the other tab was sent. */
  override async takeOver(): Promise<void> {
    await super.takeOver();
    this.#takeUp();
  }

  override async close(): Promise<void> {
    this.#stop();
    await super.close();
  }

  /** @internal */
  protected override async bring(coming: Coming, options: OpenOptions): Promise<void> {
    const { shards } = await coming.manifest;
    this.#of = shards.map(({ etag }) => etag).join();
    if (this.#whole) return super.bring(coming, options);
    this.#takeUp();
    options.progress?.(1);
  }

  async #fetch(signal?: AbortSignal): Promise<FetchedCandidates> {
    const { full: door } = this;
    if (!this.consents.recall) {
      throw new SottovoceError("consent/off", "The listener has not agreed to asking for songs.", "Ask, then call setConsent({ recall: true }).");
    }
    if (this.paused) throw new SottovoceError("engine/paused", "The engine is paused.", "Call resume() first.");
    if (this.#whole) return { kind: "kept", why: "whole" };
    const allowed = signal ? AbortSignal.any([signal, this.#allowed.signal]) : this.#allowed.signal;
    const { songs, epsilon, pauseMs } = this.#recall;
    door.setRecallConsent(true);
    const question = door.askRecall(songs, epsilon, pauseMs, Date.now());
    if (!question) return { kind: "kept", why: "fresh" };
    // First kept, then sent: a tab that dies in between sends the same bytes again, which tell nothing new.
    this.#keep();
    await this.flush();
    try {
      const answer = await this.#post("v1/recall", question, "recall answer", MEDIA_TYPE, allowed);
      const titles = songsOf(await this.#post("v1/recall/songs", question, "recall titles", "application/json", allowed));
      allowed.throwIfAborted();
      const added = door.takeAnswer(answer);
      const { known } = this;
      for (const song of titles) known.set(song.id, song);
      this.#keep();
      this.emit({ type: "change", cause: "songs" });
      return { kind: "asked", songs: titles.length, added, bytes: question.length };
    } catch (error) {
      // What the server refuses for good would only be refused again.
      if (codeOf(error) === "server/refused" && !this.closed) {
        door.abandonQuestion();
        this.#keep();
      }
      throw error;
    }
  }

  async #post(path: string, question: Uint8Array, message: keyof typeof MEANING, accept: string, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    const response = await this.http.request(path, {
      method: "POST",
      headers: { "content-type": MEDIA_TYPE, accept },
      body: question as Uint8Array<ArrayBuffer>,
      signal,
      arrived: () => {
        if (this.closed) return;
        this.door.asked(Date.now());
        this.emit({ type: "ledger" });
      },
    });
    const bytes = await bytesOf(response);
    signal.throwIfAborted();
    this.door.recordDownload(message, bytes.length, MEANING[message], Date.now());
    this.emit({ type: "ledger" });
    return bytes;
  }

  /** Puts the songs and where asking stands into the state that is kept. */
  #keep(): void {
    if (this.#whole) return;
    const state = base64(this.door.recallState());
    this.keeper.state.settings.asked = { of: this.#of, state, songs: [...this.known.values()] };
    this.keeper.changed();
  }

  /** Takes them up from there. Where they are broken or of another catalogue, they are asked for again; the account goes on. */
  #takeUp(): void {
    const { asked } = this.keeper.state.settings;
    if (this.#whole || !asked) return;
    try {
      this.door.restoreRecall(fromBase64(asked.state), asked.of === this.#of);
      // Only the newest answers are kept: not every song that was ever sent is here again.
      for (const song of asked.songs) if (this.door.embedding(song.id)) this.known.set(song.id, song);
    } catch (error) {
      // As good as never asked.
      if (!codeOf(error)?.startsWith("snapshot/")) throw error;
    }
  }

  #withdrawn(why: Error): void {
    // An engine that is closed holds no question, nor does one without them.
    if (!this.closed) this.door.setRecallConsent?.(false);
    this.#stop(why);
  }

  #stop(why?: Error): void {
    this.#allowed.abort(why);
    this.#allowed = new AbortController();
  }
}
