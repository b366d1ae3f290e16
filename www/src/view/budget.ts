// The privacy budget: its meter, and the listener's choice.

import type { Privacy, Sottovoce } from "sottovoce";
import { budgetOf, CHOICES } from "../budget.js";
import { make, part, say } from "./page.js";

/** Offers the choices, and takes one. The engine keeps it. */
export function budgetView(engine: Sottovoce): void {
  part("budget-choices").replaceChildren(
    ...CHOICES.map((epsilon) =>
      make(
        "label",
        { title: epsilon === Infinity ? "No noise asked: the sum alone hides me" : `At most ε = ${epsilon}, for good` },
        make("input", { type: "radio", name: "budget", value: String(epsilon), "data-test": `budget-${epsilon}`, onchange: () => engine.setBudget({ epsilon }) }),
        make("span", {}, epsilon === Infinity ? "no noise" : String(epsilon)),
      ),
    ),
  );
}

/** The account that is shown. */
let shown: Privacy | undefined;

/** Shows the account. */
export function showBudget(privacy: Privacy | undefined): void {
  const { kind, share, chip, words } = budgetOf(privacy);
  const meter = part("budget-meter");
  part("budget").dataset["kind"] = kind;
  say(part("budget-chip"), chip);
  say(part("budget-text"), words);
  // Only what is new: a choice that was just made shall not jump back until the engine has told of it.
  if (privacy !== shown) for (const input of part("budget-choices").querySelectorAll("input")) input.checked = input.value === String(privacy?.budget);
  shown = privacy;
  meter.style.setProperty("--level", share.toFixed(3));
  if (kind === "none" || !privacy || privacy.epsilon === Infinity) {
    // Nothing is measured, so for those who hear the page there is no meter.
    meter.setAttribute("aria-hidden", "true");
    meter.removeAttribute("role");
    return;
  }
  const [spent, of] = [privacy.epsilon.toFixed(2), privacy.budget.toFixed(2)];
  meter.removeAttribute("aria-hidden");
  meter.setAttribute("role", "meter");
  meter.setAttribute("aria-valuenow", spent);
  meter.setAttribute("aria-valuemax", of);
  meter.setAttribute("aria-valuetext", `ε ${spent} of ${of} spent`);
}
