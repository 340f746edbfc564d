// A Credit Engine API as somebody else would run it: balances, charges and their keys, and nothing
// else. No positions, no batches, no holds.

import { createServer } from "node:http";

const MICRO = 1_000_000;

/** @param {{balance?: number}} [options] what every customer has at first, in credits */
export async function startPlainApi({ balance = 500 } = {}) {
  /** By customer: what is left, in micro-credits, and what each key was applied for. */
  const books = new Map();
  const book = (customer) => {
    if (!books.has(customer)) books.set(customer, { left: balance * MICRO, keys: new Map() });
    return books.get(customer);
  };
  /** Whether it carries out what arrives and answers nothing. */
  let silent = false;
  let attempts = 0;
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [, , , customer, what] = request.url.split("?")[0].split("/");
    const own = book(decodeURIComponent(customer));
    const answer = (status, json) => {
      if (silent) return void request.socket.destroy();
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
    };
    if (request.method === "GET" && what === "balance") {
      return answer(200, { balance: own.left / MICRO, credit_name: "tokens" });
    }
    if (request.method !== "POST" || what !== "consume") {
      return answer(404, { error: { code: "no_such_route", message: request.url } });
    }
    attempts += 1;
    const { amount, idempotency_key: key } = JSON.parse(Buffer.concat(chunks).toString());
    if (!own.keys.has(key)) {
      const micro = Math.round(amount * MICRO);
      own.keys.set(key, micro);
      own.left -= micro;
    }
    return answer(200, { balance: own.left / MICRO, transaction_id: `up_${key}` });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** What a customer was charged, by key, in micro-credits. */
    charges: (customer) => [...book(customer).keys.values()],
    spent: (customer) => balance * MICRO - book(customer).left,
    attempts: () => attempts,
    goSilent: (is) => void (silent = is),
    stop: () => new Promise((closed) => (server.closeAllConnections(), server.close(closed))),
  };
}
