// What a round is doing, in a listener's words. Pure: what engine and server say, as a page can show it.

import type { RoundState, RoundStatus } from "sottovoce";
import { clock, count } from "./view/words.js";

/** The stages of a device's part, as they are shown one after the other. */
export const STAGES = ["join", "roster", "learn", "mask", "send", "open"] as const;
export type Stage = (typeof STAGES)[number];

const AT: Readonly<Record<RoundState["phase"], number>> = { idle: -1, joining: 0, roster: 1, training: 2, masking: 3, reporting: 4, outcome: 5 };

/** How far this device got in its round: the stage it is at; all of them once the sum was opened with its part; none outside a round. */
export function stageOf(state: RoundState | undefined): { readonly at: number; readonly done: number } {
  const at = state ? AT[state.phase] : -1;
  if (at >= 0) return { at, done: at };
  return { at: -1, done: state?.outcome?.fate === "included" ? STAGES.length : 0 };
}

/** One word for the round. */
export function roundChip(state: RoundState | undefined, server: RoundStatus | undefined): string {
  const phase = state?.phase ?? "idle";
  const words = { joining: "joining", roster: "joined", training: "learning", masking: "masking", reporting: "sending", outcome: "sent" } as const;
  return phase === "idle" ? (server?.state ?? "") : words[phase];
}

/** What this device does just now, or what it waits for. */
export function partWords(state: RoundState | undefined): string {
  switch (state?.phase) {
    case "joining":
      return "This device joins: it sends keys for this round alone, and nothing of what was heard.";
    case "roster":
      return "It has joined, and waits until all who take part are known.";
    case "training":
      return "It learns here, in this page, from what you heard.";
    case "masking":
      return "It puts masks on the update, one for each neighbour in the round.";
    case "reporting":
      return "The masked update is on its way.";
    case "outcome":
      return "The masked update is there. This tab may be closed; the sum is not opened yet.";
    default:
      return waitWords(state);
  }
}

function waitWords(state: RoundState | undefined): string {
  switch (state?.waiting) {
    case "elsewhere":
      return "Another tab takes part for this device.";
    case "battery":
      return "It waits for the charger before it joins a round.";
    case "metered":
      return "It waits for a connection that is not metered before it joins a round.";
    case "hidden":
      return "It waits until this page is seen.";
    case "offline":
      return "It waits for the server, which does not answer.";
    case "server":
      return "It waits: the server is busy.";
    case "vault":
      return "It waits: there is no room in this browser to write its secrets down, and before that nothing leaves.";
    default:
  }
  switch (state?.why) {
    case undefined:
    case "round/later":
    case "round/over":
      return "It takes part in the next round that opens.";
    case "round/rests":
      return "It has taken part lately, and lets some rounds go by before the next.";
    case "round/nothing-to-learn":
      return "There is nothing to learn from yet: hear a few songs first.";
    case "round/budget":
      return "This device does not join: the round would cost more of the budget than is left. A round without noise costs all of any budget.";
    case "round/account-lost":
      return "What was spent of the budget is not known any more, so all of it counts as spent.";
    case "round/open":
      return "This server collects updates in the open. This device sends it none.";
    default:
      return `This device takes no part in the round. ${sentence(state?.whyText ?? "")}`.trim();
  }
}

/** What became of this device's part in the round before. */
export function lastWords(state: RoundState | undefined, last: RoundStatus | undefined): string {
  const { outcome } = state ?? {};
  if (!outcome) return "";
  const { round, fate } = outcome;
  if (fate === "missed") return `Round ${round} was not opened with your part in it. Nothing of it was used, and nothing can be read of it.`;
  const version = last?.round === round && last.weightsTo !== undefined ? ` It went into version ${last.weightsTo} of the shared model.` : "";
  return `Your part is in the sum of round ${round}, which was opened; nobody saw it alone.${version}`;
}

/** What the server tells of a round. */
export function serverWords(round: RoundStatus | undefined, now: number): string {
  if (!round) return "The server has opened no round so far.";
  const { state, stage, secure, joined, updates, cohort, closesAt, weightsTo } = round;
  if (state === "closed") return `${count(updates, "update")} went into version ${weightsTo ?? "?"} of the shared model${secure ? ", as one sum" : ""}.`;
  if (state === "abandoned") return secure ? "It ended with too few devices. Nothing was opened." : "It closed with too few updates; none was used.";
  const left = closesAt > now ? `, at most ${clock(closesAt - now)} left` : "";
  if (stage === "joining") return `${joined ?? 0} of ${count(cohort, "device")} joined${left}.`;
  if (stage === "opening") return `${count(updates, "update")} arrived; the committee opens their sum.`;
  return `${updates} of ${count(joined ?? cohort, "update")}${left}.`;
}

/** What this device does on the committee. */
export function seatWords(state: RoundState | undefined): string {
  const { service, enlisted } = state ?? {};
  if (!service) return enlisted ? "It also stands ready for the committee that opens the sum of others." : "";
  const did = {
    seated: "It has a seat there; nothing is to be done yet.",
    voted: "It has signed whose updates arrived.",
    disclosed: "It has given the keys that open the sum, and no single update.",
  }[service.task];
  return `Committee of round ${service.round}: ${did}`;
}

function sentence(text: string): string {
  return text && `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
