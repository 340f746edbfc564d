// A panic of the client's module as it ships, and what follows. Part of the projects that
// `panic.test.mjs` makes.
//
// The module has no switch for it. A clock that throws, which no host has, breaks it: the exception
// leaves by the module's frames, what they had borrowed stays so, and the next call panics on that.

import { CreditEngine } from "edge-credits";

/** What the host's clock throws, once. */
export const BROKEN = "the clock is broken";

const turn = (ms = 0) => new Promise((done) => setTimeout(done, ms));
const told = ({ code, effect, idempotencyKey }) => ({ code, effect, key: idempotencyKey });

/**
 * @param {{url: string, key: string}} settings `url` answers the customers "early" and "late" when it
 *   is told to, by a GET of `/release/…`
 */
export async function story({ url, key }) {
  const ce = new CreditEngine({ apiKey: key, baseUrl: url, mode: "stateless", timeoutMs: 1500 });
  const outcome = (promise) => promise.then((value) => ({ value }), (error) => told(error));
  const waiting = [outcome(ce.consume("early", 1, "", { idempotencyKey: "early" }))];
  waiting.push(outcome(ce.consume("late", 1, "", { idempotencyKey: "late" })));
  await turn(100);

  const { now } = Date;
  Date.now = () => {
    Date.now = now;
    throw new Error(BROKEN);
  };
  const lost = outcome(ce.getBalance("lost"));
  await turn(20);
  Date.now = now;
  const panicked = outcome(ce.consume("c", 1, "", { idempotencyKey: "panicked" }));
  const reports = { panicked: await panicked, waiting: await Promise.all(waiting) };
  reports.lost = await lost;

  // An answer to the old module before there is a new one, and one after; then its timers.
  await fetch(`${url}/release/early`);
  await turn(50);
  reports.again = await outcome(ce.consume("c", 1, "", { idempotencyKey: "panicked" }));
  await fetch(`${url}/release/late`);
  await turn(50);
  reports.settled = await Promise.all(
    ["early", "late"].map((name) => outcome(ce.consume(name, 1, "", { idempotencyKey: name }))),
  );
  await turn(2000);
  reports.last = await outcome(ce.getBalance("c"));
  return reports;
}
