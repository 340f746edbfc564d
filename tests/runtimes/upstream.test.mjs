// What the clients do when the upstream misbehaves: the packed tarball on every runtime, over real
// sockets, in front of the real ledger. Each fault prints a row: attempts, keys, what the caller is
// told, the time; and afterwards each charge stands in the ledger once, no more and no less.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { EdgeVM } from "@edge-runtime/vm";

import { ledgerApi } from "./api.mjs";
import { bundleForEdgeVm } from "./edge_vm.mjs";
import { makeKeys } from "./keys.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { FAULTS, startUpstream } from "./upstream/server.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const keys = makeKeys();
const wrangler = `name = "app"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`;
const GRANTED = 100;

/** For ever, as far as three attempts can tell. */
const ALWAYS = 1000;
/** By fault, met once and met always: what the caller is left with, and after how many attempts. */
const EXPECTED = {
  "500 before commit": { once: ["applied", 2], always: ["internal_error", 3, "unknown"] },
  "500 after commit": { once: ["replayed", 2], always: ["internal_error", 3, "unknown"] },
  "429, Retry-After: 1": { once: ["applied", 2], always: ["rate_limited", 3, "not_applied"] },
  "429, Retry-After: 3600": { once: ["rate_limited", 1, "not_applied"] },
  "cut before commit": { once: ["applied", 2], always: ["network_error", 3, "unknown"] },
  "cut after commit": { once: ["replayed", 2], always: ["network_error", 3, "unknown"] },
  "cut in the body": { once: ["replayed", 2], always: ["network_error", 3, "unknown"] },
  "body stalls": { once: ["replayed", 2], always: ["timeout", 3, "unknown"] },
  "never answers": { once: ["applied", 2], always: ["timeout", 3, "unknown"] },
  "HTML with 200, before commit": { once: ["protocol_error", 1, "unknown"] },
  "HTML with 200, after commit": { once: ["protocol_error", 1, "unknown"] },
  "10 MB with 200, after commit": { once: ["protocol_error", 1, "unknown"] },
};

let project;
let ledger;
let app;
let upstream;
let api;
const runners = {};

before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "upstream"),
    files: {
      "package.json": JSON.stringify({ name: "upstream", private: true, type: "module" }),
      "wrangler.toml": wrangler,
    },
  });
  ledger = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  app = await startWorkerd({
    workers: [{ name: "app", ...(await bundleWorker(project.directory)) }],
  });
  api = ledgerApi(ledger.urls.ledger, keys.live.text);
  upstream = await startUpstream(ledger.urls.ledger);
  const { bundle, globals } = await bundleForEdgeVm(project.directory);
  const vm = new EdgeVM({ extend: (context) => Object.assign(context, globals) });
  vm.evaluate(bundle);
  const cwd = project.directory;
  const program = (name, flags) => async (settings) =>
    JSON.parse((await runTool(name, [...flags, "program.js", settings], { cwd })).stdout);
  const deno = ["run", "--allow-net=127.0.0.1", "--no-prompt", "--node-modules-dir=manual"];
  Object.assign(runners, {
    Node: program("node", []),
    Deno: program("deno", deno),
    Bun: program("bun", ["run"]),
    "edge VM": async (settings) =>
      JSON.parse(await vm.evaluate(`makeCalls(${JSON.stringify(settings)})`)),
    workerd: async (settings) =>
      (await fetch(app.urls.app, { method: "POST", body: settings })).json(),
  });
});
after(async () => {
  upstream?.close();
  await app?.stop();
  await ledger?.stop();
  await project?.remove();
});

/** Whose own fetch sends a request again when a connection that was used before is reset. */
const REPEATING = new Set(["Deno"]);
/** The rows are the same everywhere, but for Deno's repeats and the times. */
const PRINTED = new Set(["workerd"]);
const RUNTIMES = ["Node", "Deno", "Bun", "edge VM", "workerd"];

/** Has a runtime do a job. */
const runOn = (runtime, job) =>
  runners[runtime](JSON.stringify({ url: upstream.url, key: keys.live.text, ...job }));

const consumptions = async (customer) =>
  (await api.transactions(customer, "?type=consumption")).pagination.total;

test("the table holds every fault", () => {
  assert.deepEqual(Object.keys(EXPECTED), Object.keys(FAULTS));
});

