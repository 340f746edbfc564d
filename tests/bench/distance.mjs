// A loopback proxy that puts distance between two programs: every byte arrives half a round trip
// later, in both directions. It counts the requests that pass.

import { connect, createServer } from "node:net";

/** The first line of a request; bodies here are JSON, and hold no such text. */
const REQUEST_LINE = /(?:GET|POST) \S+ HTTP\/1\.1\r\n/g;

/**
 * @param {{port: number, roundTripMs: number}} options where to, and how far that is
 * @returns {Promise<{url: string, port: number, requests(): number, stop(): void}>}
 */
export async function startDistance({ port, roundTripMs }) {
  let requests = 0;
  const sockets = new Set();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from);
      from.on("data", (chunk) => {
        if (from === near) requests += chunk.latin1Slice().match(REQUEST_LINE)?.length ?? 0;
        // Timers of equal length fire in the order in which they were set.
        setTimeout(() => to.writable && to.write(chunk), roundTripMs / 2);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        setTimeout(() => to.destroy(), roundTripMs / 2);
      });
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port: own } = server.address();
  return {
    url: `http://127.0.0.1:${own}`,
    port: own,
    requests: () => requests,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
