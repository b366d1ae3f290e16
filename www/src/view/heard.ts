// What was heard, and what the engine took from it.

import type { Feedback } from "sottovoce";
import type { CoverOf } from "../art/cover.js";
import type { Heard, Player } from "../player.js";
import { make, part, say } from "./page.js";
import { onTab, shownTab } from "./tabs.js";
import { ago, byline, count } from "./words.js";

/** Shows the newest first. */
export function heardView(player: Player, coverOf: CoverOf): void {
  const list = part("heard");
  const badge = part("heard-count");
  let stale = false;

  player.watch((changed) => {
    if (!changed.has("heard")) return;
    say(badge, String(player.judged));
    badge.dataset["count"] = String(player.judged);
    stale = true;
    show();
  });
  onTab(show);

  /** Only when somebody looks. */
  function show(): void {
    if (!stale || shownTab() !== "heard") return;
    stale = false;
    part("heard-hint").hidden = player.heard.length > 0;
    list.replaceChildren(...[...player.heard].reverse().map(item));
  }

  function item({ song: id, at, feedback, effect }: Heard): HTMLElement {
    const song = player.engine.songs.get(id);
    const [verb, tone] = said(feedback);
    return make(
      "li",
      { className: tone },
      song && make("img", { src: coverOf(song, true), alt: "", width: 40, height: 40, loading: "lazy" }),
      make(
        "span",
        { className: "names" },
        make("span", { className: "title" }, song?.title ?? `Song ${id}`),
        make("span", { className: "artist" }, song ? byline(song) : ""),
        make("span", { className: "why" }, effectOf(effect)),
      ),
      make("span", { className: "verdict" }, make("span", { className: "verb" }, verb), make("span", { className: "when" }, ago(at, Date.now()))),
    );
  }
}

function said(feedback: Feedback): [verb: string, tone: string] {
  switch (feedback.kind) {
    case "skip":
      return [feedback.heard < 0.02 ? "skipped at once" : `skipped at ${Math.round(feedback.heard * 100)} %`, "against"];
    case "complete":
      return ["heard out", "for"];
    case "like":
      return ["liked", "for strong"];
    case "dislike":
      return ["not for me", "against strong"];
    case "ignore":
      return ["passed over", "against"];
  }
}

function effectOf({ up, down, fresh }: Heard["effect"]): string {
  const parts = [up && `${up} up`, down && `${down} down`, fresh && `${fresh} new`].filter(Boolean);
  return parts.length > 0 ? `queue: ${parts.join(", ")}` : `${count(0, "song")} moved`;
}
