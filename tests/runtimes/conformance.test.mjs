// One corpus, every runtime: the scenarios run from the packed tarball in Node, Deno, Bun, the
// Vercel edge VM and workerd, against the real worker over a real socket; in workerd also through a
// service binding and through the ledger's own binding.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { EdgeVM } from "@edge-runtime/vm";

import { ledgerApi } from "./api.mjs";
import { bundleForEdgeVm } from "./edge_vm.mjs";
import { makeKeys } from "./keys.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { readScenarios } from "./scenarios.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const WRANGLER_TOML = `name = "edge"
main = "worker.js"
compatibility_date = "${COMPATIBILITY_DATE}"
`;

const keys = makeKeys();
let project;
let runtime;
let expected;

before(async () => {
  const scenarios = await readScenarios();
  expected = scenarios.length;
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "conformance"),
    files: {
      "package.json": JSON.stringify({ name: "conformance", private: true, type: "module" }),
      "wrangler.toml": WRANGLER_TOML,
      "run.mjs": await readFile(join(REPOSITORY, "tests", "scenarios", "run.mjs"), "utf8"),
      // As text: in an object literal `__proto__` would not be a field.
      "scenarios.js": `export default JSON.parse(${JSON.stringify(JSON.stringify(scenarios))});\n`,
    },
  });
  const edge = await bundleWorker(project.directory);
  runtime = await startWorkerd({
    workers: [
      // Through its binding the ledger cannot know where its pages are.
      ledgerWorker({
        API_KEYS: keys.secret,
        REPORT_DELAY_MS: "50",
        PUBLIC_URL: "https://credits.example.com",
      }),
      {
        name: "edge",
        ...edge,
        services: { CREDITS: "ledger" },
        objects: { LEDGER: { className: "LedgerObject", worker: "ledger" } },
      },
    ],
  });
});
after(async () => {
  await runtime?.stop();
  await project?.remove();
});

function settings(unique) {
  const names = ["live", "test", "spender", "unknown"];
  const texts = Object.fromEntries(names.map((name) => [name, keys[name].text]));
  return { keys: texts, url: runtime.urls.ledger, unique };
}

/** Fails with every scenario that failed, and says how much was run. */
function judge(t, reports, { skipped = 0 } = {}) {
  const failures = reports.filter(({ failure }) => failure);
  const lines = failures.map(({ name, failure }) => `${name}\n    ${failure}`);
  assert.equal(failures.length, 0, `\n  ${lines.join("\n  ")}`);
  assert.equal(reports.length, expected);
  assert.equal(reports.filter((report) => report.skipped).length, skipped);
  const steps = reports.reduce((sum, report) => sum + report.steps, 0);
  const passed = reports.length - skipped;
  t.diagnostic(`figure: ${t.name}: ${passed} scenarios, ${steps} calls`);
}

describe("scenarios", () => {
  test("Node", async (t) => judge(t, await runProgram("node", [], "node")));

  test("Deno, allowed nothing but the network", async (t) => {
    const flags = ["run", "--allow-net=127.0.0.1", "--no-prompt", "--node-modules-dir=manual"];
    judge(t, await runProgram("deno", flags, "deno"));
  });

  test("Bun", async (t) => judge(t, await runProgram("bun", ["run"], "bun")));

  test("Vercel edge VM", async (t) => {
    const { bundle, globals } = await bundleForEdgeVm(project.directory);
    const given = { ...globals, settings: JSON.stringify(settings("edge-vm")) };
    const vm = new EdgeVM({ extend: (context) => Object.assign(context, given) });
    vm.evaluate(bundle);
    judge(t, JSON.parse(await vm.evaluate("runConformance(settings)")));
  });

  test("workerd, over HTTP", async (t) => judge(t, await runInWorkerd("http")));

  test("workerd, through a service binding", async (t) => judge(t, await runInWorkerd("fetcher")));

  test("workerd, through the ledger's binding", async (t) => {
    // The two scenarios about API keys have no meaning there.
    judge(t, await runInWorkerd("ledger"), { skipped: 2 });
  });
});

async function runProgram(program, flags, unique) {
  const args = [...flags, "program.js", JSON.stringify(settings(unique))];
  const { stdout } = await runTool(program, args, { cwd: project.directory });
  return JSON.parse(stdout);
}

async function runInWorkerd(route) {
  const response = await post(`/scenarios/${route}`, settings(`workerd-${route}`));
  assert.equal(response.status, 200, runtime.output());
  return response.json();
}

function post(path, body, headers = {}) {
  const init = { method: "POST", body: JSON.stringify(body), headers };
  return fetch(`${runtime.urls.edge}${path}`, init);
}

describe("a request's own work", () => {
  const api = () => ledgerApi(runtime.urls.ledger, keys.admin.text);

  for (const via of ["http", "ledger", "auto", "default"]) {
    test(`a charge in the background arrives after the request has ended (${via})`, async () => {
      const customer = `background-${via}`;
      await api().grant(customer, 100);
      const { url, key } = { url: runtime.urls.ledger, key: keys.live.text };
      const response = await post("/background", { customer, amount: 7, via, url, key });
      const { answer, pending } = await response.json();
      assert.equal(answer.queued, true);
      assert.equal(answer.durable, false);
      assert.equal(pending, 1, "the request ended before its charge did");
      const { balance, data } = await eventually(async () => {
        const { balance } = await api().balance(customer);
        return balance === 93 && { balance, data: (await api().transactions(customer)).data };
      });
      assert.equal(balance, 93);
      assert.equal(data[0].idempotency_key, answer.idempotency_key);
    });
  }

  test("a request that is delivered twice charges once, its two charges apart", async () => {
    const customer = "twice";
    await api().grant(customer, 10);
    const deliver = async (id) =>
      (await post("/for-request", { customer, amount: 1 }, { "x-message-id": id })).json();
    const [one, two] = await deliver("m1");
    assert.notEqual(one.transaction_id, two.transaction_id);
    const again = await deliver("m1");
    assert.deepEqual(again.map(({ replayed }) => replayed), [true, true]);
    assert.equal((await api().balance(customer)).balance, 8);
    const other = await deliver("m2");
    assert.deepEqual(other.map(({ replayed }) => replayed), [false, false]);
    assert.equal((await api().balance(customer)).balance, 6);
  });
});

/** The first true answer of `check`, asked for up to 10 s. */
async function eventually(check) {
  const end = Date.now() + 10_000;
  for (;;) {
    const answer = await check();
    if (answer) return answer;
    if (Date.now() > end) throw new Error("it never came true");
    await new Promise((done) => setTimeout(done, 20));
  }
}
