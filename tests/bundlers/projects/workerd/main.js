import { Sottovoce, init } from "sottovoce";
// Such runtimes compile no bytes at run time: the module comes compiled.
import wasm from "sottovoce/sottovoce.wasm";
import { memoryStore } from "sottovoce";
import { journey } from "../../../projects/journey.js";

export default {
  async fetch(request) {
    const server = new URL(request.url).searchParams.get("server");
    await init(wasm);
    const store = memoryStore();
    try {
      return Response.json(await journey(() => Sottovoce.open({ server, store })));
    } catch (error) {
      return Response.json({ failed: String(error?.stack ?? error) });
    }
  },
};
