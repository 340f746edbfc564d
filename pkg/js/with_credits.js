// withCredits: a fetch handler that is paid for. Workers call it with (request, env, ctx), Vercel and
// Netlify with (request, context), Deno.serve with (request, info), Bun.serve with (request, server).

import { refuse } from "./errors.js";
import { readPaidOptions } from "./paid_options.js";
import { PaidRequest } from "./paid_request.js";

export function withCredits(handler, options) {
  if (typeof handler !== "function") {
    throw refuse("invalid_config", "handler", "handler must be a function of the request");
  }
  const settings = readPaidOptions(options);
  const lately = new Set();
  return async function (request, ...host) {
    // By what it can do: only Workers' and Vercel's contexts keep the host awake.
    const context = host.find((value) => typeof value?.waitUntil === "function");
    const paid = new PaidRequest(settings, [request, ...host], { request, context, lately });
    const refusal = await paid.open();
    if (refusal !== null) return refusal;
    let response;
    try {
      response = await handler.call(this, request, paid.credits, ...host);
    } catch (error) {
      await paid.close({ error });
      throw error;
    }
    return paid.close({ response });
  };
}
