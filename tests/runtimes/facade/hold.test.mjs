// A hold as its holder has it: what it sends, and what becomes of it when its scope ends.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { client, json, refused, rejection, scripted } from "./scripted.mjs";

const ID = "txn_0123456789abcdef0123456789abcdef";
const DISPOSE = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
const state = (rest = {}) =>
  json(200, {
    hold_id: ID,
    state: "open",
    unit: "usd",
    amount: 75,
    balance: 25,
    transaction_id: ID,
    expires_at: "2030-01-01T00:00:00.000Z",
    ...rest,
  });
const sent = ({ calls }) => calls.map(({ url, body }) => [url.split("/").at(-1), JSON.parse(body)]);

test("what is asked of a hold goes to its own path, in its own unit", async () => {
  const extended = state({ expires_at: "2031-01-01T00:00:00.000Z" });
  const fetcher = scripted(state(), state({ used: 1.5 }), extended, state({ captured: 2 }));
  const ce = client(fetcher);
  const options = { unit: "usd", ttlMs: 60_000, onExpiry: "release", description: "AI: chat" };
  const hold = await ce.hold("cus/1", 75, { ...options, metadata: { a: 1 }, idempotencyKey: "k" });
  assert.deepEqual([hold.id, hold.amount, hold.balance, hold.replayed], [ID, 75, 25, false]);
  assert.deepEqual(hold.expiresAt, new Date("2030-01-01"));
  assert.equal((await hold.progress("1.5")).used, 1.5);
  await hold.extend(3_600_000);
  assert.deepEqual(hold.expiresAt, new Date("2031-01-01"));
  assert.equal((await hold.capture(2, { description: "AI: done" })).captured, 2);
  const [placed, told, longer, captured] = sent(fetcher);
  assert.deepEqual(placed, [
    "holds",
    {
      amount: 75,
      unit: "usd",
      ttl_ms: 60_000,
      on_expiry: "release",
      description: "AI: chat",
      metadata: { a: 1 },
      idempotency_key: "k",
    },
  ]);
  const content = ([path, { idempotency_key: _, ...rest }]) => [path, rest];
  assert.deepEqual(content(told), ["progress", { used: 1.5, unit: "usd" }]);
  assert.deepEqual(content(longer), ["extend", { ttl_ms: 3_600_000 }]);
  const body = { amount: 2, unit: "usd", description: "AI: done" };
  assert.deepEqual(content(captured), ["capture", body]);
  assert.ok(fetcher.calls[1].url.endsWith(`/v1/customers/cus%2F1/holds/${ID}/progress`));
});

test("arguments that are no amounts or times are refused before anything is sent", async () => {
  const fetcher = scripted(state());
  const hold = await client(fetcher).hold("c", 75);
  for (const [call, code] of [
    [() => hold.progress(), "invalid_amount"],
    [() => hold.progress(-1), "invalid_amount"],
    [() => hold.capture(NaN), "invalid_amount"],
    [() => hold.capture(1, 5), "invalid_request"],
    [() => hold.extend("soon"), "invalid_request"],
    [() => hold.extend(10), "invalid_request"],
  ]) {
    const error = await rejection(call());
    assert.deepEqual([error.code, error.effect], [code, "not_applied"]);
  }
  assert.equal(fetcher.calls.length, 1);
});

describe("at the end of its scope", () => {
  const paths = (fetcher) => sent(fetcher).map(([path]) => path);

  test("a hold that nobody ended is released", async () => {
    const fetcher = scripted(state(), state({ state: "released" }));
    const hold = await client(fetcher).hold("c", 75);
    await hold[DISPOSE]();
    assert.deepEqual(paths(fetcher), ["holds", "release"]);
  });

  test("one that was captured or released is left alone", async () => {
    for (const end of ["capture", "release"]) {
      const fetcher = scripted(state(), state());
      const hold = await client(fetcher).hold("c", 75);
      await hold[end]();
      await hold[DISPOSE]();
      assert.deepEqual(paths(fetcher), ["holds", end]);
    }
  });

  test("a capture under way is waited for, and one that fails gives nothing away", async () => {
    const fetcher = scripted(state(), refused(422, "capture_exceeds_hold", { held: 75 }));
    const hold = await client(fetcher).hold("c", 75);
    const capture = rejection(hold.capture(76));
    await hold[DISPOSE]();
    assert.equal((await capture).code, "capture_exceeds_hold");
    assert.deepEqual(paths(fetcher), ["holds", "capture"]);
  });

  test("one that has ended elsewhere is no error; one that cannot be released is", async () => {
    for (const code of ["hold_expired", "hold_already_captured", "hold_already_released"]) {
      const fetcher = scripted(state(), refused(409, code, { captured: 1 }));
      await (await client(fetcher).hold("c", 75))[DISPOSE]();
    }
    const fetcher = scripted(state(), refused(500, "internal_error"));
    const hold = await client(fetcher, { maxRetries: 0 }).hold("c", 75);
    assert.equal((await rejection(hold[DISPOSE]())).code, "internal_error");
  });
});

test("a hold that was refused throws, and nothing was held", async () => {
  const details = { current_balance: 25, requested: 75 };
  const fetcher = scripted(refused(402, "insufficient_credits", details));
  const error = await rejection(client(fetcher).hold("c", 75));
  assert.deepEqual([error.name, error.currentBalance], ["InsufficientCreditsError", 25]);
  assert.equal(error.effect, "not_applied");
});
