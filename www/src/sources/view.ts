// Where music comes from: the panel that connects to a music server, links its songs to the catalogue and says how.

import type { Song, SongId, Sottovoce } from "sottovoce";
import type { Output } from "../deck/output.js";
import { openFile } from "../deck/file.js";
import type { Door } from "../engine-door.js";
import type { Player } from "../player.js";
import { notice } from "../view/notices.js";
import { make, part, say } from "../view/page.js";
import { clock, count } from "../view/words.js";
import type { Library, Linked } from "./link.js";
import { forgetMine, keepMine } from "./mine.js";
import { Numbers } from "./numbers.js";
import { scrobble, type Told } from "./scrobbler.js";
import type { OpenAddress } from "./source.js";
import type { Sources } from "./sources.js";
import { Remembered, type Sound } from "./remembered.js";
import type { Secret } from "./subsonic/auth.js";
import { SubsonicClient } from "./subsonic/client.js";
import { SubsonicError } from "./subsonic/errors.js";
import { scan } from "./subsonic/library.js";
import { SubsonicSource } from "./subsonic/source.js";

/** Rows of the library shown at a time. */
const SHOWN = 30;
/** Songs like the one that is on. */
const ALIKE = 8;

/** What the panel needs of the page. */
export interface SourcesPage {
  readonly engine: Sottovoce;
  readonly player: Player;
  readonly sources: Sources;
  readonly door: Pick<Door, "near">;
  readonly output: Output;
}

