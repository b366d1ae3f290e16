// Servers of our own as child processes, which can be killed without a farewell and started again where they were.

import { execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** A server that is to be started again starts slowly on a busy machine. */
const PATIENCE_MS = 60_000;
const LAST_WORDS = 20;
/** Large enough to have tastes in it, and fitted in a moment. */
const WORLD = { listeners: 200, songs: 400, events: 10_000 };

/** Makes a small world and fits its channels: a state file that any number of servers can start from, each with a copy. */
export async function makeWorld(program, file) {
  const run = promisify(execFile);
  await run(program, ["data", "synthetic", "--into", file, ...Object.entries(WORLD).flatMap(([what, count]) => [`--${what}`, String(count)])]);
  await run(program, ["train", "--state", file, "--into", file]);
}

/** Starts `program serve` with these arguments on a free port, and waits until it answers. */
export async function startServer(program, args) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child;
  const start = async () => {
    child = await ready(program, ["serve", "--port", String(port), "--json", ...args]);
  };
  const kill = async () => {
    const gone = child.exitCode === null && child.signalCode === null && new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  };
  // Whoever started it may end by an error.
  process.once("exit", () => child?.kill("SIGKILL"));
  await start();
  return { url, start, kill };
}

/** A child that has said that it listens. */
async function ready(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const words = [];
  const heard = (line) => {
    words.push(line);
    words.splice(0, words.length - LAST_WORDS);
  };
  createInterface({ input: child.stderr }).on("line", heard);
  await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`the server ${why}; its last words:\n${words.join("\n")}`));
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`did not answer within ${PATIENCE_MS / 1000} s`);
    }, PATIENCE_MS);
    child.once("error", (error) => fail(`cannot be started: ${error.message}`));
    child.once("exit", (code) => {
      clearTimeout(late);
      fail(`ended (${code}) before it answered`);
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      heard(line);
      if (!line.includes('"listening"')) return;
      clearTimeout(late);
      resolve();
    });
  });
  return child;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
