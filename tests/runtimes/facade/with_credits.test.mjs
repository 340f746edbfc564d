// Handlers that are paid for: who is let in, what is charged, what a repeat and a failure come to.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { withCredits } from "../../../pkg/js/index.js";
import { charged as answered, client, inVirtualTime, json, refused, rejection, scripted } from "./scripted.mjs";

/** As our ledger names charges: `refundOf` takes no other. */
const TXN = `txn_${"0a".repeat(16)}`;
const charged = (rest) => answered({ transaction_id: TXN, ...rest });
const request = (id) => new Request("https://app.example/ai", { headers: { "x-message-id": id } });
const ok = () => new Response("done");

/** A paid handler over a script, and what happened around it. */
function paid(fetcher, { config, ...given } = {}, handler = ok) {
  const [runs, errors, kept] = [[], [], []];
  const ce = client(fetcher, { onError: (error) => errors.push(error), maxRetries: 0, ...config });
  const wrapped = withCredits(
    (...args) => {
      runs.push(args);
      return handler(...args);
    },
    { client: ce, customer: () => "cus_1", amount: 5, ...given },
  );
  const ctx = { waitUntil: (promise) => kept.push(promise) };
  return { runs, errors, kept, call: (id = "m1") => wrapped(request(id), { env: 1 }, ctx) };
}

const bodies = (fetcher) => fetcher.calls.map(({ body }) => body && JSON.parse(body));
const short = () => refused(402, "insufficient_credits", { current_balance: 2, requested: 5 });

describe("charged before", () => {
  test("the gate comes first; the handler sees the charge and what the host passed", async () => {
    const fetcher = scripted(charged());
    const { call, runs } = paid(fetcher, { description: "AI: image", metadata: { model: "m" } });
    assert.equal(await (await call()).text(), "done");
    const [[given, credits, env, ctx]] = runs;
    assert.equal(given.url, "https://app.example/ai");
    assert.deepEqual([credits.customerId, credits.charge.balance, env.env], ["cus_1", 95, 1]);
    assert.equal(typeof ctx.waitUntil, "function");
    const [{ idempotency_key: key, ...body }] = bodies(fetcher);
    const [amount, description, metadata] = [5, "AI: image", { model: "m" }];
    assert.deepEqual(body, { amount, description, metadata, on_insufficient: "reject" });
    assert.ok(key.length > 30);
  });

  test("who is short is answered 402 with a problem, and the handler does not run", async () => {
    const { call, runs, errors } = paid(scripted(short()));
    const response = await call();
    assert.equal(response.status, 402);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.deepEqual(await response.json(), {
      type: "about:blank",
      status: 402,
      code: "insufficient_credits",
      title: "Not enough credits",
      detail: "The credits do not cover this request. Nothing was charged.",
      current_balance: 2,
      requested: 5,
    });
    assert.deepEqual([runs.length, errors.length], [0, 0]);
  });

  for (const [name, answer, status, code, retryAfter] of [
    ["an API key that is refused", refused(401, "invalid_api_key"), 500, "credits_failed", null],
    ["a limit", refused(429, "rate_limited", {}, { "retry-after": "7" }), 503, "credits_unavailable", "7"],
    ["a frozen ledger", refused(500, "invariant_violation"), 503, "credits_unavailable", "1"],
  ]) {
    test(`${name} is answered ${status}, and told to onError alone`, async () => {
      const { call, runs, errors } = paid(scripted(answer));
      const response = await call();
      assert.deepEqual([response.status, response.headers.get("retry-after")], [status, retryAfter]);
      const text = await response.text();
      assert.equal(JSON.parse(text).code, code);
      assert.ok(!text.includes(errors[0].code) && errors.length === 1, text);
      assert.equal(runs.length, 0);
    });
  }

  test("nobody, a response, and what is free charge nothing", async () => {
    const fetcher = scripted(charged());
    const nobody = paid(fetcher, { customer: async () => null });
    assert.equal((await nobody.call()).status, 401);
    const login = paid(fetcher, { customer: () => new Response(null, { status: 302 }) });
    assert.equal((await login.call()).status, 302);
    assert.equal(nobody.runs.length + login.runs.length, 0);
    for (const amount of [0, "0", () => null]) {
      const free = paid(fetcher, { amount });
      assert.equal((await free.call()).status, 200);
      assert.equal(free.runs[0][1].charge, null);
    }
    assert.equal(fetcher.calls.length, 0);
  });

  test("what is no price is not free", async () => {
    for (const amount of ["", " ", [], false, "0x0", -0, NaN]) {
      const fetcher = scripted(charged());
      const { call, runs, errors } = paid(fetcher, { amount: () => amount });
      assert.equal((await call()).status, 500, String(amount));
      assert.deepEqual([runs.length, errors[0].code], [0, "invalid_amount"]);
    }
  });

  test("options that are functions get what the host passed", async () => {
    const fetcher = scripted(charged());
    const seen = [];
    const remember = (value) => (...args) => (seen.push(args.length), value);
    const { call } = paid(fetcher, {
      client: remember(client(fetcher)),
      customer: remember("cus_2"),
      amount: remember("0.25"),
      description: remember("d"),
      metadata: remember({ a: 1 }),
    });
    await call();
    assert.deepEqual(seen, [3, 3, 3, 3, 3]);
    assert.deepEqual([bodies(fetcher)[0].amount, bodies(fetcher)[0].metadata], [0.25, { a: 1 }]);
    assert.match(fetcher.calls[0].url, /cus_2/);
  });

  test("respond words the refusal, or leaves it", async () => {
    const respond = ({ status, error }) => (error ? json(418, { was: status }) : undefined);
    assert.equal((await paid(scripted(short()), { respond }).call()).status, 418);
    assert.equal((await paid(scripted(), { respond, customer: () => "" }).call()).status, 401);
  });
});

