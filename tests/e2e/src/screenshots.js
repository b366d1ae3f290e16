// Pictures of the player after a few songs and a contribution: wide and narrow, light and dark.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openProfile, startBrowser } from "./browser.js";
import { Player, until } from "./player.js";

const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 390, height: 844 } };

/** Writes player-{wide,narrow}-{light,dark}.png into `folder`; gives their paths. */
export async function screenshots(url, folder) {
  await mkdir(folder, { recursive: true });
  const browser = await startBrowser();
  const paths = [];
  try {
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of ["light", "dark"]) {
        const { context } = await openProfile(browser, { viewport, colorScheme, reducedMotion: "reduce" });
        const player = await Player.open(context, url);
        await story(player);
        const path = join(folder, `player-${size}-${colorScheme}.png`);
        await player.page.screenshot({ path, animations: "disabled" });
        paths.push(path);
        await context.close();
      }
    }
  } finally {
    await browser.close();
  }
  return paths;
}

async function story(player) {
  const next = async (action) => {
    const title = await player.title();
    await action();
    await until("the next song", async () => (await player.title()) !== title);
  };
  await player.click("play");
  await next(() => player.click("next"));
  await player.click("like");
  await next(() => player.finish());
  await next(() => player.finish());
  // A picture without a contribution is still a picture: the round may be between two.
  await player.setConsent(true).catch(() => {});
  await player.click("contribute").catch(() => {});
  await until("an update in the ledger", async () => (await player.ledger()).some((entry) => entry.direction === "up"), { within: 15_000 }).catch(() => {});
  await player.page.evaluate(() => window.scrollTo(0, 0));
  await player.page.waitForTimeout(600);
}
