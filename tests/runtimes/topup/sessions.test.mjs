// Checkout sessions, opened by the real worker at a double of Stripe's API: what is asked, how often,
// and what each answer comes to. No test here reaches Stripe itself.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { officialRequest } from "./stripe_double.mjs";
import { BACK, keys, sellingWorld } from "./world.mjs";

const world = sellingWorld();

describe("a session, opened at a double of Stripe's API", () => {
  test("asks for what the official package asks for", async () => {
    const order = { customerId: "org/1 é", ...BACK, idempotencyKey: "k1" };
    const answer = await world.client().createTopUpSession(order);
    const ours = world.stripe.requests.at(-1);
    assert.equal(answer.checkoutUrl, world.stripe.sessions.get(answer.sessionId).url);
    assert.equal(answer.idempotency_key, "k1");
    assert.equal(ours.headers.authorization, "Bearer sk_test_ours");
    assert.equal(ours.headers["content-type"], "application/x-www-form-urlencoded");
    assert.match(ours.headers["stripe-version"], /^\d{4}-\d\d-\d\d(\.[a-z]+)?$/);
    assert.match(ours.headers["idempotency-key"], /^edge-credits-txn_[0-9a-f]{32}$/);
    const metadata = {
      edge_credits_environment: "test",
      edge_credits_customer: "org/1 é",
      edge_credits_credits: "5000.5",
      edge_credits_unit: "credits",
      edge_credits_price: "price_big",
      edge_credits_product: "big",
      edge_credits_expires_after_days: "365",
    };
    // Whose sale it was, and that nobody has edited it: no other can make these.
    for (const name of ["edge_credits_deployment", "edge_credits_seal"]) {
      metadata[name] = new URLSearchParams(ours.body).get(`metadata[${name}]`);
      assert.match(metadata[name], /^[\w-]{16,43}$/);
    }
    const { request: theirs } = await officialRequest(world.stripe, "sk_test_ours", {
      mode: "payment",
      client_reference_id: "org/1 é",
      line_items: [{ price: "price_big", quantity: 1 }],
      success_url: BACK.successUrl,
      cancel_url: BACK.cancelUrl,
      metadata,
      payment_intent_data: { metadata },
    }, "official");
    assert.equal(ours.url, theirs.url);
    assert.equal(ours.method, theirs.method);
    const pairs = ({ body }) => [...new URLSearchParams(body)].sort();
    assert.deepEqual(pairs(ours), pairs(theirs));
  });

  test("goes by the key's environment to the account's", async () => {
    const order = { customerId: "cus_live", ...BACK, credits: 500 };
    await world.client(keys.live).createTopUpSession(order);
    const request = world.stripe.requests.at(-1);
    assert.equal(request.headers.authorization, "Bearer rk_live_ours");
    const form = new URLSearchParams(request.body);
    assert.equal(form.get("line_items[0][price]"), "price_small");
    assert.equal(form.get("metadata[edge_credits_environment]"), "live");
  });

  test("is one, however often its call is sent", async () => {
    const order = { customerId: "cus_one", ...BACK, idempotencyKey: "one" };
    const opened = world.stripe.sessions.size;
    world.stripe.fail("lost");
    const first = await world.client(keys.test, { maxRetries: 2 }).createTopUpSession(order);
    const again = await world.client().createTopUpSession(order);
    assert.equal(world.stripe.sessions.size, opened + 1);
    assert.equal(again.sessionId, first.sessionId);
    assert.deepEqual([first.replayed, again.replayed], [true, true]);
    const [a, b, c] = world.stripe.requests.slice(-3);
    assert.equal(a.body, b.body);
    assert.deepEqual(new Set([a, b, c].map(({ headers }) => headers["idempotency-key"])).size, 1);
    // The key names a call of one customer.
    const other = await world.client().createTopUpSession({ ...order, customerId: "cus_other" });
    assert.notEqual(other.sessionId, first.sessionId);
    const reused = world.client().createTopUpSession({ ...order, credits: 500 });
    const refusal = { code: "idempotency_key_reused", status: 422, effect: "not_applied" };
    await assert.rejects(reused, refusal);
  });

  test("that Stripe will not open is an error that says what is known", async () => {
    const refusal = (status, error) => ({ status, json: { error }, headers: {} });
    const bad = (code) => ({ type: "invalid_request_error", code, message: "sk_test_ours" });
    const inUse = "idempotency_key_in_use";
    const elsewhere = { status: 302, json: {}, headers: { location: "http://127.0.0.1:1/" } };
    const table = [
      [refusal(400, bad("url_invalid")), "stripe_refused", 422, "not_applied"],
      [refusal(401, bad("")), "topup_not_configured", 501, "not_applied"],
      [refusal(403, bad("")), "topup_not_configured", 501, "not_applied"],
      [refusal(409, { type: "idempotency_error", code: inUse }), inUse, 409, "unknown"],
      [refusal(429, bad("rate_limit")), "rate_limited", 429, "not_applied"],
      [refusal(500, { type: "api_error" }), "stripe_unavailable", 502, "unknown"],
      [{ status: 200, json: { id: "cs_1" }, headers: {} }, "stripe_unavailable", 502, "unknown"],
      [elsewhere, "stripe_unavailable", 502, "unknown"],
      ["cut", "stripe_unavailable", 502, "unknown"],
      ["silent", "stripe_unavailable", 502, "unknown"],
    ];
    for (const [fault, code, status, known] of table) {
      world.stripe.fail(fault);
      const before = world.stripe.requests.length;
      const once = world.client(keys.test, { maxRetries: 0 });
      const failed = once.createTopUpSession({ customerId: "cus_failed", ...BACK });
      const error = await failed.then(() => assert.fail(code), (error) => error);
      assert.deepEqual([error.code, error.status, error.effect], [code, status, known]);
      assert.equal(world.stripe.requests.length, before + 1, "no redirect is followed");
      assert.doesNotMatch(JSON.stringify(error) + error.message, /k_(test|live)_ours/);
    }
    const order = { customerId: "cus_failed", ...BACK, priceId: "price_gone" };
    const gone = await world.client().createTopUpSession(order).catch((error) => error);
    assert.equal(gone.code, "topup_not_configured");
    assert.equal(gone.details.stripe_code, "resource_missing");
  });

  test("that Stripe failed to open needs a new key", async () => {
    const order = { customerId: "cus_spent", ...BACK };
    world.stripe.fail({ status: 500, json: { error: { type: "api_error" } }, headers: {} });
    const before = world.stripe.requests.length;
    const failing = world.client(keys.test, { maxRetries: 5 });
    const failed = await failing.createTopUpSession({ ...order, idempotencyKey: "spent" })
      .catch((error) => error);
    // Of the first attempt it is not known, so the call says so; no third one is made.
    const { code, effect, attempts } = failed;
    assert.deepEqual([code, effect, attempts], ["stripe_refused", "unknown", 2]);
    assert.match(failed.message, /use a new key/);
    assert.equal(world.stripe.requests.length, before + 2);
    const gone = { ...order, priceId: "price_gone", idempotencyKey: "gone" };
    for (const expected of ["topup_not_configured", "stripe_refused"]) {
      const refused = await world.client().createTopUpSession(gone).catch((error) => error);
      assert.deepEqual([refused.code, refused.effect], [expected, "not_applied"]);
      assert.equal(refused.details.stripe_code, "resource_missing");
    }
    await world.client().createTopUpSession({ ...order, idempotencyKey: "fresh" });
  });

  test("is refused before Stripe hears of it where the order makes no sense", async () => {
    const heard = world.stripe.requests.length;
    const back = { success_url: BACK.successUrl, cancel_url: BACK.cancelUrl };
    const order = { customer_id: "cus_1", ...back };
    const table = [
      [{}, 400, "unknown_pack", { price_id: "price_other" }],
      [{}, 400, "unknown_pack", { credits: 501 }],
      [{}, 400, "invalid_url", { success_url: "http://app.example.com/" }],
      [{}, 400, "invalid_url", { cancel_url: "https://a.example\\@b.example/" }],
      [{}, 400, "invalid_url", { success_url: `https://a.example/${"x".repeat(2048)}` }],
      [{}, 400, "invalid_request", { success_url: undefined }],
      [{}, 400, "invalid_id", { customer_id: ".." }],
      [{}, 400, "unknown_field", { amount: 5000 }],
      [{}, 400, "unknown_field", { metadata: { edge_credits_credits: "1000000" } }],
      [{}, 400, "invalid_request", { credits: 500, price_id: "price_small" }],
      [{}, 400, "amount_negative", { credits: -500 }],
      [{ "idempotency-key": "a" }, 400, "idempotency_key_conflict", { idempotency_key: "b" }],
      [{ authorization: "Bearer ce_test_unknown" }, 401, "invalid_api_key", {}],
      [{ authorization: `Bearer ${keys.granter.text}` }, 403, "insufficient_scope", {}],
      [{ "content-type": "text/plain" }, 415, "unsupported_media_type", {}],
    ];
    for (const [headers, status, code, more] of table) {
      const response = await fetch(`${world.url}/v1/topup/sessions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${keys.test.text}`,
          "content-type": "application/json",
          ...headers,
        },
        body: JSON.stringify({ ...order, ...more }),
      });
      const { error } = await response.json();
      assert.deepEqual([response.status, error.code], [status, code], JSON.stringify(more));
    }
    assert.equal(world.stripe.requests.length, heard);
  });
});
