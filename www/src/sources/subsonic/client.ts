// A Subsonic or OpenSubsonic server, one method a request. Source: https://opensubsonic.netlify.app/docs/

import type { Envelope, Extension, ServerSong } from "./answers.js";
import { authParameters, freshSalt, maySendPlain, tokenOf, type Credentials, type Secret } from "./auth.js";
import { SubsonicError } from "./errors.js";

/** The version of the API that is asked for; servers answer with their own. */
const API = "1.16.1";
const CLIENT = "sottovoce";
/** Tokens came with this version. */
const TOKENS_SINCE = [1, 13];
const PATIENCE_MS = 20_000;

/** Errors of the API, by its numbers. */
const MISSING = 10;
const WRONG = 40;
const NO_TOKENS = 41;
const NO_SUCH_WAY = 42;
const REFUSALS = [WRONG, 43, 44, 50];

/** Where a server is, and how to show who one is. */
export interface Connection {
  readonly url: string;
  readonly credentials: Credentials;
}

type Parameters = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** One server, and the listener's account on it. */
export class SubsonicClient {
  /** What the server calls itself. */
  readonly name: string;
  /** The API's version, as the server speaks it. */
  readonly version: string;
  readonly extensions: readonly Extension[];
  readonly connection: Connection;
  readonly #base: URL;

  private constructor(connection: Connection, { version, type, serverVersion }: Envelope, extensions: readonly Extension[]) {
    this.connection = connection;
    this.#base = baseOf(connection.url);
    this.version = version;
    this.name = type ? [type, serverVersion].filter(Boolean).join(" ") : `the server at ${this.#base.host}`;
    this.extensions = extensions;
  }

  /**
   * Finds out how the server lets a listener in, and goes in. A password travels as itself only where the server knows nothing
   * better and the connection keeps it safe.
   *
   * @throws {@link SubsonicError}
   */
  static async connect(url: string, secret: Secret, signal?: AbortSignal): Promise<SubsonicClient> {
    const base = baseOf(url);
    const extensions = await extensionsOf(base, signal);
    if (secret.kind === "key") {
      if (!extensions.some(({ name }) => name === "apiKeyAuthentication")) {
        throw new SubsonicError("subsonic/unsupported", `${base.host} takes no API keys.`, "Use name and password.");
      }
      return SubsonicClient.#enter(url, { kind: "key", key: secret.key }, extensions, signal);
    }
    const { user, password } = secret;
    try {
      return await SubsonicClient.#enter(url, tokenOf(user, password, freshSalt()), extensions, signal);
    } catch (error) {
      if (!(error instanceof SubsonicError) || !needsPlain(error)) throw error;
      if (!maySendPlain(base)) {
        throw new SubsonicError("subsonic/unsafe", `${base.host} only takes the password itself, and this connection is not encrypted.`, "Reach it by https.");
      }
      return SubsonicClient.#enter(url, { kind: "plain", user, password }, extensions, signal);
    }
  }

  /** Comes back with what {@link SubsonicClient.connection} was. */
  static async resume(connection: Connection, signal?: AbortSignal): Promise<SubsonicClient> {
    return SubsonicClient.#enter(connection.url, connection.credentials, await extensionsOf(baseOf(connection.url), signal), signal);
  }

