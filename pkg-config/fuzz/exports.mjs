// Made-up exports of listening histories: seeded, as large as wanted, never whole in memory.

/** A small seeded generator (mulberry32): the same seed, the same file. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Songs of nobody: half of them go into the catalogue, so that half of the listens match. */
export function songs(count) {
  const word = ["Valley", "Anchor", "Fog", "Lune", "Silencio", "Engine", "Meadow", "Satellite", "Öde", "Ночь", "夜"];
  return Array.from({ length: count }, (_, id) => ({
    id,
    title: `${word[id % 11]} ${word[(id * 7 + 3) % 11]} ${id}`,
    artist: `The ${word[(id * 5 + 1) % 11]}s ${id % 499}`,
    durationMs: 120_000 + ((id * 7919) % 240_000),
    popularity: 0,
  }));
}

const iso = (at) => new Date(at).toISOString().replace(/\.\d+/, "");

/** One record of each kind of export, from a song. */
export const KINDS = {
  spotify: ({ title, artist, durationMs }, at, random) => {
    const skipped = random() < 0.3;
    return JSON.stringify({
      ts: iso(at), username: "listener", platform: "android", ms_played: Math.floor(durationMs * (skipped ? random() * 0.4 : 1)), conn_country: "DE",
      ip_addr_decrypted: "192.0.2.7", user_agent_decrypted: "unknown", master_metadata_track_name: title, master_metadata_album_artist_name: artist,
      master_metadata_album_album_name: "Some \"album\" \u00e9", spotify_track_uri: "spotify:track:0000000000000000000000", episode_name: null,
      episode_show_name: null, spotify_episode_uri: null, reason_start: "trackdone", reason_end: skipped ? "fwdbtn" : "trackdone", shuffle: true, skipped,
      offline: false, offline_timestamp: null, incognito_mode: false,
    });
  },
  account: ({ title, artist, durationMs }, at) => JSON.stringify({ endTime: iso(at).slice(0, 16).replace("T", " "), artistName: artist, trackName: title, msPlayed: durationMs }),
  listenbrainz: ({ title, artist, durationMs }, at) =>
    JSON.stringify({ listened_at: Math.floor(at / 1000), track_metadata: { artist_name: artist, track_name: title, additional_info: { duration_ms: durationMs, media_player: "x" } } }),
  lastfm: ({ title, artist }, at) => `"${artist}",Some album,"${title}",${iso(at).replace("T", " ").replace("Z", "")}`,
};

/** What stands before, between and after the records. */
const FRAMES = { spotify: ["[\n", ",\n", "\n]"], account: ["[\n", ",\n", "\n]"], listenbrainz: ["", "\n", "\n"], lastfm: ["artist,album,track,date\n", "\n", "\n"] };

/** The text of an export, in pieces of about 64 kB, until it has `bytes` of them. */
export function* pieces(kind, bytes, seed, pool) {
  const random = seeded(seed);
  const [before, between, after] = FRAMES[kind];
  let [text, made, at, first] = [before, 0, Date.UTC(2012, 0), true];
  while (made + text.length < bytes) {
    at += 1000 * Math.floor(30 + random() * 2000);
    text += (first ? "" : between) + KINDS[kind](pool[Math.floor(random() ** 2 * pool.length)], at, random);
    first = false;
    if (text.length > 65_536) {
      yield text;
      made += text.length;
      text = "";
    }
  }
  yield text + after;
}

/** An export as a file that makes itself while it is read. */
export function exportFile(kind, bytes, seed, pool) {
  const encoder = new TextEncoder();
  return {
    name: `${kind}.${kind === "lastfm" ? "csv" : "json"}`,
    size: bytes,
    stream() {
      const text = pieces(kind, bytes, seed, pool);
      return new ReadableStream({
        pull(controller) {
          const { done, value } = text.next();
          if (done) controller.close();
          else controller.enqueue(encoder.encode(value));
        },
      }, { highWaterMark: 1 });
    },
  };
}
