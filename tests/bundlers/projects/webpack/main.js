import { Sottovoce } from "sottovoce";
import { openInWorker } from "sottovoce/worker";
import { journey, workerJourney } from "../../../projects/journey.js";

(async () => {
  globalThis.report = { ...(await journey(() => Sottovoce.open())), worker: await workerJourney(openInWorker, {}) };
})().catch((error) => (globalThis.report = { failed: String(error) }));
