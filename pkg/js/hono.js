// edge-credits/hono: `withCredits` as a middleware. Hono itself is not imported: what is needed of it
// is its context.

import { readPaidOptions } from "./paid_options.js";
import { PaidRequest } from "./paid_request.js";

export function credits(options) {
  const settings = readPaidOptions(options);
  const lately = new Set();
  return async (c, next) => {
    const host = { request: c.req.raw, context: contextOf(c), lately };
    const paid = new PaidRequest(settings, [c], host);
    const refusal = await paid.open();
    if (refusal !== null) return refusal;
    c.set("credits", paid.credits);
    try {
      await next();
    } catch (error) {
      await paid.close({ error });
      throw error;
    }
    // What a handler threw has become the app's answer, and `c.error`.
    const answer = await paid.close({ response: c.res, error: c.error });
    if (answer === c.res) return;
    // Hono merges the headers of one answer into the next.
    c.res = undefined;
    c.res = answer;
  };
}

// Hono throws where the host gave none.
function contextOf(c) {
  try {
    return c.executionCtx;
  } catch {
    return undefined;
  }
}
