// How a session moved: after every song, how far it points towards each theme of the catalogue.

import type { Song, SongId } from "sottovoce";
import { dot, type Door } from "./engine-door.js";

/** Themes kept, those with most songs first. */
const THEMES = 16;
/** Songs that set a theme's place. */
const SAMPLE = 40;
const STEPS = 60;
/** A pause this long ends a session. */
const PAUSE_MS = 45 * 60_000;

/** What a genre's songs have in common. */
export interface Theme {
  readonly name: string;
  /** Unit vector from the catalogue's middle to the genre's. */
  readonly direction: Float32Array;
}

/** Where the session pointed after a song. */
export interface Step {
  readonly at: number;
  readonly song: SongId;
  /** What was done: the kind of feedback. */
  readonly kind: string;
  /** By theme, −1 away to 1 towards, in hundredths. */
  readonly towards: readonly number[];
}

/** The catalogue's genres as directions. Empty where songs have no genre. */
export function themesOf(songs: Iterable<Song>, embedding: Door["embedding"]): Theme[] {
  const byGenre = new Map<string, Song[]>();
  for (const song of songs) if (song.genre) byGenre.set(song.genre, [...(byGenre.get(song.genre) ?? []), song]);
  const largest = [...byGenre].sort(([, a], [, b]) => b.length - a.length).slice(0, THEMES);
  const means = largest.map(([name, members]) => ({ name, mean: meanOf(spread(members).flatMap(({ id }) => embedding(id) ?? [])) }));
  const middle = meanOf(means.map(({ mean }) => mean));
  return means.map(({ name, mean }) => ({ name, direction: unit(mean.map((x, i) => x - (middle[i] ?? 0))) }));
}

/** Takes down a path, and tells it by theme. */
export class SessionPath {
  #steps: Step[] = [];
  readonly themes: readonly Theme[];

  constructor(themes: readonly Theme[], kept: readonly Step[] = []) {
    this.themes = themes;
    // A catalogue whose themes changed tells another story.
    this.#steps = kept.filter(({ towards }) => towards.length === themes.length);
  }

  /** The steps of the session that is on, oldest first. */
  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** Takes a step down. A long pause begins a new path. */
  step(session: Float32Array, { at, song, kind }: Omit<Step, "towards">): void {
    const last = this.#steps.at(-1);
    const before = last && at - last.at < PAUSE_MS ? this.#steps : [];
    const vector = unit(session);
    const towards = this.themes.map(({ direction }) => Math.round(100 * dot(direction, vector)));
    this.#steps = [...before, { at, song, kind, towards }].slice(-STEPS);
  }

  /** Takes the last step back. */
  back(): void {
    this.#steps = this.#steps.slice(0, -1);
  }

  /** Forgets all. */
  clear(): void {
    this.#steps = [];
  }

  /** The themes that the session has most to do with, where it points now first: each with its way, −1 to 1. */
  strands(most: number): { readonly name: string; readonly values: readonly number[] }[] {
    const last = this.#steps.at(-1);
    if (!last) return [];
    const all = this.themes.map(({ name }, i) => ({ name, values: this.#steps.map(({ towards }) => (towards[i] ?? 0) / 100) }));
    // What was strong lately counts, not only what is strong now.
    const weight = ({ values }: { values: readonly number[] }) => Math.max(...values.slice(-12).map(Math.abs));
    return all.sort((a, b) => weight(b) - weight(a)).slice(0, most).sort((a, b) => b.values.at(-1)! - a.values.at(-1)!);
  }
}

/** The path's end as a sentence. */
export function pathWords(strands: readonly { readonly name: string; readonly values: readonly number[] }[]): string {
  const now = strands.map(({ name, values }) => ({ name, value: values.at(-1) ?? 0 }));
  const towards = now.filter(({ value }) => value > 0.15).slice(0, 2).map(({ name }) => name);
  const away = now.filter(({ value }) => value < -0.15).slice(-1).map(({ name }) => name);
  const parts = [towards.length > 0 && `towards ${towards.join(" and ")}`, away.length > 0 && `away from ${away.join()}`].filter(Boolean);
  return parts.length > 0 ? `It points ${parts.join(", ")}.` : "It points nowhere in particular yet.";
}

function spread(songs: readonly Song[]): readonly Song[] {
  const every = Math.max(1, Math.floor(songs.length / SAMPLE));
  return songs.filter((_, i) => i % every === 0);
}

function meanOf(rows: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(rows[0]?.length ?? 0);
  for (const row of rows) row.forEach((x, i) => (mean[i]! += x / rows.length));
  return mean;
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length > 1e-9 ? vector.map((x) => x / length) : vector;
}
