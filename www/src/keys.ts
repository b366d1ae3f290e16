// One key, one thing. Never takes a key that someone types with, or that the browser or a screen reader wants.

import type { Player } from "./player.js";
import { part } from "./view/page.js";
import { openTab } from "./view/tabs.js";
import { toggleTheme } from "./view/theme.js";

const VOLUME_STEP = 0.05;

/** Listens to the keyboard. */
export function keys(player: Player): void {
  const help = part<HTMLDialogElement>("keys-dialog");
  part("keys-button").onclick = () => help.showModal();
  const actions: Record<string, () => void> = {
    " ": () => player.toggle(),
    n: () => player.next(),
    ArrowRight: () => player.next(),
    l: () => player.like(),
    d: () => player.dislike(),
    u: () => player.undo(),
    ArrowUp: () => (player.volume += VOLUME_STEP),
    ArrowDown: () => (player.volume -= VOLUME_STEP),
    q: () => openTab("queue"),
    h: () => openTab("heard"),
    y: () => openTab("taste"),
    b: () => openTab("library"),
    p: () => openTab("device"),
    t: toggleTheme,
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const at = event.target instanceof HTMLElement ? event.target : document.body;
    const takesArrows = at.matches('input[type="range"], [role="tab"], svg');
    const takesSpace = at.matches("button, input, summary, a");
    if (event.key.startsWith("Arrow") && takesArrows) return;
    if (event.key === " " && takesSpace) return;
    // Up and down scroll the lists when one of them has the focus.
    if ((event.key === "ArrowUp" || event.key === "ArrowDown") && at !== document.body) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || (event.repeat && !event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    action();
  });
}
