// What comes next and why. The list rearranges itself after every judgement.

import type { SlotReason, Song, SongId } from "sottovoce";
import type { CoverOf } from "../art/cover.js";
import type { Player } from "../player.js";
import { IN_SIGHT, type Coming, type Shift } from "../shift.js";
import { glide } from "./glide.js";
import { announce, make, part, say } from "./page.js";
import { byline, count } from "./words.js";

/** The parts of a reason, in the order of the legend. */
const PARTS = [
  ["relevance", "taste"],
  ["session", "this session"],
  ["diversity", "variety"],
  ["explore", "new"],
] as const satisfies readonly (readonly [keyof SlotReason, string])[];

/** Shows the queue and takes its clicks. */
export function queueView(player: Player, coverOf: CoverOf): void {
  const list = part("queue");
  const rows = new Map<SongId, Row>();
  let shown: readonly Coming[] = [];

  player.watch((changed) => {
    if (!changed.has("queue")) return;
    const before = new Map(shown.map(({ song }, i) => [song.id, i]));
    const first = before.size === 0;
    const advanced = shown[0] && player.now?.song.id === shown[0].song.id ? 1 : 0;
    shown = player.queue.slice(0, IN_SIGHT);
    const levels = levelsOf(shown);
    const items = shown.map((coming, i) => {
      const row = rows.get(coming.song.id) ?? new Row(coming.song, coverOf, () => player.jump(coming.song.id));
      rows.set(coming.song.id, row);
      const was = before.get(coming.song.id);
      const moved = first ? 0 : was === undefined ? "new" : was - advanced - i;
      row.show(i, coming, levels, moved, player.engine.seen === 0);
      return row.element;
    });
    glide(list, items);
    const inSight = new Set(shown.map(({ song }) => song.id));
    for (const id of rows.keys()) if (!inSight.has(id)) rows.delete(id);
    say(part("queue-hint"), hint(player.queue.length - shown.length));
    if (!first) announce(spoken(player.shift, shown[0]));
  });
}

class Row {
  readonly element: HTMLLIElement;
  readonly #place = make("span", { className: "place" });
  readonly #moved = make("span", { className: "moved", "aria-hidden": "true" });
  readonly #why = make("span", { className: "why" });
  readonly #bars = PARTS.map(([name]) => make("i", { className: `bar ${name}` }));
  readonly #chart: HTMLElement;

  constructor(song: Song, coverOf: CoverOf, play: () => void) {
    this.#chart = make("span", { className: "bars", role: "img" }, ...this.#bars);
    this.element = make(
      "li",
      { "data-test": "queue-item", "data-song": song.id },
      make(
        "button",
        { type: "button", onclick: play, className: "row" },
        this.#place,
        make("img", { src: coverOf(song, true), alt: "", width: 48, height: 48, loading: "lazy" }),
        make("span", { className: "names" }, make("span", { className: "title" }, song.title), make("span", { className: "artist" }, byline(song)), this.#why),
        this.#moved,
      ),
      this.#chart,
    );
  }

  show(place: number, { reason }: Coming, levels: Levels, moved: number | "new", guessing: boolean): void {
    say(this.#place, String(place + 1));
    // Before anything was heard there is no taste to be close to.
    say(this.#why, guessing && reason?.why === "taste" ? "A first guess" : (reason?.text ?? ""));
    const tendency = moved === "new" ? "new" : moved > 0 ? "up" : moved < 0 ? "down" : "";
    say(this.#moved, moved === "new" ? "new" : moved === 0 ? "" : `${moved > 0 ? "↑" : "↓"}${Math.abs(moved)}`);
    this.#moved.dataset["tendency"] = tendency;
    PARTS.forEach(([name], i) => {
      const value = reason?.[name] ?? 0;
      const bar = this.#bars[i];
      bar?.style.setProperty("--level", levels[name](value).toFixed(3));
      bar?.classList.toggle("against", name === "session" && value < 0);
    });
    const spelled = PARTS.map(([name, word]) => `${word} ${(reason?.[name] ?? 0).toFixed(2)}`).join(", ");
    this.#chart.setAttribute("aria-label", spelled);
    this.#chart.title = [spelled, reason?.rule && RULED[reason.rule]].filter(Boolean).join("; ");
  }
}

const RULED = {
  "passed-over": "others were held back so that artists take turns",
  "gap-relaxed": "the same artist again, for want of others",
} as const satisfies Record<NonNullable<SlotReason["rule"]>, string>;

type Levels = Readonly<Record<(typeof PARTS)[number][0], (value: number) => number>>;

/**
 * How high each part's bar is, 0 to 1. Bars compare the songs in sight: taste has no zero, only more and less; the session speaks
 * for or against; variety is a share already.
 */
function levelsOf(shown: readonly Coming[]): Levels {
  const values = (name: keyof Levels) => shown.map(({ reason }) => reason?.[name] ?? 0);
  const [least, most] = [Math.min(...values("relevance")), Math.max(...values("relevance"))];
  const largest = (name: keyof Levels) => Math.max(1e-6, ...values(name).map(Math.abs));
  const [session, explore] = [largest("session"), largest("explore")];
  return {
    relevance: (value) => 0.15 + (0.85 * (value - least)) / Math.max(1e-6, most - least),
    session: (value) => Math.abs(value) / session,
    diversity: (value) => Math.min(1, Math.max(0, value)),
    explore: (value) => Math.abs(value) / explore,
  };
}

function hint(more: number): string {
  return more > 0 ? `and ${count(more, "song")} more, laid anew after each one you hear.` : "";
}

function spoken({ up, down, fresh }: Shift, first: Coming | undefined): string {
  if (!first) return "The queue is empty.";
  const moved = up + down;
  const changes = [moved && `${count(moved, "song")} moved`, fresh && `${fresh} new`].filter(Boolean).join(", ");
  return `${changes || "Queue unchanged"}. Next: ${first.song.title} by ${first.song.artist}.`;
}
