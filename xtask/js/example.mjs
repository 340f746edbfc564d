// The example Worker on the Workers runtime: installed from the packed tarball, bundled as
// `wrangler deploy` would upload it, its ledger on disk in a temporary directory.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ledgerApi } from "../../tests/runtimes/api.mjs";
import { makeKey } from "../../tests/runtimes/keys.mjs";
import { REPOSITORY, bundleWorker, makeProject } from "../../tests/runtimes/project.mjs";
import { startWorkerd } from "../../tests/runtimes/workerd.mjs";
import { startModel } from "./model.mjs";

/** Starts the model and the example. `stop` ends both and removes what they wrote. */
export async function startExample() {
  const example = join(REPOSITORY, "pkg", "examples", "cloudflare-worker");
  const project = await makeProject({ from: example });
  const bundle = await bundleWorker(project.directory);
  const state = await mkdtemp(join(tmpdir(), "edge-credits-demo-"));
  const model = await startModel();
  const key = makeKey("live", ["use", "grant"]);
  const bindings = { API_KEYS: JSON.stringify([key.entry]), MODEL_URL: model.url };
  const objects = { LEDGER: { className: "LedgerObject" } };
  const start = () =>
    startWorkerd({ workers: [{ name: "chat", ...bundle, bindings, objects }], state });
  let runtime = await start();
  return {
    model,
    api: () => ledgerApi(runtime.urls.chat, key.text),
    /** Sends a chat message; `status` 0 where there was no answer. */
    chat: async (message) => {
      const init = { method: "POST", body: JSON.stringify(message) };
      const response = await fetch(`${runtime.urls.chat}/chat`, init);
      return { status: response.status, ...(await response.json().catch(() => ({}))) };
    },
    /** Kills the runtime, as kill -9 does, and starts it again on the same disk. */
    restart: async () => {
      await runtime.stop();
      runtime = await start();
    },
    output: () => runtime.output(),
    stop: async () => {
      await runtime.stop();
      await model.stop();
      await project.remove();
      await rm(state, { recursive: true, force: true });
    },
  };
}

/** The customer's whole statement, newest first. */
export async function statement(api, customer) {
  const entries = [];
  let query = "?limit=100";
  for (;;) {
    const { data } = await api.transactions(customer, query);
    entries.push(...data);
    if (data.length < 100) return entries;
    query = `?limit=100&before_sequence=${data.at(-1).sequence}`;
  }
}

/** Millionths of a credit: the unit in which everything is compared, as whole numbers. */
export function minorUnits(credits) {
  return Math.round(credits * 1e6);
}

/** The customer's balance in minor units once it is `expected`, or what it was after 10 s. */
export async function settledBalance(api, customer, expected) {
  const end = Date.now() + 10_000;
  for (;;) {
    const balance = minorUnits((await api.balance(customer)).balance);
    if (balance === expected || Date.now() > end) return balance;
    await new Promise((done) => setTimeout(done, 20));
  }
}