describe("a repeat", () => {
  const named = { idempotencyKeyFrom: "x-message-id" };
  /** The charge of an earlier request: a cache's, which no entry tells more about. */
  const replay = () => charged({ replayed: true, sequence: null });
  const noRefunds = () => json(200, { data: [], pagination: { has_more: false } });

  test("has the same key, and is refused with 409 by default", async () => {
    const fetcher = scripted(charged(), replay(), noRefunds());
    const { call, runs } = paid(fetcher, named);
    assert.equal((await call("m1")).status, 200);
    const again = await call("m1");
    assert.deepEqual([again.status, (await again.json()).code], [409, "duplicate_request"]);
    assert.equal(runs.length, 1);
    const [first, second] = bodies(fetcher);
    assert.equal(first.idempotency_key, second.idempotency_key);
    assert.notEqual(first.metadata.edge_credits_request, second.metadata.edge_credits_request);
  });

  test("without a trusted name there is none: every request has its own key", async () => {
    const fetcher = scripted(charged());
    const { call } = paid(fetcher);
    await call("m1");
    await call("m1");
    const keys = bodies(fetcher).map((body) => body.idempotency_key);
    assert.equal(new Set(keys).size, 2);
  });

  test("runs again when told to, and says so", async () => {
    const fetcher = scripted(replay());
    const { call, runs } = paid(fetcher, { ...named, onReplay: "run" });
    assert.equal((await call()).status, 200);
    assert.equal(fetcher.calls.length, 1);
    assert.equal(runs[0][1].charge.replayed, true);
  });

  test("may be answered by a function", async () => {
    const onReplay = (credits) => json(200, { first: credits.charge.transaction_id });
    const { call, runs } = paid(scripted(replay(), noRefunds()), { ...named, onReplay });
    assert.deepEqual([await (await call()).json(), runs.length], [{ first: TXN }, 0]);
  });

  test("that fails is not refunded: its charge is the first request's", async () => {
    const fetcher = scripted(replay(), noRefunds());
    const fail = () => new Response(null, { status: 500 });
    const { call, kept } = paid(fetcher, { ...named, onReplay: () => null }, fail);
    assert.equal((await call()).status, 500);
    await Promise.all(kept);
    assert.deepEqual(fetcher.calls.map(({ method }) => method), ["POST", "GET"]);
  });
});

