// What was ever heard here, in figures and as the songs that were heard most. Below it other rooms mount the import of a listening
// history (#history-mount) and the choice of where music comes from (#sources-mount).

import type { LibraryEntry } from "sottovoce";
import type { CoverOf } from "../art/cover.js";
import { dearest, sumOf } from "../library.js";
import type { Player } from "../player.js";
import { make, part } from "./page.js";
import { onTab, shownTab } from "./tabs.js";
import { ago, byline, count } from "./words.js";

const SHOWN = 8;

/** Keeps the panel true. */
export function libraryView(player: Player, coverOf: CoverOf): void {
  let stale = true;
  const dirty = () => {
    stale = true;
    show();
  };
  player.watch((changed) => changed.has("heard") && dirty());
  player.engine.on("change", dirty);
  onTab(show);

  function show(): void {
    if (!stale || shownTab() !== "library") return;
    stale = false;
    const library = player.engine.library();
    const { songs, plays, skips, loved } = sumOf(library);
    part("library-hint").hidden = songs > 0;
    part("library-sum").hidden = songs === 0;
    part("library-sum").replaceChildren(...[figure(songs, "song"), figure(plays, "heard out", "heard out"), figure(skips, "skipped", "skipped"), figure(loved, "loved", "loved")].flat());
    part("dearest").replaceChildren(...dearest(library, SHOWN).flatMap((entry) => item(entry) ?? []));
  }

  function item({ song: id, plays, liked, last }: LibraryEntry): HTMLElement | undefined {
    const song = player.engine.songs.get(id);
    if (!song) return undefined;
    return make(
      "li",
      { className: liked ? "for strong" : "for" },
      make("img", { src: coverOf(song, true), alt: "", width: 40, height: 40, loading: "lazy" }),
      make("span", { className: "names" }, make("span", { className: "title" }, song.title), make("span", { className: "artist" }, byline(song))),
      make("span", { className: "verdict" }, make("span", { className: "verb" }, [plays > 0 && count(plays, "play"), liked && "loved"].filter(Boolean).join(", ")), make("span", { className: "when" }, ago(last, Date.now()))),
    );
  }
}

function figure(number: number, one: string, many?: string): HTMLElement {
  const [value, ...unit] = count(number, one, many).split(" ");
  return make("div", {}, make("dd", {}, value ?? ""), make("dt", {}, unit.join(" ")));
}
