// Light or dark: the system's choice until the listener makes one.

import { part } from "./page.js";

export const THEME_KEY = "sottovoce:theme";

/** Applies the kept choice and takes the button's clicks. */
export function themeView(): void {
  // Where storage is refused, the choice lasts as long as the page.
  const kept = quietly(() => localStorage.getItem(THEME_KEY));
  if (kept === "light" || kept === "dark") document.documentElement.dataset["theme"] = kept;
  part("theme-button").onclick = toggleTheme;
}

export function toggleTheme(): void {
  const { dataset } = document.documentElement;
  const dark = dataset["theme"] ? dataset["theme"] === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = dark ? "light" : "dark";
  dataset["theme"] = theme;
  quietly(() => localStorage.setItem(THEME_KEY, theme));
}

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
