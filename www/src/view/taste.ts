// The panel about the listener: portrait, interests, and the session's way. Drawn when somebody looks.

import type { CoverOf } from "../art/cover.js";
import { points } from "../engine-door.js";
import type { Player } from "../player.js";
import { SessionPath, themesOf, type Step } from "../session-path.js";
import { showInterests } from "./interests.js";
import { showPath } from "./path.js";
import { showPortrait } from "./portrait.js";
import { onTab, shownTab } from "./tabs.js";

const PATH_KEY = "path";

/** Keeps the panel true. */
export function tasteView(player: Player, coverOf: CoverOf): void {
  const { engine } = player;
  const path = new SessionPath(themesOf(engine.songs.values(), (song) => engine.embedding(song)), engine.kept<Step[]>(PATH_KEY));
  let stale = true;
  let known = player.heard.length;

  player.watch((changed) => {
    if (!changed.has("heard")) return;
    follow();
    stale = true;
    show();
  });
  engine.on("change", ({ cause }) => {
    if (cause === "delete") path.clear();
    if (cause !== "observe") stale = true;
    queueMicrotask(show);
  });
  onTab(show);

  function follow(): void {
    const { heard } = player;
    const last = heard.at(-1);
    // A list at its full length stays as long as it is when a song is added.
    const older = heard.length < known || !last;
    known = heard.length;
    if (older) path.back();
    else if (last.at !== path.steps.at(-1)?.at) {
      const session = engine.sessionVector();
      if (points(session)) path.step(session, { at: last.at, song: last.song, kind: last.feedback.kind });
    }
    engine.keep(PATH_KEY, path.steps);
  }

  function show(): void {
    if (!stale || shownTab() !== "taste") return;
    stale = false;
    showPortrait(engine.portrait());
    showInterests(player, coverOf, () => {
      stale = true;
      show();
    });
    showPath(path, player);
  }
}
