// The ledgers of one deployment run in many isolates, each with a catalog that it has read lately: what is
// put into the catalog elsewhere counts in all of them before anything is refused for want of it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { clocknextApi } from "./clocknext/api.mjs";
import { priceList, signal } from "./clocknext/signals.mjs";
import { faceKeys } from "./clocknext/world.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const { keys, cnk, API_KEYS } = faceKeys();
let runtime;
/** Where the catalog is edited, and another isolate with ledgers of its own. */
let here;
let there;

before(async () => {
  const other = ledgerWorker({ API_KEYS }, { name: "other" });
  other.objects.DIRECTORY = { className: "DirectoryObject", worker: "ledger" };
  runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS }), other] });
  here = clocknextApi(runtime.urls.ledger, cnk.live.text);
  there = clocknextApi(runtime.urls.other, cnk.live.text);
  await priceList(here);
});
after(() => runtime?.stop());

const status = async (body) => (await there.request("POST", "/usage", body)).status;

test("what was put into the catalog a moment ago is not refused anywhere", async () => {
  const engine = ledgerApi(runtime.urls.other, keys.admin.text);
  await engine.grant("cus", 10, { unit: "api" });
  assert.equal(await status(signal("cus")), 200, "from now on this isolate has read the catalog");
  const model = { modelId: "acme/two", inputPrice: 1, outputPrice: 1 };
  await here.good("POST", "/models", model);
  assert.equal(await status(signal("cus", { model: "acme/two" })), 200);
  // Nearly the key of other credits, which makes it a slip to who does not know it.
  await here.good("POST", "/credit-types", { name: "More", agentKey: "apis", pricePerCredit: 1 });
  const given = await there.request("POST", "/customers/new/credits/adjust", { agentKey: "apis", amount: 5 });
  assert.deepEqual([given.status, given.json.remaining], [200, 5]);
  // In a batch only what was refused is judged again.
  await here.good("POST", "/models", { ...model, modelId: "acme/three" });
  const kept = signal("cus");
  const signals = [kept, signal("cus", { model: "acme/three" }), signal("cus", { model: "acme/none" })];
  const { result } = await there.good("POST", "/usage/batch", { signals });
  assert.deepEqual(result.results.map(({ statusCode }) => statusCode), [200, 200, 422]);
  assert.equal(result.results[0].result.duplicate, false);
  assert.equal((await there.good("POST", "/usage", kept)).result.duplicate, true);
});

test("many that are refused at once wait for a few questions", async () => {
  const began = performance.now();
  const sent = Array.from({ length: 40 }, () => status(signal("cus", { model: "acme/none" })));
  assert.deepEqual([...new Set(await Promise.all(sent))], [422]);
  const took = performance.now() - began;
  assert.ok(took < 5_000, `${Math.round(took)} ms`);
});

test("units of an owner's own need no catalog", async () => {
  const seats = { agentKey: "seats", amount: 3 };
  const given = await there.request("POST", "/customers/owner/credits/adjust", seats);
  assert.deepEqual([given.status, given.json.remaining], [200, 3]);
});
