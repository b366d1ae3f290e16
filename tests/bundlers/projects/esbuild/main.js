import { Sottovoce, init } from "sottovoce";
import wasm from "sottovoce/sottovoce.wasm";
import { journey } from "../../../projects/journey.js";

await init(wasm);
globalThis.report = await journey(() => Sottovoce.open());
