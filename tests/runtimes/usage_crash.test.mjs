// Usage signals while the runtime is killed: each that was acknowledged is there, once, and so is each
// that was sent again.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { clocknextApi, clocknextKey } from "./clocknext/api.mjs";
import { priceList, signal } from "./clocknext/signals.mjs";
import { makeKeys } from "./keys.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const keys = makeKeys();
const cnk = clocknextKey("live", ["admin"]);
const API_KEYS = JSON.stringify([...JSON.parse(keys.secret), cnk.entry]);

test("kill -9 under signals: each that was acknowledged is there, once", async (t) => {
  const state = await mkdtemp(join(tmpdir(), "edge-credits-usage-"));
  t.after(() => rm(state, { recursive: true, force: true }));
  const customers = ["kill-a", "kill-b", "kill-c"];
  const sent = new Map();
  const acknowledged = new Map();
  let kills = 0;
  let deployment = await startWorkerd({ workers: [ledgerWorker({ API_KEYS })], state });
  t.after(() => deployment.stop());
  let api = clocknextApi(deployment.urls.ledger, cnk.text);
  await priceList(api);
  for (const id of customers) await ledgerApi(deployment.urls.ledger, keys.admin.text).grant(id, 1_000, { unit: "api" });

  const note = (body, log) => {
    const before = acknowledged.get(body.idempotencyKey);
    if (before) assert.deepEqual({ ...log, duplicate: true }, { ...before, duplicate: true });
    acknowledged.set(body.idempotencyKey, log);
  };
  const single = async (id) => {
    const body = signal(id, { inputTokens: Math.floor(Math.random() * 5_000) });
    sent.set(body.idempotencyKey, body);
    const answer = await api.request("POST", "/usage", body);
    if (answer.status === 200) note(body, answer.json.result.usageLog);
  };
  const batch = async () => {
    const signals = Array.from({ length: 12 }, (_, n) => signal(customers[n % 3]));
    for (const body of signals) sent.set(body.idempotencyKey, body);
    const answer = await api.request("POST", "/usage/batch", { signals });
    if (answer.status !== 200) return;
    answer.json.result.results.forEach(({ statusCode, result }, n) => {
      if (statusCode === 200) note(signals[n], result.usageLog);
    });
  };
  while (kills < 4) {
    let stopped = false;
    const worker = async (call) => {
      // While nothing answers, callers do not hurry.
      while (!stopped) await call().catch(() => new Promise((resolve) => setTimeout(resolve, 50)));
    };
    const workers = [...customers.map((id) => worker(() => single(id))), worker(batch)];
    const enough = acknowledged.size + 60;
    while (acknowledged.size < enough) await new Promise((resolve) => setTimeout(resolve, 5));
    await deployment.stop();
    stopped = true;
    await Promise.all(workers);
    kills += 1;
    deployment = await startWorkerd({ workers: [ledgerWorker({ API_KEYS })], state });
    api = clocknextApi(deployment.urls.ledger, cnk.text);
  }
  // Every signal again, under its key: what was acknowledged is a duplicate of the same log.
  let doubtful = 0;
  for (const [key, body] of sent) {
    const answer = await api.request("POST", "/usage", body);
    assert.equal(answer.status, 200, JSON.stringify(answer.json));
    const log = answer.json.result.usageLog;
    if (acknowledged.has(key)) assert.equal(log.duplicate, true, key);
    else doubtful += 1;
    note(body, log);
  }
  const after = ledgerApi(deployment.urls.ledger, keys.admin.text);
  for (const id of customers) {
    const mine = [...sent].filter(([, { customerId }]) => customerId === id);
    const micro = mine.reduce((sum, [key]) => sum + Math.round(acknowledged.get(key).creditsUsed * 1e6), 0);
    const { balance } = await after.balance(id, "?unit=api");
    assert.equal(Math.round(balance * 1e6), 1_000_000_000 - micro, id);
    const { totals } = (await api.good("GET", `/usage?customerId=${id}`)).result;
    assert.equal(totals.signals, mine.length);
    const input = mine.reduce((sum, [, { inputTokens }]) => sum + inputTokens, 0);
    assert.equal(totals.inputTokens, input);
  }
  t.diagnostic(`figure: ${kills} kills -9, ${sent.size} signals, ${doubtful} without an answer, each taken once`);
});
