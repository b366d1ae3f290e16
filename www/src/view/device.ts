// What left this device, what came down, consent, rounds, and the listener's rights.

import type { LedgerEntry, Sottovoce } from "sottovoce";
import { RoundWatch, type Standing } from "../rounds.js";
import { budgetView, showBudget } from "./budget.js";
import { make, part, say } from "./page.js";
import { showRound } from "./round.js";
import { showUpload } from "./upload.js";
import { count, size, timeOfDay } from "./words.js";

/** Entries shown of each direction. */
const SHOWN = 60;

/** Shows the account and follows the rounds. */
export function deviceView(engine: Sottovoce): void {
  const consent = part<HTMLInputElement>("consent");
  const notes = part<HTMLInputElement>("notes");
  const contribute = part<HTMLButtonElement>("contribute");
  budgetView(engine);
  const watch = new RoundWatch(engine, showStanding);

  consent.onchange = () => engine.setConsent(consent.checked);
  notes.onchange = () => (notes.checked ? engine.resume() : engine.pause());
  contribute.onclick = () => watch.now();
  engine.on("ledger", later(showLedger));
  engine.on("change", ({ cause }) => (cause === "restore" || cause === "delete" || cause === "import") && showAll());
  engine.on("consent", showConsent);
  engine.on("pause", showConsent);
  // The deadline runs down.
  setInterval(() => engine.consent && !document.hidden && showRound(watch.standing, true), 1000);
  showAll();

  function showAll(): void {
    showConsent();
    showLedger();
  }

  function showConsent(): void {
    const on = engine.consent;
    consent.checked = on;
    notes.checked = !engine.paused;
    say(part("notes-text"), engine.paused ? "Off. Songs pass without a trace: nothing is remembered, learned or contributed." : "On. It is learned from in this browser, and stays there.");
    showStanding(watch.standing);
    say(part("consent-text"), on ? "On. One masked update a round, of which only the sum with all others can be read. Each message is listed below." : "Off. No request about contributing is made.");
  }

  function showStanding(standing: Standing): void {
    const { state, problem } = standing;
    const held = state?.waiting === "battery" || state?.waiting === "metered";
    // It takes part by itself; the button is for a moment that it would not have chosen, and for after a problem.
    contribute.disabled = !engine.consent || engine.paused || (!held && !problem);
    contribute.hidden = !engine.consent || (!held && !problem);
    say(contribute, problem ? "Try again" : "Take part now all the same");
    say(part("outcome"), problem);
    showBudget(standing.privacy);
    showRound(standing, engine.consent);
    showUpload(standing.upload);
    part("leaving").hidden = !engine.consent;
  }

  function showLedger(): void {
    const { entries, sentMessages, sentBytes, roundChecks } = engine.ledger();
    const [up, down] = [entries.filter(({ direction }) => direction === "up"), entries.filter(({ direction }) => direction === "down")];
    say(part("sent-figure"), sentMessages === 0 ? "Nothing." : `${count(sentMessages, "message")}, ${size(sentBytes)}`);
    part("sent-figure").classList.toggle("some", sentMessages > 0);
    Object.assign(part("sent-figure").dataset, { messages: sentMessages, bytes: sentBytes });
    say(
      part("sent-text"),
      sentMessages === 0
        ? "Your plays, skips and likes stay in this browser, and so does everything learned from them."
        : "Masked updates for the shared model, and the keys that rounds need. Your plays, skips and likes stay in this browser.",
    );
    part("ledger-up").replaceChildren(...up.slice(-SHOWN).reverse().map(entry));
    part("ledger-down").replaceChildren(...down.slice(-SHOWN).reverse().map(entry));
    say(part("down-count"), `${down.length} · ${size(down.reduce((sum, { bytes }) => sum + bytes, 0))}`);
    say(part("checks"), roundChecks.messages > 0 ? `And ${count(roundChecks.messages, "look", "looks")} at how the rounds stand, ${size(roundChecks.bytes)}, since this page opened.` : "");
  }
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
