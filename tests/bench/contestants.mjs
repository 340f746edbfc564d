// Who is measured: each a real Workers runtime of its own, with its objects on disk.
//
//   floor    the hand-written object of floor/
//   api      our worker as the ledger, asked directly
//   distant  the same, DISTANCE_MS further away
//   cache    our worker as a cache, its upstream a ledger of its own, DISTANCE_MS away
//   plain    `return new Response("ok")`, for the load generator's ceiling

import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { makeKey } from "../runtimes/keys.mjs";
import { cacheWorker, ledgerWorker, startWorkerd } from "../runtimes/workerd.mjs";
import { startDistance } from "./distance.mjs";

/** The added distance of a remote API, as a round trip. */
export const DISTANCE_MS = 50;
/** More than any run can spend. */
export const CREDITS = 1_000_000_000;
/** Customers of the runs with many. */
export const CUSTOMERS = 1_000;

/** Whether the worker that is built here has the cache object. */
export async function hasCache() {
  const { directory } = ledgerWorker({});
  return (await readFile(`${directory}/worker.js`, "utf8")).includes("BalanceCacheObject");
}

/** An API key that every contestant knows. */
function key() {
  return makeKey("test", ["use", "grant", "admin"]);
}

function fixture(name) {
  return { name, directory: fileURLToPath(new URL(name, import.meta.url)), main: "worker.js" };
}

/** A contestant on one runtime. `more` ends with it. */
function contestant(name, runtime, own, { port, more = [], ...rest } = {}) {
  return {
    name,
    key: own.text,
    pid: runtime.pid,
    inspector: runtime.inspector,
    port: port ?? portOf(runtime),
    output: runtime.output,
    ...rest,
    async stop() {
      await runtime.stop();
      for (const other of more) await other.stop();
    },
  };
}

function portOf(runtime) {
  return Number(new URL(Object.values(runtime.urls)[0]).port);
}

export async function startPlain() {
  return contestant("plain", await startWorkerd({ workers: [fixture("plain")] }), key());
}

/** @param {{inside?: boolean}} [options] whether its heap can be looked into (inspector.mjs) */
export async function startFloor({ inside = false } = {}) {
  const worker = { ...fixture("floor"), objects: { ACCOUNT: { className: "Account" } } };
  return contestant("floor", await startWorkerd({ workers: [worker], inspect: inside }), key());
}

/** The ledger at no distance, and the same at DISTANCE_MS. */
export async function startApi() {
  const own = key();
  const runtime = await startLedger(own);
  const far = await startDistance({ port: portOf(runtime), roundTripMs: DISTANCE_MS });
  const api = contestant("api", runtime, own, { more: [far] });
  return [api, { ...api, name: "distant", port: far.port, stop: async () => {} }];
}

/**
 * The cache; `upstream` is what it sends to, `sent` counts the requests to it.
 * @param {{inside?: boolean}} [options] whether both can be looked into: their alarms and wasm
 *   memory (inside/main.js), their heaps (inspector.mjs)
 */
export async function startCache({ inside = false } = {}) {
  const own = key();
  const theirs = key();
  const start = inside ? startOpen : (worker) => startWorkerd({ workers: [worker] });
  const runtime = await start(ledgerWorker(secret(theirs)));
  const far = await startDistance({ port: portOf(runtime), roundTripMs: DISTANCE_MS });
  const upstream = { UPSTREAM_URL: far.url, UPSTREAM_KEY_TEST: theirs.text };
  const cache = await start(cacheWorker({ ...secret(own), ...upstream }));
  const { pid, inspector } = runtime;
  return contestant("cache", cache, own, {
    more: [far, runtime],
    upstream: { pid, inspector, port: portOf(runtime), key: theirs.text },
    sent: far.requests,
    distance: DISTANCE_MS,
  });
}

/** The ledger with a directory that can be filled, and counts the rows it reads (analytics/main.js). */
export async function startFilled() {
  const own = key();
  const runtime = await startWith("analytics", ledgerWorker(secret(own)));
  return contestant("filled", runtime, own);
}

/** The ledger with a directory to report to, and the ledger without one. */
export async function startLedgers() {
  const starts = [true, false].map(async (directory) => {
    const own = key();
    const worker = ledgerWorker(secret(own));
    if (!directory) delete worker.objects.DIRECTORY;
    return contestant("ledger", await startWorkerd({ workers: [worker] }), own);
  });
  return Promise.all(starts);
}

/** A runtime whose worker can be looked into. */
function startOpen(worker) {
  return startWith("inside", worker, { inspect: true });
}

/** A runtime of the worker with another main module, of the directory `name` here, before it. */
async function startWith(name, worker, options) {
  const directory = await mkdtemp(join(tmpdir(), "edge-credits-bench-"));
  try {
    await cp(worker.directory, directory, { recursive: true });
    await cp(fileURLToPath(new URL(name, import.meta.url)), directory, { recursive: true });
    // The runtime takes a copy when it starts.
    return await startWorkerd({ workers: [{ ...worker, directory, main: "main.js" }], ...options });
  } finally {
    await rm(directory, { recursive: true });
  }
}

function startLedger(own) {
  return startWorkerd({ workers: [ledgerWorker(secret(own))] });
}

function secret(own) {
  return { API_KEYS: JSON.stringify([own.entry]) };
}

/** Gives the customers of a contestant credits, where it does not do that by itself. */
export async function provide(load, { name, port, key }, customers) {
  if (name === "floor" || name === "plain") return;
  await load.run({ grant: CREDITS, port, key, customers, clients: Math.min(customers, 32) });
}

/** Brings the objects of many customers into memory: the runtime drops those that idle for 10 s. */
export async function wake(load, { port, key }, customers) {
  if (customers > 1) await load.run({ wake: true, port, key, customers, clients: 32 });
}
