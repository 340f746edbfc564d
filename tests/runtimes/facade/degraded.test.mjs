// Stateless calls while the API is away: what the facade resolves to, sends behind and reports.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CreditEngineError } from "../../../pkg/js/index.js";
import { charged, client, inVirtualTime, json, refused, rejection, scripted } from "./scripted.mjs";

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

let servers = 0;
/** An API of its own, so that no other test has drawn on its limit. */
function lenient(fetcher, options = {}) {
  servers += 1;
  const baseUrl = `https://degraded-${servers}.example`;
  return client(fetcher, { gracefulDegradation: true, maxRetries: 0, baseUrl, ...options });
}

/** An API that can be taken away. */
function outage() {
  const api = { away: false };
  const answer = (url) => {
    if (api.away) throw new Error("no route");
    return url.endsWith("/balance")
      ? json(200, { balance: 42, customer_id: "c", credit_name: "credits" })
      : charged({ balance: 37 });
  };
  api.fetcher = scripted(answer);
  return api;
}

test("usage resolves with the last known balance, is kept alive, and arrives under its key", async (t) => {
  const api = outage();
  const kept = [];
  const ce = lenient(api.fetcher, { waitUntil: (promise) => kept.push(promise) });
  await inVirtualTime(t, async () => {
    await ce.getBalance("c");
    api.away = true;
    const answer = await ce.consume("c", 5, "AI: chat");
    const { transaction_id: id, as_of: asOf, idempotency_key: key, ...rest } = answer;
    assert.match(id, /^txn_[0-9a-f]{32}$/);
    assert.ok(asOf);
    const told = { customer_id: "c", unit: "credits", source: "degraded", degraded: true };
    assert.deepEqual(rest, { balance: 42, ...told, replayed: false });
    assert.deepEqual([ce.pendingOperations, kept.length], [1, 1]);
    api.away = false;
    assert.deepEqual(await ce.flush(), { delivered: 1, rejected: 0, quarantined: 0, pending: 0 });
    const keys = api.fetcher.calls.slice(1).map(({ headers }) => headers["idempotency-key"]);
    assert.deepEqual([...new Set(keys)], [key]);
  });
});

test("what cannot be sent in time is told to onError, with key and payload", async (t) => {
  const errors = [];
  const api = outage();
  api.away = true;
  const ce = lenient(api.fetcher, { onError: (error) => errors.push(error) });
  await inVirtualTime(t, async () => {
    const options = { idempotencyKey: "k", metadata: { model: "m" } };
    const answer = await ce.consume("c", "0.5", "AI: chat", options);
    assert.equal(answer.balance, null);
    assert.deepEqual(await ce.flush(), { delivered: 0, rejected: 0, quarantined: 1, pending: 0 });
  });
  const [error] = errors;
  assert.ok(error instanceof CreditEngineError && errors.length === 1);
  const { code, effect, idempotencyKey, details } = error;
  assert.deepEqual([code, effect, idempotencyKey], ["network_error", "unknown", "k"]);
  const payload = { customer_id: "c", amount: "0.5", unit: "credits", description: "AI: chat" };
  assert.deepEqual(details, { ...payload, metadata: { model: "m" } });
});

test("gates pass up to degradedLimit, whichever client of the process asks", async (t) => {
  const api = outage();
  api.away = true;
  const baseUrl = "https://limit.example";
  const fresh = () => lenient(api.fetcher, { baseUrl, degradedLimit: 10, onError() {} });
  await inVirtualTime(t, async () => {
    for (const amount of [6, "3.999999"]) {
      assert.equal((await fresh().consumeOrFail("c", amount)).degraded, true);
    }
    const error = await rejection(fresh().consumeOrFail("c", 1));
    assert.deepEqual([error.code, error.effect], ["network_error", "unknown"]);
    assert.equal((await fresh().consumeOrFail("c", "0.000001")).degraded, true);
    await rejection(fresh().consumeOrFail("c", "0.000001"));
    assert.equal((await fresh().consumeOrFail("other", 10)).degraded, true);
  });
});

test("balances are the last known, or throw; grants and lists throw; so does all without it", async () => {
  const api = outage();
  const ce = lenient(api.fetcher);
  api.away = true;
  assert.equal((await rejection(ce.getBalance("c"))).code, "network_error");
  api.away = false;
  await ce.consume("c", 1);
  api.away = true;
  const { balance, degraded, credit_name: name } = await ce.getBalance("c");
  assert.deepEqual([balance, degraded, name], [37, true, "credits"]);
  await rejection(ce.add("c", 1));
  await rejection(ce.getTransactions("c"));
  await rejection(lenient(api.fetcher, { gracefulDegradation: false }).consume("c", 1));
});

test("a charge in the background keeps trying, and is counted once", async (t) => {
  const api = outage();
  api.away = true;
  const kept = [];
  const ce = lenient(api.fetcher, { waitUntil: (promise) => kept.push(promise) });
  await inVirtualTime(t, async () => {
    assert.equal((await ce.consume("c", 1, "", { background: true })).queued, true);
    const flushed = ce.flush();
    setTimeout(() => (api.away = false), 900);
    assert.deepEqual(await flushed, { delivered: 1, rejected: 0, quarantined: 0, pending: 0 });
    assert.equal(kept.length, 1);
  });
});

