// Persistent mode in memory as a program has it: Node, Deno and Bun. Takes the settings as JSON,
// prints what it saw, and ends without saying good-bye: its last charge is still under way then.

import { CreditEngine } from "edge-credits";

const [settings] = (globalThis.Deno?.args ?? process.argv.slice(2)).map((text) => JSON.parse(text));
const { url, apiKey, customer, calls } = settings;
const told = [];
const onError = (error) => told.push(error.message);
const client = (options) => new CreditEngine({ apiKey, baseUrl: url, onError, ...options });
const seen = {};

// `auto` on a host that lives long: the first call reads, later ones are answered from memory.
const ce = client();
const sources = [await ce.consume(customer, 1), await ce.consume(customer, 1)];
seen.sources = sources.map(({ source }) => source);

// The same key charges once, through another client too, since memory is shared.
const key = { idempotencyKey: "program-1" };
const first = await ce.consumeOrFail(customer, 1, "AI: once", key);
const again = await client().consumeOrFail(customer, 1, "AI: once", key);
seen.replayed = [first.replayed, again.replayed, first.transaction_id === again.transaction_id];

// Time per call.
let start = performance.now();
for (let index = 0; index < calls; index += 1) await ce.consume(customer, 0.001);
const consume = performance.now() - start;
start = performance.now();
for (let index = 0; index < calls; index += 1) await ce.getBalance(customer);
seen.micros = [consume, performance.now() - start].map((ms) => Math.round((ms * 1000) / calls));
seen.flushed = await ce.flush();

// The API goes away and comes back: the calls go on, and nothing is lost.
await fetch(`${url}/_away`);
const away = [];
for (let index = 0; index < 10; index += 1) away.push(await ce.consumeOrFail(customer, 1));
seen.waiting = (await ce.flush({ timeoutMs: 100 })).pending;
await fetch(`${url}/_back`);
await ce.flush();
seen.drained = ce.pendingOperations;

// Callers in parallel, by two clients, never pass a gate together.
const { balance } = await ce.getBalance(customer);
const gate = () => client().consumeOrFail(customer, balance / 4);
const outcomes = await Promise.allSettled(Array.from({ length: 12 }, gate));
seen.passed = outcomes.filter(({ status }) => status === "fulfilled").length;
seen.refusals = [...new Set(outcomes.flatMap(({ reason }) => reason?.code ?? []))];
await ce.flush();

await ce.consume(customer, 2, "AI: the last");
seen.told = told;
console.log(JSON.stringify(seen));
