// Makes dist/, the folder that `sottovoce-server serve --www` serves:
//   node build.mjs          index.html, player.js, band.js, history.js, what they load later, player.css, sottovoce-full.wasm
//   node build.mjs --test   the unit tests as plain JavaScript, in .test/
import { build } from "esbuild";
import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(here, ...parts);

if (process.argv.includes("--test")) {
  await rm(at(".test"), { recursive: true, force: true });
  const tests = (await readdir(at("test"))).filter((name) => name.endsWith(".test.ts"));
  await build({
    entryPoints: tests.map((name) => at("test", name)),
    outdir: at(".test"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    sourcemap: "inline",
    logLevel: "warning",
  });
} else {
  const wasm = join(dirname(createRequire(import.meta.url).resolve("sottovoce/package.json")), "dist", "sottovoce-full.wasm");
  if (!existsSync(wasm)) {
    console.error("the package sottovoce is not built yet; build it with: npm run build -w pkg-config");
    process.exit(1);
  }
  await rm(at("dist"), { recursive: true, force: true });
  await mkdir(at("dist"));
  await build({
    entryPoints: { player: at("src", "main.ts"), band: at("src", "sound", "worker.ts"), history: at("src", "history", "worker.ts") },
    outdir: at("dist"),
    bundle: true,
    // What is asked for later (linking a library, Howler) comes in files of its own.
    splitting: true,
    chunkNames: "[name]-[hash]",
    format: "esm",
    target: "es2022",
    minify: true,
    sourcemap: "linked",
    logLevel: "warning",
    plugins: [wholeEngine()],
  });
  await build({
    entryPoints: { player: at("style", "player.css") },
    outdir: at("dist"),
    bundle: true,
    minify: true,
    logLevel: "warning",
  });
  await cp(at("public"), at("dist"), { recursive: true });
  // The package looks for its wasm beside the script.
  await cp(wasm, at("dist", "sottovoce-full.wasm"));
}

/** The player shows all that the engine knows, and takes part in rounds: for it, `sottovoce` is `sottovoce/full`. */
function wholeEngine() {
  return {
    name: "whole-engine",
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^sottovoce$/ }, ({ resolveDir, kind }) => resolve("sottovoce/full", { resolveDir, kind }));
    },
  };
}
