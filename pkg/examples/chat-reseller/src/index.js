// Resells chat completions for credits: what OpenAI's clients speak, with a provider behind it.
//
//   POST /chat/completions   as the provider takes it, streamed or not
//   /v1/…                    the credits API, by which your backend grants credits
//
// The header `x-user` stands for whoever your own login says is asking.

import { CreditEngine, InsufficientCreditsError } from "edge-credits";
import creditsApi from "edge-credits/worker";

export { LedgerObject } from "edge-credits/worker";

/** Credits for a million tokens, by model: a credit is a cent, and a third of it is yours. */
const PRICES = {
  "small-1": { input: 30, cacheRead: 3, output: 120 },
  "large-1": { input: 375, cacheRead: 37.5, output: 1500 },
};
/** The most that one answer may put out, and so what it may cost. */
const MOST_TOKENS = 8192;

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/v1/")) return creditsApi.fetch(request, env, ctx);
    if (request.method === "POST" && pathname === "/chat/completions") return complete(request, env, ctx);
    return refusal(404, "not_found");
  },
};

async function complete(request, env, ctx) {
  const customerId = request.headers.get("x-user");
  const { max_tokens, max_completion_tokens = max_tokens ?? MOST_TOKENS, ...asked } = await request.json();
  const price = Object.hasOwn(PRICES, asked.model) ? PRICES[asked.model] : null;
  if (!customerId || price === null) return refusal(400, "who is asking, and for which model?");

  const most = Math.min(Number(max_completion_tokens) || MOST_TOKENS, MOST_TOKENS);
  const body = { ...asked, n: 1, max_completion_tokens: most };
  // Without it a stream does not say what it used, and is charged by an estimate.
  if (body.stream) body.stream_options = { ...body.stream_options, include_usage: true };
  const headers = { authorization: `Bearer ${env.PROVIDER_KEY}`, "content-type": "application/json" };
  const call = () => fetch(env.PROVIDER_URL, { method: "POST", headers, body: JSON.stringify(body) });

  const credits = new CreditEngine({ ledger: env.LEDGER, waitUntil: ctx });
  const description = `AI: ${asked.model}`;
  try {
    // Holds the most that it may cost, passes the answer on, and takes what it did cost.
    return await credits.meterStream(call, { customerId, price, request: body, description });
  } catch (error) {
    if (!(error instanceof InsufficientCreditsError)) throw error;
    return refusal(402, "insufficient_credits", { credits_left: error.currentBalance });
  }
}

function refusal(status, message, more) {
  return Response.json({ error: { message, ...more } }, { status });
}
