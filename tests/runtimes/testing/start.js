// Runs the scenarios against the ledger in memory, on whichever runtime this is; and what only a
// ledger that fails on demand can show. Part of the projects that `testing.test.mjs` makes.

import { CreditEngine } from "edge-credits";
import { createTestLedger } from "edge-credits/testing";

import { runScenarios } from "./run.mjs";
import scenarios from "./scenarios.js";

const DAY_MS = 24 * 3_600_000;

/** @returns {Promise<{name: string, steps: number, failure?: string}[]>} */
export async function run() {
  const ledger = createTestLedger({ settings: { PUBLIC_URL: "https://credits.example.com" } });
  // Time stands still in a test ledger until it is moved, and the ledgers' reports with it.
  const ticking = setInterval(() => ledger.clock.advance(1_000), 20);
  const keys = {
    live: ledger.key({ env: "live", scopes: ["use", "grant"] }),
    test: ledger.key({ env: "test", scopes: ["use", "grant"] }),
    spender: ledger.key({ env: "live", scopes: ["use"] }),
    unknown: "ce_live_nobody_knows_this_key",
  };
  const clients = {};
  for (const [name, apiKey] of Object.entries(keys)) {
    clients[name] = new CreditEngine({ apiKey, fetcher: ledger, mode: "stateless" });
  }
  const reports = await runScenarios({ scenarios, clients, unique: "memory" });
  clearInterval(ticking);
  return [...reports, await faultsAndTime(), await topUp()];
}

/** A top-up through the test checkout, without a browser. */
async function topUp() {
  const ledger = createTestLedger();
  const options = { apiKey: ledger.apiKey, fetcher: ledger, mode: "stateless" };
  const credits = new CreditEngine(options);
  const back = { successUrl: "https://a.example/{CHECKOUT_SESSION_ID}", cancelUrl: "https://a.example/" };
  const { checkoutUrl, sessionId } = await credits.createTopUpSession({ customerId: "cus_1", ...back });
  const seen = [(await ledger.fetch(checkoutUrl)).status, await ledger.balance("cus_1")];
  const paid = await ledger.fetch(`${checkoutUrl}/pay`, { method: "POST" });
  seen.push(paid.headers.get("location"), await ledger.balance("cus_1"));
  const wanted = [200, 0, `https://a.example/${sessionId}`, 1000];
  const same = JSON.stringify(seen) === JSON.stringify(wanted);
  return { name: "top-up", steps: seen.length, failure: same ? undefined : JSON.stringify(seen) };
}

/** A lost answer, an outage and an expiry, in one go: what users write their tests for. */
async function faultsAndTime() {
  const ledger = createTestLedger({ now: "2027-01-01T00:00:00Z" });
  const options = { apiKey: ledger.apiKey, fetcher: ledger, mode: "stateless", maxRetries: 1 };
  const credits = new CreditEngine(options);
  const seen = [];
  await credits.add("cus_1", 100, { expiresAt: "2027-02-01T00:00:00Z" });
  ledger.fail.next({ when: "after-commit" });
  seen.push((await credits.consume("cus_1", 5)).replayed);
  ledger.outage(true);
  seen.push(await credits.add("cus_1", 1).catch((error) => error.effect));
  ledger.outage(false);
  seen.push(await ledger.balance("cus_1"));
  await ledger.clock.advance(32 * DAY_MS);
  const last = (await ledger.entries("cus_1")).at(-1);
  seen.push(last.type, last.created_at, await ledger.balance("cus_1"));
  const wanted = [true, "unknown", 95, "expiry", "2027-02-01T00:00:00.000Z", 0];
  const same = JSON.stringify(seen) === JSON.stringify(wanted);
  return { name: "faults and time", steps: seen.length, failure: same ? undefined : JSON.stringify(seen) };
}
