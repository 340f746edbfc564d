// A ClockNext client over a double, and what the tests of its buffer share around it.

import assert from "node:assert/strict";

import { ClockNext } from "../../../pkg/js/clocknext.js";

export const KEY = "cnk_0123456789";
export const wallet = (index) => ({ customerId: "c", model: "m", idempotencyKey: `k${index}` });
export const USAGE = "/api/v1/usage";
export const BATCH = "/api/v1/usage/batch";

/** A client over a double, and what its hooks are told. */
export function watched(double, options = {}) {
  const told = { errors: [], flushes: [], drops: [], retries: [] };
  const cnk = new ClockNext({
    apiKey: KEY,
    fetcher: double,
    onError: (error, signal) => told.errors.push([error, signal.idempotencyKey]),
    onFlush: (count) => told.flushes.push(count),
    onRetry: (retry) => told.retries.push(retry),
    onDrop: (signal, reason) => told.drops.push([signal.idempotencyKey, reason]),
    ...options,
  });
  return { cnk, told };
}

/** Tracks so many in one breath. */
export const track = (cnk, count, from = 0) =>
  Promise.all(
    Array.from({ length: count }, (_, index) => cnk.signals.wallet(wallet(from + index))),
  );

export const paths = (double) => double.requests.map(({ url }) => url.pathname);

export function assertAddsUp(cnk) {
  const { tracked, delivered, rejected, dropped, pending, waiting, sending } = cnk.stats;
  assert.equal(tracked, delivered + rejected + dropped + pending);
  assert.equal(pending, waiting + sending);
}

/** Each arrived, and none twice. */
export function assertOnce(double, count) {
  assert.equal(double.signals.size, count);
  for (const [key, { times }] of double.signals) assert.equal(times, 1, key);
}

/** Lets promises and what follows from them settle. */
export async function settle() {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
