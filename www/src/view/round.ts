// The round as it goes: its stages, the others in it, this device's part, its seat on the committee.

import { lastWords, partWords, roundChip, seatWords, serverWords, stageOf, STAGES, type Stage } from "../round-words.js";
import type { Standing } from "../rounds.js";
import { make, part, say } from "./page.js";

const LABELS: Readonly<Record<Stage, string>> = { join: "join", roster: "roster", learn: "learn", mask: "mask", send: "send", open: "sum opened" };

/** Shows the round. `on`: the listener consents. */
export function showRound({ state, mine, last, newest }: Standing, on: boolean): void {
  const box = part("round");
  // Of a round that was just joined the server has not been asked yet.
  const server = state?.round === undefined ? newest : mine;
  const number = state?.round ?? server?.round;
  box.hidden = !on;
  // For styles and for tests: the server's word for the round that ended, until this device learns for another; and this device's own word.
  const ended = last && (state?.phase === "idle" || state?.phase === "joining" || state?.phase === "roster") ? last : server;
  box.dataset["state"] = on ? (ended?.state ?? "none") : "off";
  box.dataset["phase"] = state?.phase ?? "idle";
  box.dataset["waiting"] = state?.waiting ?? "";
  box.dataset["fate"] = state?.outcome?.fate ?? "";
  box.dataset["included"] = String(state?.included ?? 0);
  box.dataset["task"] = state?.service?.task ?? "";
  say(part("round-chip"), roundChip(state, server));
  say(part("round-name"), number === undefined ? "No round yet" : `Round ${number}`);
  const progress = part<HTMLProgressElement>("round-progress");
  const [is, of] = server?.stage === "joining" ? [server.joined ?? 0, server.cohort] : [server?.updates ?? 0, server?.joined ?? server?.cohort ?? 1];
  progress.max = of || 1;
  progress.value = Math.min(is, progress.max);
  say(part("round-text"), server || state?.round === undefined ? serverWords(server, Date.now()) : "");
  showStages(stageOf(state));
  say(part("round-mine"), partWords(state));
  say(part("round-last"), lastWords(state, last));
  say(part("round-seat"), seatWords(state));
}

function showStages({ at, done }: ReturnType<typeof stageOf>): void {
  const row = part("round-stages");
  if (row.childElementCount === 0) row.append(...STAGES.map((stage) => make("li", {}, make("span", {}, LABELS[stage]))));
  [...row.children].forEach((item, i) => {
    item.classList.toggle("done", i < done);
    if (i === at) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
}
