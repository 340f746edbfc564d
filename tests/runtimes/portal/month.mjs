// A customer as most are: three units, a month of usage behind, credits that expire one after another.
// Time cannot be had over the API, so the entries are made by it in their order and are then dated back
// in the ledger's own database, while the runtime is down.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { clocknextApi } from "../clocknext/api.mjs";
import { caller } from "./town.mjs";

const DAY = 86_400_000;
const DAYS = 30;

/** The next of a series that is the same each time. */
function dice(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

/** What happened on each day, the oldest first: `[how long ago in ms, operation, body]`. */
function history(now) {
  const next = dice(42);
  const inDays = (days) => new Date(now + days * DAY).toISOString();
  const topup = (amount, unit, more) => ["add", { amount, unit, type: "topup", ...more }];
  const events = [
    [DAYS * DAY, ...topup(20_000, "api_credit", { product: "growth", expires_at: inDays(3) })],
    [DAYS * DAY, ...topup(500, "image_credit", { product: "growth", expires_at: inDays(11) })],
    [DAYS * DAY, ...topup(50, "usd", { description: "Card payment" })],
  ];
  const uses = ["Chat with the assistant", "Document search", "Weekly report", "Translation, 14 pages"];
  for (let ago = DAYS - 1; ago >= 0; ago -= 1) {
    const weekday = new Date(now - ago * DAY).getUTCDay();
    const busy = weekday === 0 || weekday === 6 ? 1 : 4;
    for (let number = 0; number < busy; number += 1) {
      const at = ago * DAY - number * 60_000;
      const credits = (25 + next(90) + (DAYS - ago) * 2).toFixed(1);
      events.push([at, "consume", { amount: credits, unit: "api_credit", description: uses[next(4)] }]);
      if (next(3) === 0) {
        events.push([at, "consume", { amount: 1 + next(6), unit: "image_credit", metadata: { action: "image_generation" } }]);
      }
      if (next(4) === 0) {
        const amount = (0.0004 * (1 + next(900))).toFixed(6);
        events.push([at, "consume", { amount, unit: "usd", description: "Outcome: ticket resolved" }]);
      }
    }
    if (ago === 12) events.push([ago * DAY, ...topup(5_000, "api_credit", { expires_at: inDays(78) })]);
    if (ago === 6) events.push([ago * DAY, "add", { amount: 100, unit: "api_credit", type: "adjustment" }]);
  }
  events.push([0, "add", { amount: 20_000, unit: "api_credit", type: "topup", product: "growth", effective_at: inDays(3), expires_at: inDays(33) }]);
  events.push([0, "holds", { amount: 120, unit: "api_credit" }]);
  return events;
}

/** What the units are called, and who the customer is. `next` is the ClockNext API. */
async function named(next) {
  for (const [name, agentKey] of [["API credits", "api_credit"], ["Image credits", "image_credit"]]) {
    await next.good("POST", "/credit-types", { name, agentKey, pricePerCredit: 0.01 });
  }
  const fields = { name: "Northwind Laboratories", email: "ops@northwind.example" };
  return (await next.good("POST", "/customers", fields)).customer.id;
}

/** Starts a runtime that keeps `state`, with such a customer in it. `key` may do everything. */
export async function startWithMonth(start, state, key) {
  const first = await start();
  const id = await named(clocknextApi(first.urls.ledger, key));
  const call = caller(first.urls.ledger, key);
  const now = Date.now();
  const times = [];
  for (const [ago, operation, body] of history(now)) {
    await call(id, operation, body);
    times.push(now - ago);
  }
  await first.stop();
  await dateBack(state, id, times);
  return { runtime: await start(), id };
}

/** Dates them back. The runtime that keeps `state` must be down. */
async function dateBack(state, customer, times) {
  const home = join(state, "ledger-LedgerObject");
  for (const file of (await readdir(home)).filter((name) => name.endsWith(".sqlite"))) {
    const database = new DatabaseSync(join(home, file));
    try {
      const { found } = database.prepare("SELECT count(*) AS found FROM meta WHERE customer = ?").get(customer);
      if (!found) continue;
      const entry = database.prepare("UPDATE entries SET time = ? WHERE sequence = ?");
      times.forEach((time, index) => entry.run(time, index + 1));
      database.exec(
        "UPDATE grants SET effective_at = (SELECT time FROM entries WHERE entries.sequence = grants.sequence) WHERE state = 'active'",
      );
      return;
    } finally {
      database.close();
    }
  }
  throw new Error(`${home} has no ledger of ${customer}`);
}
