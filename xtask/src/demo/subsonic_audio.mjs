// Makes a small music collection for `cargo xtask demo --subsonic`: songs of a running sottovoce server's catalogue, played by the
// player's own synthesiser into WAV files, and some that no catalogue has. Prints nothing; writes the files and library.json.
//   node xtask/src/demo/subsonic_audio.mjs --url http://127.0.0.1:7700 --out DIR [--songs 32]
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const { values } = parseArgs({ options: { url: { type: "string" }, out: { type: "string" }, songs: { type: "string", default: "32" } } });
const SECONDS = 12;
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

const { compose, play, seeded } = await synthesiser();
const library = [...(await known(Number(values.songs))), ...strangers()];
await mkdir(values.out, { recursive: true });
for (const [i, song] of library.entries()) {
  song.file = `${String(i).padStart(3, "0")}.wav`;
  const random = seeded(i + 1);
  const traits = Object.fromEntries(["tempo", "mood", "key", "harmony", "density", "swing", "brightness", "space", "register", "drive"].map((name) => [name, random()]));
  await writeFile(join(values.out, song.file), wav(play(compose(i + 1, song.genre, traits))));
}
await writeFile(join(values.out, "library.json"), JSON.stringify(library, undefined, 1));

/** The player's own sound, bundled for node. */
async function synthesiser() {
  const { outputFiles } = await build({
    stdin: { contents: 'export { compose } from "./sound/score.ts"; export { play } from "./sound/synth.ts"; export { seeded } from "./random.ts";', resolveDir: join(root, "www", "src"), loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

/** Songs of the catalogue, of a few artists each with several: whole albums, as people have them. */
async function known(count) {
  const get = async (path) => (await fetch(new URL(path, values.url))).json();
  const { shards } = await get("/v1/catalogue");
  const songs = await get(shards[0].metadata);
  const byArtist = Map.groupBy ? Map.groupBy(songs, ({ artist_id }) => artist_id) : grouped(songs);
  const artists = [...byArtist.values()].filter((theirs) => theirs.length >= 3).slice(0, Math.ceil(count / 4));
  return artists.flatMap((theirs) => theirs.slice(0, 4)).slice(0, count).map(({ title, artist, album, genre }, i) => ({ title, artist, album: album ?? "Singles", genre, track: (i % 4) + 1 }));
}

function grouped(songs) {
  const groups = new Map();
  for (const song of songs) groups.set(song.artist_id, [...(groups.get(song.artist_id) ?? []), song]);
  return groups;
}

/** Songs that no catalogue has: by someone of unknown songs in a known genre, and by someone of whom nothing is known. */
function strangers() {
  const genre = (name, titles) => titles.map((title, i) => ({ title, artist: "Home Recordings", album: "Kitchen Tapes", genre: name, track: i + 1 }));
  return [...genre("folk", ["Kettle", "Rain on Tin", "Third Stair"]), { title: "Untitled 7", artist: "Nobody in Particular", album: "Found", genre: "Field Notes of a Kind", track: 1 }];
}

/** A RIFF/WAVE file: one channel, 16 bits, faded out after a dozen seconds. */
function wav({ rate, left, right }) {
  const length = Math.min(left.length, SECONDS * rate);
  const fade = rate;
  const data = Buffer.alloc(44 + 2 * length);
  data.write("RIFF", 0);
  data.writeUInt32LE(36 + 2 * length, 4);
  data.write("WAVEfmt ", 8);
  data.writeUInt32LE(16, 16);
  data.writeUInt16LE(1, 20);
  data.writeUInt16LE(1, 22);
  data.writeUInt32LE(rate, 24);
  data.writeUInt32LE(2 * rate, 28);
  data.writeUInt16LE(2, 32);
  data.writeUInt16LE(16, 34);
  data.write("data", 36);
  data.writeUInt32LE(2 * length, 40);
  for (let i = 0; i < length; i += 1) {
    const level = ((left[i] + right[i]) / 2) * Math.min(1, (length - i) / fade);
    data.writeInt16LE(Math.round(Math.max(-1, Math.min(1, level)) * 32767), 44 + 2 * i);
  }
  return data;
}
