// The privacy budget's meter.

import type { Budget } from "../budget.js";
import { part, say } from "./page.js";
import { count } from "./words.js";

/** Shows the budget. */
export function showBudget(budget: Budget): void {
  const meter = part("budget-meter");
  part("budget").dataset["kind"] = budget.kind;
  if (budget.kind === "clipped") {
    say(part("budget-chip"), "no noise yet");
    meter.style.setProperty("--level", "0");
    // Nothing is measured, so for those who hear the page there is no meter.
    meter.setAttribute("aria-hidden", "true");
    meter.removeAttribute("role");
    const length = budget.clipNorm ? ` to a length of ${budget.clipNorm.toLocaleString("en")}` : "";
    say(part("budget-text"), `Updates are clipped${length}, and no noise is added to them. So there is no ε to spend, and none is promised. The meter runs once rounds carry noise.`);
    return;
  }
  const { share, spent, of, delta, left } = budget;
  say(part("budget-chip"), left > 0 ? `ε ${spent.toFixed(2)} of ${of.toFixed(2)}` : "used up");
  meter.removeAttribute("aria-hidden");
  meter.setAttribute("role", "meter");
  meter.style.setProperty("--level", share.toFixed(3));
  meter.setAttribute("aria-valuenow", spent.toFixed(2));
  meter.setAttribute("aria-valuemax", of.toFixed(2));
  meter.setAttribute("aria-valuetext", `ε ${spent.toFixed(2)} of ${of.toFixed(2)} spent`);
  const promise = `What your updates can tell about you is bounded by ε = ${spent.toFixed(2)} at δ = ${delta.toExponential(0)}.`;
  say(part("budget-text"), left > 0 ? `${promise} ${count(left, "update")} more fit.` : `${promise} No further update leaves this device.`);
}
