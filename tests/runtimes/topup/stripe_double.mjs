// A test double of Stripe's API, on this machine: no test here reaches Stripe itself. It keeps
// sessions and idempotency keys as Stripe documents them, and makes the events that follow. What
// signs them, and what our requests are compared with, is the official `stripe` package.

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";

import Stripe from "stripe";

/** The package, for its signatures alone: it is given no way to anywhere. */
const official = new Stripe("sk_test_never_sent", { host: "127.0.0.1", port: 1, protocol: "http" });

/** Stripe's numbering: `cs_test_` and the like, then letters. */
const id = (prefix) => `${prefix}_${randomBytes(12).toString("hex")}`;

export async function startStripeDouble() {
  const requests = [];
  const sessions = new Map();
  const keys = new Map();
  const faults = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { method, url, headers } = request;
    requests.push({ method, url, headers, body });
    const fault = faults.shift();
    // It happens at Stripe, and the answer is lost.
    if (fault === "lost") {
      open(headers, body);
      return request.socket.destroy();
    }
    if (fault === "cut") return request.socket.destroy();
    if (fault === "silent") return undefined;
    const answer = fault ?? answerTo(method, url, headers, body);
    // Stripe keeps what it failed with, too.
    if (fault?.status >= 500) keys.set(headers["idempotency-key"], { body, ...fault });
    const told = { "content-type": "application/json", "request-id": id("req"), ...answer.headers };
    response.writeHead(answer.status, told).end(JSON.stringify(answer.json));
  });

  function answerTo(method, url, headers, body) {
    if (method !== "POST" || url !== "/v1/checkout/sessions") {
      return failure(404, { type: "invalid_request_error", message: `Unrecognized URL ${url}` });
    }
    if (!/^Bearer [sr]k_(live|test)_\w+$/.test(headers.authorization ?? "")) {
      const message = `Invalid API Key provided: ${headers.authorization}`;
      return failure(401, { type: "invalid_request_error", message });
    }
    return open(headers, body);
  }

  function open(headers, body) {
    const key = headers["idempotency-key"];
    const known = keys.get(key);
    if (known !== undefined && known.body !== body) {
      return failure(400, { type: "idempotency_error", message: "Keys for idempotent requests …" });
    }
    if (known !== undefined) {
      const { status, json } = known;
      return { status, json, headers: { "idempotent-replayed": "true" } };
    }
    const form = new URLSearchParams(body);
    if (form.get("line_items[0][price]") === "price_gone") {
      const [type, code] = ["invalid_request_error", "resource_missing"];
      const param = "line_items[0][price]";
      const refusal = failure(400, { type, code, param, message: "No such price: 'price_gone'" });
      keys.set(key, { body, ...refusal });
      return refusal;
    }
    const livemode = headers.authorization.includes("k_live_");
    const session = {
      id: id(livemode ? "cs_live" : "cs_test"),
      object: "checkout.session",
      client_reference_id: form.get("client_reference_id"),
      livemode,
      metadata: metadataOf(form, "metadata"),
      mode: form.get("mode"),
      payment_intent: null,
      payment_status: "unpaid",
      status: "open",
      url: `https://checkout.stripe.com/c/pay/${id("cs")}`,
    };
    const onPayment = metadataOf(form, "payment_intent_data[metadata]");
    sessions.set(session.id, { ...session, onPayment });
    keys.set(key, { body, status: 200, json: session });
    return { status: 200, json: session, headers: {} };
  }

  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    sessions,
    /** What the next requests get instead: an answer (kept where it is a 5xx), `lost`, `cut`, `silent`. */
    fail: (...next) => faults.push(...next),
    stop: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
    /** The session's payment: its events, as Stripe would send them. */
    payment: (sessionId) => paymentOf(sessions.get(sessionId)),
  };
}

function failure(status, error) {
  return { status, json: { error }, headers: {} };
}

function metadataOf(form, place) {
  const there = [...form].filter(([name]) => name.startsWith(`${place}[`));
  return Object.fromEntries(there.map(([name, value]) => [name.slice(place.length + 1, -1), value]));
}

/** The events about one session, paid with 1,000 cents. */
function paymentOf({ onPayment, ...session }) {
  const paymentIntent = id("pi");
  const paid = { ...session, payment_intent: paymentIntent, status: "complete" };
  const chargeId = id("ch");
  const event = (type, object, more = {}) => ({
    id: id("evt"),
    object: "event",
    api_version: "2025-03-31.basil",
    created: Math.floor(Date.now() / 1000),
    livemode: session.livemode,
    type,
    data: { object },
    ...more,
  });
  const charge = (refunded) => ({
    id: chargeId,
    object: "charge",
    amount: 1000,
    amount_refunded: refunded,
    refunded: refunded === 1000,
    currency: "usd",
    livemode: session.livemode,
    // As Stripe does: the metadata of the payment intent is copied onto its charge.
    metadata: onPayment,
    payment_intent: paymentIntent,
  });
  return {
    paymentIntent,
    completed: (status = "paid") =>
      event("checkout.session.completed", { ...paid, payment_status: status }),
    succeeded: () =>
      event("checkout.session.async_payment_succeeded", { ...paid, payment_status: "paid" }),
    refunded: (cents) => event("charge.refunded", charge(cents)),
    refundCreated: (cents) =>
      event("refund.created", { id: id("re"), object: "refund", amount: cents, charge: chargeId }),
    disputed: () => event("charge.dispute.created", { id: id("dp"), charge: chargeId }),
  };
}

/**
 * An event as Stripe would send it, signed by the official package.
 * @param {object | string} event
 * @param {{secret: string, secrets?: string[], timestamp?: number, header?: string | null}} how
 *   `header` is sent instead of a signature; null: none
 */
export function signed(event, { secret, secrets = [secret], timestamp, header }) {
  const payload = typeof event === "string" ? event : JSON.stringify(event, null, 2);
  const { webhooks } = official;
  const [first, ...others] = secrets.map((one) =>
    webhooks.generateTestHeaderString({ payload, secret: one, timestamp }),
  );
  // One header has a signature for each secret in force.
  const more = others.map((one) => /v1=\w+/.exec(one)[0]);
  const signature = header === undefined ? [first, ...more].join(",") : header;
  const headers = { "content-type": "application/json; charset=utf-8" };
  if (signature !== null) headers["stripe-signature"] = signature;
  return { headers, body: payload };
}

/** Sends an event to a worker's webhook. */
export async function sendEvent(origin, event, how) {
  const init = { method: "POST", ...signed(event, how) };
  const response = await fetch(`${origin}/v1/webhooks/stripe`, init);
  return { status: response.status, headers: response.headers, json: await response.json() };
}

/** What the official package would send for a call, to the address of a double. */
export async function officialRequest(double, secretKey, parameters, idempotencyKey) {
  const { hostname, port } = new URL(double.url);
  const stripe = new Stripe(secretKey, {
    host: hostname,
    port: Number(port),
    protocol: "http",
    maxNetworkRetries: 0,
    telemetry: false,
  });
  const session = await stripe.checkout.sessions.create(parameters, { idempotencyKey });
  return { session, request: double.requests.at(-1) };
}
