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
    title: "This request has come before",
    detail: "A request of the same name was charged before. Nothing was charged now.",
  },
};

/** `isSettled`, here and below: whether it is known that nothing was charged. */
export function insufficient(balance, requested, isSettled = true) {
  return {
    status: 402,
    code: "insufficient_credits",
    title: "Not enough credits",
    detail: `The credits do not cover this request. ${outcome(isSettled)}`,
    current_balance: balance,
    requested,
  };
}

export function unavailable({ retryAfterMs }, isSettled) {
  return {
    status: 503,
    code: "credits_unavailable",
    title: "Credits cannot be charged now",
    detail: `The credits backend cannot be reached. ${outcome(isSettled)} Try again later.`,
    retry_after: Math.max(1, Math.ceil((retryAfterMs ?? 0) / 1000)),
  };
}

export function notSetUp(isSettled) {
  return {
    status: 500,
    code: "credits_failed",
    title: "Credits cannot be charged",
    detail: `The server is not set up to charge for this request. ${outcome(isSettled)}`,
  };
}

function outcome(isSettled) {
  if (isSettled) return "Nothing was charged.";
  return "The request was not handled. Whether it was charged is not known yet.";
}

export function problemResponse(problem) {
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  if (problem.retry_after !== undefined) headers["retry-after"] = String(problem.retry_after);
  const body = JSON.stringify({ type: "about:blank", ...problem });
  return new Response(body, { status: problem.status, headers });
}
