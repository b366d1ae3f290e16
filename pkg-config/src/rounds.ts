// One device's part in a federated round. Loaded and called only with consent; the engine makes the bytes, this file carries them.

import type { Door } from "./door.js";
import { codeOf } from "./errors.js";
import { MEDIA_TYPE, bytesOf, json, retryAfter, type Http } from "./http.js";
import type { Contribution, RoundStatus } from "./types.js";

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
export async function contribute(core: Door, http: Http, errand: Errand): Promise<Contribution> {
  // An update that a closed tab or a lost connection left behind goes first, under the key it was made with.
  const waiting = await deliver(core, http, errand, 0);
  if (waiting && waiting.status !== "round-closed") return waiting;
  const first = await takePart(core, http, errand);
  // Rounds close while devices learn; the next one is usually open already.
  return first.kind === "sent" && first.status === "round-closed" ? takePart(core, http, errand) : first;
}

/** The newest rounds. */
export async function rounds(http: Http, signal: AbortSignal): Promise<RoundStatus[]> {
  const body = await bytesOf(await http.request("v1/rounds", { signal }));
  const { messages, bytes } = http.roundChecks;
  http.roundChecks = { messages: messages + 1, bytes: bytes + body.length };
  return json<{ rounds: Record<string, never>[] }>(body).rounds.map((row) => ({
    round: row["round"] ?? 0,
    state: row["state"] as unknown as RoundStatus["state"],
    secure: !!row["secure"],
    stage: row["stage"] ?? undefined,
    joined: row["joined"] ?? undefined,
    noise: row["noise"] ?? undefined,
    updates: row["updates"] ?? 0,
    cohort: row["cohort"] ?? 0,
    openedAt: row["opened_at"] ?? 0,
    closesAt: row["closes_at"] ?? 0,
    closedAt: row["closed_at"] ?? undefined,
    weightsFrom: row["weights_from"] ?? 0,
    weightsTo: row["weights_to"] ?? undefined,
    clipNorm: row["clip_norm"] ?? 0,
  }));
}

/** The invitation to a round, encoded, or how long to wait for one. @internal */
export async function offer(http: Http, signal?: AbortSignal): Promise<{ bytes: Uint8Array } | { retryAfterMs: number }> {
  const response = await http.request("v1/rounds/next", { headers: { accept: MEDIA_TYPE }, signal });
  if (response.status === 204) return { retryAfterMs: retryAfter(response) };
  return { bytes: await http.body("round offer", response) };
}

/**
 * Sends an update; the one request with a body. `left` is called as soon as the server is known to have it, whatever it answers.
 * The key makes it safe to send again. @internal
 */
export async function send(
  http: Http, { round, key, bytes }: { round: number; key: string; bytes: Uint8Array }, left: () => void, signal?: AbortSignal,
): Promise<Uint8Array> {
  const response = await http.request(`v1/rounds/${round}/updates/${key}`, {
    method: "PUT",
    headers: { "content-type": MEDIA_TYPE, accept: MEDIA_TYPE },
    body: bytes as Uint8Array<ArrayBuffer>,
    signal,
    // 409 carries a receipt too: the round has closed.
    fine: [409],
    arrived: left,
  });
  return http.body("receipt", response);
}

async function takePart(core: Door, http: Http, errand: Errand): Promise<Contribution> {
  const invited = await offer(http, errand.signal);
  if ("retryAfterMs" in invited) return { kind: "no-round", ...invited };
  const { round } = core.receive(invited.bytes);
  if (core.needsWeights()) core.receive(await http.weights(errand.signal));
  const examples = core.contribute();
  errand.changed();
  return (await deliver(core, http, errand, examples)) ?? { kind: "nothing-to-learn", round };
}

async function deliver(core: Door, http: Http, errand: Errand, examples: number): Promise<(Contribution & { kind: "sent" }) | undefined> {
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
    const { status } = core.receive(await send(http, { round, key, bytes }, left, errand.signal));
    return { kind: "sent", round, examples, bytes: bytes.length, status };
  } catch (error) {
    // What the server refuses for good would only be refused again.
    if (codeOf(error) === "server/refused") core.abandon(round);
    throw error;
  } finally {
    errand.changed();
  }
}
