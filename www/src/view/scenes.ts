// The scenes, one button each, and what the one that is on plays.

import type { Song } from "sottovoce";
import type { Player } from "../player.js";
import { SCENES } from "../scenes/index.js";
import type { Scene } from "../scenes/scene.js";
import { announce, make, part } from "./page.js";
import { sayOrHide } from "./why.js";

/** Shows the scenes and takes their clicks. */
export function scenesView(player: Player): void {
  const words = part("scene-words");
  const buttons = SCENES.map((scene) => {
    const button = make("button", { type: "button", className: "scene", "data-test": `scene-${scene.id}`, "aria-pressed": "false", title: scene.hint, onclick: () => beginScene(player, scene) }, scene.name);
    return { scene, button };
  });
  part("scenes").append(...buttons.map(({ button }) => button));

  player.watch((changed) => {
    if (!changed.has("scene")) return;
    const { lineup } = player;
    for (const { scene, button } of buttons) button.setAttribute("aria-pressed", String(scene === lineup.scene));
    words.classList.remove("refused");
    sayOrHide(words, lineup.words);
  });
}

/** Begins a scene, from the song that is on when none is given. Where it cannot, it says why. */
export function beginScene(player: Player, scene: Scene, around?: Song): void {
  const refusal = player.enter(scene, around);
  if (refusal === undefined) return;
  const words = part("scene-words");
  words.classList.add("refused");
  sayOrHide(words, refusal);
  announce(refusal);
  words.scrollIntoView({ block: "nearest" });
}
