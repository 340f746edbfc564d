// The ledger under concurrency and time, over HTTP on workerd.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const keys = makeKeys();
let runtime;
let api;

before(async () => {
  runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  api = ledgerApi(runtime.urls.ledger, keys.admin.text);
});
after(() => runtime?.stop());

describe("200 gates at once against a balance of 100", () => {
  test("exactly 100 pass", async (t) => {
    await api.grant("crowd", 100);
    const gates = Array.from({ length: 200 }, () => api.gate("crowd", { amount: 1 }));
    const answers = await Promise.all(gates);
    const passed = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ json }) => json.error?.code === "insufficient_credits");
    assert.deepEqual([passed.length, refused.length], [100, 100]);
    for (const { status, json } of refused) {
      assert.equal(status, 402);
      assert.equal(json.error.details.current_balance, 0);
      assert.equal(json.error.details.requested, 1);
    }
    // Each gate saw a balance that no other saw: they were taken one after the other.
    const balances = passed.map(({ json }) => json.balance).sort((a, b) => a - b);
    assert.deepEqual(balances, Array.from({ length: 100 }, (_, index) => index));
    const { balance, sequence } = await api.balance("crowd");
    assert.deepEqual({ balance, sequence }, { balance: 0, sequence: 101 });
    const figures = `${passed.length} passed, ${refused.length} refused`;
    t.diagnostic(`figure: 200 gates at once against 100 credits: ${figures}`);
  });

  test("still exactly 100 when every request is sent twice under its own key", async (t) => {
    await api.grant("echo", 100);
    const once = (key) => api.gate("echo", { amount: 1, idempotency_key: key });
    const pairs = Array.from({ length: 200 }, async (_, index) => {
      const key = `gate-${index}`;
      return Promise.all([once(key), once(key)]);
    });
    const outcomes = (await Promise.all(pairs)).map(([one, two]) => {
      assert.equal(one.status, two.status, "both of a pair have the same outcome");
      if (one.status !== 200) return "refused";
      assert.equal(one.json.transaction_id, two.json.transaction_id);
      assert.equal(one.json.balance, two.json.balance);
      assert.notEqual(one.json.replayed, two.json.replayed, "one of a pair is the replay");
      return "passed";
    });
    const passed = outcomes.filter((outcome) => outcome === "passed").length;
    assert.equal(passed, 100);
    const { balance, sequence } = await api.balance("echo");
    assert.deepEqual({ balance, sequence }, { balance: 0, sequence: 101 });
    const figures = `${passed} charged once, ${200 - passed} refused`;
    t.diagnostic(`figure: the same, each sent twice: ${figures}, balance ${balance}`);
  });
});

describe("time", () => {
  test("a grant that expires is ended by the alarm, without anybody asking", async () => {
    await api.grant("expiring", 5, { product: "keep" });
    const expires_at = new Date(Date.now() + 5000).toISOString();
    await api.grant("expiring", 10, { product: "trial", expires_at });
    await api.consume("expiring", { amount: 4 });
    assert.equal((await api.balance("expiring")).balance, 11);
    // Reads write nothing, so the entry can only come from the alarm.
    const entry = await eventually(async () => {
      const { data } = await api.transactions("expiring", "?type=expiry");
      return data[0];
    });
    assert.equal(entry.amount, -6);
    assert.equal(entry.balance_after, 5);
    assert.equal(Date.parse(entry.created_at), Date.parse(expires_at), "stamped at its own time");
    const { balance, breakdown } = await api.balance("expiring", "?include_breakdown=true");
    assert.equal(balance, 5);
    assert.deepEqual(breakdown.map(({ product, balance }) => [product, balance]), [["keep", 5]]);
    assert.equal((await api.transactions("expiring", "?type=expiry")).data.length, 1);
  });

  test("a grant counts from its time on", async () => {
    const effective_at = new Date(Date.now() + 4000).toISOString();
    await api.add("scheduled", { amount: 10, type: "topup", effective_at });
    assert.equal((await api.gate("scheduled", { amount: 1 })).status, 402);
    await eventually(async () => (await api.balance("scheduled")).balance === 10);
    assert.equal((await api.gate("scheduled", { amount: 1 })).json.balance, 9);
  });
});

describe("statements", () => {
  test("pages under appends give each entry once", async () => {
    await api.grant("pages", 1000);
    for (let n = 0; n < 30; n += 1) await api.consume("pages", { amount: 1 });
    const seen = [];
    let query = "?limit=7";
    for (;;) {
      const { data, pagination } = await api.transactions("pages", query);
      seen.push(...data.map(({ sequence }) => sequence));
      if (!pagination.has_more) break;
      // What is appended meanwhile neither repeats nor displaces anything.
      await api.consume("pages", { amount: 1 });
      query = `?limit=7&before_sequence=${seen.at(-1)}`;
    }
    assert.deepEqual(seen, Array.from({ length: 31 }, (_, index) => 31 - index));
  });

  test("the balance is the sum of the entries", async () => {
    const amounts = ["0.1", "0.2", "0.000001", "3", "7.25"];
    await api.grant("sum", 100);
    for (const amount of amounts) await api.consume("sum", { amount });
    await api.add("sum", { amount: -1, type: "adjustment" });
    const { data } = await api.transactions("sum", "?limit=100");
    const minor = data.reduce((sum, { amount }) => sum + Math.round(amount * 1e6), 0);
    const { balance, posted } = await api.balance("sum");
    assert.equal(minor, Math.round(balance * 1e6));
    assert.equal(posted, balance);
    assert.equal(data[0].balance_after, balance);
  });
});

describe("environments", () => {
  test("a sandbox key cannot reach live credits, nor a live key the sandbox", async () => {
    const live = ledgerApi(runtime.urls.ledger, keys.live.text);
    const sandbox = ledgerApi(runtime.urls.ledger, keys.test.text);
    await live.grant("isolated", 10);
    await sandbox.grant("isolated", 3);
    assert.equal((await sandbox.gate("isolated", { amount: 4 })).status, 402);
    assert.equal((await live.gate("isolated", { amount: 4 })).json.balance, 6);
    assert.equal((await sandbox.balance("isolated")).balance, 3);
    assert.equal((await sandbox.transactions("isolated")).data.length, 1);
  });
});

/** The first true answer of `check`, asked for up to 15 s. */
async function eventually(check) {
  const end = Date.now() + 15_000;
  for (;;) {
    const answer = await check();
    if (answer) return answer;
    if (Date.now() > end) throw new Error("it never came true");
    await new Promise((done) => setTimeout(done, 50));
  }
}