describe("work that fails", () => {
  const failures = {
    "throws": () => {
      throw new Error("boom");
    },
    "rejects": async () => {
      throw new Error("boom");
    },
    "answers 5xx": () => new Response(null, { status: 502 }),
  };
  for (const [name, handler] of Object.entries(failures)) {
    test(`and ${name} is paid back once, under waitUntil`, async () => {
      const fetcher = scripted(charged());
      const { call, kept } = paid(fetcher, {}, handler);
      const outcome = await call().catch((error) => error);
      assert.ok(outcome.message === "boom" || outcome.status === 502);
      assert.equal(kept.length, 1);
      await Promise.all(kept);
      assert.equal(fetcher.calls.length, 2);
      assert.deepEqual(bodies(fetcher)[1], {
        amount: 5,
        type: "refund",
        refund_of: TXN,
        description: "The request failed",
        idempotency_key: `refund:${TXN}`,
      });
    });
  }

  test("a 4xx is an answer, and 'never' is never", async () => {
    const fetcher = scripted(charged());
    await paid(fetcher, {}, () => new Response(null, { status: 404 })).call();
    await paid(fetcher, { refundOn: "never" }, failures["answers 5xx"]).call();
    assert.equal(fetcher.calls.length, 2);
  });

  test("a function says when", async () => {
    const fetcher = scripted(charged());
    const ends = [];
    const refundOn = (end) => (ends.push(end), end.response?.status === 404);
    const { call, kept } = paid(fetcher, { refundOn }, () => new Response(null, { status: 404 }));
    await call();
    await Promise.all(kept);
    assert.equal(fetcher.calls.length, 2);
    await paid(fetcher, { refundOn }, failures.throws).call().catch(() => {});
    assert.deepEqual([fetcher.calls.length, ends[1].error.message], [3, "boom"]);
  });

  test("a function that cannot say is told to onError; then a failure is one", async () => {
    const fetcher = scripted(charged());
    const refundOn = () => {
      throw new TypeError("oops");
    };
    const { call, kept, errors } = paid(fetcher, { refundOn }, failures["answers 5xx"]);
    assert.equal((await call()).status, 502);
    await Promise.all(kept);
    assert.deepEqual([errors[0].code, fetcher.calls.length], ["option_failed", 2]);
  });

  test("a refund that fails is told to onError, and the answer stands", async () => {
    const fetcher = scripted(charged(), refused(403, "insufficient_scope"));
    const { call, kept, errors } = paid(fetcher, {}, failures["answers 5xx"]);
    assert.equal((await call()).status, 502);
    await Promise.all(kept);
    assert.equal(errors[0].code, "insufficient_scope");
    const { customer_id: customer, amount, refund_of: of } = errors[0].details;
    assert.deepEqual([customer, amount, of], ["cus_1", 5, TXN]);
  });

  test("a charge that was accepted without the API is paid back after it has arrived", async (t) => {
    const fetcher = scripted(new Error("away"), charged());
    const config = { gracefulDegradation: true, baseUrl: "https://refund.example" };
    const { call, kept, errors, runs } = paid(fetcher, { config }, failures["answers 5xx"]);
    await inVirtualTime(t, async () => {
      assert.equal((await call()).status, 502);
      assert.equal(runs[0][1].charge.degraded, true);
      await Promise.all(kept);
    });
    const sent = bodies(fetcher).map(({ type = "charge", on_insufficient: gate }) => [type, gate]);
    assert.deepEqual(sent, [["charge", "reject"], ["charge", undefined], ["refund", undefined]]);
    assert.deepEqual(errors, []);
  });

  test("a charge that a cache has yet to send is paid back once it has arrived", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const fetcher = scripted(
      charged({ pending: 1 }),
      refused(404, "not_found"),
      refused(404, "not_found"),
      charged(),
    );
    const { call, kept, errors } = paid(fetcher, {}, failures["answers 5xx"]);
    await call();
    let done = false;
    Promise.all(kept).then(() => (done = true));
    for (let turn = 0; turn < 200 && !done; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      t.mock.timers.tick(50);
    }
    assert.deepEqual([done, fetcher.calls.length, errors.length], [true, 4, 0]);
  });
});

