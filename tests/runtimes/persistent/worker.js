// A Worker that uses persistent mode through the cache's objects (BALANCE_CACHE, another worker's).

import { CreditEngine } from "edge-credits";

import { refusal } from "./refusal.js";

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/refusal") return Response.json(refusal());
    const { options, customer } = await request.json();
    if (pathname === "/auto") {
      const answer = await new CreditEngine(options).consume(customer, 1);
      return Response.json({ answer });
    }
    const told = [];
    const onError = (error) => told.push({ code: error.code, effect: error.effect });
    const ce = new CreditEngine({ balanceCache: env.BALANCE_CACHE, onError, ...options });
    return Response.json(await cached(ce, customer, told));
  },
};

async function cached(ce, customer, told) {
  const before = await ce.getBalance(customer);
  const charged = await ce.consumeOrFail(customer, 4, "AI: at the edge", { idempotencyKey: "e1" });
  const again = await ce.consumeOrFail(customer, 4, "AI: at the edge", { idempotencyKey: "e1" });
  const refused = await ce.consumeOrFail(customer, 1000).catch(({ code, currentBalance }) => {
    return { code, currentBalance };
  });
  const added = await ce.add(customer, 50);
  const after = await ce.getBalance(customer);
  const { data } = await ce.getTransactions(customer);
  const pending = ce.pendingOperations;
  return { before, charged, again, refused, added, after, rows: data.length, pending, told };
}
