// Bringing a history: it is read, matched and learned from in the browser, and not a byte of it leaves.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { audit } from "../src/audit.js";
import { openProfile, startBrowser } from "../src/browser.js";
import { Player, until } from "../src/player.js";
import { startWire } from "../src/wire.js";

const url = process.env.SOTTOVOCE_URL;
/** Nowhere in the catalogue, and easy to find on a wire. */
const SECRET = "Zzyzx-Unheard-Of";

/** Plays of real songs of the catalogue, one skip in three, and plays of songs that are not in it. */
async function spotify(plays) {
  const { shards } = await (await fetch(new URL("/v1/catalogue", url))).json();
  const songs = await (await fetch(new URL(shards[0].metadata, url))).json();
  const [genre] = songs.map((song) => song.genre);
  const known = songs.filter((song) => song.genre === genre).slice(0, 40);
  const start = Date.UTC(2024, 0);
  return Array.from({ length: plays }, (_, i) => {
    const song = known[i % known.length];
    const skipped = i % 3 === 0;
    return {
      ts: new Date(start + i * 240_000).toISOString().replace(/\.\d+/, ""),
      ms_played: skipped ? 5000 : song.duration_ms,
      master_metadata_track_name: i % 10 === 9 ? `${SECRET} ${i}` : song.title.toUpperCase(),
      master_metadata_album_artist_name: i % 10 === 9 ? SECRET : song.artist.replace(/^The /, ""),
      reason_end: skipped ? "fwdbtn" : "trackdone",
      skipped,
    };
  });
}

describe("bringing a history", { skip: !url && "SOTTOVOCE_URL names no running server" }, () => {
  let [wire, browser, player, log] = [];
  before(async () => {
    wire = await startWire(url);
    browser = await startBrowser();
    const profile = await openProfile(browser);
    log = profile.log;
    player = await Player.open(profile.context, wire.url);
    await player.page.locator("#tab-library").click();
  });
  after(async () => {
    await browser?.close();
    await wire?.close();
  });

  const give = (name, content) => player.part("history-input").setInputFiles({ name, mimeType: "application/json", buffer: Buffer.from(content) });

  test("a broken file says where it is broken, and offers what came before", async () => {
    const [play] = await spotify(1);
    await give("broken.json", `[\n${JSON.stringify(play)},\n{"ts": oops`);
    await until("the complaint", () => player.part("history-error").isVisible());
    assert.match(await player.part("history-error").textContent(), /broken\.json at line 3, byte \d+, record 2/);
    assert.equal(await player.part("history-report").getAttribute("data-matched"), "1");
    await player.click("history-discard");
  });

  test("two thousand plays: matched, reported, learned from", async () => {
    const before = await player.queue();
    const plays = await spotify(2000);
    await give("Streaming_History_Audio_2024_1.json", JSON.stringify(plays));
    await until("the report", () => player.part("history-report").isVisible());
    assert.equal(await player.part("history-report").getAttribute("data-matched"), "1800");
    assert.equal(await player.part("history-report").getAttribute("data-unmatched"), "200");
    await player.part("history-missing").locator("summary").click();
    assert.match(await player.part("history-missing").textContent(), new RegExp(SECRET));
    const download = player.page.waitForEvent("download");
    await player.click("history-download");
    const rows = (await import("node:fs")).readFileSync(await (await download).path(), "utf8").trim().split("\r\n");
    assert.equal(rows.length, 201);
    await player.click("history-use");
    await until("the word that it is done", () => player.part("history-done").isVisible());
    const seen = await player.page.evaluate(() => window.sottovocePlayer.engine.seen);
    assert.ok(seen >= 60, `the engine knows of ${seen} events`);
    await until("another queue", async () => String(await player.queue()) !== String(before));
  });

  test("nothing of it left: by the wire, by the browser's own log, by the ledger", async () => {
    const { violations, contributing } = audit(wire.requests, { etags: wire.etags });
    assert.deepEqual(violations, []);
    assert.equal(contributing.length, 0);
    assert.equal(wire.requests.filter(({ method, body }) => method !== "GET" || body.length > 0).length, 0);
    const said = JSON.stringify([wire.requests.map(({ url: address, headers }) => [address, headers]), log.requests]);
    assert.ok(!said.includes(SECRET));
    assert.deepEqual(await player.sent(), { messages: 0, bytes: 0 });
    assert.deepEqual((await player.ledger()).filter(({ direction }) => direction === "up"), []);
    const foreign = log.requests.filter((request) => !request.url.startsWith(wire.url) && !/^(data|blob):/.test(request.url));
    assert.deepEqual(foreign, []);
    assert.deepEqual(log.complaints, []);
  });
});
