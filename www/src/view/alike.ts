// How alike the songs of the queue are, as the re-ranking sees it: a heat map, one square a pair.

import type { SongId, Sottovoce } from "sottovoce";
import type { CoverOf } from "../art/cover.js";
import type { Player } from "../player.js";
import { IN_SIGHT, type Coming } from "../shift.js";
import { draw, part, say } from "./page.js";

const CELL = 30;
const GAP = 2;
const MARGIN = 34;
/** Songs whose pairs tell what is alike by chance. */
const SAMPLE = 60;

/** Pairs of a list, and how alike they are. */
export interface Likeness {
  readonly mean: number;
  /** Places of the two that are most alike, and how much. */
  readonly most: { readonly a: number; readonly b: number; readonly value: number } | undefined;
}

/** What the heat map comes to, from `n × n` likenesses. */
export function likenessOf(matrix: Float32Array, n: number): Likeness {
  let [sum, pairs] = [0, 0];
  let most: Likeness["most"];
  for (let a = 0; a < n; a++) {
    for (let b = a + 1; b < n; b++) {
      const value = matrix[a * n + b]!;
      sum += value;
      pairs++;
      if (!most || value > most.value) most = { a, b, value };
    }
  }
  return { mean: pairs > 0 ? sum / pairs : 0, most };
}

/** Draws the map while it is open, and says its sum beside the dial either way. */
export function alikeView(player: Player, coverOf: CoverOf): void {
  const button = part<HTMLButtonElement>("alike-button");
  const box = part("alike");
  const map = part<SVGSVGElement>("alike-map");
  const told = part("alike-words");
  let shown: readonly Coming[] = [];
  let matrix: Float32Array = new Float32Array();
  const chance = chanceOf(player.engine, [...player.engine.songs.keys()]);
  let at = { row: 1, column: 0 };

  player.watch((changed) => changed.has("queue") && show());
  button.onclick = () => {
    box.hidden = !box.hidden;
    button.setAttribute("aria-expanded", String(!box.hidden));
    show();
  };
  map.onpointermove = ({ target }) => point(target);
  map.onclick = ({ target }) => point(target);
  map.onkeydown = (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const within = (place: number) => Math.min(shown.length - 1, Math.max(0, place));
    go(within(at.row + step[0]!), within(at.column + step[1]!));
  };

  function show(): void {
    shown = player.queue.slice(0, IN_SIGHT);
    const n = shown.length;
    if (n < 2) return;
    matrix = player.engine.similarity(shown.map(({ song }) => song.id)).map((value) => (value - chance) / (1 - chance));
    const { mean, most } = likenessOf(matrix, n);
    say(part("alike-mean"), `${percent(mean)} alike`);
    button.dataset["mean"] = mean.toFixed(4);
    if (box.hidden) return;
    const side = MARGIN + n * CELL;
    map.setAttribute("viewBox", `0 0 ${side} ${side}`);
    map.replaceChildren(...shown.flatMap(({ song }, i) => heading(coverOf(song, true), i)), ...cells(n));
    say(told, most ? pairWords(most.a, most.b) : "");
    map.setAttribute("aria-label", `Heat map of the next ${n} songs. On average ${percent(mean)} alike. Arrow keys go from pair to pair.`);
  }

  function cells(n: number): SVGElement[] {
    return Array.from({ length: n * n }, (_, i) => {
      const [row, column] = [Math.floor(i / n), i % n];
      return draw("rect", {
        x: MARGIN + column * CELL, y: MARGIN + row * CELL, width: CELL - GAP, height: CELL - GAP, rx: 4,
        class: row === column ? "cell self" : "cell", "fill-opacity": shade(matrix[i]!).toFixed(3), "data-row": row, "data-column": column,
      });
    });
  }

  function point(target: EventTarget | null): void {
    const { row, column } = (target as SVGElement | null)?.dataset ?? {};
    if (row !== undefined && column !== undefined) go(Number(row), Number(column));
  }

  function go(row: number, column: number): void {
    at = { row, column };
    map.querySelector(".cell.on")?.classList.remove("on");
    map.querySelector(`[data-row="${row}"][data-column="${column}"]`)?.classList.add("on");
    say(told, row === column ? (shown[row]?.song.title ?? "") : pairWords(row, column));
  }

  function pairWords(a: number, b: number): string {
    const [one, other] = [shown[a], shown[b]];
    return one && other ? `${a + 1} ${one.song.title} and ${b + 1} ${other.song.title}: ${percent(matrix[a * shown.length + b]!)} alike` : "";
  }
}

function heading(cover: string, i: number): SVGElement[] {
  const place = MARGIN + i * CELL;
  const size = CELL - GAP;
  return [
    draw("image", { href: cover, x: 0, y: place, width: size, height: size }),
    draw("image", { href: cover, x: place, y: 0, width: size, height: size }),
  ];
}

/** How alike two songs of the catalogue are by chance: a mean over some of them. */
function chanceOf(engine: Sottovoce, songs: readonly SongId[]): number {
  const every = Math.max(1, Math.floor(songs.length / SAMPLE));
  const sample = songs.filter((_, i) => i % every === 0).slice(0, SAMPLE);
  return Math.min(0.99, likenessOf(engine.similarity(sample), sample.length).mean);
}

/** Squared and again, so that close and very close are told apart: lists are made of close songs. */
function shade(value: number): number {
  return 0.05 + 0.95 * Math.min(1, Math.max(0, value)) ** 4;
}

function percent(value: number): string {
  return `${Math.max(0, Math.round(100 * value))} %`;
}