describe("charged after", () => {
  const after = { consume: "after" };
  const balance = (value) => json(200, { balance: value, customer_id: "cus_1", credit_name: "credits" });

  test("by what the response says, in the background", async () => {
    const fetcher = scripted(balance(1), charged());
    const amount = (response) => response.headers.get("x-tokens");
    const handler = () => new Response("done", { headers: { "x-tokens": "12" } });
    const { call, kept, runs } = paid(fetcher, { ...after, amount }, handler);
    assert.equal((await call()).status, 200);
    assert.equal(kept.length, 1);
    await Promise.all(kept);
    assert.deepEqual([bodies(fetcher)[1].amount, bodies(fetcher)[1].on_insufficient], [12, undefined]);
    assert.equal(runs[0][1].charge, null);
  });

  test("whoever has nothing left, or too little, is answered 402", async () => {
    for (const [left, options, status] of [
      [0, {}, 402],
      [-3, {}, 402],
      [0.000001, {}, 200],
      [9, { atLeast: 10 }, 402],
      [10, { atLeast: "10" }, 200],
    ]) {
      const { call, kept } = paid(scripted(balance(left), charged()), { ...after, ...options });
      assert.equal((await call()).status, status, `${left}`);
      await Promise.all(kept);
    }
    const fetcher = scripted(charged());
    const { call, kept } = paid(fetcher, { ...after, atLeast: false });
    await call();
    await Promise.all(kept);
    assert.equal(fetcher.calls.length, 1);
  });

  test("the response does not wait for the amount, which may read a copy of it", async () => {
    const fetcher = scripted(balance(1), charged());
    const { readable, writable } = new TransformStream();
    const amount = async (response) => (await response.clone().text()).length;
    const { call, kept } = paid(fetcher, { ...after, amount }, () => new Response(readable));
    const response = await call();
    const writer = writable.getWriter();
    writer.write(new TextEncoder().encode("abc"));
    writer.close();
    assert.equal(await response.text(), "abc");
    await Promise.all(kept);
    assert.equal(bodies(fetcher)[1].amount, 3);
  });

  test("an amount that throws or is none is told to onError, and the answer stands", async () => {
    for (const [amount, code] of [
      [() => undefined, "invalid_amount"],
      [() => NaN, "invalid_amount"],
      [(response) => response.nothing.more, "option_failed"],
    ]) {
      const { call, kept, errors } = paid(scripted(balance(1)), { ...after, amount });
      assert.equal(await (await call()).text(), "done");
      await Promise.all(kept);
      assert.deepEqual([errors.length, errors[0].code], [1, code]);
      assert.equal(errors[0].details.customer_id, "cus_1");
    }
  });

  test("work without a response is not charged, and its error is the handler's", async () => {
    const fetcher = scripted(balance(5), charged());
    const { call } = paid(fetcher, { ...after, refundOn: "never" }, () => Promise.reject(new Error("x")));
    assert.equal((await rejection(call())).message, "x");
    assert.equal(fetcher.calls.length, 1);
  });

  test("failed work is not charged, also where repeats run", async () => {
    const fetcher = scripted(balance(5), charged());
    const again = { ...after, onReplay: "run" };
    await paid(fetcher, again, () => new Response(null, { status: 500 })).call();
    assert.equal(fetcher.calls.length, 1);
  });

  test("failed work is not charged", async () => {
    const fetcher = scripted(balance(5), charged());
    await paid(fetcher, after, () => new Response(null, { status: 500 })).call();
    await paid(scripted(balance(5)), after, () => Promise.reject(new Error("x"))).call().catch(() => {});
    assert.equal(fetcher.calls.length, 1);
  });
});

describe("options that make no handler", () => {
  const ce = client(scripted(charged()));
  const usual = { client: ce, customer: () => "c", amount: 1 };
  for (const [name, options] of Object.entries({
    "no client": { ...usual, client: undefined },
    "no customer": { ...usual, customer: "cus_1" },
    "no amount": { ...usual, amount: undefined },
    "an amount that is a lost variable": { ...usual, amount: "" },
    "an amount that is a list": { ...usual, amount: [] },
    "a misspelled option": { ...usual, idempotencyKeyForm: "x" },
    "a minimum that is no amount": { ...usual, consume: "after", atLeast: "lots" },
    "a minimum beside an amount": { ...usual, atLeast: 5 },
    "a misspelled moment": { ...usual, consume: "later" },
    "a misspelled word on replays": { ...usual, onReplay: "again" },
    "a misspelled word on refunds": { ...usual, refundOn: "always" },
    "respond that is none": { ...usual, respond: 402 },
    "free repeats": { ...usual, onReplay: "run", refundOn: "error" },
    "repeats that are known too late": { ...usual, consume: "after", idempotencyKeyFrom: "x" },
  })) {
    test(name, () => assert.throws(() => withCredits(ok, options), { code: "invalid_config" }));
  }

  test("nor is what is no function one", async () => {
    assert.throws(() => withCredits({}, usual), { code: "invalid_config" });
    const wrapped = withCredits(ok, { ...usual, customer: () => Promise.reject(new Error("db")) });
    assert.equal((await rejection(wrapped(request("m")))).message, "db");
  });
});
