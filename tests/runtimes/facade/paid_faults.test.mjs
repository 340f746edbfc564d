// Handlers that are paid for, when answers are lost: nobody pays for work that was not done, and
// nobody has work twice for one payment.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { withCredits } from "../../../pkg/js/index.js";
import { client, json, refused, rejection } from "./scripted.mjs";

/** A ledger of one customer, as far as charges and refunds go, whose answers can be lost. */
function books() {
  const [entries, faults] = [[], []];
  let isAway = false;
  const apply = (body, sign) => {
    const key = body.idempotency_key;
    const found = entries.find((entry) => entry.idempotency_key === key);
    const sequence = entries.length + 1;
    const id = `txn_${String(sequence).padStart(32, "0")}`;
    const entry = found ?? { ...body, id, sequence, amount: sign * body.amount };
    if (found === undefined) entries.push(entry);
    const first = { transaction_id: entry.id, sequence: entry.sequence };
    return json(200, { balance: balance(), ...first, replayed: found !== undefined });
  };
  const balance = () => entries.reduce((sum, { amount }) => sum + amount, 100);
  const page = (url) => {
    const { type, before_sequence: before, limit } = Object.fromEntries(url.searchParams);
    const wanted = (entry) => (!type || entry.type === type) && (!before || entry.sequence < before);
    const data = entries.toReversed().filter(wanted).slice(0, Number(limit));
    return json(200, { data, pagination: { has_more: false } });
  };
  return {
    entries,
    faults,
    balance,
    away: (now) => (isAway = now),
    async fetch(address, { method, body }) {
      if (isAway) throw new TypeError("network");
      const url = new URL(address);
      if (method === "GET") {
        return url.pathname.endsWith("transactions") ? page(url) : json(200, { balance: balance() });
      }
      const isCharge = url.pathname.endsWith("consume");
      const fault = isCharge ? faults.shift() : undefined;
      if (fault === "refused") return refused(503, "unavailable", {}, { "retry-after": "30" });
      const answer = apply(JSON.parse(body), isCharge ? -1 : 1);
      if (fault === "lost") throw new TypeError("network");
      return fault === "foreign" ? new Response("<html>", { status: 200 }) : answer;
    },
  };
}

const named = { idempotencyKeyFrom: "x-name" };
const broken = () => new Response(null, { status: 500 });

function paid(ledger, options = {}, config = {}) {
  const [runs, errors, kept] = [[], [], []];
  const onError = (error) => errors.push(error);
  const ce = client(ledger, { onError, ...config });
  const state = { handler: () => new Response("done") };
  const wrapped = withCredits(
    (request, credits) => (runs.push(credits), state.handler()),
    { client: ce, customer: () => "c", amount: 10, ...options },
  );
  const ctx = { waitUntil: (promise) => kept.push(promise) };
  const call = (name = "m1") =>
    wrapped(new Request("https://app.example/", { headers: { "x-name": name } }), ctx);
  const settled = async () => {
    for (let at = 0; at < kept.length; at += 1) await kept[at];
  };
  return { call, runs, errors, state, settled };
}

describe("an answer that is lost", () => {
  for (const [title, options] of [["without a name", {}], ["of a named request", named]]) {
    test(`${title}, is asked for again: the handler runs, and is paid for once`, async () => {
      const ledger = books();
      ledger.faults.push("lost");
      const { call, runs, errors } = paid(ledger, options);
      assert.equal((await call()).status, 200);
      assert.deepEqual([runs.length, runs[0].charge.replayed, errors.length], [1, false, 0]);
      assert.equal(ledger.balance(), 90);
    });

    test(`${title}, whose handler fails: its charge is given back`, async () => {
      const ledger = books();
      ledger.faults.push("lost");
      const { call, state, settled } = paid(ledger, options);
      state.handler = broken;
      assert.equal((await call()).status, 500);
      await settled();
      assert.equal(ledger.balance(), 100);
    });
  }

  test("of a repeat changes nothing: it is one still", async () => {
    const ledger = books();
    const { call, runs } = paid(ledger, named);
    await call();
    ledger.faults.push("lost");
    assert.equal((await call()).status, 409);
    assert.deepEqual([runs.length, ledger.balance()], [1, 90]);
  });
});

