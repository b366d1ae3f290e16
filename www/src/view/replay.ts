// The bug report: saves a recording of what the engine was asked, and plays one again.

import { replay, type SongId } from "sottovoce";
import type { Player } from "../player.js";
import { findingOf, type Finding } from "../replay.js";
import { make, part, say } from "./page.js";
import { saveJson } from "./rights.js";

/** Takes the dialog's clicks. */
export function replayView(player: Player): void {
  const dialog = part<HTMLDialogElement>("replay-dialog");
  const file = part<HTMLInputElement>("replay-file");
  part("replay").onclick = () => dialog.showModal();
  part("replay-save").onclick = () => saveJson("sottovoce-replay", player.engine.replayFile());
  part("replay-load").onclick = () => file.click();
  file.onchange = () => {
    const [chosen] = file.files ?? [];
    // Chosen again, the same file is to be played again.
    file.value = "";
    if (chosen) void check(chosen);
  };

  async function check(chosen: File): Promise<void> {
    show(`Playing ${chosen.name} again …`);
    try {
      show(findingOf(await replay(JSON.parse(await chosen.text()))));
    } catch (error) {
      const broken = error instanceof SyntaxError;
      show(broken ? `${chosen.name} is no JSON. Choose a file that was saved here.` : error instanceof Error ? error.message : String(error));
    }
  }

  function show(found: Finding | string): void {
    const { words, rows, equal } = typeof found === "string" ? { words: found, rows: [], equal: undefined } : found;
    part("replay-outcome").dataset["equal"] = String(equal ?? "");
    say(part("replay-words"), words);
    part("replay-rows").replaceChildren(
      ...rows.flatMap(({ slot, recorded, now }) => [
        make("li", { className: recorded === now ? "equal" : "different" }, make("span", { className: "place" }, String(slot + 1)), make("span", {}, titleOf(recorded)), recorded === now ? undefined : make("span", {}, titleOf(now))),
      ]),
    );
  }

  function titleOf(song: number | undefined): string {
    if (song === undefined) return "nothing";
    const known = player.engine.songs.get(song as SongId);
    return known ? `${known.title} · ${known.artist}` : `song ${song}`;
  }
}
