// Webhooks at the real worker: what is signed by the endpoint's secrets is heard (the official
// `stripe` package signs), and nothing else is.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";

import { ledgerWorker, startWorkerd } from "../workerd.mjs";
import { sendEvent } from "./stripe_double.mjs";
import { BACK, SECRETS, SELLING, clientOf, keys, sellingWorld } from "./world.mjs";

const world = sellingWorld();

describe("a signature", () => {
  const now = () => Math.floor(Date.now() / 1000);

  test("that is not Stripe's, or not of now, is one answer", async () => {
    const event = (await world.sold("cus_forged")).completed();
    const payload = JSON.stringify(event, null, 2);
    const t = now();
    const mac = (text, key = SECRETS.test) => createHmac("sha256", key).update(text).digest("hex");
    const good = mac(`${t}.${payload}`);
    const table = [
      { secret: "whsec_of_somebody_else" },
      { timestamp: t - 302 },
      { timestamp: t + 330 },
      { header: null },
      { header: "" },
      { header: `t=${t}` },
      { header: `t=${t},v0=${good}` },
      { header: `t=${t},v1=${good.slice(1)}` },
      { header: `t=${t},v1=${mac(payload)}` },
      { header: `t=${t},v1=${mac(`${t}.${payload} `)}` },
      { header: `t=${t - 1},v1=${good}` },
      { header: `t=${t},v1=${"0".repeat(64)}` },
    ];
    const bodies = new Set();
    for (const how of table) {
      const { status, json } = await world.send(event, how);
      const told = [status, json.error?.code];
      assert.deepEqual(told, [400, "invalid_signature"], JSON.stringify(how));
      bodies.add(JSON.stringify({ ...json.error, request_id: undefined }));
    }
    assert.equal(bodies.size, 1, "nothing tells one failure from another");
    assert.equal(await world.balance("cus_forged"), 0);
    const accepted = { header: `v0=x,t=${t},v1=${"0".repeat(64)},v1=${good}` };
    assert.equal(await world.effect(event, accepted), "granted");
  });

  test("of any secret in force is accepted, and of a time near ours", async () => {
    for (const [index, how] of [
      { secrets: ["whsec_another_endpoint", SECRETS.test] },
      { secret: "whsec_rotated_out_00" },
      { timestamp: now() - 290 },
      { timestamp: now() + 290 },
    ].entries()) {
      const payment = await world.sold(`cus_signed_${index}`);
      assert.equal(await world.effect(payment.completed(), how), "granted");
    }
  });

  test("comes before the body is looked into; the body has a bound", async () => {
    const garbled = "{\"type\":";
    const code = async (body, how) => (await world.send(body, how)).json.error.code;
    assert.equal(await code(garbled, { secret: "whsec_wrong_wrong" }), "invalid_signature");
    assert.equal(await code(garbled), "invalid_json");
    assert.equal(await code("[]"), "invalid_json");
    const large = JSON.stringify({ padding: "x".repeat(256 * 1024) });
    assert.equal((await world.send(large)).status, 413);
    const notUtf8 = await fetch(`${world.url}/v1/webhooks/stripe`, {
      method: "POST",
      body: Buffer.from([0xff, 0xfe]),
      headers: { "stripe-signature": `t=${now()},v1=${"0".repeat(64)}` },
    });
    assert.equal((await notUtf8.json()).error.code, "invalid_signature");
    assert.equal((await fetch(`${world.url}/v1/webhooks/stripe`)).status, 405);
  });

  test("of the one endpoint speaks for the environment of the one key", async () => {
    const { API_KEYS, TOPUP_PACKS, STRIPE_SECRET_KEY } = SELLING;
    const [STRIPE_API_BASE, STRIPE_WEBHOOK_SECRET] = [world.stripe.url, SECRETS.test];
    const stripe = { STRIPE_API_BASE, STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET };
    const bindings = { API_KEYS, TOPUP_PACKS, ...stripe };
    const single = await startWorkerd({ workers: [ledgerWorker(bindings)] });
    try {
      const order = { customerId: "cus_single", ...BACK };
      const { sessionId } = await clientOf(single.urls.ledger).createTopUpSession(order);
      const event = world.stripe.payment(sessionId).completed();
      const tell = (told) => sendEvent(single.urls.ledger, told, { secret: SECRETS.test });
      const live = await tell({ ...event, type: "charge.updated", livemode: true });
      assert.deepEqual([live.status, live.json.error.code], [400, "invalid_signature"]);
      assert.equal((await tell(event)).json.effect, "granted");
    } finally {
      await single.stop();
    }
  });

  test("is asked of everybody: without a secret nothing is taken", async () => {
    const unset = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
    try {
      const { status, json } = await sendEvent(unset.urls.ledger, "{}", { secret: SECRETS.test });
      assert.deepEqual([status, json.error.code], [501, "topup_not_configured"]);
    } finally {
      await unset.stop();
    }
  });
});
