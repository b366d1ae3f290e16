import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { strToU8, zipSync } from "fflate";
import { HistoryError, readHistory, unmatchedTable } from "../src/history/index.js";
import { SONGS, file, spotify } from "./history.js";

const read = (content: string | Uint8Array, piece?: number, name = "history.json") => readHistory([file(name, content, piece)], SONGS);
const AT = Date.UTC(2023, 0, 5, 10, 11, 12);

test("Spotify's extended history: plays, skips, podcasts, milliseconds", async () => {
  const { columns, report } = await read(
    JSON.stringify([
      spotify("The Borrowed Stations", "Valley and Anchor"),
      spotify("Les toits", "La lune", { ts: "2023-01-05T09:00:00Z", ms_played: 31_700, reason_end: "fwdbtn", skipped: true }),
      spotify("Echo", "Twice", { ms_played: 12_000, reason_end: "endplay" }),
      spotify("Echo", "Short", { ms_played: 20_000 }),
      spotify("Rocío Arrieta", "Con el silencio", { ms_played: 60_000, reason_end: "logout", skipped: null }),
      spotify("Rocío Arrieta", "Con el silencio", { ms_played: 160_000, reason_end: "unexpected-exit-while-paused", skipped: null, ts: "2023-01-06T10:00:00Z" }),
      spotify(null, null, { episode_name: "An episode" }),
      spotify("Nobody", "Nothing"),
      spotify("Nobody", "Nothing"),
      { ts: "yesterday" },
    ], undefined, 1),
  );
  assert.deepEqual([...columns.songs], [2, 1, 9 + 1, 11, 3, 3]);
  assert.deepEqual([...columns.behaviour], [0, 1, 0, 1, 0, 1]);
  assert.deepEqual([...columns.heard].map((x) => Math.round(x * 1000) / 1000), [0.1, 1, 0.057, 1, 0.3, 1]);
  assert.equal(columns.at[1], AT);
  const { records, matched, unmatched, notSongs, unreadable, skips, complete, songs, unmatchedSongs, unmatchedArtists, unreadableAt } = report;
  assert.deepEqual({ records, matched, unmatched, notSongs, unreadable, skips, complete, songs }, { records: 10, matched: 6, unmatched: 2, notSongs: 1, unreadable: 1, skips: 3, complete: 3, songs: 5 });
  assert.deepEqual(unmatchedSongs, [{ what: { artist: "Nobody", title: "Nothing" }, count: 2 }]);
  assert.deepEqual(unmatchedArtists, [{ what: "Nobody", count: 2 }]);
  assert.equal(unreadableAt[0]?.place.record, 10);
});

test("a length that the catalogue lacks is learned from the plays that reached the end", async () => {
  const { columns } = await read(JSON.stringify([
    spotify("Echo", "Twice", { ms_played: 60_000, reason_end: "fwdbtn" }),
    spotify("Echo", "Twice", { ms_played: 120_000, ts: "2023-02-05T10:11:12Z" }),
  ]));
  assert.deepEqual([...columns.heard], [0.5, 1]);
});

test("Spotify's account data", async () => {
  const { columns } = await read(JSON.stringify([
    { endTime: "2023-01-05 10:11", artistName: "Les toits", trackName: "La lune", msPlayed: 317_000 },
    { endTime: "2023-01-05 10:20", artistName: "Les toits", trackName: "La lune", msPlayed: 3170 },
  ]));
  assert.deepEqual([...columns.behaviour], [1, 0]);
  assert.equal(columns.at[0], Date.UTC(2023, 0, 5, 10, 11));
  assert.ok(Math.abs((columns.heard[1] ?? 0) - 0.01) < 1e-6);
});

test("Last.fm tables, with and without heading", async () => {
  for (const table of [
    'Les toits,Sans la lumière,La lune,"05 Jan 2023 10:11"\nEcho,,Twice,05 Jan 2023 10:25\n',
    "artist,album,track,date\r\nLes toits,Sans la lumière,La lune,05 Jan 2023 10:11\r\nEcho,,Twice,05 Jan 2023 10:25",
    'uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"1672913460","05 Jan 2023, 10:11","Les toits","","Sans la lumière","","La lune",""\n"1672914300","05 Jan 2023, 10:25","Echo","","","","Twice",""\n',
    "Artist;Album;Song;Date\nLes toits;;La lune;2023-01-05 10:11:00\nEcho;;Twice;2023-01-05T10:25:00Z\n",
    "\uFEFFLes toits\tLa lune\t1672913460\nEcho\tTwice\t1672914300\n",
  ]) {
    const { columns, report } = await read(table, 7, "scrobbles.csv");
    assert.deepEqual([...columns.songs], [2, 10], table);
    assert.deepEqual([...columns.behaviour], [1, 1]);
    // The time is when it began; the catalogue knows how long one of them is.
    assert.deepEqual([...columns.at], [Date.UTC(2023, 0, 5, 10, 11) + 317_000, Date.UTC(2023, 0, 5, 10, 25)]);
    assert.equal(report.unreadable, 0);
  }
});

