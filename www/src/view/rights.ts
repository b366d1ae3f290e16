// Export and deletion.

import type { Player } from "../player.js";
import { notice } from "./notices.js";
import { make, part } from "./page.js";
import { THEME_KEY } from "./theme.js";
import { count } from "./words.js";

/** Takes the clicks of the rights' buttons. */
export function rightsView(player: Player): void {
  const ask = part<HTMLDialogElement>("delete-dialog");
  const explain = part<HTMLDialogElement>("explain-dialog");
  part("export").onclick = () => saveJson("sottovoce", player.engine.exportData());
  const file = part<HTMLInputElement>("import-file");
  part("import").onclick = () => file.click();
  file.onchange = () => {
    const [chosen] = file.files ?? [];
    file.value = "";
    if (chosen) void bringBack(player, chosen);
  };
  part("explain").onclick = () => explain.showModal();
  part("delete").onclick = () => {
    ask.returnValue = "keep";
    ask.showModal();
  };
  ask.onclose = () => {
    if (ask.returnValue === "delete") void erase(player);
  };
}

/** Takes an export in, in the place of what is known here. */
async function bringBack(player: Player, file: File): Promise<void> {
  try {
    const { events } = await player.engine.importData(JSON.parse(await file.text()));
    player.pause();
    player.start();
    notice({ topic: "import", text: `${count(events, "event")} brought back. The queue is laid by them.` });
  } catch (error) {
    const why = error instanceof SyntaxError ? "It is no JSON." : error instanceof Error ? error.message : String(error);
    notice({ topic: "import", text: `${file.name} was not taken in. ${why} Everything here is as before.`, lasting: true });
  }
}

async function erase(player: Player): Promise<void> {
  player.pause();
  const { storeEmpty, nothingPending, seen } = await player.engine.deleteData();
  localStorage.removeItem(THEME_KEY);
  player.reset();
  const gone = storeEmpty && nothingPending && seen === 0;
  notice({
    topic: "erased",
    text: gone
      ? "Everything is deleted: the store read back empty, nothing waits to be sent, the engine knows no event."
      : "The engine forgot everything, but this browser did not let the store be emptied. Clear this site's data in its settings.",
    lasting: !gone,
  });
}

/** Gives a file to the listener. */
export function saveJson(name: string, data: unknown): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(data, undefined, 2)], { type: "application/json" }));
  make("a", { href: url, download: `${name}-${new Date().toISOString().slice(0, 10)}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
