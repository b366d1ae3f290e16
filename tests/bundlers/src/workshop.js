// Packs the package once, and sets up a project with it as a user would: a folder of its own, `npm install`, nothing linked.

import { execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const here = join(dirname(fileURLToPath(import.meta.url)), "..");
/** One folder a test file: they run side by side. */
const work = join(here, ".work", String(process.pid));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];

/** Runs a program and gives what it printed; what it complained of is in the error. */
export async function run(program, args, { cwd = here, env = {}, timeout = 180_000 } = {}) {
  try {
    const { stdout } = await promisify(execFile)(program, args, { cwd, timeout, maxBuffer: 1 << 26, env: { ...process.env, ...env } });
    return stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(" ")}\n${error.stdout ?? ""}\n${error.stderr ?? error.message}`, { cause: error });
  }
}

/** Runs a tool of this folder's node_modules. */
export function tool(name, args, options) {
  return run(process.execPath, [join(here, "node_modules", name), ...args], options);
}

/** Makes the tarball; its path. */
export async function pack() {
  if (!existsSync(join(here, "../../pkg-config/dist/index.js"))) throw new Error("the package is not built; build it with: npm run build -w pkg-config");
  await mkdir(work, { recursive: true });
  await run("npm", ["pack", ...quiet, "--pack-destination", work], { cwd: join(here, "../../pkg-config") });
  const tarball = join(work, "sottovoce.tgz");
  await run("sh", ["-c", "mv sottovoce-*.tgz sottovoce.tgz"], { cwd: work });
  return tarball;
}

/** A copy of `projects/name` with the tarball installed; its folder. */
export async function project(name, tarball) {
  const folder = join(work, name);
  await cp(join(here, "projects", name), folder, { recursive: true });
  const manifest = { name: `project-${name}`, version: "1.0.0", private: true, ...(name !== "node-cjs" && { type: "module" }) };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  await run("npm", ["install", ...quiet, "--offline", "--ignore-scripts", "--no-package-lock", tarball], { cwd: folder });
  return folder;
}
