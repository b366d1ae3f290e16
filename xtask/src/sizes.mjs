// Prints {entry, file, raw, gzip, brotli} for each file that a page downloads for an entry of the package, one JSON object a line: the
// module, what it imports before it runs (not what it imports later), and its wasm. Run with --eval in dist/, with the arguments
// NAME:MODULE:WASM.
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

/** A module and, through the module graph, everything it cannot start without. */
async function startsWith(entry) {
  const { metafile } = await build({ entryPoints: [entry], bundle: true, format: "esm", packages: "external", write: false, metafile: true, logLevel: "error" });
  const files = new Set();
  const follow = (file) => {
    if (files.has(file)) return;
    files.add(file);
    for (const { path, kind, external } of metafile.inputs[file].imports) if (kind === "import-statement" && !external) follow(path);
  };
  follow(entry);
  return [...files];
}

for (const [entry, module, wasm] of process.argv.slice(1).map((argument) => argument.split(":"))) {
  for (const file of [...(await startsWith(module)), wasm]) {
    const bytes = readFileSync(file);
    const brotli = brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    });
    console.log(JSON.stringify({ entry, file, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli.length }));
  }
}
