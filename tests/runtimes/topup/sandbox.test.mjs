// The test checkout over HTTP, of a deployment without Stripe; and a cache in front of it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "../api.mjs";
import { makeKeys } from "../keys.mjs";
import { cacheWorker, ledgerWorker, startWorkerd } from "../workerd.mjs";
import { sendEvent } from "./stripe_double.mjs";
import { BACK, SECRETS, clientOf, keys } from "./world.mjs";

let sandbox;
let other;
before(async () => {
  sandbox = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  other = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: makeKeys().secret })] });
});
after(async () => {
  await sandbox?.stop();
  await other?.stop();
});

const at = () => sandbox.urls.ledger;
const have = async (customer) => (await ledgerApi(at(), keys.test.text).balance(customer)).balance;

describe("the test checkout, over HTTP", () => {
  const go = (path, init) => fetch(path, { redirect: "manual", ...init });

  test("is paid once, and leads back with the session's id", async () => {
    const successUrl = "http://localhost:3000/ok?id={CHECKOUT_SESSION_ID}";
    const cancelUrl = "http://localhost:3000/no";
    const order = { customerId: "cus_1", successUrl, cancelUrl };
    const session = await clientOf(at()).createTopUpSession(order);
    assert.ok(session.checkoutUrl.startsWith(`${at()}/checkout/test/`));
    const page = await go(session.checkoutUrl);
    assert.equal(page.status, 200);
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.match(page.headers.get("content-security-policy"), /^default-src 'none';/);
    assert.equal(page.headers.get("referrer-policy"), "no-referrer");
    const html = await page.text();
    assert.doesNotMatch(html, /<script|src=|@import|url\(/);
    const cancelled = await go(`${session.checkoutUrl}/cancel`, { method: "POST" });
    assert.deepEqual([cancelled.status, cancelled.headers.get("location")], [303, cancelUrl]);
    assert.equal(await have("cus_1"), 0);
    for (let time = 0; time < 3; time += 1) {
      const paid = await go(`${session.checkoutUrl}/pay`, { method: "POST" });
      const back = `http://localhost:3000/ok?id=${session.sessionId}`;
      assert.deepEqual([paid.status, paid.headers.get("location")], [303, back]);
      assert.equal(await have("cus_1"), 1000);
    }
    assert.match(await (await go(session.checkoutUrl)).text(), /<h1>Paid<\/h1>/);
    const [entry] = (await ledgerApi(at(), keys.test.text).transactions("cus_1")).data;
    assert.equal(entry.metadata.source, "test_checkout");
    assert.equal(entry.idempotency_key, session.sessionId);
  });

  test("is nobody's who has not been given it", async () => {
    const session = await clientOf(at()).createTopUpSession({ customerId: "cus_2", ...BACK });
    const { checkoutUrl } = session;
    const spoilt = [
      `${checkoutUrl.slice(0, -2)}AA`,
      checkoutUrl.replace(/\.[^.]*$/, ""),
      `${at()}/checkout/test/x.y`,
      // Signed by another deployment.
      checkoutUrl.replace(at(), other.urls.ledger),
    ];
    for (const spoiled of spoilt) {
      assert.equal((await go(spoiled)).status, 404, spoiled);
      assert.equal((await go(`${spoiled}/pay`, { method: "POST" })).status, 404);
      assert.equal((await go(`${spoiled}/cancel`, { method: "POST" })).status, 404);
    }
    assert.equal((await go(`${checkoutUrl}/pay`)).status, 405);
    assert.equal(await have("cus_2"), 0);
  });

  test("is not there for live keys", async () => {
    const refused = clientOf(at(), keys.live).createTopUpSession({ customerId: "cus_3", ...BACK });
    const refusal = { code: "topup_not_configured", status: 501, effect: "not_applied" };
    await assert.rejects(refused, refusal);
  });
});

describe("a cache", () => {
  test("hands orders on to who sells, and takes no events", async () => {
    const cache = await startWorkerd({
      workers: [
        cacheWorker({
          API_KEYS: keys.secret,
          UPSTREAM_URL: at(),
          UPSTREAM_KEY_TEST: keys.test.text,
          STRIPE_WEBHOOK_SECRET: SECRETS.test,
        }),
      ],
    });
    try {
      const edge = clientOf(cache.urls.cache);
      const order = { customerId: "cus_cached", ...BACK, idempotencyKey: "through" };
      const session = await edge.createTopUpSession(order);
      assert.ok(session.checkoutUrl.startsWith(`${at()}/checkout/test/`));
      assert.equal((await edge.createTopUpSession(order)).sessionId, session.sessionId);
      await fetch(`${session.checkoutUrl}/pay`, { method: "POST", redirect: "manual" });
      assert.equal((await edge.getBalance("cus_cached")).balance, 1000);
      const refused = edge.createTopUpSession({ ...order, idempotencyKey: "other", credits: 3 });
      await assert.rejects(refused, { code: "unknown_pack", effect: "not_applied" });
      const event = await sendEvent(cache.urls.cache, "{}", { secret: SECRETS.test });
      assert.deepEqual([event.status, event.json.error.code], [501, "topup_not_configured"]);
      const token = session.checkoutUrl.split("/").at(-1);
      assert.equal((await fetch(`${cache.urls.cache}/checkout/test/${token}`)).status, 404);
    } finally {
      await cache.stop();
    }
  });
});
