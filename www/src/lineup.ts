// What the engine is asked for: the scene that is on, and how much variety. Makes the queue.

import type { SlotReason, Song, SongId } from "sottovoce";
import type { Door } from "./engine-door.js";
import { forYou } from "./scenes/for-you.js";
import { sceneOf } from "./scenes/index.js";
import { dayOf, type Programme, type Scene } from "./scenes/scene.js";
import type { Coming } from "./shift.js";

/** The engine's own setting. */
const DIVERSITY = 0.3;

/** What a {@link Lineup} remembers over a reload. */
export interface LineupNotes {
  readonly scene: string;
  readonly around: SongId | undefined;
  readonly diversity: number;
  readonly daily: Daily | undefined;
}

interface Daily {
  readonly day: string;
  readonly list: readonly SlotReason[];
  readonly passed: readonly SongId[];
}

/** The scene that is on, and the queue it makes. */
export class Lineup {
  #scene: Scene = forYou;
  #around: Song | undefined;
  #words = "";
  #diversity = DIVERSITY;
  /** The dial's place while a scene is on that has one of its own; gone with the scene. */
  #own: number | undefined;
  #daily: Daily | undefined;
  readonly #door: Door;
  readonly #songs: ReadonlyMap<SongId, Song>;

  constructor(door: Door, songs: ReadonlyMap<SongId, Song>) {
    this.#door = door;
    this.#songs = songs;
  }

  get scene(): Scene {
    return this.#scene;
  }

  /** The song that the scene started from. */
  get around(): Song | undefined {
    return this.#around;
  }

  /** What the list is, for the listener; empty where nothing needs saying. */
  get words(): string {
    return this.#words;
  }

  /** 0, relevance alone, to 1, diversity alone. */
  get diversity(): number {
    return this.#own ?? this.#diversity;
  }

  /** From the next list on. Where the scene has a dial of its own, only as long as the scene is on. */
  set diversity(diversity: number) {
    if (this.#own !== undefined) this.#own = diversity;
    else {
      this.#diversity = diversity;
      this.#door.configure({ diversity });
    }
    this.#daily = undefined;
  }

  /** Begins a scene. Answers why it cannot, where it cannot; the one that is on goes on then. */
  enter(scene: Scene, around: Song | undefined, now: number): string | undefined {
    const programme = scene.compose(this.#surroundings(around, now));
    if ("nothing" in programme) return programme.nothing;
    this.#begin(scene, scene.fromSong && around, programme);
    return undefined;
  }

  /** The songs to come, without `except`. A scene that ran dry gives way to what comes when nobody asks. */
  form(except: SongId | undefined, now: number): Coming[] {
    const reasons = this.#scene.daily ? this.#today(now) : this.#ask(now);
    const coming = reasons.flatMap((reason) => {
      const song = this.#songs.get(reason.song);
      return song && song.id !== except ? [{ song, slot: reason.slot, reason }] : [];
    });
    if (coming.length > 0 || this.#scene === forYou) return coming;
    this.#begin(forYou, undefined, { k: 0, words: "" });
    return this.form(except, now);
  }

  /** Takes note that a song came on: a list that stays does not play it again. */
  passed(song: SongId): void {
    if (this.#scene.daily && this.#daily) this.#daily = { ...this.#daily, passed: [...this.#daily.passed, song] };
  }

  /** To keep. */
  get notes(): LineupNotes {
    return { scene: this.#scene.id, around: this.#around?.id, diversity: this.#diversity, daily: this.#daily };
  }

  /** Goes on where {@link Lineup.notes} left off; without notes, from the start. */
  restore(notes: LineupNotes | undefined, now: number): void {
    this.#begin(forYou, undefined, { k: 0, words: "" });
    this.#daily = notes?.daily;
    this.#diversity = notes?.diversity ?? DIVERSITY;
    this.#door.configure({ diversity: this.#diversity });
    const around = notes?.around === undefined ? undefined : this.#songs.get(notes.around);
    if (notes) this.enter(sceneOf(notes.scene), around, now);
  }

  #begin(scene: Scene, around: Song | undefined, { words, config }: Programme): void {
    this.#scene = scene;
    this.#around = around;
    this.#words = words;
    this.#own = config?.diversity;
  }

  #today(now: number): readonly SlotReason[] {
    const day = dayOf(now);
    if (this.#daily?.day !== day) this.#daily = { day, list: this.#ask(now), passed: [] };
    const passed = new Set(this.#daily.passed);
    return this.#daily.list.filter(({ song }) => !passed.has(song));
  }

  #ask(now: number): readonly SlotReason[] {
    const programme = this.#scene.compose(this.#surroundings(this.#around, now));
    if ("nothing" in programme) return [];
    const { words, config, ...ask } = programme;
    this.#words = words;
    const own = this.#own === undefined ? {} : { diversity: this.#own };
    this.#door.recommend({ ...ask, ...(config && { config: { ...config, ...own } }) });
    return this.#door.explain();
  }

  #surroundings(around: Song | undefined, now: number) {
    return { songs: this.#songs, door: this.#door, now, around };
  }
}
