// The calls that are made against an upstream that misbehaves, on whichever runtime this is. Part of
// the projects that `upstream.test.mjs` makes.

import { CreditEngine } from "edge-credits";

/** A client of its own for each call: what clients share must be the isolate's. */
const client = (settings) =>
  new CreditEngine({
    apiKey: settings.key,
    baseUrl: settings.url,
    mode: "stateless",
    retryBudget: false,
    onError: () => {},
    ...settings.options,
  });

const JOBS = { gates, trips };

/** @param {{job: keyof JOBS, url: string, key: string, options: object}} settings */
export const run = (settings) => JOBS[settings.job](settings);

/** One charge each; what became of it. */
async function gates(settings) {
  const reports = [];
  for (const { customer, amount, idempotencyKey, timeoutMs } of settings.calls) {
    const started = Date.now();
    const options = { ...settings.options, timeoutMs };
    const report = await client({ ...settings, options })
      .consumeOrFail(customer, amount, "AI: chat", { idempotencyKey })
      .then(
        ({ degraded = false, replayed, idempotency_key: key }) => {
          return { outcome: replayed ? "replayed" : "applied", degraded, key };
        },
        ({ code, effect, attempts, idempotencyKey: key }) => {
          return { outcome: code, effect, attempts, degraded: false, key };
        },
      );
    reports.push({ ...report, ms: Date.now() - started });
  }
  return reports;
}

/** One call of each method, in order. */
async function trips({ customer, ...settings }) {
  const ce = client(settings);
  const { transaction_id: grant } = await ce.add(customer, 10);
  await ce.getBalance(customer, { includeBreakdown: true });
  await ce.consume(customer, 1);
  await ce.consumeOrFail(customer, 1);
  await ce.consume(customer, 1, "", { background: true });
  await ce.getTransactions(customer);
  await ce.voidGrant(customer, grant);
  await ce.destroy();
  return 7;
}
