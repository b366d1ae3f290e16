// The player as a script sees it: only `data-test` hooks and `window.sottovocePlayer`, never a class name or a text.

/** Asks until the answer is true enough; the error says what was waited for. */
export async function until(what, question, { within = 20_000, every = 50 } = {}) {
  const end = Date.now() + within;
  let last;
  for (;;) {
    try {
      const answer = await question();
      if (answer) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${within / 1000} s for ${what}${last ? ` (${last.message})` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

/** One open player. */
export class Player {
  constructor(page) {
    this.page = page;
  }

  static async open(context, url) {
    const player = new Player(await context.newPage());
    await player.page.goto(url, { waitUntil: "load" });
    await player.ready();
    return player;
  }

  /** The engine is loaded and the queue has songs. */
  async ready() {
    await until("window.sottovocePlayer", () => this.page.evaluate(() => Boolean(window.sottovocePlayer)), { within: 60_000 });
    await this.page.evaluate(async () => void (await window.sottovocePlayer.ready));
    await until("songs in the queue", async () => (await this.queue()).length > 1, { within: 60_000 });
  }

  async reload() {
    await this.page.reload({ waitUntil: "load" });
    await this.ready();
  }

  part(name) {
    return this.page.locator(`[data-test="${name}"]`).first();
  }

  click(name) {
    return this.part(name).click({ timeout: 10_000 });
  }

  /** The songs to come, in order. */
  queue() {
    return this.page.locator('[data-test="queue-item"]').evaluateAll((items) => items.map((item) => Number(item.dataset.song)));
  }

  async title() {
    return (await this.part("now-title").textContent())?.trim() ?? "";
  }

  /** Ends the song on its last beat instead of waiting for it. */
  finish() {
    return this.page.evaluate(async () => void (await window.sottovocePlayer.seekToEnd()));
  }

  consent() {
    return this.part("consent").isChecked();
  }

  async setConsent(on) {
    // Force: a drawn switch may cover the checkbox it stands for.
    await this.part("consent").setChecked(on, { force: true, timeout: 10_000 });
  }

  async historyCount() {
    return Number(await this.part("history-count").getAttribute("data-count"));
  }

  async roundState() {
    return this.part("round-state").getAttribute("data-state");
  }

  /** What the panel says has left in all: signs of life are counted there, and have a line only once. */
  async sent() {
    const { messages, bytes } = await this.part("sent-figure").evaluate(({ dataset }) => ({ ...dataset }));
    return { messages: Number(messages), bytes: Number(bytes) };
  }

  /** The lines of the panel "what left this device", as numbers. */
  ledger() {
    return this.page
      .locator('[data-test="ledger-entry"]')
      .evaluateAll((entries) => entries.map((entry) => ({ direction: entry.dataset.direction, bytes: Number(entry.dataset.bytes) })));
  }
}

/** Whether the queue was ordered anew, and not just moved up by the song that was taken from its head. */
export function reordered(before, after) {
  const moved = [before, before.slice(1)];
  return after.length > 0 && moved.every((expected) => after.slice(0, expected.length).some((song, i) => song !== expected[i]));
}
