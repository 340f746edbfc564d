// A route that resells a provider's answers: the same on every runtime. Part of the projects that
// `streams.test.mjs` makes.

import { CreditEngine, withCredits } from "edge-credits";

const clients = new Map();

/** `settings` are {url, key, provider, mode}; the query says whose call it is, and how it is to go. */
export function handle(settings, request, ...host) {
  const url = new URL(request.url);
  const ask = (name) => url.searchParams.get(name);
  const provider = `${settings.provider}${url.search}`;
  if (!clients.has(settings)) {
    const { url: baseUrl, key: apiKey, mode } = settings;
    clients.set(settings, new CreditEngine({ apiKey, baseUrl, mode }));
  }
  const client = clients.get(settings);
  const options = {
    // A credit for each token.
    price: { input: 1_000_000, output: 1_000_000 },
    hold: { amount: Number(ask("hold") ?? 1000), ttlMs: Number(ask("ttl") ?? 60_000) },
    inputTokens: 10,
    progressEvery: 30,
    description: "AI: chat",
  };
  if (url.pathname === "/paid") return paid(client, options, provider)(request, ...host);
  const customerId = ask("name");
  return client.meterStream(() => fetch(provider), { ...options, customerId });
}

/** The same as a handler that is paid for. */
const paid = (client, meter, provider) =>
  withCredits(() => fetch(provider), {
    client,
    customer: (request) => new URL(request.url).searchParams.get("name"),
    consume: "metered",
    meter,
  });
