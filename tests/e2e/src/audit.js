// Judging what passed the wire. A request is in order only where it is one of the few kinds a page may make; everything else is
// counted as something that should have stayed at home.

import { formAt, readMessage } from "./messages.js";

/** Paths whose answer is the same for everyone, so that asking says nothing about the listener. */
const SAME_FOR_ALL = [/^\/v1\/catalogue$/, /^\/v1\/catalogue\/shards\/\d+\/(songs|embeddings)$/, /^\/v1\/tower\/weights$/];
/** Asked only by those who contribute. */
const ROUNDS = [
  /^\/v1\/log\/key$/,
  /^\/v1\/rounds$/,
  /^\/v1\/rounds\/next$/,
  /^\/v1\/rounds\/\d+(\/(split|votes|blocks\/[0-3]))?$/,
  /^\/v1\/rounds\/\d+\/(rosters|outcomes)\/[0-9a-f]{64}$/,
];
const FILE = /^\/(?!v1\/)[\w./-]*$/;

/** Headers a browser sets by itself, or that name a media type. Any other could carry something. */
const HEADERS = /^(accept|accept-(encoding|language)|cache-control|connection|content-(length|type)|dnt|host|if-(none-match|modified-since)|origin|pragma|priority|range|referer|sec-[\w-]+|upgrade-insecure-requests|user-agent)$/;

/** The 4-byte words of the update that are the number of a song: ids are small integers, which as f32 are denormals. */
export function songsIn(values, songs) {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const heard = new Set([...songs].filter((song) => song > 0));
  return [...new Set(words)].filter((word) => heard.has(word));
}

/**
 * Everything that passed, sorted: `messages` that went up, in order, `violations` in words, `contributing` the requests only a contributor
 * makes. `heard` are the ids of the songs that were on; `etags` what the server handed out.
 */
export function audit(requests, { heard = [], etags = new Set() } = {}) {
  const messages = [];
  const violations = [];
  const contributing = [];
  for (const request of requests) {
    const { path, query } = split(request.url);
    const wrong = (why) => violations.push(`${request.method} ${request.url}: ${why}`);
    checkHeaders(request, etags, wrong);
    if (query) wrong("a query says something about the listener");
    const place = request.method === "PUT" ? formAt(path) : undefined;
    if (place) {
      contributing.push(request);
      readInto(messages, request, place, heard, wrong);
    } else if (request.method !== "GET" && request.method !== "HEAD") {
      wrong(`${request.body.length} bytes went up`);
    } else if (ROUNDS.some((kind) => kind.test(path))) {
      contributing.push(request);
    } else if (!SAME_FOR_ALL.some((kind) => kind.test(path)) && !FILE.test(path)) {
      wrong("a path no player needs");
    }
    if ((request.method === "GET" || request.method === "HEAD") && request.body.length > 0) wrong("a body where none belongs");
  }
  return { messages, violations, contributing };
}

function readInto(messages, request, place, heard, wrong) {
  try {
    const message = readMessage(place, request.body);
    if (message.form === "update") readOpen(message, heard, wrong);
    messages.push({ ...message, status: request.status });
  } catch (error) {
    wrong(error.message);
  }
}

/** An update in the open can be looked into, and is. */
function readOpen({ round, payload: [named, , bytes] }, heard, wrong) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  if (!values.every(Number.isFinite)) wrong("a value is not finite");
  if (named !== round) wrong(`the body is for round ${named}`);
  const found = songsIn(values, heard);
  if (found.length > 0) wrong(`the body holds the ids of songs ${found.join(", ")}`);
}

function checkHeaders(request, etags, wrong) {
  for (const [name, value] of Object.entries(request.headers)) {
    if (!HEADERS.test(name)) wrong(`header ${name}: ${value}`);
    // A tag the server never gave could be a message.
    if (name === "if-none-match" && !etags.has(value)) wrong(`an ETag nobody gave: ${value}`);
    if (name === "referer" && split(value.replace(/^https?:\/\/[^/]+/, "")).query) wrong(`referer ${value}`);
  }
}

function split(url) {
  const [path, ...query] = url.split("#")[0].split("?");
  return { path, query: query.join("?") };
}
