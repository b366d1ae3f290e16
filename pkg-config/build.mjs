// Makes dist/ out of src/ and src/generated*/ (which `cargo xtask package` puts there):
//   node build.mjs          dist/*.js + maps + lazily loaded chunks, dist/*.d.ts, dist/cjs/ (the same for require), dist/*.wasm
//   node build.mjs --test   the unit tests as plain JavaScript, in .test/
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { shortened } from "./glue.mjs";
import { shortGlue, shortNames, shortWasm } from "./names.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(here, ...parts);
const dist = (...parts) => at("dist", ...parts);

const wasm = at("src", "generated", "sottovoce_bg.wasm");
/** The same engine without simd128, for the few browsers that have none. */
const scalar = at("src", "generated-scalar", "sottovoce_bg.wasm");
/** The same in relaxed SIMD. */
const relaxed = at("src", "generated-relaxed", "sottovoce_bg.wasm");
/** With everything. */
const full = at("src", "generated-full", "sottovoce_bg.wasm");
/** Ranking only. */
const slim = at("src", "generated-slim", "sottovoce_bg.wasm");

/** Parts of `index` that are fetched when they are asked for. They take the errors and `init` from `index`, and repeat the little rest. */
const lazy = ["additions", "cache", "persist", "portable", "renewal", "replay", "rounds", "secure", "tape"];

/** Entries beside `index`, which they import as users do, so that there is one engine however many of them a page takes. */
const beside = {
  inline: "inline.ts",
  ...(existsSync(relaxed) && { relaxed: "relaxed.ts" }),
  worker: "worker.ts",
  "worker-host": "worker-host.ts",
  "worker-host-full": "worker-host-full.ts",
  listening: "listening.ts",
  react: "react.ts",
  vue: "vue.ts",
  ...(existsSync(at("src", "history", "index.ts")) && { history: "history/index.ts" }),
};

/** Those that only run in a worker: nobody requires them, nobody asks for their types. */
const scripts = new Set(["worker-host", "worker-host-full"]);

/** What an entry carries of others' work. */
const banners = { history: "/*! Bundles papaparse, @streamparser/json and fflate; see history.licenses.txt */" };

const common = {
  bundle: true,
  target: "es2022",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
  loader: { ".wasm": "binary" },
  external: ["react", "vue"],
  define: { SCALAR: String(existsSync(scalar)) },
};

const testing = process.argv.includes("--test");
if (testing) await buildTests();
else await buildPackage();

async function buildTests() {
  await rm(at(".test"), { recursive: true, force: true });
  const tests = (await readdir(at("test"))).filter((name) => /\.test\.tsx?$/.test(name) && (name !== "slim.test.ts" || existsSync(slim)));
  await build({
    ...common,
    minify: false,
    entryPoints: tests.map((name) => at("test", name)),
    outdir: at(".test"),
    outExtension: { ".js": ".mjs" },
    format: "esm",
    splitting: true,
    platform: "node",
    sourcemap: "inline",
    external: ["node:*", "react", "react-dom", "react-test-renderer", "vue", "vue/server-renderer", "fast-check", "fake-indexeddb", "playwright-core"],
    plugins: [oneWasm(), fullCore(), slimCore()],
  });
}

