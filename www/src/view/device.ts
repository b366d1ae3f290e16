// What left this device, what came down, consent, rounds, and the listener's rights.

import type { LedgerEntry, RoundStatus, Sottovoce } from "sottovoce";
import { budgetOf } from "../budget.js";
import { RoundWatch, type Standing } from "../rounds.js";
import { showBudget } from "./budget.js";
import { make, part, say } from "./page.js";
import { clock, count, size, timeOfDay } from "./words.js";

/** Entries shown of each direction. */
const SHOWN = 60;

/** Shows the account and follows the rounds. */
export function deviceView(engine: Sottovoce): void {
  const consent = part<HTMLInputElement>("consent");
  const notes = part<HTMLInputElement>("notes");
  const contribute = part<HTMLButtonElement>("contribute");
  const watch = new RoundWatch(engine, showStanding);

  consent.onchange = () => engine.setConsent(consent.checked);
  notes.onchange = () => (notes.checked ? engine.resume() : engine.pause());
  contribute.onclick = () => void watch.contribute();
  engine.on("ledger", later(showLedger));
  engine.on("change", ({ cause }) => (cause === "restore" || cause === "delete" || cause === "import") && showAll());
  engine.on("consent", showConsent);
  engine.on("pause", showConsent);
  setInterval(() => engine.consent && !document.hidden && showRound(watch.standing), 1000);
  showAll();

  function showAll(): void {
    showConsent();
    showLedger();
    showStanding(watch.standing);
  }

  function showConsent(): void {
    const on = engine.consent;
    consent.checked = on;
    notes.checked = !engine.paused;
    say(part("notes-text"), engine.paused ? "Off. Songs pass without a trace: nothing is remembered, learned or contributed." : "On. It is learned from in this browser, and stays there.");
    contribute.disabled = !on || engine.paused || watch.standing.busy;
    part("round").hidden = !on;
    say(part("consent-text"), on ? "On. One clipped update a round, nothing else. Each is listed below." : "Off. No request about contributing is made.");
  }

  function showStanding(standing: Standing): void {
    contribute.disabled = !engine.consent || engine.paused || standing.busy;
    contribute.toggleAttribute("aria-busy", standing.busy);
    say(part("outcome"), standing.outcome);
    showBudget(budgetOf(standing.newest));
    showRound(standing);
  }

  function showRound({ mine, newest }: Standing): void {
    const box = part("round");
    const shown = mine ?? newest;
    box.dataset["state"] = engine.consent ? (shown?.state ?? "none") : "off";
    say(part("round-chip"), shown?.state ?? "");
    say(part("round-name"), shown ? `Round ${shown.round}` : "No round yet");
    const progress = part<HTMLProgressElement>("round-progress");
    progress.max = shown?.cohort || 1;
    progress.value = shown ? Math.min(shown.updates, progress.max) : 0;
    say(part("round-text"), shown ? described(shown) : "The server has opened no round so far.");
    const next = mine && newest && newest.round !== mine.round && newest.state === "open";
    say(part("round-mine"), [mine && "Your update is in it.", next && `Round ${newest.round} is open.`].filter(Boolean).join(" "));
  }

  function showLedger(): void {
    const { entries, sentMessages, sentBytes, roundChecks } = engine.ledger();
    const [up, down] = [entries.filter(({ direction }) => direction === "up"), entries.filter(({ direction }) => direction === "down")];
    say(part("sent-figure"), sentMessages === 0 ? "Nothing." : `${count(sentMessages, "message")}, ${size(sentBytes)}`);
    part("sent-figure").classList.toggle("some", sentMessages > 0);
    say(
      part("sent-text"),
      sentMessages === 0
        ? "Your plays, skips and likes stay in this browser, and so does everything learned from them."
        : "Updates for the shared model, and nothing else. Your plays, skips and likes stay in this browser.",
    );
    part("ledger-up").replaceChildren(...up.slice(-SHOWN).reverse().map(entry));
    part("ledger-down").replaceChildren(...down.slice(-SHOWN).reverse().map(entry));
    say(part("down-count"), `${down.length} · ${size(down.reduce((sum, { bytes }) => sum + bytes, 0))}`);
    say(part("checks"), roundChecks.messages > 0 ? `And ${count(roundChecks.messages, "look", "looks")} at how the rounds stand, ${size(roundChecks.bytes)}, since this page opened.` : "");
  }
}

function described({ state, updates, cohort, closesAt, weightsTo }: RoundStatus): string {
  if (state === "closed") return `${count(updates, "update")} went into version ${weightsTo ?? "?"} of the shared model.`;
  if (state === "abandoned") return "It closed with too few updates; none was used.";
  const left = closesAt - Date.now();
  return `${updates} of ${count(cohort, "update")}${left > 0 ? `, at most ${clock(left)} left` : ""}.`;
}

function entry({ at, direction, message, bytes, meaning }: LedgerEntry): HTMLElement {
  return make(
    "li",
    { "data-test": "ledger-entry", "data-direction": direction, "data-bytes": bytes },
    make("span", { className: "message" }, message),
    make("span", { className: "bytes" }, size(bytes)),
    make("time", { dateTime: new Date(at).toISOString() }, timeOfDay(at)),
    make("span", { className: "meaning" }, meaning),
  );
}

/** At most once a turn. */
function later(work: () => void): () => void {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      work();
    });
  };
}
