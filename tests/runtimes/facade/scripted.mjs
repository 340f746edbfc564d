// A `fetcher` that answers by a script and remembers what it was sent, and what the tests of the
// facade share around it.

import { CreditEngine } from "../../../pkg/js/index.js";

export const KEY = "ce_test_0123456789";

/** A JSON answer. */
export const json = (status, body, headers = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });

/** What the server answers to a change. */
export const charged = (rest = {}) =>
  json(200, { balance: 95, transaction_id: "txn_1", sequence: 7, ...rest });

/** What the server answers to a refusal. */
export const refused = (status, code, details, headers) =>
  json(
    status,
    { error: { code, message: `it is ${code}`, details, request_id: "req_9" } },
    headers,
  );

/** An answer that never comes. */
export const never = () => new Promise(() => {});

/**
 * @param {...(Response | Error | ((url: string, init: object) => unknown))} steps one per attempt;
 *   the last one repeats
 */
export function scripted(...steps) {
  const calls = [];
  return {
    calls,
    async fetch(url, init) {
      const { method, body, redirect, signal } = init;
      calls.push({
        url,
        method,
        body,
        redirect,
        signal,
        headers: Object.fromEntries(init.headers),
      });
      const step = steps[Math.min(calls.length, steps.length) - 1];
      if (step instanceof Error) throw step;
      return typeof step === "function" ? step(url, init) : step.clone();
    },
  };
}

/**
 * A client over a script, one round trip per call, whose failures throw. The budget is off: the tests
 * of one process share it.
 */
export function client(fetcher, options = {}) {
  const strict = { retryBudget: false, gracefulDegradation: false };
  const usual = { apiKey: KEY, fetcher, mode: "stateless", ...strict };
  return new CreditEngine({ ...usual, ...options });
}

/** A Durable Object namespace whose objects answer by a script, and what was asked of it. */
export function namespace(...steps) {
  const fetcher = scripted(...steps);
  const seen = { names: [], stubs: 0, calls: fetcher.calls };
  const objects = {
    idFromName: (name) => (seen.names.push(name), { name }),
    get: (id) => ((seen.stubs += 1), { id, fetch: (url, init) => fetcher.fetch(url, init) }),
  };
  return { objects, seen };
}

/** The error a promise is rejected with; fails when it is not. */
export async function rejection(promise) {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  if ("error" in outcome) return outcome.error;
  throw new Error(`resolved with ${JSON.stringify(outcome.value)}`);
}

/**
 * Lets a promise settle in virtual time: advances the mocked clock whenever nothing else runs.
 * @param {import("node:test").TestContext} t
 * @param {() => Promise<unknown>} start
 */
export async function inVirtualTime(t, start) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
  let settled = false;
  const promise = start().finally(() => (settled = true));
  promise.catch(() => {});
  // An hour is longer than any deadline of the tests.
  for (let step = 0; step < 36_000 && !settled; step += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!settled) t.mock.timers.tick(100);
  }
  return promise;
}
