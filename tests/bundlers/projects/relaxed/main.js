import { Sottovoce, SottovoceError, relaxedSimd } from "/node_modules/sottovoce/dist/relaxed.js";
import * as usual from "/node_modules/sottovoce/dist/index.js";
import { journey } from "/journey.js";

const report = await journey(() => Sottovoce.open());
const files = performance.getEntriesByType("resource").map(({ name }) => name.split("/").at(-1));
globalThis.report = { ...report, known: relaxedSimd(), wasm: files.filter((name) => name.endsWith(".wasm")), sameErrors: SottovoceError === usual.SottovoceError };
