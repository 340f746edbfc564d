// An AI chat endpoint that sells its answers for credits.
//
//   POST /chat {"user", "prompt", "id"?}  `id` names the message: a retry is not charged twice
//   /v1/…                                 the credits API, by which your backend grants credits
//
// The ledger is part of this Worker: a charge is a call to the customer's own Durable Object.

import { CreditEngine, InsufficientCreditsError } from "edge-credits";
import creditsApi from "edge-credits/worker";

export { LedgerObject } from "edge-credits/worker";

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/v1/")) return creditsApi.fetch(request, env, ctx);
    if (pathname !== "/chat" || request.method !== "POST") return json(404, { error: "not_found" });
    return chat(request, env, ctx);
  },
};

async function chat(request, env, ctx) {
  // `user` stands for whoever your own login says it is.
  const { user, prompt, id } = await request.json();
  if (!user || !prompt) return json(400, { error: "user and prompt are needed" });
  const credits = new CreditEngine({ ledger: env.LEDGER, waitUntil: ctx });

  // The gate: what the prompt costs is taken before the expensive call, or the call is not made.
  const cost = inputCost(prompt);
  let charge;
  try {
    const idempotencyKey = id && `chat:${id}`;
    charge = await credits.consumeOrFail(user, cost, "AI: prompt", { idempotencyKey });
  } catch (error) {
    if (!(error instanceof InsufficientCreditsError)) throw error;
    const { currentBalance, requested } = error;
    return json(402, { error: "out_of_credits", credits_left: currentBalance, needed: requested });
  }
  // Used by an earlier request, refunded or not. Calling the model again would give answers away.
  if (charge.replayed) return json(409, { error: "already_sent" });

  let reply;
  try {
    reply = await askModel(env, prompt);
  } catch {
    const refund = await credits.add(user, cost, {
      type: "refund",
      refundOf: charge.transaction_id,
      description: "the model failed",
      idempotencyKey: `refund:${charge.transaction_id}`,
    });
    return json(502, { error: "model_failed", credits_left: refund.balance });
  }

  // What the answer costs is known only now. The user need not wait until it is written down.
  const owed = outputCost(reply);
  if (owed > 0) await credits.consume(user, owed, "AI: answer", { background: true });
  return json(200, { answer: reply.answer, credits_left: charge.balance });
}

/** 1 credit per 1 000 input tokens. Amounts are exact: a whole number of thousandths. */
function inputCost(prompt) {
  return Math.ceil(prompt.length / 4) / 1000;
}

/** 3 credits per 1 000 output tokens. */
function outputCost(reply) {
  return (reply.usage.output_tokens * 3) / 1000;
}

async function askModel(env, prompt) {
  const response = await fetch(env.MODEL_URL, { method: "POST", body: JSON.stringify({ prompt }) });
  if (!response.ok) throw new Error(`the model answered ${response.status}`);
  return response.json();
}

function json(status, body) {
  return Response.json(body, { status });
}
