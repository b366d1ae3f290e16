// How much variety: a dial whose every step lays the queue anew.

import type { Player } from "../player.js";
import { part } from "./page.js";

/** Takes the dial's turns. */
export function dialView(player: Player): void {
  const dial = part<HTMLInputElement>("dial");
  dial.oninput = () => {
    player.diversity = Number(dial.value) / 100;
  };
  player.watch((changed) => {
    if (!changed.has("scene")) return;
    const percent = Math.round(100 * player.diversity);
    dial.value = String(percent);
    dial.setAttribute("aria-valuetext", `${percent} % variety, ${100 - percent} % closeness to your taste`);
  });
}
