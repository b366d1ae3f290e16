// The wire itself: a plain HTTP relay between browser and server that keeps every request as it passed. What a page sends from a
// worker, a beacon or a frame passes here too, so nothing can leave by a side door.

import { Agent, createServer, request as forward } from "node:http";

/**
 * Starts the relay before `servers` (an http URL, or several that are one service: then each takes its turn, and where one does not answer the
 * next does, as a reverse proxy does it). `requests` grows as they pass: `{ at, method, url, headers, body: Uint8Array, status, etag }`.
 *
 * `passing` is told of each once its body is here and before it goes on; where it gives a promise, the page hears the answer only after that.
 * `from` is the address that the servers see.
 */
export async function startWire(servers, { passing = () => undefined, from } = {}) {
  const upstreams = [servers].flat().map((server) => new URL(server));
  const agent = new Agent({ keepAlive: true });
  const requests = [];
  const etags = new Set();
  let turn = 0;

  /** Sends it on to whoever's turn it is; to the next where that one is gone. */
  function pass(seen, then, first = turn++, tried = 0) {
    if (tried === upstreams.length) return then(undefined);
    const { hostname, port, host } = upstreams[(first + tried) % upstreams.length];
    let answered = false;
    const onward = forward(
      { agent, host: hostname, port, localAddress: from, method: seen.method, path: seen.url, headers: { ...seen.headers, host } },
      (answer) => {
        answered = true;
        then(answer);
      },
    );
    // Every message may be sent again, so who took it and died is no reason not to ask the next.
    onward.on("error", () => answered || pass(seen, then, first, tried + 1));
    onward.end(seen.body);
  }

  const relay = createServer((incoming, outgoing) => {
    const chunks = [];
    incoming.on("data", (chunk) => chunks.push(chunk));
    incoming.on("end", () => {
      const seen = { at: Date.now(), method: incoming.method, url: incoming.url, headers: { ...incoming.headers }, body: Buffer.concat(chunks), status: undefined };
      requests.push(seen);
      const held = passing(seen);
      pass(seen, async (answer) => {
        seen.status = answer?.statusCode;
        if (answer?.headers.etag) etags.add(answer.headers.etag);
        if (held) await held;
        outgoing.writeHead(answer?.statusCode ?? 502, answer?.headers);
        if (!answer) return outgoing.end();
        // What breaks off on the way down breaks off for the page too.
        answer.on("error", () => outgoing.destroy());
        answer.pipe(outgoing);
      });
    });
    incoming.on("error", () => outgoing.destroy());
  });
  // A socket that is no request (WebSocket) is kept as one and refused: no player of ours opens any.
  relay.on("upgrade", (incoming, socket) => {
    requests.push({ at: Date.now(), method: "UPGRADE", url: incoming.url, headers: { ...incoming.headers }, body: new Uint8Array(), status: undefined });
    socket.destroy();
  });
  await new Promise((resolve, reject) => relay.once("error", reject).listen(0, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${relay.address().port}`,
    requests,
    etags,
    close: () =>
      new Promise((resolve) => {
        relay.close(resolve);
        relay.closeAllConnections();
        agent.destroy();
      }),
  };
}
