// A handler of requests behind Node's own server; prints its port.

import { once } from "node:events";
import { createServer } from "node:http";

/** `answer(url)` gives a response, of this realm or another. */
export function serve(answer) {
  const server = createServer(async (request, outgoing) => {
    try {
      const response = await answer(`http://app${request.url}`);
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      outgoing.flushHeaders();
      const reader = response.body.getReader();
      outgoing.on("close", () => reader.cancel("the client has gone").catch(() => {}));
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (!outgoing.write(value)) await once(outgoing, "drain");
      }
      outgoing.end();
    } catch (error) {
      if (!outgoing.headersSent) outgoing.writeHead(500).end(String(error?.stack));
      else outgoing.destroy();
    }
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}
