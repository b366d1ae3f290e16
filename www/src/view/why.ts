// Why a song stands where it stands: a small bar of parts, and, when asked, the numbers behind it.

import type { SlotReason } from "sottovoce";
import { PARTS, type Lengths } from "../parts.js";
import { make, say } from "./page.js";

/** What the rules did, in words. */
export const RULED = {
  "passed-over": "Others were held back here, so that artists take turns.",
  "gap-relaxed": "The same artist again, for want of others.",
} as const satisfies Record<NonNullable<SlotReason["rule"]>, string>;

/** A bar whose parts add up. */
export class StackedBar {
  readonly element = make("span", { className: "stack", "aria-hidden": "true" });
  readonly #parts = PARTS.map(([name]) => make("i", { className: `part ${name}` }));

  constructor() {
    this.element.append(...this.#parts);
  }

  show(lengths: Lengths | undefined): void {
    PARTS.forEach(([name], i) => {
      this.#parts[i]!.style.flexBasis = `${(100 * (lengths?.[name] ?? 0)).toFixed(1)}%`;
    });
  }
}

/** The numbers of a reason, and what can be begun from its song. */
export function whyDetail(reason: SlotReason, actions: readonly { readonly label: string; readonly run: () => void }[]): HTMLElement {
  const rows = PARTS.map(([name, word]) => make("div", {}, make("dt", { className: `key ${name}` }, word), make("dd", {}, spelled(name, reason[name]))));
  return make(
    "div",
    { className: "why-detail" },
    make("dl", {}, ...rows),
    reason.rule && make("p", { className: "small" }, RULED[reason.rule]),
    make("p", { className: "why-actions" }, ...actions.map(({ label, run }) => make("button", { type: "button", className: "link", onclick: run }, label))),
  );
}

/** One line for those who hear the page. */
export function spokenReason(reason: SlotReason | undefined): string {
  if (!reason) return "";
  return [...PARTS.map(([name, word]) => `${word} ${spelled(name, reason[name])}`), reason.rule && RULED[reason.rule]].filter(Boolean).join(", ");
}

function spelled(name: (typeof PARTS)[number][0], value: number): string {
  if (name === "diversity") return `${Math.round(100 * Math.min(1, Math.max(0, value)))} %`;
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(2)}`;
}

/** Sets a text, and hides its element when there is none. */
export function sayOrHide(element: HTMLElement, text: string): void {
  say(element, text);
  element.hidden = text === "";
}