/** Mounts the panel into `place`, and goes back to the server of the last visit. */
export function sourcesView(place: HTMLElement, { engine, player, sources, door, output }: SourcesPage): void {
  const remembered = new Remembered();
  const numbers = new Numbers(localStorage, "sottovoce:songs-of-mine");
  const body = make("div", { className: "sources-body" });
  /** In the account of what leaves: a music server of one's own is not ours, and hears what is played from it all the same. */
  const account = make("p", { className: "small", hidden: true, "data-test": "source-account" });
  part("sent-text").after(account);
  let toldOk = 0;
  let stop: AbortController | undefined;
  place.append(make("section", { className: "block sources", "aria-labelledby": "sources-heading", "data-test": "sources" }, make("h2", { id: "sources-heading" }, "Where music comes from"), body));

  scrobble(player, () => sources.chosen, showTold);
  engine.on("change", ({ cause }) => {
    if (cause !== "delete") return;
    remembered.forget();
    numbers.clear();
    void forgetMine();
    disconnect();
  });
  const last = remembered.connection();
  if (last) void connect((signal) => SubsonicClient.resume(last, signal));
  else ask();

  function show(state: string, ...parts: (HTMLElement | undefined)[]): void {
    body.dataset["state"] = state;
    body.replaceChildren(...parts.filter((part) => part !== undefined));
  }

  function ask(trouble?: string, given: { readonly url?: string; readonly user?: string } = {}): void {
    const field = (name: string, label: string, more: Record<string, string | boolean>) =>
      make("label", { className: "field" }, make("span", {}, label), make("input", { name, id: `source-${name}`, "data-test": `source-${name}`, ...more }));
    const form = make(
      "form",
      { className: "sources-form", "data-test": "source-form" },
      field("url", "Address", { type: "url", required: true, placeholder: "https://music.example", value: given.url ?? remembered.address() ?? "", autocomplete: "url" }),
      field("user", "Name", { type: "text", autocomplete: "username", autocapitalize: "off", value: given.user ?? "" }),
      field("password", "Password, or API key without a name", { type: "password", required: true, autocomplete: "current-password" }),
      make("div", { className: "history-choices" }, make("button", { type: "submit", className: "button", "data-test": "source-connect" }, "Connect")),
    );
    form.onsubmit = (event) => {
      event.preventDefault();
      const entered = new FormData(form);
      const [url, user, password] = ["url", "user", "password"].map((name) => String(entered.get(name) ?? "")) as [string, string, string];
      const secret: Secret = user.trim() === "" ? { kind: "key", key: password } : { kind: "password", user: user.trim(), password };
      void connect((signal) => SubsonicClient.connect(url.trim(), secret, signal), { url, user });
    };
    show(
      "ask",
      trouble ? make("p", { className: "history-trouble", role: "alert", "data-test": "source-error" }, trouble) : undefined,
      make("p", { className: "small" }, "Just now from this site's catalogue. It can be your own music instead: connect a Subsonic server (Navidrome, Gonic, supysonic, Airsonic), and the engine on this device chooses among its songs."),
      make("details", { className: "fold", open: trouble !== undefined }, make("summary", { "data-test": "source-open" }, "Connect a music server"), form),
    );
  }

  async function connect(enter: (signal: AbortSignal) => Promise<SubsonicClient>, given?: { readonly url: string; readonly user: string }): Promise<void> {
    const again = given === undefined;
    stop?.abort();
    const { signal } = (stop = new AbortController());
    const words = make("p", { className: "small", role: "status" }, "Connecting …");
    const bar = make("progress", { max: 1, "aria-label": "Reading the library" });
    show("reading", words, bar, make("div", { className: "history-choices" }, make("button", { type: "button", className: "link", onclick: disconnect }, "Stop")));
    try {
      const client = await enter(signal);
      const songs = await scan(client, {
        signal,
        progress(found, share) {
          say(words, `${client.name}: ${count(found, "song")} …`);
          if (share !== undefined) bar.value = share;
        },
      });
      const { link } = await import("./link.js");
      const library = link(songs, engine, (name) => numbers.of(name));
      numbers.keep();
      await engine.addSongs(library.additions);
      await keepMine(library.additions);
      remembered.keep(client.connection);
      choose(client, library);
      if (!again) player.pause();
      start(library, again);
    } catch (error) {
      if (signal.aborted) return;
      if (again) remembered.forget();
      ask(error instanceof SubsonicError ? error.message : `It could not be read: ${error instanceof Error ? error.message : String(error)}`, given);
    }
  }

  function choose(client: SubsonicClient, library: Library): void {
    sources.choose(new SubsonicSource({ client, library, output, open: opener(remembered) }));
    showLibrary(client, library);
    showAccount();
  }

  /** What is on may be elsewhere: the first song of the library comes on then. */
  function start(library: Library, again: boolean): void {
    player.renew();
    const on = player.now?.song.id;
    if (on !== undefined && library.songs.has(on) && again) {
      const song = player.now?.song;
      if (song) player.put(song);
    } else {
      const first = player.queue[0]?.song ?? songOf([...library.songs.keys()][0]);
      if (first) player.put(first);
    }
  }

  function songOf(id: SongId | undefined): Song | undefined {
    return id === undefined ? undefined : engine.songs.get(id);
  }

  function disconnect(): void {
    stop?.abort();
    const was = sources.chosen;
    sources.choose(undefined);
    showAccount();
    remembered.forget();
    if (was) {
      player.pause();
      player.renew();
      const next = player.queue[0]?.song;
      if (next) player.put(next);
    }
    ask();
  }

  function showLibrary(client: SubsonicClient, library: Library): void {
    const { counts, songs } = library;
    const list = make("ol", { className: "sources-songs", "data-test": "source-songs" });
    const search = make("input", { type: "search", placeholder: "Find a song or artist", "aria-label": "Find a song or artist", className: "sources-search", "data-test": "source-search" });
    const all = [...songs.values()];
    const fill = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const found = all.filter(({ server }) => words.every((word) => `${server.title} ${server.artist ?? ""} ${server.album ?? ""}`.toLowerCase().includes(word)));
      list.replaceChildren(...found.slice(0, SHOWN).map(row));
      if (found.length > SHOWN) list.append(make("li", { className: "small" }, `and ${count(found.length - SHOWN, "more song", "more songs")}`));
    };
    search.oninput = fill;
    fill();
    show(
      "connected",
      make(
        "p",
        { className: "history-figure", "data-test": "source-report", "data-songs": songs.size, "data-known": counts.known, "data-guessed": counts["by-artist"] + counts["by-genre"], "data-nowhere": counts.nowhere },
        make("strong", {}, count(songs.size, "song")),
        ` from ${client.name}.`,
      ),
      facts(counts),
      soundChoice(client, library),
      make("p", { className: "small", id: "source-told", role: "status", "data-test": "source-told" }, "Songs you hear out, and likes, are told to that server, as it expects; nothing else is, and nothing to anyone else."),
      alike(),
      make("details", { className: "fold" }, make("summary", { "data-test": "source-browse" }, "All songs"), search, list),
      make("div", { className: "history-choices" }, make("button", { type: "button", className: "link", "data-test": "source-disconnect", onclick: disconnect }, "Disconnect")),
    );
  }

  /** Songs like the one that is on; many servers have no answer, and the engine has. */
  function alike(): HTMLElement {
    const words = make("p", { className: "small", "data-test": "source-similar-by" });
    const list = make("ol", { className: "sources-songs", "data-test": "source-similar" });
    const fold = make("details", { className: "fold" }, make("summary", { "data-test": "source-alike" }, "Songs like the one that is on"), words, list);
    const fill = async () => {
      const song = player.now?.song;
      if (!fold.open || !song) return;
      const { by, songs } = await sources.similar(song.id, ALIKE, door).catch(() => ({ by: "engine" as const, songs: door.near(song.id, ALIKE) }));
      say(words, by === "server" ? `Like “${song.title}”, as the server thinks.` : `Like “${song.title}”, as the engine on this device thinks; the server has no answer.`);
      words.dataset["by"] = by;
      const library = (sources.chosen as SubsonicSource | undefined)?.library.songs;
      list.replaceChildren(...songs.flatMap((id) => library?.get(id) ?? []).map(row));
    };
    fold.ontoggle = () => void fill();
    player.watch((changed) => changed.has("now") && fold.isConnected && void fill());
    return fold;
  }

  function row({ id, server, placed }: Linked): HTMLElement {
    const play = () => {
      const song = songOf(id);
      if (!song) return;
      player.put(song);
      void player.play();
    };
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", onclick: play, "data-placed": placed },
        make("span", { className: "title" }, server.title),
        make("span", { className: "artist" }, server.artist ?? ""),
        make("span", { className: "count" }, placed === "known" ? clock((server.duration ?? 0) * 1000) : HOW[placed]),
      ),
    );
  }

  function soundChoice(client: SubsonicClient, library: Library): HTMLElement {
    const choice = make("select", { id: "source-sound", "data-test": "source-sound" }, make("option", { value: "element" }, "the browser"), make("option", { value: "howler" }, "Howler"));
    choice.value = remembered.sound();
    choice.onchange = () => {
      remembered.setSound(choice.value as Sound);
      sources.choose(new SubsonicSource({ client, library, output, open: opener(remembered) }));
    };
    return make("p", { className: "small sources-sound" }, make("label", { htmlFor: "source-sound" }, "Played by "), choice, " from the next song on.");
  }

  function showAccount(): void {
    const server = sources.chosen?.name;
    account.hidden = server === undefined;
    say(account, server ? `Besides, ${server}, which you connected, streams your music and is told what you hear and like of it: ${count(toldOk, "message")} on this visit.` : "");
  }

  function showTold({ what, song, ok }: Told): void {
    if (ok) toldOk += 1;
    showAccount();
    const title = songOf(song)?.title ?? "a song";
    if (!ok) return notice({ topic: "source", text: `The music server did not take note of ${title}. Playing goes on.` });
    const words = { began: `“${title}” is on`, heard: `“${title}” was heard`, liked: `you like “${title}”`, unliked: `you no longer like “${title}”` }[what];
    const line = document.getElementById("source-told");
    if (line) {
      say(line, `Last told to the server: ${words}.`);
      line.dataset["what"] = what;
    }
  }
}

/** How a song got its place, where it is a guess. */
const HOW = { "by-artist": "place guessed", "by-genre": "place guessed", nowhere: "never proposed" } as const;

function facts({ known, "by-artist": byArtist, "by-genre": byGenre, nowhere }: Library["counts"]): HTMLElement {
  const line = (number: number, text: string) => (number > 0 ? make("li", {}, make("strong", {}, number.toLocaleString("en")), ` ${text}`) : undefined);
  return make(
    "ul",
    { className: "sources-facts small" },
    line(known, "are in the catalogue too, and lie where it has them."),
    line(byArtist, "lie where other songs of their artist lie: a guess."),
    line(byGenre, "lie in the middle of their genre: a rough guess."),
    line(nowhere, "can be played, and are never proposed: nothing is known of them."),
  );
}

/** Howler comes only when it is asked for. */
function opener(remembered: Remembered): OpenAddress {
  if (remembered.sound() === "element") return openFile;
  return async (url, output, events) => {
    const { openHowl } = await import("./howler.js");
    return openHowl(url, output, events);
  };
}