async function buildPackage() {
  if (![wasm, slim].every(existsSync)) {
    console.error("pkg-config/src/generated/ or generated-slim/ is not there yet; make them with: cargo xtask package");
    process.exit(1);
  }
  await rm(dist(), { recursive: true, force: true });
  await mkdir(dist("cjs"), { recursive: true });
  const esm = { ...common, format: "esm", sourcemap: "linked", outdir: dist() };
  await build({ ...esm, entryPoints: { index: at("src", "index.ts") }, plugins: [oneWasm(), later()] });
  await build({ ...esm, entryPoints: { full: at("src", "full.ts") }, plugins: [oneWasm(), fullCore(), later(), errorsBeside()] });
  for (const name of lazy) await build({ ...esm, entryPoints: { [name]: at("src", `${name}.ts`) }, plugins: [oneWasm(), indexBeside()] });
  await build({ ...esm, entryPoints: { slim: at("src", "slim.ts") }, plugins: [oneWasm(), slimCore()] });
  for (const [name, file] of Object.entries(beside)) {
    // A script with a bundled CommonJS module in it should still look like the module it is.
    const footer = { js: name === "history" ? "export {};" : "" };
    await build({ ...esm, entryPoints: { [name]: at("src", file) }, banner: { js: banners[name] ?? "" }, footer, plugins: [oneWasm(), indexBeside()] });
  }

  // The same for `require`: one file an entry, which finds the wasm in the folder above.
  const cjs = {
    ...common,
    format: "cjs",
    outdir: dist("cjs"),
    define: { ...common.define, "import.meta.url": "__above" },
    banner: { js: 'var __above="file://"+encodeURI(__filename.replace(/\\\\/g,"/").replace(/^(?=[A-Za-z]:)/,"/")).replace(/[?#]/g,encodeURIComponent).replace(/[^/]*\\/[^/]*$/,"");' },
  };
  await build({ ...cjs, entryPoints: { index: at("src", "index.ts") }, plugins: [oneWasm()] });
  await build({ ...cjs, entryPoints: { full: at("src", "full.ts") }, plugins: [oneWasm(), fullCore(), errorsBeside()] });
  await build({ ...cjs, entryPoints: { slim: at("src", "slim.ts") }, plugins: [oneWasm(), slimCore()] });
  for (const [name, file] of Object.entries(beside)) {
    if (scripts.has(name)) continue;
    await build({ ...cjs, entryPoints: { [name]: at("src", file) }, banner: { js: `${banners[name] ?? ""}${cjs.banner.js}` }, plugins: [oneWasm(), indexBeside()] });
  }
  if (beside.history) {
    // It carries its parsers with it, so that the package asks nobody to install any; their licences go along.
    const licences = await Promise.all(["papaparse", "@streamparser/json", "fflate"].map(licenceOf));
    await writeFile(dist("history.licenses.txt"), licences.join("\n\n"));
  }
  await writeFile(dist("cjs", "package.json"), `${JSON.stringify({ type: "commonjs", sideEffects: false })}\n`);

  await writeFile(dist("sottovoce.wasm"), await shipped(wasm));
  await writeFile(dist("sottovoce-full.wasm"), await shipped(full));
  await writeFile(dist("sottovoce-slim.wasm"), await shipped(slim));
  for (const [name, other] of Object.entries({ scalar, relaxed })) {
    if (!existsSync(other)) continue;
    await sameDoor(wasm, other);
    await writeFile(dist(`sottovoce-${name}.wasm`), await shipped(other));
  }
  await types();
}

async function licenceOf(name) {
  const folder = at("..", "node_modules", ...name.split("/"));
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
  return `${name}\n\n${file ? (await readFile(join(folder, file), "utf8")).trim() : "MIT"}\n`;
}

/** The declarations, only those that an entry leads to, once for import and once for require. */
async function types() {
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const all = dist("types");
  execFileSync(process.execPath, [tsc, "-p", at("tsconfig.build.json"), "--outDir", all], { stdio: "inherit", cwd: here });
  const entries = ["index", "full", "slim", ...Object.keys(beside).filter((name) => !scripts.has(name))];
  const wanted = new Set();
  const follow = async (file) => {
    if (wanted.has(file)) return;
    wanted.add(file);
    const text = await readFile(file, "utf8");
    for (const [, path] of text.matchAll(/(?:from|import)\s*\(?"(\.[^"]+)\.js"/g)) {
      // The glue's own types are no part of the face; nothing that is exported names them.
      if (!path.includes("generated")) await follow(join(dirname(file), `${path}.d.ts`));
    }
  };
  for (const name of entries) await follow(join(all, (beside[name] ?? `${name}.ts`).replace(/\.ts$/, ".d.ts")));
  for (const file of wanted) {
    for (const folder of [dist(), dist("cjs")]) await cp(file, join(folder, relative(all, file)));
  }
  // An entry in a folder of its own is still named beside the others.
  for (const [name, file] of Object.entries(beside)) {
    if (!file.includes("/")) continue;
    for (const folder of [dist(), dist("cjs")]) await writeFile(join(folder, `${name}.d.ts`), `export * from "./${file.replace(/\.ts$/, ".js")}";\n`);
  }
  await rm(all, { recursive: true });
}

