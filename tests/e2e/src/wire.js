// The wire itself: a plain HTTP relay between browser and server that keeps every request as it passed. What a page sends from a
// worker, a beacon or a frame passes here too, so nothing can leave by a side door.

import { Agent, createServer, request as forward } from "node:http";

/**
 * Starts the relay before `server` (an http URL). `requests` grows as they pass:
 * `{ at, method, url, headers, body: Uint8Array, status, etag }`.
 */
export async function startWire(server) {
  const upstream = new URL(server);
  const agent = new Agent({ keepAlive: true });
  const requests = [];
  const etags = new Set();

  const relay = createServer((incoming, outgoing) => {
    const chunks = [];
    incoming.on("data", (chunk) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      const seen = { at: Date.now(), method: incoming.method, url: incoming.url, headers: { ...incoming.headers }, body, status: undefined };
      requests.push(seen);
      const onward = forward(
        { agent, host: upstream.hostname, port: upstream.port, method: incoming.method, path: incoming.url, headers: { ...incoming.headers, host: upstream.host } },
        (answer) => {
          seen.status = answer.statusCode;
          if (answer.headers.etag) etags.add(answer.headers.etag);
          outgoing.writeHead(answer.statusCode, answer.headers);
          answer.pipe(outgoing);
        },
      );
      onward.on("error", () => {
        if (!outgoing.headersSent) outgoing.writeHead(502);
        outgoing.end();
      });
      onward.end(body);
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
