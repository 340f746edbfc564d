// Persistent mode elsewhere: what a host comes to, and what the answers of a cache say beside their
// own call.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { AuthenticationError, CreditEngine } from "../../../pkg/js/index.js";
import { KEY, charged, client, namespace, scripted } from "./scripted.mjs";

const REFUSED = {
  id: 7,
  kind: "rejected",
  code: "insufficient_credits",
  transaction_id: "txn_7",
  idempotency_key: "key_7",
  amount: 2.5,
  unit: "credits",
  at: "2026-01-31T00:00:00.000Z",
};

/** A client of a cache object that answers by a script, and what its onError was told. */
function cached(steps, options = {}) {
  const { objects, seen } = namespace(...steps);
  const errors = [];
  const usual = { apiKey: undefined, mode: undefined, balanceCache: objects };
  const ce = client(undefined, { ...usual, onError: (error) => errors.push(error), ...options });
  return { ce, seen, errors };
}

describe("through a cache object", () => {
  test("the customer's object is asked as the ledger's is, and its answer is passed on", async () => {
    const state = { source: "edge-cache", pending: 2, stale: false, degraded: false };
    const { ce, seen } = cached([charged(state)], { environment: "test" });
    const answer = await ce.consumeOrFail("cus:1", 5);
    assert.deepEqual(seen.names, ["4:test5:cus:1"]);
    const { headers, url, body } = seen.calls[0];
    assert.equal(url, "https://balance-cache.internal/v1/customers/cus%3A1/consume");
    assert.equal(headers["x-edge-credits-environment"], "test");
    assert.equal(headers.authorization, undefined);
    assert.equal(JSON.parse(body).on_insufficient, "reject");
    assert.deepEqual({ ...answer, ...state }, answer);
  });

  test("pendingOperations adds up what each customer's last answer reported", async () => {
    const reports = [3, 2, 0, undefined].map((pending) => charged({ pending }));
    const { ce } = cached(reports);
    const seen = [];
    for (const customer of ["a", "b", "a", "b"]) {
      await ce.consume(customer, 1);
      seen.push(ce.pendingOperations);
    }
    assert.deepEqual(seen, [3, 5, 2, 2], "an answer that does not say changes nothing");
    await ce.destroy();
  });

  test("a notice reaches onError once, however often and to whom it is repeated", async () => {
    const repeated = charged({ notices: [REFUSED] });
    const { ce, errors } = cached([repeated]);
    const other = cached([repeated]);
    const first = await ce.consume("cus_1", 1);
    await ce.getBalance("cus_1");
    await ce.forRequest({}).consume("cus_1", 1);
    await other.ce.consume("cus_1", 1);
    assert.deepEqual(first.notices, [REFUSED], "it stays on the answer");
    assert.equal(other.errors.length, 0);
    assert.equal(errors.length, 1);
    const [error] = errors;
    assert.deepEqual(
      [error.name, error.code, error.effect, error.idempotencyKey, error.retryable],
      ["CreditEngineError", "insufficient_credits", "not_applied", "key_7", false],
    );
    const { id: _, code, idempotency_key: key, ...details } = REFUSED;
    assert.deepEqual(error.details, { ...details, customer_id: "cus_1" });
    await ce.consume("cus_2", 1);
    assert.equal(errors.length, 2, "another customer's notice of the same number is another");
  });

  test("each kind says what is known, and what is no notice is no error", async () => {
    const notices = [
      { ...REFUSED, id: 1, kind: "quarantined", code: "dedupe_window_passed" },
      { id: 2, kind: "paused", code: "invalid_api_key", at: REFUSED.at },
      null,
      "text",
    ];
    const { ce, errors } = cached([charged({ notices }), charged({ notices: "none" })]);
    await ce.consume("kinds", 1);
    await ce.consume("kinds", 1);
    assert.deepEqual(
      errors.map(({ code, effect }) => [code, effect]),
      [["dedupe_window_passed", "unknown"], ["invalid_api_key", "not_applied"]],
    );
    assert.ok(errors[1] instanceof AuthenticationError);
  });

  test("a callback that throws or rejects spoils no answer", async () => {
    const notices = (id) => charged({ notices: [{ ...REFUSED, id }] });
    const failing = () => {
      throw new Error("mine");
    };
    for (const [id, onError] of [[101, failing], [102, async () => failing()]]) {
      const { ce } = cached([notices(id)], { onError });
      assert.equal((await ce.consume("cus_1", 1)).balance, 95);
    }
  });
});

