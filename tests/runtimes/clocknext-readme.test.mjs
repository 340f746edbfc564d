// The README of the ClockNext SDK, snippet by snippet: on every runtime, from the packed tarball, under its
// own customer, against the real worker.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { clocknextApi, clocknextKey } from "./clocknext/api.mjs";
import { moduleOf } from "./clocknext-readme/module.mjs";
import { SNIPPETS } from "./clocknext-readme/snippets.mjs";
import { RUNTIMES, difference, installSnippets } from "./snippets.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const key = clocknextKey("live", ["admin"]);
const CUSTOMER = "cus_123";
const VARIABLES = {
  API_KEYS: JSON.stringify([key.entry]),
  PORTAL_SECRET: "a-secret-of-the-tests-of-32-or-more",
};

let installed;
before(async () => {
  installed = await installSnippets(moduleOf(SNIPPETS));
});
after(() => installed?.remove());

for (const runtime of RUNTIMES) {
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
        assert.equal(difference(expect, await installed.run(runtime, call, urls)), undefined);
      });
    }
  });
}

test("how much of it there is", (t) => {
  const { length } = SNIPPETS;
  t.diagnostic(`figure: ClockNext's README: ${length} snippets, on ${RUNTIMES.length} runtimes`);
});

/** The runtime with the API, and what the README takes for granted. */
async function startWorld() {
  const world = await startWorkerd({ workers: [ledgerWorker(VARIABLES), installed.worker] });
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
