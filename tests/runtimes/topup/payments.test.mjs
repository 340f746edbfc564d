// Payments and refunds, told to the real worker by events that the official `stripe` package signs:
// each counts once, in any order. The sessions are a double's; no test here reaches Stripe itself.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ledgerApi } from "../api.mjs";
import { ledgerWorker, startWorkerd } from "../workerd.mjs";
import { sendEvent } from "./stripe_double.mjs";
import { BACK, SECRETS, SELLING, clientOf, keys, sellingWorld } from "./world.mjs";

const world = sellingWorld();

describe("a payment, told by events that the official package signs", () => {
  test("is granted once, whatever is sent again", async () => {
    const payment = await world.sold("cus_paid");
    const completed = payment.completed();
    assert.equal(await world.effect(completed), "granted");
    assert.equal(await world.effect(completed), "none");
    assert.equal(await world.effect(payment.completed()), "none", "another event of the session");
    assert.equal(await world.effect(payment.succeeded()), "none");
    const { data } = await world.api().transactions("cus_paid");
    assert.equal(data.length, 1);
    assert.deepEqual([data[0].type, data[0].amount, data[0].product], ["topup", 5000.5, "big"]);
    assert.equal(data[0].metadata.event_id, completed.id);
    assert.equal(data[0].metadata.session_id, completed.data.object.id);
    const { breakdown } = await world.api().balance("cus_paid", "?include_breakdown=true");
    const days = (Date.parse(breakdown[0].expires_at) - Date.now()) / 86_400_000;
    assert.ok(days > 364.9 && days <= 365, `it lasts ${days} days`);
  });

  test("is granted once by events that come at the same moment", async () => {
    const payment = await world.sold("cus_race");
    const events = [payment.completed(), payment.succeeded(), payment.completed()];
    const effects = await Promise.all([...events, ...events].map((event) => world.effect(event)));
    assert.deepEqual(effects.sort(), ["granted", "none", "none", "none", "none", "none"]);
    assert.equal(await world.balance("cus_race"), 5000.5);
  });

  test("counts when it is paid, not when the buyer is done", async () => {
    const payment = await world.sold("cus_bank");
    assert.equal(await world.effect(payment.completed("unpaid")), "none");
    assert.equal(await world.balance("cus_bank"), 0);
    assert.equal(await world.effect(payment.succeeded()), "granted");
    assert.equal(await world.balance("cus_bank"), 5000.5);
  });

  test("is taken back as far as it is paid back, in any order", async () => {
    const payment = await world.sold("cus_back", { credits: 500 });
    assert.equal(await world.effect(payment.completed()), "granted");
    assert.equal(await world.effect(payment.refundCreated(333)), "none", "the charge tells it");
    const third = payment.refunded(333);
    assert.equal(await world.effect(third), "reversed");
    assert.equal(await world.balance("cus_back"), 333.5);
    assert.equal(await world.effect(third), "none");
    assert.equal(await world.effect(payment.refunded(200)), "none", "an older one that was late");
    assert.equal(await world.effect(payment.refunded(1000)), "reversed");
    assert.equal(await world.effect(payment.refunded(1000)), "none");
    assert.equal(await world.effect(payment.completed()), "none");
    assert.equal(await world.balance("cus_back"), 0);
    const { data } = await world.api().transactions("cus_back");
    assert.deepEqual(data.map(({ type, amount }) => [type, amount]), [
      ["adjustment", -333.5],
      ["adjustment", -166.5],
      ["topup", 500],
    ]);
  });

  test("that was paid back before it came is granted without that part", async () => {
    const payment = await world.sold("cus_early", { credits: 500 });
    assert.equal(await world.effect(payment.refunded(1000)), "noted");
    assert.equal(await world.effect(payment.refunded(1000)), "none");
    assert.equal(await world.balance("cus_early"), 0);
    assert.equal(await world.effect(payment.completed()), "granted");
    assert.equal(await world.balance("cus_early"), 0);
  });

  test("whose credits were spent is owed", async () => {
    const payment = await world.sold("cus_owes", { credits: 500 });
    await world.effect(payment.completed());
    await world.api().consume("cus_owes", { amount: 450 });
    assert.equal(await world.effect(payment.refunded(1000)), "reversed");
    assert.equal(await world.balance("cus_owes"), -450);
  });

  test("of one environment does not reach the other", async () => {
    const payment = await world.sold("cus_env", {}, keys.live);
    // Signed by the secret of the sandbox's endpoint.
    const forged = await world.send(payment.completed());
    assert.deepEqual([forged.status, forged.json.error.code], [400, "invalid_signature"]);
    const relabelled = { ...payment.completed(), livemode: false };
    const told = await world.send(relabelled);
    assert.deepEqual([told.status, told.json.error.code], [400, "invalid_request"]);
    assert.equal(await world.effect(payment.completed(), { secret: SECRETS.live }), "granted");
    assert.equal(await world.balance("cus_env", keys.live), 5000.5);
    assert.equal(await world.balance("cus_env", keys.test), 0);
  });

  test("is granted by who sold it, and by no other deployment of the account", async () => {
    const bindings = { ...SELLING, STRIPE_API_BASE: world.stripe.url };
    const other = await startWorkerd({ workers: [ledgerWorker(bindings, { name: "other" })] });
    try {
      const tell = async (event) => {
        const heard = await sendEvent(other.urls.other, event, { secret: SECRETS.test });
        assert.equal(heard.status, 200);
        return heard.json.effect;
      };
      const payment = await world.sold("cus_both", { credits: 500 });
      // Stripe tells every endpoint of an account.
      for (const event of [payment.completed(), payment.refunded(500)]) {
        assert.equal(await tell(event), "none");
      }
      const there = await ledgerApi(other.urls.other, keys.test.text).balance("cus_both");
      assert.equal(there.balance, 0);
      assert.equal(await world.effect(payment.completed()), "granted");
      // It would have granted its own.
      const back = { ...BACK, customerId: "cus_both", credits: 500 };
      const { sessionId } = await clientOf(other.urls.other).createTopUpSession(back);
      assert.equal(await tell(world.stripe.payment(sessionId).completed()), "granted");
    } finally {
      await other.stop();
    }
  });

  test("whose metadata was edited is refused, and shown", async () => {
    for (const [name, value] of [["customer", "cus_else"], ["credits", "5000000"], ["seal", "x"]]) {
      for (const kind of ["completed", "refunded"]) {
        const payment = await world.sold("cus_edited");
        const event = payment[kind](500);
        event.data.object.payment_status &&= "paid";
        event.data.object.metadata[`edge_credits_${name}`] = value;
        const told = await world.send(event);
        assert.deepEqual([told.status, told.json.error.code], [400, "invalid_request"]);
      }
    }
    assert.equal(await world.balance("cus_edited"), 0);
    assert.equal(await world.balance("cus_else"), 0);
  });

  test("of somebody else's is acknowledged, and has no effect", async () => {
    const payment = await world.sold("cus_others");
    const event = payment.completed();
    event.data.object.metadata = { customer: "cus_others", credits: "1000" };
    assert.equal(await world.effect(event), "none");
    assert.equal(await world.effect(payment.disputed()), "none");
    assert.equal(await world.effect({ ...payment.completed(), type: "invoice.paid" }), "none");
    assert.equal(await world.balance("cus_others"), 0);
  });
});
