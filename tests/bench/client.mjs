// What a client costs: time per call beside the same request by bare `fetch`, loading, and what it adds
// to a bundle. Ours beside the clients of Stripe and Autumn, each making its own call that records
// usage, against one local server that answers each at once.
//
// Every contestant has a process of its own, and they take turns. The clients do not do the same: what
// a call is worth (retries, keys, what an error says) is not measured here.

import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { readFile } from "node:fs/promises";

import { build } from "esbuild";

import { fixed, quantile, table } from "./figures.mjs";

const run = promisify(execFile);
const CONTESTANTS = ["fetch", "edge-credits", "stripe", "autumn-js"];
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** What each service answers to its call, by a piece of the path. */
const ANSWERS = {
  "/consume": {
    balance: 95,
    transaction_id: `txn_${"0a".repeat(16)}`,
    idempotency_key: "k",
    replayed: false,
    customer_id: "cus_1",
    unit: "credits",
    sequence: 7,
    as_of: "2026-01-31T00:00:00Z",
  },
  "/billing/meter_events": {
    object: "billing.meter_event",
    created: 1_769_817_600,
    event_name: "tokens",
    identifier: "i",
    livemode: false,
    payload: { stripe_customer_id: "cus_1", value: "5" },
    timestamp: 1_769_817_600,
  },
  "/balances.track": { customer_id: "cus_1", value: 5, balance: null },
};

/** What a user's bundler takes in for the call, as an entry of its own. */
const ENTRIES = {
  "edge-credits": 'export { CreditEngine } from "edge-credits/credit-engine";',
  stripe: 'export { default as Stripe } from "stripe";',
  "autumn-js": 'export { Autumn } from "autumn-js";',
};

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function client({ plan, say }) {
  const server = await startServer();
  try {
    const turns = Object.fromEntries(CONTESTANTS.map((name) => [name, []]));
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const contestant of CONTESTANTS) {
        turns[contestant].push(await turn(contestant, server.port, plan));
      }
    }
    say("\none client in Node, each call awaited before the next; the server answers at once");
    for (const line of table(timesOf(turns))) say(line);
    say("\nwhat a bundle for the edge holds (esbuild, minified, conditions of a Worker; gzip -9)");
    for (const line of table(await sizes())) say(line);
    return server.faults;
  } finally {
    server.close();
  }
}

async function startServer() {
  const faults = [];
  const server = createServer((request, response) => {
    request.resume();
    const path = Object.keys(ANSWERS).find((piece) => request.url.includes(piece));
    if (path === undefined) faults.push(`nobody answers ${request.method} ${request.url}`);
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(ANSWERS[path] ?? {}));
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const close = () => (server.closeAllConnections(), server.close());
  return { port: server.address().port, faults, close };
}

async function turn(contestant, port, { calls, callsToWarm: warmUp }) {
  const options = JSON.stringify({ contestant, port, calls, warmUp });
  const program = fileURLToPath(new URL("client-program.mjs", import.meta.url));
  const { stdout } = await run(process.execPath, [program, options], { cwd: REPOSITORY });
  const { times, ...rest } = JSON.parse(stdout);
  return { ...rest, p50: quantile(Float64Array.from(times).sort(), 0.5) };
}

function timesOf(turns) {
  const median = (name, figure) =>
    quantile(Float64Array.from(turns[name].map((turn) => turn[figure])).sort(), 0.5);
  const rows = [
    ["", "call p50 ms", "÷ fetch", "CPU µs", "÷ fetch", "load ms", "÷ ours", "first call ms"],
  ];
  for (const name of CONTESTANTS) {
    const ratio = (figure, base) => fixed(median(name, figure) / median(base, figure), 2);
    rows.push([
      name === "fetch" ? "bare fetch, our request" : name,
      fixed(median(name, "p50"), 3),
      ratio("p50", "fetch"),
      fixed(median(name, "cpu"), 0),
      ratio("cpu", "fetch"),
      fixed(median(name, "startUp"), 1),
      name === "fetch" ? "" : ratio("startUp", "edge-credits"),
      fixed(median(name, "first"), 1),
    ]);
  }
  return rows;
}

async function sizes() {
  const bundles = await Promise.all(Object.entries(ENTRIES).map(bundle));
  const [ours] = bundles;
  const rows = [["", "KB", "KB gzip", "÷ ours, gzip"]];
  for (const { name, raw, gzip } of bundles) {
    const kilobytes = (bytes) => fixed(bytes / 1000, 1);
    rows.push([name, kilobytes(raw), kilobytes(gzip), fixed(gzip / ours.gzip, 2)]);
  }
  return rows;
}

/** The JavaScript and, beside it, the modules that it imports. */
async function bundle([name, contents]) {
  const modules = [];
  const beside = {
    name: "beside",
    setup({ onLoad }) {
      onLoad({ filter: /\.wasm$/ }, async ({ path }) => {
        modules.push(await readFile(path));
        return { contents: "export default null" };
      });
    },
  };
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: REPOSITORY },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*", "node:*"],
    plugins: [beside],
    logLevel: "error",
  });
  const files = [outputFiles[0].contents, ...modules];
  const sum = (measure) => files.reduce((total, file) => total + measure(file), 0);
  return {
    name,
    raw: sum((file) => file.length),
    gzip: sum((file) => gzipSync(file, { level: 9 }).length),
  };
}
