#!/usr/bin/env node
// The player on a real Subsonic server: scan, play, skip, scrobble, star. What the player says is held against what the server says.
//   node tests/e2e/src/subsonic.js --url http://127.0.0.1:7701 --user demo --password "sotto voce"
// `cargo xtask demo --subsonic --check` starts the servers and runs this. Prints one JSON line, exits 1 where something does not hold.

import { parseArgs } from "node:util";
import { openProfile, startBrowser } from "./browser.js";
import { Player, reordered, until } from "./player.js";

const { values } = parseArgs({
  options: { url: { type: "string" }, user: { type: "string" }, password: { type: "string" }, sound: { type: "string", default: "element" }, json: { type: "boolean", default: false } },
});
const tell = (step) => values.json || console.error(`    ${step}`);

/** Asks the music server itself, past the player. */
async function ask(method, parameters = {}) {
  const query = new URLSearchParams({ u: values.user, p: values.password, v: "1.12.0", c: "check", f: "json", ...parameters });
  const answer = await (await fetch(new URL(`/rest/${method}?${query}`, values.url))).json();
  return answer["subsonic-response"];
}

/** What the server passed on as scrobbles. */
async function listens(kind) {
  const { payload } = await (await fetch(new URL(`/1/user/${values.user}/${kind}`, values.url))).json();
  return payload.listens.map(({ track_metadata: song, listened_at: at }) => ({ title: song.track_name, artist: song.artist_name, at }));
}

const starred = async () => ((await ask("getStarred2")).starred2?.song ?? []).map(({ title }) => title);
const known = (player) => player.page.evaluate(() => [...window.sottovocePlayer.engine.songs.values()].map(({ id, title }) => [id, title]));

async function travel(context) {
  const found = {};
  const songs = (await ask("search3", { query: "", songCount: "500" })).searchResult3.song;
  const titles = new Set(songs.map(({ title }) => title));

  tell("opening the player, connecting");
  const player = await Player.open(context, values.url);
  await player.page.locator("#tab-library").click();
  await player.click("source-open");
  await player.part("source-url").fill(values.url);
  await player.part("source-user").fill(values.user);
  await player.part("source-password").fill(values.password);
  await player.click("source-connect");
  const report = player.part("source-report");
  await until("the library", async () => {
    if (await player.part("source-error").isVisible()) throw new Error(await player.part("source-error").textContent());
    return report.isVisible();
  });
  found.songs = Number(await report.getAttribute("data-songs"));
  found.onServer = songs.length;
  found.known = Number(await report.getAttribute("data-known"));
  found.guessed = Number(await report.getAttribute("data-guessed"));
  found.nowhere = Number(await report.getAttribute("data-nowhere"));
  await player.part("source-sound").selectOption(values.sound);
  await player.page.locator("#tab-queue").click();
  const names = new Map(await known(player));
  const foreign = async () => (await player.queue()).filter((id) => !titles.has(names.get(id)));
  found.queueFromLibrary = (await player.queue()).length > 0 && (await foreign()).length === 0;

  tell("play to the very end, in real time");
  await player.click("play");
  const first = await player.title();
  found.nowPlaying = await until("the server to say what is on", async () => ((await ask("getNowPlaying")).nowPlaying?.entry ?? []).some(({ title }) => title === first));
  found.nowPlayingScrobbled = await until("the word that it is on", async () => (await listens("playing-now"))[0]?.title === first);
  const began = Date.now();
  await until("the end of the song", async () => (await player.title()) !== first, { within: 60_000 });
  found.heardMs = Date.now() - began;
  found.scrobbled = await until("the scrobble", async () => (await listens("listens")).some(({ title, at }) => title === first && Math.abs(at * 1000 - began) < 60_000));

  found.accounted = /is told what you hear/.test(await player.part("source-account").textContent());

  tell("skip");
  await until("sound", () => player.page.evaluate(() => document.getElementById("elapsed")?.textContent !== "0:00"));
  const [skipped, before, count] = [await player.title(), await player.queue(), (await listens("listens")).length];
  await player.click("next");
  await until("the next song", async () => (await player.title()) !== skipped);
  found.queueChanged = await until("another queue", async () => reordered(before, await player.queue()), { within: 5000 });
  found.queueStaysInLibrary = (await foreign()).length === 0;
  await new Promise((resolve) => setTimeout(resolve, 700));
  found.skipNotScrobbled = (await listens("listens")).length === count;

  tell("star, and back");
  const liked = await player.title();
  await player.click("like");
  found.starred = await until("the star", async () => (await starred()).includes(liked));
  await player.click("undo");
  found.unstarred = await until("no star", async () => !(await starred()).includes(liked));

  tell("a song of which nothing is known");
  await player.page.locator("#tab-library").click();
  await player.click("source-browse");
  await player.part("source-search").fill("Nobody in Particular");
  await player.part("source-songs").locator('button[data-placed="nowhere"]').click();
  found.strangerPlays = await until("it to be on", async () => (await player.title()) === "Untitled 7");
  found.strangerOnServer = await until("the server to say so", async () => ((await ask("getNowPlaying")).nowPlaying?.entry ?? []).some(({ title }) => title === "Untitled 7"));
  const neverProposed = await player.page.evaluate(() => window.sottovocePlayer.engine.songs.size);
  found.songsOnDevice = neverProposed;

  tell("songs like it: the server has no answer, the engine has");
  await player.click("source-alike");
  const alike = player.part("source-similar").locator("button");
  found.similarBy = await until("an answer", async () => (await alike.count()) > 0 && player.part("source-similar-by").getAttribute("data-by"));
  found.similar = await alike.count();

  tell("reload, disconnect");
  // What is known of songs that only this device knows has to be there before the history is.
  await player.page.locator("#tab-queue").click();
  const seen = () => player.page.evaluate(() => window.sottovocePlayer.engine.seen);
  const seenBefore = await seen();
  await player.reload();
  found.historyAfterReload = (await seen()) >= seenBefore;
  await player.page.locator("#tab-library").click();
  found.comesBack = await until("the library again", () => report.isVisible());
  await player.page.locator("#tab-queue").click();
  found.queueAfterReload = (await foreign()).length === 0;
  await player.page.locator("#tab-library").click();
  await player.click("source-disconnect");
  await player.page.locator("#tab-queue").click();
  found.catalogueAgain = await until("songs from elsewhere", async () => (await foreign()).length > 0);
  return found;
}

const browser = await startBrowser();
let line;
try {
  const { context, log } = await openProfile(browser);
  const found = await travel(context);
  // Browsers complain of every 404, and supysonic answers with one to what it does not know; that is asked once.
  const lacks = log.requests.filter((request) => request.url.includes("/rest/getSimilarSongs2")).length;
  const complaints = log.complaints.filter((text) => !(lacks === 1 && text.includes("404")));
  const yes = Object.values(found).every((value) => value !== false);
  const holds = yes && found.similarBy === "engine" && found.songs === found.onServer && found.known > 0 && found.guessed > 0 && found.nowhere > 0 && found.heardMs > 8000 && complaints.length === 0;
  for (const complaint of complaints) console.error(`the page complained: ${complaint}`);
  line = { check: "subsonic", sound: values.sound, ...found, holds };
} catch (error) {
  console.error(`error: ${error.message}`);
  line = { check: "subsonic", holds: false, error: error.message };
} finally {
  await browser.close();
}
console.log(JSON.stringify(line));
process.exitCode = line.holds ? 0 : 1;