  static async #enter(url: string, credentials: Credentials, extensions: readonly Extension[], signal?: AbortSignal): Promise<SubsonicClient> {
    const envelope = await ask(baseOf(url), "ping", authParameters(credentials), { form: false, signal });
    return new SubsonicClient({ url, credentials }, envelope, extensions);
  }

  /** Whether the server offers an extension. */
  offers(extension: string): boolean {
    return this.extensions.some(({ name }) => name === extension);
  }

  /** How many albums there are, by the list of artists; 0 where the server does not count. */
  async albumCount(signal?: AbortSignal): Promise<number> {
    const { artists } = await this.#ask("getArtists", {}, signal);
    return (artists?.index ?? []).flatMap(({ artist = [] }) => artist).reduce((sum, { albumCount = 0 }) => sum + albumCount, 0);
  }

  /** A page of all albums, by name. */
  async albums(size: number, offset: number, signal?: AbortSignal): Promise<readonly { readonly id: string; readonly songCount?: number }[]> {
    return (await this.#ask("getAlbumList2", { type: "alphabeticalByName", size, offset }, signal)).albumList2?.album ?? [];
  }

  /** An album's songs. */
  async album(id: string, signal?: AbortSignal): Promise<readonly ServerSong[]> {
    return (await this.#ask("getAlbum", { id }, signal)).album?.song ?? [];
  }

  /** Songs by title; an empty query means all of them, on servers that know it so. */
  async search(query: string, count: number, offset: number, signal?: AbortSignal): Promise<readonly ServerSong[]> {
    const { searchResult3 } = await this.#ask("search3", { query, songCount: count, songOffset: offset, artistCount: 0, albumCount: 0 }, signal);
    return searchResult3?.song ?? [];
  }

  /** The listener's starred songs. */
  async starred(signal?: AbortSignal): Promise<readonly ServerSong[]> {
    return (await this.#ask("getStarred2", {}, signal)).starred2?.song ?? [];
  }

  /** Songs like one, as the server thinks. `undefined` where it thinks nothing: many lack this, and the engine has its own answer. */
  async similar(id: string, count: number, signal?: AbortSignal): Promise<readonly ServerSong[] | undefined> {
    try {
      const songs = (await this.#ask("getSimilarSongs2", { id, count }, signal)).similarSongs2?.song;
      return songs && songs.length > 0 ? songs : undefined;
    } catch (error) {
      if (error instanceof SubsonicError && (error.code === "subsonic/unsupported" || error.code === "subsonic/failed")) return undefined;
      throw error;
    }
  }

  async star(id: string, on: boolean): Promise<void> {
    await this.#ask(on ? "star" : "unstar", { id });
  }

  /** Tells the server that a song is on. */
  async nowPlaying(id: string): Promise<void> {
    await this.#ask("scrobble", { id, submission: false });
  }

  /** Tells the server that a song was heard; `at`: when it began, in milliseconds. */
  async scrobble(id: string, at: number): Promise<void> {
    await this.#ask("scrobble", { id, submission: true, time: Math.round(at) });
  }

  /** Where a song's sound is. The address shows who one is: it belongs into an audio element and nowhere else. */
  streamUrl(id: string): string {
    return this.#address("stream", { id });
  }

  #address(method: string, parameters: Parameters): string {
    const url = new URL(`rest/${method}`, this.#base);
    url.search = String(search({ ...parameters, ...authParameters(this.connection.credentials) }));
    return url.href;
  }

  #ask(method: string, parameters: Parameters, signal?: AbortSignal): Promise<Envelope> {
    const all = { ...parameters, ...authParameters(this.connection.credentials) };
    return ask(this.#base, method, all, { form: this.offers("formPost"), signal });
  }
}

/** Extensions are told to everyone; a server without them has never heard of the question. */
async function extensionsOf(base: URL, signal?: AbortSignal): Promise<readonly Extension[]> {
  try {
    return (await ask(base, "getOpenSubsonicExtensions", {}, { form: false, signal })).openSubsonicExtensions ?? [];
  } catch (error) {
    // Older servers refuse what they do not know, or answer with a page that says so: whether they are there, ping tells.
    if (error instanceof SubsonicError && error.code !== "subsonic/away") return [];
    throw error;
  }
}

/** Whether the server wants the password itself: it says so, or it is older than tokens and misses a parameter. */
function needsPlain({ status, cause }: SubsonicError): boolean {
  if (status === NO_TOKENS || status === NO_SUCH_WAY) return true;
  const [major = 0, minor = 0] = ((cause as Envelope | undefined)?.version ?? "9").split(".").map(Number);
  const old = major < (TOKENS_SINCE[0] ?? 0) || (major === TOKENS_SINCE[0] && minor < (TOKENS_SINCE[1] ?? 0));
  return old && (status === MISSING || status === WRONG);
}

async function ask(base: URL, method: string, parameters: Parameters, { form, signal }: { form: boolean; signal?: AbortSignal | undefined }): Promise<Envelope> {
  const url = new URL(`rest/${method}`, base);
  const body = search(parameters);
  if (!form) url.search = String(body);
  const within = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  try {
    // With a form nothing about the listener stands in the address, and so in no log of addresses.
    response = await fetch(url, {
      ...(form && { method: "POST", body }),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, within]) : within,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new SubsonicError("subsonic/away", `${base.host} does not answer.`, "Check the address; the server must also let this page call it (CORS).", { cause });
  }
  const envelope = await enveloped(response);
  if (!envelope) throw new SubsonicError("subsonic/no-server", `What answers at ${base.host} is no Subsonic server (${response.status}).`, "Check the address, with the path if there is one.");
  if (envelope.status === "ok") return envelope;
  const { code = 0 } = envelope.error ?? {};
  const message = (envelope.error?.message ?? "no reason given").replace(/\.+$/, "");
  const options = { status: code, cause: envelope };
  if (REFUSALS.includes(code)) throw new SubsonicError("subsonic/refused", `${base.host} refuses: ${message}.`, "Check name and password.", options);
  if (code === 0 && response.status === 404) throw new SubsonicError("subsonic/unsupported", `${base.host} does not know ${method}.`, "Nothing is lost; the player does without.", options);
  throw new SubsonicError("subsonic/failed", `${method}: ${message} (${code}).`, "Try again, or look into the server's log.", options);
}

async function enveloped(response: Response): Promise<Envelope | undefined> {
  try {
    const answer = (await response.json()) as { "subsonic-response"?: Envelope };
    const envelope = answer["subsonic-response"];
    return envelope && (envelope.status === "ok" || envelope.status === "failed") ? envelope : undefined;
  } catch {
    return undefined;
  }
}

function search(parameters: Parameters): URLSearchParams {
  const all = new URLSearchParams({ v: API, c: CLIENT, f: "json" });
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? (value as readonly string[]) : [value]) all.append(name, String(each));
  }
  return all;
}

function baseOf(url: string): URL {
  try {
    const base = new URL(url, globalThis.location?.href);
    if (!/^https?:$/.test(base.protocol)) throw new TypeError("not http");
    base.search = base.hash = "";
    base.pathname = base.pathname.replace(/(\/rest)?\/?$/, "/");
    return base;
  } catch (cause) {
    throw new SubsonicError("subsonic/away", `"${url}" is no address.`, "Give one like https://music.example.", { cause });
  }
}
