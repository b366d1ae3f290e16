// Bring your own history: choose or drop files, see what would become of them, and only then make them yours.

import type { Sottovoce } from "sottovoce";
import { placeText } from "./place.js";
import { make, say } from "../view/page.js";
import { count, size } from "../view/words.js";
import type { Report } from "./messages.js";
import { readInWorker, type Read } from "./reading.js";

const ACCEPT = ".json,.jsonl,.csv,.tsv,.txt,.zip,application/json,text/csv,application/zip";
/** Rows shown of what is missing. */
const SHOWN = 8;

/** What the panel needs of the page. */
export interface HistoryPage {
  readonly engine: Sottovoce;
  /** Lays the queue anew, now that more is known. */
  readonly renew: () => void;
  /** Brings the panel into view, for files that are dropped elsewhere. */
  readonly reveal?: () => void;
}

/** Mounts the panel into `place`, and takes files that are dropped anywhere on the page. */
export function historyView(place: HTMLElement, { engine, renew, reveal }: HistoryPage): void {
  const body = make("div", { className: "history-body" });
  const input = make("input", { type: "file", multiple: true, accept: ACCEPT, hidden: true, "data-test": "history-input" });
  let stop: AbortController | undefined;

  place.append(
    make(
      "section",
      { className: "block history", "aria-labelledby": "history-heading", "data-test": "history" },
      make("h2", { id: "history-heading" }, "Bring your own history"),
      body,
      input,
    ),
  );
  input.onchange = () => {
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length > 0) void read(files);
  };
  takeDrops((files) => {
    reveal?.();
    place.scrollIntoView({ block: "nearest" });
    void read(files);
  });
  engine.on("change", ({ cause }) => cause === "delete" && invite());
  invite();

  function invite(words?: string): void {
    stop?.abort(new Error("called off"));
    stop = undefined;
    show(
      "idle",
      words ? make("p", { className: "history-done", role: "status", "data-test": "history-done" }, words) : undefined,
      make("p", { className: "small" }, "Begin with what you already heard elsewhere. Drop the export here; it is read in this browser, matched to this catalogue, and none of it is uploaded."),
      make(
        "div",
        { className: "history-choices" },
        make("button", { type: "button", className: "button", "data-test": "history-choose", onclick: () => input.click() }, words ? "Choose more files" : "Choose files"),
        make("span", { className: "small" }, "or drop them anywhere"),
      ),
      help(),
    );
  }

  async function read(files: readonly File[]): Promise<void> {
    stop?.abort(new Error("called off"));
    const mine = (stop = new AbortController());
    const total = files.reduce((sum, file) => sum + file.size, 0);
    const bar = make("progress", { max: 1, value: 0, "aria-label": "Reading", "data-test": "history-progress" });
    const words = make("p", { className: "small", role: "status" }, `Reading ${named(files)} …`);
    show("reading", words, bar, make("div", { className: "history-choices" }, make("button", { type: "button", className: "link", onclick: () => invite() }, "Stop")));
    try {
      const outcome = await readInWorker(new URL("./history.js", import.meta.url), files, engine.songs.values(), {
        signal: mine.signal,
        progress(share) {
          bar.value = share;
          say(words, share < 1 ? `Reading ${named(files)}: ${size(share * total)} of ${size(total)}` : "Matching …");
        },
      });
      present(outcome);
    } catch (error) {
      if (mine.signal.aborted) return;
      invite(`It could not be read. ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  function present({ columns, report }: Read): void {
    const { matched, songs, records } = report;
    const use = make("button", { type: "button", className: "button", "data-test": "history-use", disabled: matched === 0 }, "Make it my history");
    use.onclick = () => {
      const taken = engine.importHistory(columns);
      renew();
      invite(`${count(taken, "play")} of ${count(songs, "song")} are part of your history now. The queue knows them already.`);
    };
    show(
      "report",
      ...report.errors.map(({ message }) => make("p", { className: "history-trouble", role: "alert", "data-test": "history-error" }, message)),
      records > 0 ? summary(report) : undefined,
      records > 0 ? missing(report) : undefined,
      make(
        "div",
        { className: "history-choices" },
        matched > 0 ? use : undefined,
        make("button", { type: "button", className: "link", "data-test": "history-discard", onclick: () => invite() }, matched > 0 ? "Not now" : "Try another file"),
      ),
    );
  }

  function show(state: string, ...parts: (HTMLElement | undefined)[]): void {
    body.dataset["state"] = state;
    body.replaceChildren(...parts.filter((part) => part !== undefined));
  }
}

function summary(report: Report): HTMLElement {
  const { matched, unmatched, songs, complete, skips, twice, notSongs, unreadable, from, to, closeness, unreadableAt } = report;
  const share = matched + unmatched > 0 ? Math.round((100 * matched) / (matched + unmatched)) : 0;
  const near = closeness.recording + closeness.credit;
  const lines = [
    from !== undefined && to !== undefined && `From ${day(from)} to ${day(to)}: ${count(complete, "song")} heard out, ${count(skips, "skip")}.`,
    near > 0 && `${count(near, "play")} matched another recording of the same song, such as a remaster or a live one.`,
    twice > 0 && `${count(twice, "play")} came in more than one file and count once.`,
    notSongs > 0 && `${count(notSongs, "entry", "entries")} of podcasts, videos or nothing by name left out.`,
    unreadable > 0 && `${count(unreadable, "record")} could not be understood, the first${unreadableAt[0] ? `${placeText(unreadableAt[0].place)} of ${unreadableAt[0].file}` : ""}.`,
  ];
  return make(
    "div",
    {},
    make(
      "p",
      { className: "history-figure", "data-test": "history-report", "data-matched": matched, "data-unmatched": unmatched, "data-skips": skips },
      make("strong", {}, `${matched.toLocaleString("en")} of ${count(matched + unmatched, "play")}`),
      ` are of songs in this catalogue (${share} %, ${count(songs, "song")}).`,
    ),
    make("meter", { min: 0, max: 100, value: share, className: "history-share", "aria-label": "Share of plays that matched" }),
    ...lines.flatMap((line) => (line ? make("p", { className: "small" }, line) : [])),
  );
}

function missing(report: Report): HTMLElement | undefined {
  const { unmatched, unmatchedArtists, unmatchedSongs, beyond, table } = report;
  if (unmatched === 0) return undefined;
  const list = (title: string, rows: readonly (readonly [string, number])[]) =>
    make(
      "div",
      {},
      make("h3", {}, title),
      make("ol", { className: "history-missing" }, ...rows.map(([name, plays]) => make("li", {}, make("span", {}, name), make("span", { className: "count" }, plays.toLocaleString("en"))))),
    );
  return make(
    "details",
    { className: "fold", "data-test": "history-missing" },
    make("summary", {}, "What is not in this catalogue ", make("span", { className: "count" }, unmatched.toLocaleString("en"))),
    make(
      "div",
      { className: "history-columns" },
      list("Artists", unmatchedArtists.slice(0, SHOWN).map(({ what, count: plays }) => [what, plays])),
      list("Songs", unmatchedSongs.slice(0, SHOWN).map(({ what, count: plays }) => [`${what.title} · ${what.artist}`, plays])),
    ),
    beyond > 0 ? make("p", { className: "small" }, `${count(beyond, "play")} of rarer songs are counted, but not listed.`) : undefined,
    make("button", { type: "button", className: "link", "data-test": "history-download", onclick: () => save(table) }, "Download the whole list (CSV)"),
  );
}

function help(): HTMLElement {
  const item = (name: string, text: string) => make("li", {}, make("strong", {}, name), ` ${text}`);
  return make(
    "details",
    { className: "fold" },
    make("summary", {}, "Where do I get it?"),
    make(
      "ol",
      { className: "history-help small" },
      item("Spotify.", "Account, Privacy, Download your data: the extended streaming history (some days), or the account data (one year). The ZIP as it comes, or the JSON files in it."),
      item("Last.fm.", "Any exporter that gives a CSV with artist, album, track and date."),
      item("ListenBrainz.", "Settings, Export data. The ZIP, its .jsonl files, or the older JSON."),
    ),
  );
}

/** Files dropped anywhere. What else is dragged over the page is left alone. */
function takeDrops(take: (files: File[]) => void): void {
  const holds = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    document.documentElement.classList.add("history-drop");
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && document.documentElement.classList.remove("history-drop"));
  addEventListener("drop", (event) => {
    document.documentElement.classList.remove("history-drop");
    if (!holds(event)) return;
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) take(files);
  });
}

function named(files: readonly File[]): string {
  return files.length === 1 && files[0] ? files[0].name : count(files.length, "file");
}

function day(at: number): string {
  return new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

function save(table: string): void {
  const url = URL.createObjectURL(new Blob(["\uFEFF", table], { type: "text/csv" }));
  make("a", { href: url, download: "not-in-this-catalogue.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
