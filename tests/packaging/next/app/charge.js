// What both routes do.

import { CreditEngine, InsufficientCreditsError } from "edge-credits";

export async function charge(request) {
  const credits = new CreditEngine({
    apiKey: process.env.CREDITS_API_KEY,
    baseUrl: process.env.CREDITS_URL,
    mode: "stateless",
  });
  const { customer, amount } = await request.json();
  try {
    const { balance } = await credits.consumeOrFail(customer, amount, "AI: chat");
    const runtime = typeof EdgeRuntime === "string" ? EdgeRuntime : "node";
    return Response.json({ left: balance, runtime });
  } catch (error) {
    if (!(error instanceof InsufficientCreditsError)) throw error;
    return Response.json({ need: error.requested, have: error.currentBalance }, { status: 402 });
  }
}
