// A server on a free port for what the bench pages load, and a browser that opens them.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startBrowser } from "../../../tests/e2e/src/browser.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const here = join(root, "benches/device");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".map": "application/json" };
/** As long as the slowest page takes on a busy machine. */
const PATIENCE_MS = 540_000;

export class Pages {
  /** Serves `world` (the catalogue), `kernels` and, where there are any, `peers`, each a folder. */
  static async serve({ world, kernels, peers }) {
    const pages = new Pages();
    Object.assign(pages, { world, kernels, peers });
    pages.server = createServer((request, response) => pages.#answer(request, response));
    await new Promise((resolve) => pages.server.listen(0, "127.0.0.1", resolve));
    pages.url = `http://127.0.0.1:${pages.server.address().port}`;
    return pages;
  }

  /** Opens a page and waits for its `window.result`; an error there is an error here. */
  async result(path) {
    this.browser ??= await startBrowser();
    return Pages.#resultIn(this.browser, `${this.url}/${path}`);
  }

  /** The same in a browser that was never used, and that goes afterwards: nothing is cached, nothing compiled. */
  async resultInFreshBrowser(path) {
    const browser = await startBrowser();
    try {
      return await Pages.#resultIn(browser, `${this.url}/${path}`);
    } finally {
      await browser.close();
    }
  }

  static async #resultIn(browser, url) {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error(error.message));
    page.on("console", (message) => message.type() === "error" && console.error(message.text()));
    try {
      await page.goto(url);
      await page.waitForFunction(() => window.result, null, { timeout: PATIENCE_MS });
      const result = await page.evaluate(() => window.result);
      if (result.error) throw new Error(result.error);
      if (!result.isolated) throw new Error("the page is not isolated; its clock is too coarse");
      return result;
    } finally {
      await page.close();
    }
  }

  async close() {
    await this.browser?.close();
    this.server.close();
    this.server.closeAllConnections();
  }

  /** The file behind an address; what is built comes before what is written. */
  #fileOf(path) {
    const shard = /^\/v1\/catalogue\/shards\/(\d+)\/(songs|embeddings)$/.exec(path);
    if (shard) return join(this.world, `${shard[2]}-${shard[1]}`);
    if (path === "/v1/catalogue") return join(this.world, "catalogue");
    if (path === "/v1/tower/weights") return join(this.world, "weights");
    if (path === "/cbor.js") return join(root, "tests/e2e/src/cbor.js");
    const [, folder, file] = /^\/(dist|kernels|peers)\/((?:[\w-]+\/)?[\w.-]+)$/.exec(path) ?? [];
    if (folder === "dist") return join(root, "pkg-config/dist", file);
    if (folder === "kernels") return join(this.kernels, file);
    if (folder === "peers") {
      const built = this.peers && join(this.peers, file);
      return built && existsSync(built) ? built : join(here, "peers", file);
    }
    return /^\/[\w-]+\.(html|js)$/.test(path) ? join(here, "page", path) : undefined;
  }

  #answer(request, response) {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = this.#fileOf(pathname);
    if (!file || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    const type = TYPES[extname(file)] ?? (/(songs|catalogue)$/.test(pathname) ? "application/json" : "application/vnd.sottovoce.v1+cbor");
    response.writeHead(200, {
      "content-type": type,
      "content-length": statSync(file).size,
      etag: '"1"',
      // Isolated pages have a clock of 5 µs, others of 100 µs.
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    });
    createReadStream(file).pipe(response);
  }
}