describe("the mode that a host comes to", () => {
  /** Runs `use` with these globals in place of the process's own. */
  function on(globals, use) {
    const kept = Object.keys(globals).map((name) => [
      name,
      Object.getOwnPropertyDescriptor(globalThis, name),
    ]);
    const define = (name, value) =>
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    Object.entries(globals).forEach(([name, value]) => define(name, value));
    try {
      return use();
    } finally {
      for (const [name, descriptor] of kept) {
        if (descriptor) Object.defineProperty(globalThis, name, descriptor);
        else delete globalThis[name];
      }
    }
  }

  const persistent = (options) => () => new CreditEngine({ apiKey: KEY, mode: "persistent", ...options });
  const edges = {
    "Cloudflare Workers": { navigator: { userAgent: "Cloudflare-Workers" } },
    "Vercel edge": { EdgeRuntime: "edge-runtime" },
    Supabase: { EdgeRuntime: { waitUntil() {} } },
    Netlify: { Netlify: {} },
  };
  for (const [name, globals] of Object.entries(edges)) {
    test(`${name} has no memory to keep balances in, and the error says what to do`, async () => {
      on(globals, () => {
        assert.throws(persistent(), (error) => {
          assert.equal(error.code, "invalid_config");
          assert.match(error.message, /on an edge host.*balanceCache.*UPSTREAM_URL.*stateless/);
          return true;
        });
      });
      const fetcher = scripted(charged());
      const [remote, auto] = on(globals, () => [
        persistent({ fetcher, baseUrl: "https://cache.example" })(),
        new CreditEngine({ apiKey: KEY, fetcher }),
      ]);
      await remote.consume("cus_1", 1);
      await auto.consume("cus_1", 1);
      const hosts = fetcher.calls.map(({ url }) => new URL(url).host);
      assert.deepEqual(hosts, ["cache.example", "api.creditengine.dev"]);
    });
  }

  for (const variable of ["VERCEL", "AWS_LAMBDA_FUNCTION_NAME", "NETLIFY", "CLOUDFLARE_WORKER", "DENO_DEPLOYMENT_ID"]) {
    test(`so has a host that sets ${variable}`, () => {
      on({ process: { env: { [variable]: "1" } } }, () => {
        assert.throws(persistent(), new RegExp(`where ${variable} is set`));
        new CreditEngine({ apiKey: KEY });
      });
      on({ process: { env: { [variable]: "" } } }, persistent());
    });
  }

  test("an environment that may not be read is none, and nobody is asked", () => {
    const asked = [];
    const deno = (state) => ({
      env: { get: (name) => (state === "granted" ? "1" : assert.fail(`read ${name}`)) },
      permissions: { querySync: ({ variable }) => (asked.push(variable), { state }) },
    });
    on({ Deno: deno("prompt") }, persistent());
    on({ Deno: deno("denied") }, persistent());
    assert.equal(asked.length, 10);
    on({ Deno: deno("granted") }, () => assert.throws(persistent(), /where VERCEL is set/));
    const unasked = { env: deno("granted").env };
    on({ Deno: unasked }, () => assert.throws(persistent(), /where VERCEL is set/));
    on({ Deno: { ...unasked, permissions: {} } }, () => assert.throws(persistent(), /VERCEL/));
    const throwing = new Proxy({}, { get: () => assert.fail("no") });
    on({ process: { env: throwing } }, persistent());
  });
});
