// Makes the folder that the bench serves beside this one: TensorFlow.js as one file, the wasm of both engines, the graphs.
//
//   node build.mjs FOLDER       in the folder where package-lock.json was installed

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeData } from "./data.js";

const folder = process.argv[2];
if (!folder) throw new Error("no folder; next: node build.mjs FOLDER");
const here = fileURLToPath(new URL(".", import.meta.url));
const modules = join(process.cwd(), "node_modules");
const { build } = createRequire(join(modules, "here.js"))("esbuild");

for (const below of ["ort", "tfjs"]) mkdirSync(join(folder, below), { recursive: true });
await build({ entryPoints: [join(here, "tfjs.js")], outfile: join(folder, "tfjs.js"), bundle: true, format: "esm", minify: true, target: "es2022", nodePaths: [modules], logLevel: "warning" });
copyFileSync(join(modules, "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"), join(folder, "tfjs/tfjs-backend-wasm-simd.wasm"));
for (const name of ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]) {
  copyFileSync(join(modules, "onnxruntime-web/dist", name), join(folder, "ort", name));
}
execFileSync(process.execPath, [join(here, "graphs.mjs"), join(folder, "ort")], { stdio: "inherit" });

// Weights and songs as one file; `page/cold.js` reads it in this order.
const { weights, items } = makeData();
const parts = [weights.query, weights.hidden, weights.hiddenBias, weights.out, weights.outBias, items];
writeFileSync(join(folder, "model.bin"), Buffer.concat(parts.map((part) => Buffer.from(part.buffer))));
