// The catalogue between visits, in a real browser's cache.

import assert from "node:assert/strict";
import { test } from "node:test";
import { noBrowser, startBrowser, visit } from "../src/browser.js";
import { serveCatalogue } from "../src/catalogue.js";
import { pack, project } from "../src/workshop.js";

test("shards are kept with their ETags, up to the cap, start without a network, heal, and go when deleted", { skip: noBrowser }, async () => {
  const [folder, browser] = await Promise.all([pack().then((tarball) => project("cache", tarball)), startBrowser()]);
  const page = await serveCatalogue({ folder });
  try {
    const { report } = await visit(browser, page.url);
    assert.equal(report.failed, undefined);
    const there = { songs: 300, list: 3 };
    const seen = ({ songs, list }) => ({ songs, list });
    assert.deepEqual(report.first.asked, ["catalogue", "embeddings", "songs", "weights"]);
    // The shard's ETag stands in the manifest: it is not even asked for.
    assert.deepEqual(report.second.asked, ["catalogue", "songs", "weights"]);
    assert.deepEqual([seen(report.offline), report.offline.online], [there, false]);
    assert.deepEqual(seen(report.rotten), there, "a broken copy is fetched anew");
    assert.ok(report.rotten.asked.includes("embeddings"));
    assert.deepEqual(seen(report.healed), there);
    assert.deepEqual(report.kept, ["catalogue", "embeddings", "songs"], "what no catalogue names is let go");
    assert.deepEqual(seen(report.small), there, "no room is no reason to stop");
    assert.ok(report.smallBytes <= 5000 && report.smallFiles > 0, `${report.smallBytes} bytes`);
    assert.deepEqual(seen(report.none), there);
    assert.equal(report.noneOffline.failed, "server/away");
    assert.deepEqual(report.deleted.more, { stored: 0, history: 0, ledger: 0, pending: 0, secrets: 0, notes: 0, cached: 0 });
    assert.equal(report.afterwards, false);
  } finally {
    await Promise.all([page.close(), browser.close()]);
  }
});
