// What the engine thinks the listener likes, and the listener's answer to it.

import type { Song, SongId } from "sottovoce";
import type { CoverOf } from "../art/cover.js";
import { distinct, labelOf } from "../interests.js";
import type { Player } from "../player.js";
import { announce, make, part } from "./page.js";
import { sayOrHide } from "./why.js";

/** Songs asked for of each interest; the first few are shown, all of them name it. */
const SONGS = 12;
const COVERS = 4;

/** Shows the interests and what was quieted; `changed` is called when the listener changed them. */
export function showInterests(player: Player, coverOf: CoverOf, changed: () => void): void {
  const { engine } = player;
  const quieted = engine.muted();
  const shown = distinct(engine.interests(SONGS), quieted).map((interest) => ({ ...interest, songs: known(interest.songs) }));
  sayOrHide(part("interests-hint"), shown.length > 0 ? "" : "Hear a song out or like one, and this fills.");
  part("interests").replaceChildren(
    ...shown.map(({ weight, index, songs, quieted: place }) => {
      const { name, artists } = labelOf(songs);
      const bar = make("i");
      bar.style.setProperty("--level", weight.toFixed(3));
      return make(
        "li",
        place === undefined ? { "data-test": "interest" } : { "data-test": "muted", className: "quieted" },
        make("span", { className: "mosaic", "aria-hidden": "true" }, ...songs.slice(0, COVERS).map((song) => make("img", { src: coverOf(song, true), alt: "", width: 30, height: 30, title: `${song.title} · ${song.artist}` }))),
        make(
          "span",
          { className: "interest" },
          make("strong", {}, name),
          make("span", { className: "small" }, place === undefined ? artists.slice(0, 3).join(", ") : "You asked for less of this."),
          make("span", { className: "weight" }, make("span", { className: "track" }, bar), make("span", { className: "small" }, `${Math.round(100 * weight)} %`)),
        ),
        place === undefined
          ? make("button", { type: "button", className: "button quiet", "data-test": "less-of", "aria-label": `Less of this: ${name}`, onclick: () => act(() => engine.lessOf(index), `Less of ${name} from now on.`) }, "Less of this")
          : undo(place, name),
      );
    }),
  );
  // What is no interest any more has no other place to be taken back.
  const elsewhere = new Set(shown.map(({ quieted: place }) => place));
  const muted = quieted.map(({ songs }, index) => ({ index, label: labelOf(known(songs)) })).filter(({ index }) => !elsewhere.has(index));
  part("muted").hidden = muted.length === 0;
  part("muted-list").replaceChildren(
    ...muted.map(({ index, label: { name, artists } }) =>
      make(
        "li",
        { "data-test": "muted" },
        make("span", {}, name, make("span", { className: "small" }, ` ${artists.slice(0, 2).join(", ")}`)),
        undo(index, name),
      ),
    ),
  );

  function undo(place: number, name: string): HTMLElement {
    return make("button", { type: "button", className: "link", "data-test": "unmute", "aria-label": `Undo: ${name} may come again`, onclick: () => act(() => engine.unmute(place), `${name} may come again.`) }, "Undo");
  }

  function known(songs: readonly SongId[]): Song[] {
    return songs.flatMap((id) => engine.songs.get(id) ?? []);
  }

  function act(change: () => void, told: string): void {
    change();
    player.renew();
    changed();
    announce(told);
    part("interests-heading").focus();
  }
}
