// The ClockNext face of the worker over a real socket: envelopes, keys, routes, and that both faces see
// one ledger.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { clocknextApi } from "./clocknext/api.mjs";
import { faceKeys, startLedger } from "./clocknext/world.mjs";
import { exchange } from "./raw.mjs";
import { cacheWorker, startWorkerd } from "./workerd.mjs";

const given = faceKeys();
const { keys, cnk, API_KEYS } = given;
let runtime;
let origin;
let engine;
let next;

before(async () => {
  ({ runtime, origin, engine, next } = await startLedger(given));
});
after(() => runtime?.stop());

describe("the key", () => {
  test("says which environment and what for", async () => {
    const { ok, keyId, environment, scopes, mode } = await next.good("GET", "/me");
    const { id } = cnk.live.entry;
    assert.deepEqual([ok, keyId, environment, scopes, mode], [true, id, "live", ["admin"], "ledger"]);
    const other = await clocknextApi(origin, cnk.test.text).good("GET", "/me");
    assert.equal(other.environment, "test");
    // Also of a key that may do nothing but give.
    const giver = await clocknextApi(origin, cnk.giving.text).good("GET", "/me");
    assert.deepEqual([giver.keyId, giver.scopes], [cnk.giving.entry.id, ["grant"]]);
    // A key of the other face opens this one too: it is the entry that counts.
    assert.equal((await clocknextApi(origin, keys.live.text).good("GET", "/me")).environment, "live");
  });

  test("is asked for in one way, whatever is wrong with it", async () => {
    const bodies = new Set();
    for (const text of ["", "cnk_unknown", keys.mislabelled.text, keys.unknown.text]) {
      const { status, json, headers } = await clocknextApi(origin, text).request("GET", "/me");
      assert.equal(status, 401);
      assert.equal(headers.get("www-authenticate"), "Bearer");
      assert.equal(json.requestId, headers.get("x-request-id"));
      bodies.add(JSON.stringify({ ...json, requestId: null }));
    }
    assert.equal(bodies.size, 1);
  });
});

describe("envelopes", () => {
  test("errors have the one that their path speaks, and name the request", async () => {
    const old = await next.request("GET", "/nothing");
    assert.deepEqual([old.status, old.json.ok, old.json.code], [404, false, "not_found"]);
    assert.equal(typeof old.json.error, "string");
    assert.equal(old.json.requestId, old.headers.get("x-request-id"));
    assert.ok(old.headers.get("x-edge-credits") && old.headers.get("cache-control") === "no-store");
    const fresh = await next.request("GET", "/usage/nothing");
    assert.equal(fresh.json.statusCode, 404);
    assert.equal(fresh.json.statusDetail.status, "ERROR");
    assert.equal(typeof fresh.json.statusDetail.message, "string");
    const verb = await next.request("DELETE", "/me");
    assert.deepEqual([verb.status, verb.headers.get("allow")], [405, "GET"]);
  });

  test("sizes are refused in the same words", async () => {
    const headers = [
      ["Authorization", `Bearer ${cnk.live.text}`],
      ["X-Long", "x".repeat(17_000)],
    ];
    const answer = await exchange(origin, { method: "GET", path: "/api/v1/me", headers });
    assert.deepEqual([answer.status, answer.json.ok, answer.json.code], [431, false, "headers_too_large"]);
  });
});

describe("balances", () => {
  test("are those of the other face, unit by unit, with holds and expiry", async () => {
    const expires_at = "2100-01-01T00:00:00.000Z";
    await engine.grant("both", 100, { expires_at });
    await engine.grant("both", 7.25, { unit: "images" });
    await engine.grant("both", "3.000000001", { unit: "usd" });
    await engine.consume("both", { amount: 0.5 });
    await engine.hold("both", { amount: 20 });
    const all = await next.balances("both");
    assert.equal(all.ok, true);
    assert.equal(all.walletBalanceUsd, 3.000000001);
    for (const [unit, expected] of [["credits", 79.5], ["images", 7.25]]) {
      const { balance, held, posted, sequence } = await engine.balance("both", `?unit=${unit}`);
      const credit = all.credits.find(({ agentKey }) => agentKey === unit);
      assert.equal(balance, expected);
      assert.deepEqual(
        [credit.remaining, credit.held, credit.posted, all.sequence],
        [balance, held, posted, sequence],
      );
      assert.equal(typeof credit.creditId, "string");
      assert.equal(typeof credit.creditName, "string");
    }
    assert.equal(all.credits.find(({ agentKey }) => agentKey === "credits").expiresAt, expires_at);
    assert.deepEqual(all.units.map(({ unit }) => unit), ["credits", "images", "usd"]);
    assert.equal(all.credits.length, 2, "the wallet is no credit type");
  });

  test("of the other environment are others", async () => {
    const other = clocknextApi(origin, cnk.test.text);
    const { status, json } = await other.request("GET", other.customer("both", "/balances"));
    assert.deepEqual([status, json.code], [404, "not_found"]);
  });

  test("a broken id is refused", async () => {
    for (const id of ["", "%", "%ff", "%00", "%20x", "x".repeat(129)]) {
      const { status, json } = await next.request("GET", `/customers/${id}/balances`);
      assert.deepEqual([status, json.code], [400, "invalid_id"], id);
    }
  });
});

test("a cache passes everything on but /me", async (t) => {
  const bindings = {
    API_KEYS,
    UPSTREAM_URL: origin,
    UPSTREAM_KEY_LIVE: keys.live.text,
    UPSTREAM_KEY_TEST: keys.test.text,
  };
  const cache = await startWorkerd({ workers: [cacheWorker(bindings)] });
  t.after(() => cache.stop());
  const through = clocknextApi(cache.urls.cache, cnk.live.text);
  const { mode, scopes } = await through.good("GET", "/me");
  assert.deepEqual([mode, scopes], ["cache", ["admin"]]);
  await engine.grant("behind", 12);
  const [theirs, ours] = [await through.balances("behind"), await next.balances("behind")];
  assert.equal(ours.units[0].balance, 12);
  assert.deepEqual({ ...theirs, asOf: null }, { ...ours, asOf: null });
});
