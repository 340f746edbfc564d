// A ledger that reports of progress are slow to reach: what they are about has gone on by then, and those of
// a process that is killed meanwhile never arrive.

import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";

const PASSED_ON = ["authorization", "content-type", "idempotency-key"];

/** In front of the ledger at `url`; a report arrives so many milliseconds after it was made. */
export async function slowLedger(url, delayMs) {
  const server = createServer(async (request, response) => {
    try {
      const { method } = request;
      if (request.url.endsWith("/progress")) await new Promise((done) => setTimeout(done, delayMs));
      if (response.destroyed) return;
      const body = method === "GET" ? undefined : await buffer(request);
      const kept = Object.entries(request.headers).filter(([name]) => PASSED_ON.includes(name));
      const headers = Object.fromEntries(kept);
      const answer = await fetch(new URL(request.url, url), { method, headers, body });
      const told = { "content-type": "application/json" };
      response.writeHead(answer.status, told).end(await answer.text());
    } catch {
      response.destroy();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const close = () => (server.closeAllConnections(), server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}
