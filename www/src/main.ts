// Brings the page to life.

import { Sottovoce, codeOf, type Context, type Song, type Storage } from "sottovoce";
import { coverUrl, type CoverOf } from "./art/cover.js";
import { INITIAL } from "./budget.js";
import { Output } from "./deck/output.js";
import { Shelf } from "./deck/shelf.js";
import { doorOf } from "./engine-door.js";
import { historyView } from "./history/view.js";
import { keys } from "./keys.js";
import { mediaSession } from "./media-session.js";
import { Player } from "./player.js";
import { mine } from "./sources/mine.js";
import { Sources } from "./sources/sources.js";
import { sourcesView } from "./sources/view.js";
import { Band } from "./sound/band.js";
import { TraitReader, type Traits } from "./traits.js";
import { alikeView } from "./view/alike.js";
import { deviceView } from "./view/device.js";
import { dialView } from "./view/dial.js";
import { heardView } from "./view/heard.js";
import { libraryView } from "./view/library.js";
import { notice, settle } from "./view/notices.js";
import { nowView } from "./view/now.js";
import { part, say } from "./view/page.js";
import { queueView } from "./view/queue.js";
import { replayView } from "./view/replay.js";
import { rightsView } from "./view/rights.js";
import { scenesView } from "./view/scenes.js";
import { openTab, tabsView } from "./view/tabs.js";
import { tasteView } from "./view/taste.js";
import { themeView } from "./view/theme.js";
import { count } from "./view/words.js";

declare global {
  interface Window {
    /** For tests: the engine, and a way to let a song pass at once. */
    sottovocePlayer?: { ready: Promise<void>; engine: Sottovoce | undefined; seekToEnd(): void };
  }
}

/** Songs whose embeddings set the scale of the traits. */
const SAMPLE = 400;

themeView();
tabsView();
let player: Player | undefined;
const ready = begin();
window.sottovocePlayer = {
  ready,
  get engine() {
    return player?.engine;
  },
  seekToEnd: () => player?.finish(),
};
ready.catch(explain);

async function begin(): Promise<void> {
  const state = part("state");
  say(state, "Opening …");
  const engine = await Sottovoce.open({
    context: contextOf(new Date()),
    additions: await mine(),
    budget: { epsilon: INITIAL },
    // For "Report a wrong list". It stays in this page.
    record: true,
    progress: (share) => say(state, share < 1 ? `Catalogue ${Math.round(share * 100)} %` : ""),
  });
  const { traitsOf, coverOf } = appearance(engine);
  const output = new Output();
  const sources = new Sources(new Shelf(output, new Band(new URL("./band.js", import.meta.url)), traitsOf));
  player = new Player(engine, sources.within(doorOf(engine)), output, sources);

  nowView(player, coverOf);
  queueView(player, coverOf);
  scenesView(player);
  dialView(player);
  alikeView(player, coverOf);
  heardView(player, coverOf);
  tasteView(player, coverOf);
  libraryView(player, coverOf);
  historyView(part("history-mount"), { engine, renew: () => player?.renew(), reveal: () => openTab("library") });
  deviceView(engine);
  rightsView(player);
  replayView(player);
  keys(player);
  mediaSession(player, coverOf);
  player.watch((changed) => changed.has("playing") && showState(engine));
  engine.on("connection", () => showState(engine));
  engine.on("storage", ({ storage }) => tell(engine, storage));
  tell(engine, engine.storage);
  setInterval(() => engine.setContext(contextOf(new Date())), 600_000);
  // The last words are kept even when the tab closes at once.
  addEventListener("pagehide", () => void engine.flush());

  player.start();
  sourcesView(part("sources-mount"), { engine, player, sources, door: engine, output });
  showState(engine);
  part("main").removeAttribute("aria-busy");
  await engine.flush();
}

/** How songs look and sound: read off their embeddings once, and remembered. */
function appearance(engine: Sottovoce): { traitsOf: (song: Song) => Traits; coverOf: CoverOf } {
  const ids = [...engine.songs.keys()];
  const every = Math.max(1, Math.floor(ids.length / SAMPLE));
  const sample = ids.filter((_, i) => i % every === 0).flatMap((id) => engine.embedding(id) ?? []);
  const reader = new TraitReader(sample);
  const traits = new Map<number, Traits>();
  const covers = new Map<string, string>();
  const traitsOf = (song: Song) => {
    const known = traits.get(song.id) ?? reader.read(engine.embedding(song.id) ?? new Float32Array());
    traits.set(song.id, known);
    return known;
  };
  const coverOf: CoverOf = (song, small = false) => {
    const key = `${song.id} ${small}`;
    const known = covers.get(key) ?? coverUrl({ id: song.id, genre: song.genre, traits: traitsOf(song) }, small);
    covers.set(key, known);
    return known;
  };
  return { traitsOf, coverOf };
}

function contextOf(now: Date): Context {
  const narrow = matchMedia("(max-width: 600px)").matches;
  return {
    hour: now.getHours(),
    weekday: (now.getDay() + 6) % 7,
    device: narrow ? "phone" : "desktop",
    locale: navigator.language,
  };
}

function showState(engine: Sottovoce): void {
  const songs = `${count(engine.songs.size, "song")} on this device`;
  say(part("state"), engine.online ? songs : `Offline · ${songs}`);
  if (player?.playing && !player.audible) {
    notice({ topic: "silent", text: "This browser lets no sound out yet. Songs pass in silence; press play once more, or check the sound settings." });
  } else settle("silent");
}

function tell(engine: Sottovoce, storage: Storage): void {
  settle("storage");
  if (storage.kind === "kept" || storage.why === "chosen") return;
  const words = {
    refused: "This browser keeps nothing for this page. Playing works; a reload forgets what was heard. Allow site data to keep it.",
    full: "There is no room left in this browser to keep your history. Playing works; free some space to keep it.",
    damaged: "The history kept on this device cannot be read. It was left as it is; playing works without it.",
    elsewhere: "Another tab keeps your history. What you hear in this one is forgotten with it.",
  } as const;
  const actions = {
    elsewhere: { label: "Use it here", run: () => void engine.takeOver() },
    damaged: { label: "Delete and begin anew", run: () => part("delete").click() },
    refused: undefined,
    full: undefined,
  } as const;
  const action = actions[storage.why];
  notice({ topic: "storage", text: words[storage.why], lasting: true, ...(action && { action }) });
}

function explain(error: unknown): void {
  const code = codeOf(error) ?? "";
  const known: Record<string, string> = {
    "server/away": "The server does not answer, and this browser has no copy of the catalogue yet. Start it, or check the connection, then try again.",
    "server/busy": "The server is busy. Try again in a moment.",
    "wasm/blocked": "This page may not run WebAssembly, which the engine is made of. Allow it for this site, or open the player in another browser.",
    "wasm/unavailable": "The engine did not load. Check that sottovoce.wasm is served, and that this browser is not much older than 2021.",
  };
  say(part("state"), "");
  part("main").dataset["failed"] = "true";
  notice({
    topic: "start",
    text: known[code] ?? `The player could not start: ${error instanceof Error ? error.message : String(error)}`,
    lasting: true,
    action: { label: "Try again", run: () => location.reload() },
  });
}