test("an API that refuses what was accepted is told to onError", async (t) => {
  const errors = [];
  const fetcher = scripted(new Error("away"), refused(402, "insufficient_credits"));
  const ce = lenient(fetcher, { onError: (error) => errors.push(error) });
  await inVirtualTime(t, async () => {
    await ce.consumeOrFail("c", 5);
    assert.equal((await ce.flush()).quarantined, 1);
  });
  assert.deepEqual([errors[0].code, errors[0].details.amount], ["insufficient_credits", "5"]);
  const [gate, usage] = fetcher.calls.map(({ body }) => JSON.parse(body));
  assert.equal(gate.on_insufficient, "reject");
  assert.deepEqual({ ...usage, on_insufficient: "reject" }, gate);
});

test("all that was accepted arrives once the API is back, without any other call", async (t) => {
  for (const [count, outageMs] of [
    [5, 3_000],
    [12, 3_000],
    [30, 3_000],
    [3, 10_000],
    [3, 19_000],
  ]) {
    const api = outage();
    api.away = true;
    const errors = [];
    const onError = (error) => errors.push(error);
    // The defaults of everything that bounds retries.
    const ce = lenient(api.fetcher, { maxRetries: 2, retryBudget: true, onError });
    await inVirtualTime(t, async () => {
      setTimeout(() => (api.away = false), outageMs);
      const answers = await Promise.all(Array.from({ length: count }, () => ce.consume("c", 1)));
      const keys = answers.map((answer) => answer.idempotency_key);
      assert.equal(new Set(keys).size, count);
      assert.ok(answers.every((answer) => answer.degraded));
      const delivered = { delivered: count, rejected: 0, quarantined: 0, pending: 0 };
      assert.deepEqual(await ce.flush(), delivered, `${count} charges, ${outageMs} ms`);
    });
    assert.deepEqual(errors, []);
    t.mock.timers.reset();
  }
});

test("an API that stays away is asked nine times, and once for each charge that waits", async (t) => {
  const api = outage();
  api.away = true;
  const ce = lenient(api.fetcher, { retryBudget: true, onError() {} });
  await inVirtualTime(t, async () => {
    await Promise.all(Array.from({ length: 40 }, () => ce.consume("c", 1)));
    api.fetcher.calls.length = 0;
    assert.equal((await ce.flush()).quarantined, 40);
  });
  const asked = api.fetcher.calls.length;
  assert.ok(asked >= 40 && asked <= 49, `${asked}`);
});

test("reads that are answered do not grant the limit again, and a balance bounds it", async (t) => {
  const writes = { away: true };
  const fetcher = scripted((url) => {
    if (url.endsWith("/balance")) return json(200, { balance: 25, customer_id: "c" });
    if (writes.away) throw new Error("no route");
    return charged({ balance: 12 });
  });
  const ce = lenient(fetcher, { degradedLimit: 10, onError() {} });
  await inVirtualTime(t, async () => {
    let passed = 0;
    for (let round = 0; round < 4; round += 1) {
      passed += await ce.consumeOrFail("c", 10).then(
        () => 1,
        () => 0,
      );
      await ce.flush();
      await ce.getBalance("c");
    }
    assert.equal(passed, 1);
    writes.away = false;
    await ce.add("c", 1);
    writes.away = true;
    assert.equal((await ce.consumeOrFail("c", 10)).degraded, true);
    const rich = lenient(fetcher);
    await rich.getBalance("c");
    const error = await rejection(rich.consumeOrFail("c", 26));
    assert.match(error.message, /balance known last does not cover/);
    assert.equal((await rich.consumeOrFail("c", 25)).degraded, true);
    writes.away = false;
    await Promise.all([ce.flush(), rich.flush()]);
  });
});

test("however many keys one process has, none gets its limit twice or loses what waits", async (t) => {
  const api = outage();
  api.away = true;
  const options = { degradedLimit: 10, baseUrl: "https://tenants.example", onError() {} };
  const tenants = Array.from({ length: 80 }, (_, number) =>
    lenient(api.fetcher, { ...options, apiKey: `ce_test_tenant${number}` }),
  );
  await inVirtualTime(t, async () => {
    const passed = tenants.map(() => 0);
    let message;
    for (let round = 0; round < 3; round += 1) {
      for (const [number, ce] of tenants.entries()) {
        const answer = await ce.consumeOrFail("c", 10).catch((error) => ({ error }));
        if (answer.degraded) passed[number] += 1;
        else if (passed[number] === 0) ({ message } = answer.error);
      }
    }
    const sum = passed.reduce((one, other) => one + other);
    assert.ok(Math.max(...passed) === 1 && sum >= 40 && sum <= 64, `${sum}: ${passed}`);
    assert.match(message, /as many APIs and keys as it has room for/);
    api.away = false;
    const flushed = await Promise.all(tenants.map((ce) => ce.flush()));
    assert.equal(flushed.reduce((all, { delivered }) => all + delivered, 0), sum);
    // There is room again.
    api.away = true;
    assert.equal((await tenants[79].consumeOrFail("new", 10)).degraded, true);
    api.away = false;
    await tenants[79].flush();
  });
});

test("two objects that carry requests are two APIs, whatever URL and key say", async (t) => {
  const api = outage();
  api.away = true;
  const options = { baseUrl: "https://same.example", degradedLimit: 10, onError() {} };
  const other = { fetch: (...args) => api.fetcher.fetch(...args) };
  await inVirtualTime(t, async () => {
    for (const fetcher of [api.fetcher, other]) {
      assert.equal((await lenient(fetcher, options).consumeOrFail("c", 10)).degraded, true);
      await rejection(lenient(fetcher, options).consumeOrFail("c", 1));
    }
  });
});

test("nothing was rejected behind the callers' backs", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(unhandled, []);
});