test("a table's cells may hold commas, quotes and line ends; a stray quote costs one line", async () => {
  const { columns, report } = await read('Echo,"a ""b"", c\nd",Twice,05 Jan 2023 10:11\nbro"ken,x,y,05 Jan 2023 10:12\nLes toits,,La lune,05 Jan 2023 10:13\n', 5, "a.csv");
  assert.deepEqual([...columns.songs], [10, 2]);
  assert.equal(report.unreadable, 1);
  assert.deepEqual(report.unreadableAt[0]?.place, { line: 3, byte: 44, record: 2 });
});

test("what plays just now is no listen yet", async () => {
  const { report } = await read("artist,album,track,date\nEcho,,Twice,\nEcho,,Twice,05 Jan 2023 10:15\n", 9, "a.csv");
  assert.equal(report.notSongs, 1);
  assert.equal(report.matched, 1);
});

const listen = (artist_name: string, track_name: string, listened_at: number, additional_info = {}) => ({ listened_at, track_metadata: { artist_name, track_name, additional_info } });

test("ListenBrainz: list, lines, answer, archive", async () => {
  const listens = [listen("Les toits", "La lune", 1_672_913_460), listen("Echo", "Twice", 1_672_913_900, { duration_ms: 100_000, duration_played: 20 })];
  const lines = listens.map((each) => JSON.stringify(each)).join("\n");
  const archive = zipSync({ "user.json": strToU8("{}"), "listens/2023/1.jsonl": strToU8(lines), "feedback.jsonl": strToU8('{"score":1}') });
  for (const content of [JSON.stringify(listens), lines, JSON.stringify({ payload: { count: 2, listens } }, undefined, 2), archive]) {
    const { columns, report } = await read(content, 11);
    assert.deepEqual([...columns.songs], [2, 10]);
    assert.deepEqual([...columns.behaviour], [1, 0]);
    assert.ok(Math.abs((columns.heard[1] ?? 0) - 0.2) < 1e-6);
    assert.deepEqual(report.errors, []);
  }
});

test("a Spotify archive: the histories in it, nothing else", async () => {
  const archive = zipSync({
    "Spotify Extended Streaming History/Streaming_History_Audio_2023_1.json": strToU8(JSON.stringify([spotify("Echo", "Twice")])),
    "MyData/StreamingHistory_music_0.json": strToU8(JSON.stringify([{ endTime: "2023-03-05 10:11", artistName: "Les toits", trackName: "La lune", msPlayed: 317_000 }])),
    "MyData/Playlist1.json": strToU8('{"playlists": "not a history"}'),
  });
  const { columns, report } = await read(archive, 1000, "my_spotify_data.zip");
  assert.deepEqual([...columns.songs], [10, 2]);
  assert.deepEqual(report.errors, []);
});

test("the same listen in two files counts once", async () => {
  const one = spotify("Echo", "Twice");
  const { report } = await readHistory([file("a.json", JSON.stringify([one])), file("b.json", JSON.stringify([one, spotify("Echo", "Short")]))], SONGS);
  assert.deepEqual([report.matched, report.twice], [2, 1]);
});

test("UTF-16 out of a spreadsheet", async () => {
  const text = Buffer.from("\uFEFFartist\talbum\ttrack\tdate\r\nLes toits\t\tLa lune\t05 Jan 2023 10:11\r\n", "utf16le");
  const { columns } = await read(new Uint8Array(text), 3, "a.csv");
  assert.deepEqual([...columns.songs], [2]);
});

