// What a question about all customers costs, as customers and days grow; and what a charge pays for
// being reported.
//
// Rows are those that SQLite reads for one answer. Every customer consumes something on every day, which
// is the worst there is: what did not happen has no rows.

import { setTimeout as sleep } from "node:timers/promises";

import { startFilled, startLedgers } from "./contestants.mjs";
import { fixed, median, table } from "./figures.mjs";

const QUESTIONS = ["summary", "top-consumers", "usage", "actions", "burn-rate"];
/** Customers of one request to fill; each takes some milliseconds a day. */
const SLICE = 50;
/** Times that each question is asked. */
const ASKED = 5;
/** Longer than a charge waits to be reported, so that a turn has its share of reports. */
const TURN_SECONDS = 12;
/** Longer than a charge waits to be reported: what one ledger has to tell is told before the other's turn. */
const REST_MS = 12_000;

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function analytics({ load, say, quick }) {
  const faults = await growth({ say, quick });
  await overhead({ load, say, rounds: quick ? 1 : 3 });
  return faults;
}

async function growth({ say, quick }) {
  const sizes = quick ? [50, 200] : [100, 1_000, 4_000];
  const spans = quick ? [7, 30] : [7, 30, 90];
  const faults = [];
  const rows = [["customers × days", ...QUESTIONS.flatMap((name) => [name, "ms"])]];
  for (const customers of sizes) {
    for (const days of spans) {
      const filled = await startFilled();
      try {
        await fill(filled, customers, days);
        const cells = [];
        for (const question of QUESTIONS) {
          const { read, ms, data } = await ask(filled, question, days);
          if (question === "summary" && data.active_customers !== customers) {
            faults.push(`${data.active_customers} of ${customers} customers were counted`);
          }
          cells.push(String(read), fixed(ms, 1));
        }
        rows.push([`${customers} × ${days}`, ...cells]);
      } finally {
        await filled.stop();
      }
    }
  }
  say("\nanalytics over all customers: rows read for one answer, and its time");
  for (const line of table(rows)) say(line);
  return faults;
}

async function fill({ port }, customers, days) {
  for (let from = 0; from < customers; from += SLICE) {
    const body = JSON.stringify({ from, to: Math.min(from + SLICE, customers), days });
    const answer = await fetch(`http://127.0.0.1:${port}/bench/fill`, { method: "POST", body });
    if (!answer.ok) throw new Error(await answer.text());
  }
}

async function ask({ port, key }, question, days) {
  const about = question === "burn-rate" ? `days=${days}` : `period=last_${days}_days`;
  const headers = { authorization: `Bearer ${key}` };
  const times = [];
  let read;
  let data;
  for (let time = 0; time < ASKED; time += 1) {
    const start = performance.now();
    const answer = await fetch(`http://127.0.0.1:${port}/v1/analytics/${question}?${about}`, { headers });
    ({ data } = await answer.json());
    times.push(performance.now() - start);
    if (!answer.ok) throw new Error(`${question}: ${answer.status}`);
    read = Number(answer.headers.get("x-rows-read"));
  }
  return { read, ms: median(times), data };
}

/** The ledger with a directory to report to and without, by the delay that it has by default. */
async function overhead({ load, say, rounds }) {
  const ledgers = await startLedgers();
  const rows = [["charges", "clients", "reporting, req/s", "not, req/s", "ratio"]];
  try {
    for (const [what, customers, clients] of [["one customer", 1, 8], ["200 customers", 200, 32]]) {
      const results = ledgers.map(() => []);
      for (const { port, key } of ledgers) await load.run({ grant: 1e9, port, key, customers, clients });
      for (let round = 0; round < rounds; round += 1) {
        for (const [at, { port, key }] of ledgers.entries()) {
          const job = { call: "consume", customers, clients, seconds: TURN_SECONDS, port, key };
          const { count, seconds } = await load.run(job);
          results[at].push(count / seconds);
          await sleep(REST_MS);
        }
      }
      const [reporting, not] = results.map(median);
      rows.push([what, String(clients), fixed(reporting, 0), fixed(not, 0), fixed(reporting / not, 2)]);
    }
  } finally {
    for (const ledger of ledgers) await ledger.stop();
  }
  say("\nwhat a charge pays for being reported: the same ledger with a directory and without");
  for (const line of table(rows)) say(line);
}
