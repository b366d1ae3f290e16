import { Sottovoce } from "/node_modules/sottovoce/dist/index.js";
import { openInWorker } from "/node_modules/sottovoce/dist/worker.js";
import { journey, workerJourney } from "/journey.js";

globalThis.report = { ...(await journey(() => Sottovoce.open())), worker: await workerJourney(openInWorker, {}) };
