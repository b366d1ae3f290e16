// Which list is in view. On wide screens the privacy panel is always there, and has no tab.

import { part } from "./page.js";

export type Tab = "queue" | "heard" | "taste" | "library" | "device";

const TABS: readonly Tab[] = ["queue", "heard", "taste", "library", "device"];
const WIDE = matchMedia("(min-width: 1080px)");

const watchers: (() => void)[] = [];

/** The list in view. */
export function shownTab(): Tab {
  return (part("main").dataset["tab"] ?? "queue") as Tab;
}

/** Calls `watcher` whenever another list comes into view. */
export function onTab(watcher: () => void): void {
  watchers.push(watcher);
}

/** Brings a list into view. */
export function openTab(tab: Tab): void {
  // The panel is beside the lists then.
  if (tab === "device" && WIDE.matches) {
    part("device-heading").scrollIntoView({ block: "nearest" });
    part("consent").focus();
    return;
  }
  part("main").dataset["tab"] = tab;
  for (const each of TABS) {
    const button = part(`tab-${each}`);
    button.setAttribute("aria-selected", String(each === tab));
    button.tabIndex = each === tab ? 0 : -1;
  }
  for (const watcher of watchers) watcher();
}

/** Takes the tabs' clicks and arrow keys. */
export function tabsView(): void {
  for (const tab of TABS) {
    part(`tab-${tab}`).onclick = () => openTab(tab);
    part(`tab-${tab}`).onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.stopPropagation();
      const shown = WIDE.matches ? TABS.slice(0, -1) : TABS;
      const next = shown[(shown.indexOf(tab) + step + shown.length) % shown.length] ?? "queue";
      openTab(next);
      part(`tab-${next}`).focus();
    };
  }
  WIDE.onchange = () => {
    if (shownTab() === "device") openTab("queue");
  };
}
