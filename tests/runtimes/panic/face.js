// The same of the other module, that of ClockNext: one call breaks it, others are under way, and signals wait.
//
// It keeps nothing between calls that a broken clock could spoil at once: the task of the call is spoilt, and panics when
// its timer calls it.

import { ClockNext } from "edge-credits/clocknext";

import { BROKEN } from "./story.js";

const turn = (ms = 0) => new Promise((done) => setTimeout(done, ms));
const told = ({ name, code, effect, idempotencyKey }) => ({ name, code, effect, key: idempotencyKey });
const outcome = (promise) => promise.then((value) => ({ value }), (error) => told(error));

// Bun does not name the frames of a module.
const FROM_WASM = /wasm|at unknown/i;

/** Throws in the clock's place, once, when the module asks for the time. */
function breakClock() {
  const { now } = Date;
  Date.now = () => {
    if (!FROM_WASM.test(new Error().stack)) return now();
    Date.now = now;
    throw new Error(BROKEN);
  };
  return () => Date.now !== now;
}

/**
 * @param {{url: string, key: string}} settings `url` answers what concerns the customers "early" and "late" when it is
 *   told to, by a GET of `/release/…`
 */
export async function faceStory({ url, key }) {
  const drops = [];
  const cnk = new ClockNext({
    apiKey: key,
    baseUrl: url,
    timeoutMs: 1500,
    batch: { maxIntervalMs: 0 },
    onError: () => {},
    onDrop: ({ idempotencyKey }, reason) => drops.push([idempotencyKey, reason]),
  });
  const signal = (idempotencyKey, customerId = "c") => ({ customerId, model: "m", idempotencyKey });
  const spoilt = outcome(cnk.customers.get("early"));
  const waited = outcome(cnk.signals.wallet(signal("waited", "late"), { wait: true }));
  await cnk.signals.wallet(signal("buffered", "late"));
  await turn(100);
  const isBroken = breakClock();
  await fetch(`${url}/release/early`);
  for (let tries = 0; isBroken() && tries < 100; tries += 1) await turn(10);

  // By the timer of the first, before its own.
  const reports = { spoilt: await spoilt, waited: await waited };
  reports.again = await outcome(cnk.signals.wallet(signal("waited"), { wait: true }));
  await fetch(`${url}/release/late`);
  for (let count = 0; count < 5; count += 1) await cnk.signals.wallet(signal(`s${count}`));
  await cnk.flush();
  await turn(2000);
  reports.last = await outcome(cnk.customers.get("c"));
  return { ...reports, stats: cnk.stats, drops };
}
