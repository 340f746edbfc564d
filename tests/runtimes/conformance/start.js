// Runs the scenarios on whichever runtime this is, against a worker at a URL. Part of the projects
// that `conformance.test.mjs` makes: the package is the installed one, the scenarios lie beside.

import { CreditEngine } from "edge-credits";

import { runScenarios } from "./run.mjs";
import scenarios from "./scenarios.js";

/**
 * @param {{keys: Record<string, string>, unique: string}} settings API keys by client name
 * @param {object} route how the worker is reached: `{baseUrl}`, or `{baseUrl, fetcher}`
 */
export function run({ keys, unique }, route) {
  const clients = {};
  for (const [name, apiKey] of Object.entries(keys)) {
    clients[name] = new CreditEngine({ apiKey, ...route });
  }
  return runScenarios({ scenarios, clients, unique });
}

/** The same through the ledger's binding, where there are environments but no API keys. */
export function runOnBinding({ unique }, ledger) {
  const clients = {
    live: new CreditEngine({ ledger }),
    test: new CreditEngine({ ledger, environment: "test" }),
    spender: null,
    unknown: null,
  };
  return runScenarios({ scenarios, clients, unique });
}
