// What a request that is not served is answered: JSON problems (RFC 9457), for whoever called it.
//
// They say nothing of the backend, the API key or an error's inside: those go to `onError`.

export const PROBLEMS = {
  unknownCustomer: {
    status: 401,
    code: "customer_unknown",
    title: "Who is asking?",
    detail: "The request does not say whose credits pay for it.",
  },
  duplicate: {
    status: 409,
    code: "duplicate_request",
    title: "This request has been handled before",
    detail: "A request of the same name was charged and handled. Nothing was charged now.",
  },
  failed: {
    status: 500,
    code: "credits_failed",
    title: "Credits cannot be charged",
    detail: "The server is not set up to charge for this request. Nothing was done.",
  },
};

export function insufficient(balance, requested) {
  return {
    status: 402,
    code: "insufficient_credits",
    title: "Not enough credits",
    detail: "The credits do not cover this request. Nothing was charged.",
    current_balance: balance,
    requested,
  };
}

export function unavailable({ retryAfterMs }) {
  return {
    status: 503,
    code: "credits_unavailable",
    title: "Credits cannot be charged now",
    detail: "The credits backend cannot be reached. Try again later.",
    retry_after: Math.max(1, Math.ceil((retryAfterMs ?? 0) / 1000)),
  };
}

export function problemResponse(problem) {
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  if (problem.retry_after !== undefined) headers["retry-after"] = String(problem.retry_after);
  const body = JSON.stringify({ type: "about:blank", ...problem });
  return new Response(body, { status: problem.status, headers });
}