describe("no answer at all", () => {
  for (const [fault, status] of [["lost", 503], ["foreign", 500]]) {
    test(`(${fault}): ${status}, not said to be free, and given back behind it`, async () => {
      const ledger = books();
      ledger.faults.push(fault);
      const { call, runs, errors, settled } = paid(ledger, {}, { maxRetries: 0 });
      const response = await call();
      assert.equal(response.status, status);
      assert.match((await response.json()).detail, /Whether it was charged is not known/);
      await settled();
      assert.deepEqual([runs.length, errors.length, ledger.balance()], [0, 1, 100]);
    });
  }

  test("of a named request: its repeat is charged anew, and handled", async () => {
    const ledger = books();
    ledger.faults.push("lost");
    const { call, runs, settled } = paid(ledger, named, { maxRetries: 0 });
    assert.equal((await call()).status, 503);
    await settled();
    assert.equal(ledger.balance(), 100);
    assert.equal((await call()).status, 200);
    assert.equal((await call()).status, 409);
    assert.deepEqual([runs.length, ledger.balance()], [1, 90]);
  });

  test("of a repeat gives nothing back: the first was handled", async () => {
    const ledger = books();
    const { call, settled } = paid(ledger, named, { maxRetries: 0 });
    await call();
    ledger.faults.push("lost");
    assert.equal((await call()).status, 503);
    await settled();
    assert.equal(ledger.balance(), 90);
  });

  test("is passed on with the server's own hint", async () => {
    const ledger = books();
    ledger.faults.push("refused");
    const { call, errors } = paid(ledger, {}, { maxRetries: 0 });
    const response = await call();
    assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "30"]);
    assert.equal(errors[0].retryAfterMs, 30_000);
  });
});

test("work that failed and was given back is charged anew when it is repeated", async () => {
  const ledger = books();
  const { call, runs, state, settled } = paid(ledger, named);
  state.handler = broken;
  for (const _ of [1, 2]) {
    assert.equal((await call()).status, 500);
    await settled();
    assert.equal(ledger.balance(), 100);
  }
  state.handler = () => new Response("done");
  assert.equal((await call()).status, 200);
  assert.equal((await call()).status, 409);
  assert.deepEqual([runs.length, ledger.balance()], [3, 90]);
});

describe("while the API is away", () => {
  const graceful = { gracefulDegradation: true, maxRetries: 0, retryBudget: true };

  test("a name that was charged here is known", async () => {
    const ledger = books();
    const { call, runs, settled } = paid(ledger, named, { ...graceful, baseUrl: "https://a.example" });
    assert.equal((await call("m1")).status, 200);
    ledger.away(true);
    assert.equal((await call("m1")).status, 409);
    assert.equal((await call("m2")).status, 200);
    ledger.away(false);
    await settled();
    assert.deepEqual([runs.length, ledger.balance()], [2, 80]);
  });

  test("a repeat that fails elsewhere takes nothing from the first", async () => {
    const ledger = books();
    const config = { ...graceful, baseUrl: "https://b.example" };
    await paid(ledger, named, config).call("m1");
    const elsewhere = paid(ledger, named, config);
    elsewhere.state.handler = broken;
    ledger.away(true);
    assert.equal((await elsewhere.call("m1")).status, 500);
    ledger.away(false);
    await elsewhere.settled();
    assert.equal(ledger.balance(), 90);
  });

  test("the first that fails is given back, once it has arrived", async () => {
    const ledger = books();
    const { call, state, settled } = paid(ledger, named, { ...graceful, baseUrl: "https://c.example" });
    state.handler = broken;
    ledger.away(true);
    assert.equal((await call("m1")).status, 500);
    ledger.away(false);
    await settled();
    assert.deepEqual([ledger.entries.length, ledger.balance()], [2, 100]);
  });
});

test("a process that lives on waits for no refund: nor for another's charge", async () => {
  const ledger = books();
  const onError = () => {};
  const ce = client(ledger, { mode: "persistent", gracefulDegradation: true, onError });
  await ce.getBalance("c");
  const wrapped = withCredits(broken, { client: ce, customer: () => "c", amount: 10 });
  ledger.away(true);
  const answered = wrapped(new Request("https://app.example/"));
  const late = new Promise((resolve) => setTimeout(resolve, 2000, "late").unref());
  const response = await Promise.race([answered, late]);
  ledger.away(false);
  assert.equal(response.status, 500);
  await ce.flush();
  assert.equal(ledger.balance(), 100);
});

test("a client of another copy of the package pays as well", async () => {
  // As that of `edge-credits/slim` is beside `edge-credits/hono`.
  const { CreditEngine: Other } = await import("../../../pkg/js/engine.js?copy");
  const { credits } = await import("../../../pkg/js/hono.js?copy");
  const ledger = books();
  const usual = { apiKey: "ce_test_0123456789", fetcher: ledger, mode: "stateless" };
  const ce = new Other({ ...usual, retryBudget: false, gracefulDegradation: false });
  const handle = async (amount, next) => {
    const kept = [];
    const c = {
      req: { raw: new Request("https://app.example/") },
      executionCtx: { waitUntil: (promise) => kept.push(promise) },
      set: () => {},
      res: new Response(null, { status: 500 }),
    };
    const refusal = await credits({ client: ce, customer: () => "c", amount })(c, next);
    await Promise.all(kept);
    return refusal;
  };
  await handle(10, async () => assert.equal(ledger.balance(), 90));
  assert.equal(ledger.balance(), 100);
  const boom = new Error("boom");
  assert.equal(await rejection(handle(10, () => Promise.reject(boom))), boom);
  const short = { current_balance: 100, requested: 500 };
  ledger.fetch = async () => refused(402, "insufficient_credits", short);
  assert.equal((await handle(500)).status, 402);
});
