import { Sottovoce } from "sottovoce/inline";
import { journey } from "../../../projects/journey.js";

globalThis.report = await journey(() => Sottovoce.open());
