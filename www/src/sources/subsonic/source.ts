// A Subsonic server as a source: its songs, its sound, its stars.

import type { Song, SongId } from "sottovoce";
import type { Deck, DeckEvents } from "../../deck/deck.js";
import type { Output } from "../../deck/output.js";
import type { Library, Linked } from "../link.js";
import type { OpenAddress, Source } from "../source.js";
import type { SubsonicClient } from "./client.js";

/** How it is put together. */
export interface SubsonicParts {
  readonly client: SubsonicClient;
  readonly library: Library;
  readonly output: Output;
  /** What plays an address. */
  readonly open: OpenAddress;
}

/** Plays a server's library. */
export class SubsonicSource implements Source {
  readonly client: SubsonicClient;
  readonly library: Library;
  readonly #output: Output;
  readonly #open: OpenAddress;
  readonly #byServer: ReadonlyMap<string, SongId>;
  #lacksSimilar = false;
  #asking: Promise<void> | undefined;

  constructor({ client, library, output, open }: SubsonicParts) {
    this.client = client;
    this.library = library;
    this.#output = output;
    this.#open = open;
    this.#byServer = new Map([...library.songs.values()].map(({ id, server }) => [server.id, id]));
  }

  get name(): string {
    return this.client.name;
  }

  get candidates(): readonly SongId[] {
    return this.library.candidates;
  }

  has(song: SongId): boolean {
    return this.library.songs.has(song);
  }

  async take(song: Song, events: DeckEvents): Promise<Deck> {
    return this.#open(this.client.streamUrl(this.#linked(song).server.id), this.#output, events);
  }

  /** The browser asks for a song's beginning when it comes on; asking earlier would count as a play on some servers. */
  prepare(): void {}

  async began(song: Song): Promise<void> {
    await this.client.nowPlaying(this.#linked(song).server.id);
  }

  async heard(song: Song, at: number): Promise<void> {
    await this.client.scrobble(this.#linked(song).server.id, at);
  }

  async liked(song: Song, on: boolean): Promise<void> {
    await this.client.star(this.#linked(song).server.id, on);
  }

  async similar(song: SongId, count: number): Promise<readonly SongId[] | undefined> {
    const linked = this.library.songs.get(song);
    // One question at a time: a server that has no answer for one song mostly has none for any, and is not asked again.
    await this.#asking;
    if (!linked || this.#lacksSimilar) return undefined;
    const answer = this.client.similar(linked.server.id, count);
    this.#asking = answer.then(
      (found) => void (this.#lacksSimilar = found === undefined),
      () => {},
    );
    const found = await answer;
    const here = found?.flatMap((each) => this.#byServer.get(each.id) ?? this.library.find(each) ?? []);
    return here && here.length > 0 ? here : undefined;
  }

  #linked(song: Song): Linked {
    const linked = this.library.songs.get(song.id);
    if (!linked) throw new Error(`${song.title} is not on this server.`);
    return linked;
  }
}
