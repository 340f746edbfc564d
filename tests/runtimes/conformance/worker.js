// A Worker that uses the package: the scenarios by each way to the ledger, and work that outlives
// its request. Its bindings: LEDGER (the other worker's objects), CREDITS (the other worker).

import { CreditEngine } from "edge-credits";

import { run, runOnBinding } from "./start.js";

const ROUTES = {
  "/scenarios/http": (settings) => run(settings, { baseUrl: settings.url }),
  "/scenarios/fetcher": (settings, env) =>
    run(settings, { baseUrl: "https://credits.internal", fetcher: env.CREDITS }),
  "/scenarios/ledger": (settings, env) => runOnBinding(settings, env.LEDGER),
};

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    const settings = await request.json();
    if (pathname in ROUTES) return Response.json(await ROUTES[pathname](settings, env));
    if (pathname === "/background") return background(settings, env, ctx);
    if (pathname === "/for-request") return forRequest(request, settings, env, ctx);
    return new Response(null, { status: 404 });
  },
};

/** Answers before the charge is made: nothing but `waitUntil` keeps it alive. */
async function background({ customer, amount, via, url, key }, env, ctx) {
  const clients = {
    ledger: () => new CreditEngine({ ledger: env.LEDGER, waitUntil: ctx }),
    http: () => new CreditEngine({ apiKey: key, baseUrl: url }).withContext(ctx),
    // The host is asked, whose `cloudflare:workers` has it.
    auto: () => new CreditEngine({ apiKey: key, baseUrl: url, waitUntil: "auto" }),
    default: () => shared(key, url),
  };
  const credits = clients[via]();
  const answer = await credits.consume(customer, amount, "AI: background", { background: true });
  return Response.json({ answer, pending: credits.pendingOperations });
}

/** One client for all requests, which knows none of them. */
let client;
function shared(apiKey, baseUrl) {
  client ??= new CreditEngine({ apiKey, baseUrl });
  return client;
}

/** Two like charges in one request; the header names the request. */
async function forRequest(request, { customer, amount }, env, ctx) {
  const credits = new CreditEngine({ ledger: env.LEDGER }).forRequest(request, ctx, {
    idempotencyKeyFrom: "x-message-id",
  });
  const first = await credits.consumeOrFail(customer, amount, "AI: one");
  const second = await credits.consumeOrFail(customer, amount, "AI: two");
  return Response.json([first, second]);
}
