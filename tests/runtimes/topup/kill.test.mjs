// kill -9 of the runtime around a webhook: what was acknowledged is there, and what was not is settled
// by the event that Stripe sends again.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "../api.mjs";
import { ledgerWorker, startWorkerd } from "../workerd.mjs";
import { sendEvent, signed } from "./stripe_double.mjs";
import { SECRETS, SELLING, keys, sellingWorld } from "./world.mjs";

const world = sellingWorld();

describe("kill -9 between an event and its answer", () => {
  let state;
  let runtime;
  const start = async () => {
    const bindings = { ...SELLING, STRIPE_API_BASE: world.stripe.url };
    runtime = await startWorkerd({ workers: [ledgerWorker(bindings)], state });
  };
  before(async () => {
    state = await mkdtemp(join(tmpdir(), "edge-credits-topup-"));
    await start();
  });
  after(async () => {
    await runtime?.stop();
    await rm(state, { recursive: true, force: true });
  });
  const tell = (event) => sendEvent(runtime.urls.ledger, event, { secret: SECRETS.test });
  const have = async (customer) =>
    (await ledgerApi(runtime.urls.ledger, keys.test.text).balance(customer)).balance;

  test("at any moment: granted once, and never lost", async (t) => {
    let [unanswered, answered] = [0, 0];
    for (let round = 0; round < 12; round += 1) {
      const customer = `cus_kill_${round}`;
      const event = (await world.sold(customer, { credits: 500 })).completed();
      const first = tell(event).then(({ status }) => status, () => null);
      // Another moment each time, from before it is read to after it is answered.
      await new Promise((done) => setTimeout(done, 3 * round));
      await runtime.stop();
      const status = await first;
      await start();
      const present = await have(customer);
      assert.ok(present === 0 || present === 500, `${present}`);
      if (status === 200) assert.equal(present, 500, "what was acknowledged is there");
      if (status === 200) answered += 1;
      else unanswered += 1;
      // Stripe sends again what had no answer, and sometimes what had one.
      const { json } = await tell(event);
      assert.equal(json.effect, present === 500 ? "none" : "granted");
      assert.equal(await have(customer), 500);
    }
    assert.ok(unanswered > 0, "no event was under way at any kill: the kills hit nothing");
    t.diagnostic(
      `figure: 12 kills -9 around a webhook: ${answered} answered, ${unanswered} not; ` +
        "each granted once",
    );
  });

  test("when it was entered and the answer was read by nobody", async () => {
    for (const step of ["completed", "refunded"]) {
      const customer = `cus_unread_${step}`;
      const payment = await world.sold(customer, { credits: 500 });
      if (step === "refunded") await tell(payment.completed());
      const event = step === "completed" ? payment.completed() : payment.refunded(400);
      const after = step === "completed" ? 500 : 300;
      const { headers, body } = signed(event, { secret: SECRETS.test });
      const { hostname, port } = new URL(runtime.urls.ledger);
      const unread = connect({ host: hostname, port: Number(port) }).pause();
      unread.on("error", () => {});
      const head = ["POST /v1/webhooks/stripe HTTP/1.1", `Host: ${hostname}`];
      for (const [name, value] of Object.entries(headers)) head.push(`${name}: ${value}`);
      head.push(`Content-Length: ${Buffer.byteLength(body)}`);
      unread.write(`${head.join("\r\n")}\r\n\r\n${body}`);
      for (let wait = 0; (await have(customer)) !== after; wait += 1) {
        assert.ok(wait < 1_000, "it is entered");
        await new Promise((done) => setTimeout(done, 5));
      }
      await runtime.stop();
      unread.destroy();
      await start();
      assert.equal(await have(customer), after);
      assert.equal((await tell(event)).json.effect, "none");
      assert.equal(await have(customer), after);
    }
  });
});
