// A double of the ClockNext API that speaks its protocol (both envelopes, the statuses, the batch route where
// it plays our worker): for what the real worker cannot be made to do. It keeps signals by their key, as a
// server must, and counts what arrives.

import { createServer } from "node:http";

/** What a usage answer looks like: the new envelope. */
export const enveloped = (status, message, result) => ({
  statusCode: status,
  statusDetail: { status: status < 300 ? "SUCCESS" : "ERROR", message },
  ...(result && { result }),
});

/** What is told of a customer, in the fewest words. */
const INSIGHTS = {
  usage: { totals: {}, logs: [] },
  balances: {
    credits: [{ creditId: "c", creditName: "API", agentKey: "api_credit", remaining: 5 }],
    outcomes: [],
    units: [],
    walletBalanceUsd: 1.5,
  },
  plan: { plan: null },
  revenue: { revenue: 1, cost: 0.5, profit: 0.5, margin: 50 },
};

/** @param {{ours?: boolean}} [options] `ours`: answers carry `x-edge-credits`, and there is a batch route */
export function clockNextDouble({ ours = false } = {}) {
  /** By idempotency key: the signal, and how often it arrived. */
  const signals = new Map();
  const requests = [];
  /** What the next requests meet: a status with its body and headers, or a function; in order. */
  const meets = [];
  const customers = new Map();

  function take(signal) {
    const known = signals.get(signal.idempotencyKey);
    if (/^refuse|^cus_poor/.test(signal.customerId)) {
      return enveloped(422, "Insufficient allowance for api_credit");
    }
    signals.set(signal.idempotencyKey, { signal, times: (known?.times ?? 0) + 1 });
    const usageLog = {
      id: `log_${signals.size}`,
      type: signal.type,
      duplicate: known !== undefined,
    };
    return enveloped(200, "Usage recorded", { usageLog });
  }

  function usage(body) {
    const answer = take(body);
    return [answer.statusCode, answer];
  }

  function batch(body) {
    if (!ours) return [404, { ok: false, error: "Not found" }];
    if (body.signals.length > 100) return [413, enveloped(413, "too many")];
    return [200, enveloped(200, "ok", { results: body.signals.map(take) })];
  }

  function customer(method, id, rest, body) {
    if (method === "POST") {
      const made = { id: `cus_${customers.size + 1}`, ...body };
      customers.set(made.id, made);
      return [201, { ok: true, customer: made }];
    }
    const found = customers.get(id) ?? (id === "cus_123" && { id });
    if (!found) return [404, { ok: false, error: "Customer not found" }];
    if (rest) return [200, { ok: true, asked: rest, ...INSIGHTS[rest] }];
    if (method === "PATCH") Object.assign(found, body);
    if (method === "DELETE") customers.delete(id);
    return [200, { ok: true, customer: found }];
  }

  function list(url) {
    const all = [...customers.values()].reverse();
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const limit = Number(url.searchParams.get("limit") ?? 50);
    const next = from + limit < all.length ? String(from + limit) : null;
    return [200, { ok: true, customers: all.slice(from, from + limit), nextCursor: next }];
  }

  function answer({ method, url, headers, body }) {
    if (/unknown/.test(headers.authorization))
      return [401, { ok: false, error: "Invalid API key" }];
    const { pathname, searchParams } = url;
    if (pathname === "/api/v1/usage" && method === "POST") return usage(body);
    if (pathname === "/api/v1/usage/batch") return batch(body);
    if (pathname === "/api/v1/usage") {
      const logs = [...signals].map(([key, { signal }]) => ({ id: `log_${key}`, ...signal }));
      const result = { customer: searchParams.get("customerId"), totals: {}, logs };
      return [200, enveloped(200, "ok", result)];
    }
    if (pathname === "/api/v1/portal/token") {
      const expiresAt = new Date(Date.now() + body.ttlSeconds * 1000).toISOString();
      return [200, { ok: true, token: "t", expiresAt, expiresIn: body.ttlSeconds }];
    }
    if (pathname === "/api/v1/customers" && method === "GET") return list(url);
    const [, id, rest] = /^\/api\/v1\/customers(?:\/([^/]+)(?:\/(\w+))?)?$/.exec(pathname) ?? [];
    return customer(method, decodeURIComponent(id ?? ""), rest, body);
  }

  async function handle({ method, url, headers, text }) {
    const request = {
      method,
      url: new URL(url),
      headers,
      text,
      body: text ? JSON.parse(text) : undefined,
    };
    requests.push(request);
    const met = meets.shift();
    const given = typeof met === "function" ? await met(request) : met;
    const [status, body, extra] = given ?? answer(request);
    const shown = typeof body === "string" ? body : JSON.stringify(body);
    const mark = ours ? { "x-edge-credits": "0.1.0" } : {};
    return [status, shown, { "content-type": "application/json", ...mark, ...extra }];
  }

  return {
    signals,
    requests,
    meets,
    customers,
    handle,
    /** As a `fetcher`: no socket. */
    async fetch(url, init) {
      const { method, body, headers, signal } = init;
      const work = handle({ method, url, headers: Object.fromEntries(headers), text: body });
      const aborted = new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      });
      const [status, text, answered] = await Promise.race([work, aborted]);
      return new Response([204, 304].includes(status) ? null : text, { status, headers: answered });
    },
  };
}

/** The same, behind a socket. */
export async function serve(double) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    const given = {
      method,
      url: `http://double${url}`,
      headers,
      text: String(Buffer.concat(chunks)),
    };
    const [status, text, answered] = await double.handle(given);
    response.writeHead(status, answered).end(text);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