describe("an upstream that misbehaves", { concurrency: true }, () => {
  for (const runtime of RUNTIMES) {
    test(runtime, async (t) => {
      const cases = Object.entries(EXPECTED).flatMap(([fault, expected]) =>
        Object.entries(expected).map(([often, left]) => {
          return { fault, often, left, customer: `${runtime}, ${fault}, ${often}` };
        }),
      );
      for (const { customer, fault, often } of cases) {
        await api.grant(customer, GRANTED);
        upstream.meet(customer, fault, often === "once" ? 1 : ALWAYS);
      }
      // Short only where nothing comes: a busy machine must not time out by itself.
      const calls = cases.map(({ customer, fault }) => {
        const isSilent = fault === "body stalls" || fault === "never answers";
        return { customer, amount: 5, timeoutMs: isSilent ? 2000 : 10_000 };
      });
      const options = { gracefulDegradation: false };
      const reports = await runOn(runtime, { job: "gates", calls, options });
      const known = await Promise.all(cases.map(({ customer }) => consumptions(customer)));
      const attempts = cases.map(({ customer }) => upstream.seen(customer));
      for (const { customer } of cases) upstream.meet(customer, "500 before commit", 0);
      // Whatever was left open is settled by the same call under the key that the caller was given.
      const again = calls.map((call, at) => ({ ...call, idempotencyKey: reports[at].key }));
      const settled = await runOn(runtime, { job: "gates", calls: again, options });
      for (const [at, { fault, often, left, customer }] of cases.entries()) {
        const [outcome, tries, effect] = left;
        const row = { ...reports[at], seen: attempts[at] };
        const name = `${customer}: ${JSON.stringify(reports[at])}`;
        assert.deepEqual([row.outcome, row.effect], [outcome, effect], name);
        if (row.attempts !== undefined) assert.equal(row.attempts, tries, name);
        const most = REPEATING.has(runtime) && fault.startsWith("cut") ? 2 * tries : tries;
        assert.ok(row.seen.length >= tries && row.seen.length <= most, `${name}: ${row.seen.length}`);
        const distinct = new Set(row.seen.map(({ key, body }) => `${key} ${body}`));
        assert.equal(distinct.size, 1, `${name}: one key, one body`);
        assert.ok(row.seen[0].key.includes(row.key), `${name}: the key that the caller knows`);
        if (effect === undefined) assert.equal(known[at], 1, name);
        if (effect === "not_applied") assert.equal(known[at], 0, name);
        assert.ok(known[at] <= 1, name);
        assert.equal(settled[at].outcome, known[at] === 1 ? "replayed" : "applied", name);
        assert.equal(await consumptions(customer), 1, `${name}: once, in the end`);
        assert.equal((await api.balance(customer)).balance, GRANTED - 5, name);
        if (fault === "429, Retry-After: 1") assert.ok(row.ms >= 1000, name);
        const told = effect === undefined ? outcome : `${outcome}, ${effect}`;
        if (!PRINTED.has(runtime)) continue;
        t.diagnostic(
          `figure: ${runtime.padEnd(7)} | ${fault.padEnd(28)} | ${often.padEnd(6)} | ` +
            `${row.seen.length} attempts, 1 key | ${told.padEnd(27)} | in the ledger ${known[at]}, settled 1 | ` +
            `${String(row.ms).padStart(5)} ms`,
        );
      }
      const sent = attempts.reduce((sum, { length }) => sum + length, 0);
      t.diagnostic(`figure: ${runtime}: ${cases.length} faults, ${sent} attempts, each charge once`);
    });
  }
});

describe("one HTTP round trip per stateless call", () => {
  for (const runtime of RUNTIMES) {
    test(runtime, async () => {
      const customer = `trips, ${runtime}`;
      const before = upstream.requests();
      const calls = await runOn(runtime, { job: "trips", customer });
      assert.equal(upstream.seen(customer).length, calls);
      assert.equal(upstream.requests() - before, calls, "nothing else was asked for");
    });
  }
});

describe("while the API is away", { concurrency: true }, () => {
  for (const runtime of RUNTIMES) {
    test(`${runtime}: gates to the credit, with a client each; all arrive when it is back`, async (t) => {
      const customer = `away, ${runtime}`;
      await api.grant(customer, 5000);
      upstream.meet(customer, "cut before commit", ALWAYS);
      const amounts = [400, 400, "199.999999", "0.000002", "0.000001", "0.000001"];
      const calls = amounts.map((amount) => ({ customer, amount }));
      const options = { maxRetries: 0 };
      const telling = runOn(runtime, { job: "gates", calls, options });
      // It is back once every call has met it away: a process ends when all is sent.
      const keysSeen = () => new Set(upstream.seen(customer).map(({ key }) => key)).size;
      while (keysSeen() < calls.length) await new Promise((done) => setTimeout(done, 10));
      // Deno's fetch sends by itself once more what was cut off; that is to be cut off, too.
      await new Promise((done) => setTimeout(done, 1000));
      upstream.meet(customer, "cut before commit", 0);
      const reports = await telling;
      const passed = reports.map(({ degraded }) => degraded);
      assert.deepEqual(passed, [true, true, true, false, true, false], JSON.stringify(reports));
      assert.deepEqual([reports[3].outcome, reports[3].effect], ["network_error", "unknown"]);
      const end = Date.now() + 25_000;
      let balance;
      while ((balance = (await api.balance(customer)).balance) !== 4000) {
        assert.ok(Date.now() < end, `allowed 1000, and ${5000 - balance} arrived`);
        await new Promise((done) => setTimeout(done, 100));
      }
      assert.equal(await consumptions(customer), 4);
      t.diagnostic(`figure: ${runtime}: allowed 1000 of 1000 without the API, 1000 arrived`);
    });
  }
});
