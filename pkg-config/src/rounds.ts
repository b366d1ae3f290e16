// One device's part in a federated round. Called only with consent; the engine makes the bytes, this file carries them.

import type { Recommender } from "./generated/sottovoce.js";
import { codeOf } from "./errors.js";
import type { Http } from "./http.js";
import type { Contribution } from "./types.js";

/** What a contribution needs of its caller. */
export interface Errand {
  /** Aborted when consent is withdrawn. */
  readonly signal: AbortSignal;
  /** State changed and should be kept. */
  readonly changed: () => void;
  /** Waits until it is kept. */
  readonly durable: () => Promise<void>;
}

/** GET the offer, GET its weights if they are not at hand, learn, PUT the update, hand the receipt to the engine. */
export async function contribute(core: Recommender, http: Http, errand: Errand): Promise<Contribution> {
  // An update that a closed tab or a lost connection left behind goes first, under the key it was made with.
  const waiting = await deliver(core, http, errand, 0);
  if (waiting && waiting.status !== "round-closed") return waiting;
  const first = await takePart(core, http, errand);
  // Rounds close while devices learn; the next one is usually open already.
  return first.kind === "sent" && first.status === "round-closed" ? takePart(core, http, errand) : first;
}

async function takePart(core: Recommender, http: Http, errand: Errand): Promise<Contribution> {
  const offer = await http.offer(errand.signal);
  if ("retryAfterMs" in offer) return { kind: "no-round", ...offer };
  const { round } = core.receive(offer.bytes) as { round: number };
  if (core.needsWeights()) core.receive(await http.weights(errand.signal));
  const examples = core.contribute();
  errand.changed();
  return (await deliver(core, http, errand, examples)) ?? { kind: "nothing-to-learn", round };
}

async function deliver(core: Recommender, http: Http, errand: Errand, examples: number): Promise<(Contribution & { kind: "sent" }) | undefined> {
  const update = core.outbox();
  if (!update) return undefined;
  const { round, key, bytes } = update;
  update.free();
  // First kept, then sent: a tab that dies in between sends the same bytes under the same key again, and they count once.
  await errand.durable();
  errand.signal.throwIfAborted();
  const left = () => {
    core.sent(Date.now());
    errand.changed();
  };
  try {
    const receipt = await http.update(round, key, bytes, left, errand.signal);
    const { status } = core.receive(receipt) as { status: "accepted" | "already-counted" | "round-closed" };
    return { kind: "sent", round, examples, bytes: bytes.length, status };
  } catch (error) {
    // What the server refuses for good would only be refused again.
    if (codeOf(error) === "server/refused") core.abandon(round);
    throw error;
  } finally {
    errand.changed();
  }
}
