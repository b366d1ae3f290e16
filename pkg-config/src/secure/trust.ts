// Whose signature a round must carry: the key that the page names, or the one that the server named the first time it was asked.

import type { Door } from "../door.js";
import { SottovoceError, codeOf } from "../errors.js";
import { bytesOf, json } from "../http.js";
import type { Host } from "./party.js";

/** A server's Ed25519 key: its 32 bytes, or 64 hexadecimal digits. */
export type KeyGiven = Uint8Array | string;

/** What the engine says of a second key. */
export const OTHER_KEY = "round/server-key";

const PATH = "v1/log/key";
const MEANING = "Whose signature the invitations to rounds must carry. It is kept from the first time on.";

/** The key to trust. The engine holds on to the first that it was told. */
export async function serverKey({ door, http, key, changed }: Host, signal: AbortSignal): Promise<Uint8Array> {
  if (key !== undefined) return bytesOfKey(key, "engine");
  const body = await bytesOf(await http.request(PATH, { headers: { accept: "application/json" }, signal }));
  signal.throwIfAborted();
  door.recordDownload("server key", body.length, MEANING, Date.now());
  changed();
  return bytesOfKey(json<{ key?: unknown }>(body).key, "server");
}

function bytesOfKey(key: unknown, from: "engine" | "server"): Uint8Array {
  const bytes = typeof key === "string" && /^([0-9a-f]{2}){32}$/i.test(key) ? Uint8Array.from(key.match(/../g)!, (digits) => parseInt(digits, 16)) : key;
  if (bytes instanceof Uint8Array && bytes.length === 32) return bytes;
  if (from === "server") throw new SottovoceError("server/malformed", "The server's key is not of the expected form.", "Check the server's address and version.");
  throw new SottovoceError("round/server-key", "What was given as the server's key is none.", "Give open({ serverKey }) 32 bytes, or 64 hexadecimal digits.");
}

/** Tells the engine whom to trust. It holds on to the first. */
export function trust(door: Door, key: Uint8Array): void {
  try {
    door.trustServer(key);
  } catch (cause) {
    throw codeOf(cause) === OTHER_KEY ? otherKey(cause) : cause;
  }
}

/** The server has another key than the one this device has known. */
export function otherKey(cause?: unknown): SottovoceError {
  return new SottovoceError(
    "round/server-key",
    "The server signs with another key than before: it is another server, or somebody in its place.",
    "Ask who runs it. If it was set up anew, delete everything here to begin anew with it.",
    { cause },
  );
}
