// What is kept of a music server from visit to visit. A token can be kept; a password is kept for this tab only.

import type { Connection } from "./subsonic/client.js";

/** What plays the sound. */
export type Sound = "element" | "howler";

const CONNECTION = "sottovoce:source";
const ADDRESS = "sottovoce:source-address";
const SOUND = "sottovoce:source-sound";

/** The last server, and how its songs are played. */
export class Remembered {
  connection(): Connection | undefined {
    const kept = sessionStorage.getItem(CONNECTION) ?? localStorage.getItem(CONNECTION);
    try {
      const connection = JSON.parse(kept ?? "null") as Connection | null;
      return connection && typeof connection.url === "string" && typeof connection.credentials?.kind === "string" ? connection : undefined;
    } catch {
      return undefined;
    }
  }

  keep(connection: Connection): void {
    const place = connection.credentials.kind === "plain" ? sessionStorage : localStorage;
    attempt(() => place.setItem(CONNECTION, JSON.stringify(connection)));
    attempt(() => localStorage.setItem(ADDRESS, connection.url));
  }

  forget(): void {
    for (const place of [sessionStorage, localStorage]) place.removeItem(CONNECTION);
    localStorage.removeItem(ADDRESS);
  }

  /** Where the last server was: not who listens to it. */
  address(): string | undefined {
    return localStorage.getItem(ADDRESS) ?? undefined;
  }

  sound(): Sound {
    return localStorage.getItem(SOUND) === "howler" ? "howler" : "element";
  }

  setSound(sound: Sound): void {
    attempt(() => localStorage.setItem(SOUND, sound));
  }
}

/** Without room it is asked again next time. */
function attempt(write: () => void): void {
  try {
    write();
  } catch {
    // Nothing to do about it.
  }
}