test("a broken file says where, and what came before stands", async () => {
  const good = JSON.stringify(spotify("Echo", "Twice"));
  for (const [content, code, place] of [
    [`[\n${good},\n{"ts": oops}]`, "history/malformed", { line: 3, byte: good.length + 11, record: 2 }],
    [`[${good},\n${good.slice(0, 50)}`, "history/malformed", { line: 2, byte: good.length + 53, record: 2 }],
    [`[${good}]\n\n[]`, "history/malformed", { line: 3 }],
    [`[${good},"${"x".repeat(300_000)}`, "history/too-long", { record: 2 }],
  ] as const) {
    const { columns, report } = await read(content, 64);
    const [error] = report.errors;
    assert.ok(error instanceof HistoryError);
    assert.equal(error.code, code);
    for (const [key, value] of Object.entries(place)) assert.equal(error.place[key as keyof typeof place], value, `${key}: ${error.message}`);
    assert.equal(columns.songs.length, 1);
    assert.match(error.message, /^history\.json at .*(line|byte|record) \d+/);
  }
});

test("what is no history is called by its name", async () => {
  for (const content of ["hello", "[1, 2, 3]", '{"a": 1}', "a,b,c\n1,2,3\n", new Uint8Array([0, 1, 2, 3]), zipSync({ "a.txt": strToU8("x") }), "[{}]"]) {
    const { report } = await read(content);
    assert.equal(report.errors[0]?.code, "history/unknown-format", String(content));
  }
  assert.deepEqual((await read("[]")).report.errors, []);
  assert.deepEqual((await read("")).report.errors, []);
});

test("one broken file does not spoil the others", async () => {
  const { columns, report } = await readHistory([file("a.json", "nope"), file("b.json", JSON.stringify([spotify("Echo", "Twice")]))], SONGS);
  assert.equal(columns.songs.length, 1);
  assert.equal(report.errors[0]?.file, "a.json");
});

test("it can be called off", async () => {
  const stop = new AbortController();
  const reading = readHistory([file("a.json", JSON.stringify(Array(2000).fill(spotify("Echo", "Twice"))), 1000)], SONGS, { signal: stop.signal, progress: () => stop.abort() });
  await assert.rejects(reading, (error: HistoryError) => error.code === "history/aborted");
});

test("the table of what is missing is safe in a spreadsheet", () => {
  const table = unmatchedTable({ unmatchedSongs: [{ what: { artist: "=cmd()", title: 'a "b", c' }, count: 3 }] });
  assert.equal(table, 'artist,title,plays\r\n"\'=cmd()","a ""b"", c",3');
});

test("property: however the bytes arrive, the outcome is the same", async () => {
  const record = fc.record({ artist: fc.constantFrom("Echo", "Les toits", "Nobody", "é\u0301\"\n"), title: fc.constantFrom("Twice", "La lune", "x"), ms: fc.nat(400_000), minute: fc.nat(500_000) });
  const summary = async (content: string, piece: number) => {
    const { columns, report } = await read(content, piece);
    return JSON.stringify([Object.values(columns).map((column) => [...(column as Float64Array)]), { ...report, errors: report.errors.map(({ message }) => message) }]);
  };
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 20 }), fc.integer({ min: 1, max: 200 }), fc.nat(4000), async (records, piece, cut) => {
      const rows = records.map(({ artist, title, ms, minute }) => spotify(artist, title, { ms_played: ms, ts: new Date(AT + minute * 60_000).toISOString().replace(/\.\d+/, "") }));
      const content = JSON.stringify(rows, undefined, 1).slice(0, cut === 0 ? undefined : cut + 100);
      assert.equal(await summary(content, piece), await summary(content, 1 << 20));
    }),
    { numRuns: 60 },
  );
});

test("property: counts add up, times are in order, shares are shares", async () => {
  const cell = fc.constantFrom("Echo", "Twice", "La lune", "Les toits", "", '"', "05 Jan 2023 10:11", "12", "x,y");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(cell, { minLength: 1, maxLength: 5 }), { maxLength: 40 }), async (rows) => {
      const { columns, report } = await read(`artist,album,track,date\n${rows.map((row) => row.join(",")).join("\n")}`, 33, "a.csv");
      const { records, matched, unmatched, twice, notSongs, unreadable } = report;
      assert.equal(records, matched + unmatched + twice + notSongs + unreadable);
      assert.ok(columns.at.every((at, i) => i === 0 || at >= (columns.at[i - 1] ?? 0)));
      assert.ok(columns.heard.every((heard) => heard >= 0 && heard <= 1));
    }),
    { numRuns: 200 },
  );
});
