// Makes dist/ out of src/ and src/generated/ (which `cargo xtask package` puts there):
//   node build.mjs          dist/index.js, dist/history.js + maps, dist/*.d.ts, dist/sottovoce.wasm
//   node build.mjs --test   the unit tests as plain JavaScript, in .test/
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
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
    external: ["node:*"],
    logLevel: "warning",
  });
} else {
  const wasm = at("src", "generated", "sottovoce_bg.wasm");
  if (!existsSync(wasm)) {
    console.error("pkg-config/src/generated/ is not there yet; make it with: cargo xtask package");
    process.exit(1);
  }
  await rm(at("dist"), { recursive: true, force: true });
  await mkdir(at("dist"));
  await build({
    entryPoints: [at("src", "index.ts")],
    outfile: at("dist", "index.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    sourcemap: "linked",
    plugins: [oneWasm()],
    logLevel: "warning",
  });
  await buildHistory();
  await cp(wasm, at("dist", "sottovoce.wasm"));
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(
    process.execPath,
    [tsc, "-p", at("tsconfig.build.json"), "--outDir", at("dist")],
    { stdio: "inherit", cwd: here },
  );
}

/// The entry for histories carries its parsers with it, so that the package asks nobody to install any; their licences go along.
async function buildHistory() {
  await build({
    entryPoints: [at("src", "history", "index.ts")],
    outfile: at("dist", "history.js"),
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    banner: { js: "/*! Bundles papaparse, @streamparser/json and fflate; see history.licenses.txt */" },
    sourcemap: "linked",
    logLevel: "warning",
  });
  const licences = await Promise.all(["papaparse", "@streamparser/json", "fflate"].map(licenceOf));
  await writeFile(at("dist", "history.licenses.txt"), licences.join("\n\n"));
}

async function licenceOf(name) {
  const folder = at("..", "node_modules", ...name.split("/"));
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
  return `${name}\n\n${file ? (await readFile(join(folder, file), "utf8")).trim() : "MIT"}\n`;
}

/// The generated glue would name a second wasm file for bundlers to look for. `init` always hands it a module, so that line goes.
function oneWasm() {
  return {
    name: "one-wasm",
    setup({ onLoad }) {
      onLoad({ filter: /generated[\\/]sottovoce\.js$/ }, async ({ path }) => {
        const contents = (await readFile(path, "utf8")).replace(/module_or_path = new URL\([^;]*import\.meta\.url\);/, "");
        if (contents.includes("import.meta")) throw new Error(`${path} still asks for import.meta: the glue's shape has changed`);
        return { contents, loader: "js" };
      });
    },
  };
}
