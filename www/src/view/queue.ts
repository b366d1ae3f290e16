// What comes next and why. The list rearranges itself after every judgement.

import type { Song, SongId } from "sottovoce";
import type { CoverOf } from "../art/cover.js";
import { lengthsOf, type Lengths } from "../parts.js";
import type { Player } from "../player.js";
import { deeper } from "../scenes/deeper.js";
import { radio } from "../scenes/radio.js";
import { IN_SIGHT, type Coming, type Shift } from "../shift.js";
import { glide } from "./glide.js";
import { announce, make, part, say } from "./page.js";
import { beginScene } from "./scenes.js";
import { spokenReason, StackedBar, whyDetail } from "./why.js";
import { byline, count } from "./words.js";

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
    const lengths = lengthsOf(shown.flatMap(({ reason }) => reason ?? []), player.diversity);
    const lengthOf = new Map(shown.filter(({ reason }) => reason).map(({ song }, i) => [song.id, lengths[i]]));
    const items = shown.map((coming, i) => {
      const row = rows.get(coming.song.id) ?? new Row(coming.song, coverOf, player);
      rows.set(coming.song.id, row);
      const was = before.get(coming.song.id);
      const moved = first ? 0 : was === undefined ? "new" : was - advanced - i;
      row.show(i, coming, lengthOf.get(coming.song.id), moved, player.engine.seen === 0);
      return row.element;
    });
    glide(list, items);
    const inSight = new Set(shown.map(({ song }) => song.id));
    for (const id of rows.keys()) if (!inSight.has(id)) rows.delete(id);
    say(part("queue-hint"), hint(player.queue.length - shown.length, player.lineup.scene.daily === true));
    if (!first) announce(spoken(player.shift, shown[0]));
  });
}

class Row {
  readonly element: HTMLLIElement;
  readonly #place = make("span", { className: "place" });
  readonly #moved = make("span", { className: "moved", "aria-hidden": "true" });
  readonly #why = make("span", { className: "why" });
  readonly #bar = new StackedBar();
  readonly #spelled = make("span", { className: "unseen" });
  readonly #ask: HTMLButtonElement;
  readonly #song: Song;
  readonly #player: Player;
  #coming: Coming | undefined;
  #detail: HTMLElement | undefined;

  constructor(song: Song, coverOf: CoverOf, player: Player) {
    this.#song = song;
    this.#player = player;
    this.#ask = make("button", { type: "button", className: "ask", "aria-expanded": "false", title: "Why this song?", onclick: () => this.#toggle() }, this.#bar.element, this.#spelled);
    this.element = make(
      "li",
      { "data-test": "queue-item", "data-song": song.id },
      make(
        "button",
        { type: "button", onclick: () => player.jump(song.id), className: "row" },
        this.#place,
        make("img", { src: coverOf(song, true), alt: "", width: 48, height: 48, loading: "lazy" }),
        make("span", { className: "names" }, make("span", { className: "title" }, song.title), make("span", { className: "artist" }, byline(song)), this.#why),
        this.#moved,
      ),
      this.#ask,
    );
  }

  show(place: number, coming: Coming, lengths: Lengths | undefined, moved: number | "new", guessing: boolean): void {
    const { reason } = coming;
    this.#coming = coming;
    say(this.#place, String(place + 1));
    // Before anything was heard there is no taste to be close to.
    say(this.#why, guessing && reason?.why === "taste" ? "A first guess" : (reason?.text ?? ""));
    const tendency = moved === "new" ? "new" : moved > 0 ? "up" : moved < 0 ? "down" : "";
    say(this.#moved, moved === "new" ? "new" : moved === 0 ? "" : `${moved > 0 ? "↑" : "↓"}${Math.abs(moved)}`);
    this.#moved.dataset["tendency"] = tendency;
    this.#bar.show(lengths);
    say(this.#spelled, `Why ${this.#song.title}: ${spokenReason(reason)}`);
    if (this.#detail) this.#open();
  }

  #toggle(): void {
    if (this.#detail) {
      this.#detail.remove();
      this.#detail = undefined;
    } else this.#open();
    this.#ask.setAttribute("aria-expanded", String(this.#detail !== undefined));
  }

  #open(): void {
    const reason = this.#coming?.reason;
    if (!reason) return;
    const focused = this.#detail?.contains(document.activeElement);
    const detail = whyDetail(reason, [
      { label: "Radio from this song", run: () => beginScene(this.#player, radio, this.#song) },
      { label: `Deeper into ${this.#song.artist}`, run: () => beginScene(this.#player, deeper, this.#song) },
    ]);
    this.#detail?.remove();
    this.#detail = detail;
    this.element.append(detail);
    if (focused) this.#ask.focus();
  }
}

function hint(more: number, stays: boolean): string {
  if (more <= 0) return "";
  return `and ${count(more, "song")} more${stays ? "" : ", laid anew after each one you hear"}.`;
}

function spoken({ up, down, fresh }: Shift, first: Coming | undefined): string {
  if (!first) return "The queue is empty.";
  const moved = up + down;
  const changes = [moved && `${count(moved, "song")} moved`, fresh && `${fresh} new`].filter(Boolean).join(", ");
  return `${changes || "Queue unchanged"}. Next: ${first.song.title} by ${first.song.artist}.`;
}
