// Two AI endpoints that credits pay for, without a line about charging in their handlers.
//
//   POST /image {"prompt"}   10 credits, taken before the work and given back when it fails
//   POST /chat {"prompt"}    3 credits per 1 000 output tokens, recorded when the answer is there
//   /v1/…                    the credits API, by which your backend grants credits
//
// The header `x-user` stands for whoever your own login says is asking, and `x-request-name` for a
// name that your own front end gives each request, so that one which is delivered twice is paid once.

import { CreditEngine, withCredits } from "edge-credits";
import creditsApi from "edge-credits/worker";

export { LedgerObject } from "edge-credits/worker";

const who = {
  client: (request, env) => new CreditEngine({ ledger: env.LEDGER }),
  customer: (request) => request.headers.get("x-user"),
};

const image = withCredits(
  async (request, credits, env) => {
    const { answer } = await askModel(env, await request.json());
    return Response.json({ image: answer, credits_left: credits.charge.balance });
  },
  { ...who, amount: 10, description: "AI: image", idempotencyKeyFrom: "x-request-name" },
);

const chat = withCredits(
  async (request, credits, env) => {
    const { answer, usage } = await askModel(env, await request.json());
    return Response.json({ answer }, { headers: { "x-tokens": String(usage.output_tokens) } });
  },
  {
    ...who,
    consume: "after",
    // Amounts are exact: a whole number of thousandths.
    amount: (response) => (Number(response.headers.get("x-tokens")) * 3) / 1000,
    description: "AI: answer",
  },
);

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/v1/")) return creditsApi.fetch(request, env, ctx);
    if (pathname === "/image") return image(request, env, ctx);
    if (pathname === "/chat") return chat(request, env, ctx);
    return Response.json({ error: "not_found" }, { status: 404 });
  },
};

async function askModel(env, question) {
  const response = await fetch(env.MODEL_URL, { method: "POST", body: JSON.stringify(question) });
  if (!response.ok) throw new Error(`the model answered ${response.status}`);
  return response.json();
}
