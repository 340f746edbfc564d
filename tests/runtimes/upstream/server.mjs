// An upstream that misbehaves: in front of the real ledger, over real sockets, by customer.
//
// It stands for the API and all that is in front of it. What a customer's calls meet is set by
// `meet`; what they were is in `seen`.

import { createServer } from "node:http";

const HTML = "<!doctype html><title>Please log in</title>";
const TEN_MB = 10 * 1024 * 1024;
/** Longer than any attempt of the tests may take. */
const STALL_MS = 30_000;

/**
 * What becomes of one attempt. `pass` sends it on to the ledger: before or after that the answer is
 * lost. Without it, nothing was committed.
 */
export const FAULTS = {
  "500 before commit": (exchange) => plain(exchange, 500, "oops"),
  "500 after commit": async (exchange) => {
    await exchange.pass();
    plain(exchange, 500, "oops");
  },
  "429, Retry-After: 1": (exchange) => plain(exchange, 429, "slow down", { "retry-after": "1" }),
  "429, Retry-After: 3600": (exchange) => plain(exchange, 429, "slow down", { "retry-after": "3600" }),
  "cut before commit": ({ response }) => void response.socket.resetAndDestroy(),
  "cut after commit": async ({ pass, response }) => {
    await pass();
    response.socket.resetAndDestroy();
  },
  "cut in the body": async ({ pass, response }) => {
    const text = await (await pass()).text();
    response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
    response.write(text.slice(0, 10));
    setTimeout(() => response.socket?.resetAndDestroy(), 20);
  },
  "body stalls": async ({ pass, response }) => {
    const text = await (await pass()).text();
    response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
    response.write(text.slice(0, 10));
    setTimeout(() => response.destroy(), STALL_MS).unref();
  },
  "never answers": ({ response }) => void setTimeout(() => response.destroy(), STALL_MS).unref(),
  "HTML with 200, before commit": (exchange) => plain(exchange, 200, HTML),
  "HTML with 200, after commit": async (exchange) => {
    await exchange.pass();
    plain(exchange, 200, HTML);
  },
  "10 MB with 200, after commit": async ({ pass, response }) => {
    await pass();
    response.on("error", () => {});
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`{"balance":1,"padding":"${"x".repeat(TEN_MB)}"}`);
  },
};

function plain({ response }, status, text, headers = {}) {
  response.writeHead(status, { "content-type": "text/html", ...headers }).end(text);
}

/** @param {string} ledger the origin of the real one */
export async function startUpstream(ledger) {
  /** By customer: the fault, and for how many attempts. */
  const meets = new Map();
  /** By customer: what arrived. */
  const seen = new Map();
  let requests = 0;
  const server = createServer(async (request, response) => {
    requests += 1;
    const customer = decodeURIComponent(request.url.split("/")[3]);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { method, url, headers } = request;
    const attempts = seen.get(customer) ?? [];
    seen.set(customer, [...attempts, { key: headers["idempotency-key"], body: String(body) }]);
    const { authorization, ...rest } = headers;
    const pass = () =>
      fetch(ledger + url, {
        method,
        headers: {
          authorization,
          ...(body.length > 0 && { "content-type": "application/json" }),
          ...(rest["idempotency-key"] && { "idempotency-key": rest["idempotency-key"] }),
        },
        body: body.length > 0 ? body : undefined,
      });
    const met = meets.get(customer);
    if (met !== undefined && met.times > 0) {
      met.times -= 1;
      await FAULTS[met.fault]({ pass, response });
      return;
    }
    const answer = await pass();
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(await answer.text());
  });
  server.on("connection", (socket) => socket.on("error", () => {}));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    meet: (customer, fault, times) => meets.set(customer, { fault, times }),
    heal: () => meets.clear(),
    seen: (customer) => seen.get(customer) ?? [],
    requests: () => requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
