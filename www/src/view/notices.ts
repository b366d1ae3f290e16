// Says kindly what went wrong and what can be done. Playing goes on wherever it can.

import { make, part } from "./page.js";

/** A message with at most one thing to do about it. */
export interface Notice {
  /** One of each topic at a time; a new one takes the place of the old. */
  readonly topic: string;
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
  readonly lasting?: boolean;
}

/** Shows a notice. */
export function notice({ topic, text, action, lasting = false }: Notice): void {
  settle(topic);
  const element = make(
    "div",
    { className: "notice", "data-topic": topic },
    make("p", {}, text),
    action &&
      make("button", {
        type: "button",
        className: "button",
        textContent: action.label,
        onclick: () => {
          settle(topic);
          action.run();
        },
      }),
    make("button", { type: "button", className: "icon close", "aria-label": "Dismiss", textContent: "×", onclick: () => element.remove() }),
  );
  part("notices").append(element);
  if (!lasting && !action) setTimeout(() => element.remove(), 9000);
}

/** Takes a topic's notice away: it is no longer true. */
export function settle(topic: string): void {
  for (const element of part("notices").querySelectorAll(`[data-topic="${topic}"]`)) element.remove();
}
