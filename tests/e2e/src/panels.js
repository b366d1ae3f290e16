// The panels about the listener and the queue, as a listener uses them. Nothing here judges.

import { until } from "./player.js";

/** Goes through dial, scenes, interests, portrait and a recording; what each came to. Hears no song, so that counts stay as they are. */
export async function panels(player) {
  const { page } = player;
  const found = {};
  const text = async (name) => (await player.part(name).textContent())?.trim() ?? "";
  const alike = async () => Number(await player.part("alike").getAttribute("data-mean"));

  const before = { queue: await player.queue(), alike: await alike() };
  await player.part("dial").fill("90");
  await until("another mix", async () => (await player.queue()).join() !== before.queue.join());
  found.varied = { before: before.alike, after: await alike() };
  await player.part("dial").fill("30");

  await player.click("scene-daily");
  found.daily = await until("a list for today", async () => (await player.part("scene-daily").getAttribute("aria-pressed")) === "true" && player.queue());
  found.dailyWords = await text("scene-words");
  await player.click("scene-radio");
  found.radio = await until("the radio", async () => (await player.part("scene-radio").getAttribute("aria-pressed")) === "true" && player.queue());
  await player.click("scene-for-you");

  await player.click("tab-taste");
  const count = (name) => page.locator(`[data-test="${name}"]`).count();
  found.interests = await until("interests", () => count("interest"));
  await player.click("less-of");
  found.muted = await until("what was muted", () => count("muted"));
  await player.click("unmute");
  await until("nothing muted", async () => (await count("muted")) === 0);
  found.portrait = await player.part("portrait").isVisible();
  found.path = await player.part("path").isVisible();
  await player.click("tab-queue");

  found.replay = await playedAgain(player);
  return found;
}

/** Saves a recording, and plays it again. */
async function playedAgain(player) {
  const { page } = player;
  await player.click("replay");
  const [download] = await Promise.all([page.waitForEvent("download"), player.click("replay-save")]);
  await player.part("replay-file").setInputFiles(await download.path());
  const outcome = player.part("replay-outcome");
  const equal = await until("the recording to be played again", async () => outcome.getAttribute("data-equal"), { within: 60_000 }).catch(() => "");
  const words = (await outcome.textContent())?.trim() ?? "";
  await page.keyboard.press("Escape");
  return { equal: equal === "true", words };
}
