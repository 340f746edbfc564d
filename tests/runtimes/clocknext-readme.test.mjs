// The README of the ClockNext SDK, snippet by snippet: on every runtime, from the packed tarball, under its
// own customer, against the real worker.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { EdgeVM } from "@edge-runtime/vm";

import { ledgerApi } from "./api.mjs";
import { clocknextApi, clocknextKey } from "./clocknext/api.mjs";
import { moduleOf } from "./clocknext-readme/module.mjs";
import { SNIPPETS } from "./clocknext-readme/snippets.mjs";
import { bundleForEdgeVm } from "./edge_vm.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const key = clocknextKey("live", ["admin"]);
const CUSTOMER = "cus_123";
const VARIABLES = {
  API_KEYS: JSON.stringify([key.entry]),
  PORTAL_SECRET: "a-secret-of-the-tests-of-32-or-more",
};

let project;
let edgeVm;
let worker;
before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "clocknext-readme"),
    files: {
      "package.json": JSON.stringify({ name: "sdk", private: true, type: "module" }),
      "wrangler.toml": `name = "edge"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`,
      "snippets.js": moduleOf(SNIPPETS),
    },
  });
  const { bundle, globals } = await bundleForEdgeVm(project.directory);
  edgeVm = new EdgeVM({ extend: (context) => Object.assign(context, globals) });
  edgeVm.evaluate(bundle);
  worker = { name: "edge", ...(await bundleWorker(project.directory)) };
});
after(() => project?.remove());

const program = (tool, flags) => async (call) => {
  const args = [...flags, "program.js", JSON.stringify(call)];
  return JSON.parse((await runTool(tool, args, { cwd: project.directory })).stdout);
};

/** How a snippet is run, by runtime. */
const RUNTIMES = {
  Node: program("node", []),
  Deno: program("deno", [
    "run",
    "--allow-net=127.0.0.1",
    "--no-prompt",
    "--node-modules-dir=manual",
  ]),
  Bun: program("bun", ["run"]),
  "Vercel edge VM": async (call) =>
    JSON.parse(await edgeVm.evaluate(`runSnippet(${JSON.stringify(JSON.stringify(call))})`)),
  workerd: async (call, { edge }) => {
    const response = await fetch(edge, { method: "POST", body: JSON.stringify(call) });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text);
  },
};

for (const [runtime, run] of Object.entries(RUNTIMES)) {
  describe(runtime, () => {
    let world;
    before(async () => {
      world = await startWorld();
    });
    after(() => world?.stop());

    for (const { name, given, expect } of SNIPPETS) {
      test(name, async () => {
        const { urls } = world;
        const call = { name, url: urls.ledger, apiKey: key.text, customerId: CUSTOMER, ...given };
        const returned = await run(call, urls);
        for (const [field, wanted] of Object.entries(expect)) {
          const value = returned[field];
          const right = typeof wanted === "function" ? wanted(value) : value === wanted;
          assert.ok(right, `${field} is ${JSON.stringify(value)}`);
        }
      });
    }
  });
}

test("how much of it there is", (t) => {
  const runtimes = Object.keys(RUNTIMES).length;
  t.diagnostic(`figure: ClockNext's README: ${SNIPPETS.length} snippets, on ${runtimes} runtimes`);
});

/** The runtime with the API, and what the README takes for granted. */
async function startWorld() {
  const world = await startWorkerd({ workers: [ledgerWorker(VARIABLES), worker] });
  const api = clocknextApi(world.urls.ledger, key.text);
  await provide(api, ledgerApi(world.urls.ledger, key.text));
  return world;
}

/** The catalog that the README speaks of, and a customer who has something. */
async function provide(api, engine) {
  for (const modelId of ["llama-3.3-70b-versatile", "openai/gpt-oss-120b"]) {
    await api.good("POST", "/models", { modelId, inputPrice: 0.5, outputPrice: 1 });
  }
  const credit = {
    name: "API credits",
    agentKey: "api_credit",
    marginPercent: 30,
    pricePerCredit: 0.01,
  };
  await api.good("POST", "/credit-types", credit);
  const steps = [{ name: "Triage", agentKey: "resolved_ticket.triage" }];
  await api.good("POST", "/outcomes", { name: "Resolved ticket", pricePerOutcome: 0.99, steps });
  await engine.grant(CUSTOMER, 1000, { unit: "api_credit" });
  await engine.grant(CUSTOMER, 1000, { unit: "usd" });
}
