// Runs in a project with the packed package: how long the client's calls take, each awaited before
// the next. Prints one line of JSON.

import { setImmediate as turn } from "node:timers/promises";

import { CreditEngine } from "edge-credits/credit-engine";

const { apiKey, baseUrl, mode, calls, customer } = JSON.parse(process.argv[2]);
const errors = [];
const onError = (error) => errors.push(String(error));
const ce = new CreditEngine({ apiKey, baseUrl, mode, onError });

const CALLS = {
  getBalance: () => ce.getBalance(customer),
  consume: () => ce.consume(customer, 1),
  consumeOrFail: () => ce.consumeOrFail(customer, 1),
};

// The first read goes to the API in every mode.
await ce.getBalance(customer);
const { source = null } = await ce.getBalance(customer);
const times = {};
for (const [name, call] of Object.entries(CALLS)) {
  times[name] = [];
  for (let index = 0; index < calls; index += 1) {
    const from = performance.now();
    await call();
    times[name].push(performance.now() - from);
    // A server does other things in between; what is sent in the background needs its turns.
    await turn();
  }
}
const pending = ce.pendingOperations;
const from = performance.now();
await ce.destroy();
const draining = performance.now() - from;
console.log(JSON.stringify({ source, times, pending, draining, errors }));