/** The generated glue as the package carries it. */
function oneWasm() {
  return {
    name: "one-wasm",
    setup({ onLoad }) {
      onLoad({ filter: /generated[^\\/]*[\\/]sottovoce_bg\.wasm$/ }, async ({ path }) => ({ contents: await shipped(path), loader: "binary" }));
      onLoad({ filter: /generated(-slim|-full)?[\\/]sottovoce\.js$/ }, async ({ path }) => ({
        contents: await shippedGlue(path),
        loader: "js",
      }));
    },
  };
}

/** A wasm file as the package ships it. */
async function shipped(path) {
  const bytes = await readFile(path);
  return shortWasm(bytes, shortNames(bytes));
}

/** The glue for it. Tests run on the file as it was generated. */
async function shippedGlue(path) {
  const glue = shortened(await readFile(path, "utf8"), path);
  return testing ? glue : shortGlue(glue, shortNames(await readFile(path.replace(/\.js$/, "_bg.wasm"))));
}

/** Which glue `sottovoce/slim` stands on. */
function slimCore() {
  return {
    name: "slim-core",
    setup({ onResolve }) {
      onResolve({ filter: /^#slim-core$/ }, () => ({ path: at("src", "generated-slim", "sottovoce.js") }));
    },
  };
}

/** `sottovoce/full` is `sottovoce` over another glue and another file. */
function fullCore() {
  return {
    name: "full-core",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.(\.\/src)?\/generated\/sottovoce\.js$/ }, () => ({ path: at("src", "generated-full", "sottovoce.js") }));
      onLoad({ filter: /[\\/]src[\\/]init\.ts$/ }, async ({ path }) => ({
        contents: (await readFile(path, "utf8")).replace("SCALAR && !simd()", "false").replace('"./sottovoce.wasm"', '"./sottovoce-full.wasm"'),
        loader: "ts",
      }));
    },
  };
}

/** One class of errors, whichever engine throws them. */
function errorsBeside() {
  return {
    name: "errors-beside",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\/errors\.js$/ }, () => ({ path: "./index.js", external: true }));
    },
  };
}

/** Leaves what `index` and `full` offer where it is: one class of errors, one loaded engine of each kind. */
function indexBeside() {
  return {
    name: "index-beside",
    setup({ onResolve }) {
      const inside = [at("src"), at("src", "secure"), at("src", "worker")];
      onResolve({ filter: /^\.\.?\/(index|errors|init|full)\.js$/ }, ({ path, importer }) =>
        inside.includes(dirname(importer)) ? { path: path.endsWith("full.js") ? "./full.js" : "./index.js", external: true } : undefined,
      );
    },
  };
}

/** Leaves the lazy parts out of `index`. */
function later() {
  return {
    name: "later",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\// }, ({ path, kind }) => (kind === "dynamic-import" ? { path, external: true } : undefined));
    },
  };
}

/** Both files must fit the one glue: the names in it carry what they take and give. */
async function sameDoor(one, other) {
  const [a, b] = await Promise.all([one, other].map(async (file) => [...shortNames(await readFile(file)).keys()].join()));
  if (a !== b) throw new Error(`${other} does not fit the glue of ${one}: build both from one state of src/wasm`);
}
