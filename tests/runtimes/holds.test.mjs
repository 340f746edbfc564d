// Holds over HTTP on workerd: as many as the balance covers, settled to the micro-credit, each once;
// and a runtime that is killed while holds are open.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { cacheWorker, ledgerWorker, startWorkerd } from "./workerd.mjs";

const MICRO = 1_000_000;
const keys = makeKeys();
const worker = () => ledgerWorker({ API_KEYS: keys.secret });
let runtime;
let api;

before(async () => {
  runtime = await startWorkerd({ workers: [worker()] });
  api = ledgerApi(runtime.urls.ledger, keys.admin.text);
});
after(() => runtime?.stop());

/** Asks until something is answered; alarms come by the clock. */
async function eventually(ask) {
  for (let tries = 0; tries < 400; tries += 1) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("it did not come to pass in 20 seconds");
}

const answered = ({ status, json }) => {
  assert.equal(status, 200, JSON.stringify(json));
  return json;
};
const refused = ({ status, json }) => [status, json.error?.code];

test("twenty holds of 75 at once on 500 credits: six are granted, and settle to the micro-credit", async (t) => {
  await api.grant("twenty", 500);
  const place = (n) => api.hold("twenty", { amount: 75, idempotency_key: `hold-${n}` });
  const placed = await Promise.all(Array.from({ length: 20 }, (_, n) => place(n)));
  const granted = placed.filter(({ status }) => status === 200).map(({ json }) => json);
  assert.equal(granted.length, 6);
  for (const { status, json } of placed.filter(({ status }) => status !== 200)) {
    assert.deepEqual([status, json.error.code], [402, "insufficient_credits"]);
    assert.ok(json.error.details.current_balance < 75);
  }
  const held = await api.balance("twenty");
  assert.deepEqual([held.posted, held.held, held.balance], [500, 450, 50]);

  // Amounts of random micro-credits, one of them nothing and one of them all; all at once, each twice.
  const random = () => Math.floor(Math.random() * 75 * MICRO) + 1;
  const used = [0, 75 * MICRO, random(), random(), random(), random()];
  const decimal = (micro) => (micro / MICRO).toFixed(6);
  const ends = granted.flatMap(({ hold_id }, n) => {
    const capture = () => api.holdChange("twenty", hold_id, "capture", { amount: decimal(used[n]) });
    return [capture(), capture()];
  });
  const ended = (await Promise.all(ends)).map(answered);
  assert.equal(ended.filter(({ replayed }) => replayed).length, 6, "each end counts once");
  const spent = used.reduce((sum, micro) => sum + micro, 0);
  const { balance, posted, held: left } = await api.balance("twenty");
  assert.equal(balance, (500 * MICRO - spent) / MICRO, used.join());
  assert.deepEqual([posted, left], [balance, 0]);

  // The statement says the same: entries add up to the balance, and each capture names its hold.
  const { data } = await api.transactions("twenty", "?limit=100");
  const micros = data.map(({ amount }) => Math.round(amount * MICRO));
  assert.equal(micros.reduce((sum, micro) => sum + micro, 0), 500 * MICRO - spent);
  const captures = data.filter(({ type }) => type === "consumption");
  assert.deepEqual(
    captures.map(({ hold_id }) => hold_id).sort(),
    granted.slice(1).map(({ hold_id }) => hold_id).sort(),
  );
  t.diagnostic(`figure: 6 of 20 granted, ${spent} micro-credits of 450,000,000 captured, 0 off`);
});

test("a hold's whole life, as the routes tell it", async () => {
  await api.grant("life", 100);
  const body = { amount: 75, ttl_ms: 60_000, description: "AI: chat", idempotency_key: "h" };
  const hold = answered(await api.hold("life", body));
  const { hold_id: id } = hold;
  assert.deepEqual([hold.state, hold.balance, hold.used, hold.captured], ["open", 25, null, 0]);
  assert.equal(hold.transaction_id, id);
  assert.equal(Date.parse(hold.expires_at) - Date.parse(hold.placed_at), 60_000);

  const change = (what, json) => api.holdChange("life", id, what, json);
  assert.equal(answered(await change("progress", { used: 12.5 })).used, 12.5);
  assert.equal(answered(await change("progress", { used: 3 })).used, 12.5, "one that comes late");
  assert.deepEqual(refused(await change("progress", { used: 75.1 })), [422, "capture_exceeds_hold"]);
  const extended = answered(await change("extend", { ttl_ms: 3_600_000 }));
  assert.ok(Date.parse(extended.expires_at) > Date.parse(hold.expires_at));

  assert.deepEqual((await api.holds("life")).data.map(({ hold_id }) => hold_id), [id]);
  assert.equal(answered(await api.holdState("life", id)).used, 12.5);
  assert.deepEqual({ ...answered(await api.hold("life", body)), replayed: false }, hold, "as placed");

  const captured = answered(await change("capture", {}));
  assert.deepEqual([captured.captured, captured.balance, captured.state], [12.5, 87.5, "captured"]);
  const again = answered(await change("capture", { amount: 12.5 }));
  assert.deepEqual(again, { ...captured, replayed: true });
  const other = await change("capture", { amount: 13 });
  assert.deepEqual(refused(other), [409, "hold_already_captured"]);
  assert.deepEqual(other.json.error.details, { state: "captured", captured: 12.5, unit: "credits" });
  for (const [what, json] of [["release", {}], ["extend", { ttl_ms: 1000 }], ["progress", { used: 1 }]]) {
    assert.deepEqual(refused(await change(what, json)), [409, "hold_already_captured"], what);
  }
  assert.deepEqual((await api.holds("life")).data, []);
  assert.equal(answered(await api.holdState("life", id)).state, "captured");

  // A captured hold is a charge like any other.
  const { data } = await api.transactions("life", "?limit=1");
  assert.deepEqual([data[0].type, data[0].action, data[0].hold_id], ["consumption", "chat", id]);
  const refund = { amount: 12.5, type: "refund", refund_of: captured.transaction_id };
  assert.equal(answered(await api.add("life", refund)).balance, 100);
});

test("a hold that nobody ends is ended by the alarm, by its own rule", async () => {
  await api.grant("late", 100);
  const place = async (rest) => answered(await api.hold("late", { amount: 10, ttl_ms: 1000, ...rest }));
  const told = await place({ idempotency_key: "told" });
  answered(await api.holdChange("late", told.hold_id, "progress", { used: 4 }));
  await place({ idempotency_key: "untold" });
  await place({ idempotency_key: "all", on_expiry: "capture_all" });
  await place({ idempotency_key: "none", on_expiry: "release" });
  // A list shows what has been written: by the alarm, for nobody calls anything that changes.
  const { data } = await eventually(async () => {
    const page = await api.transactions("late", "?limit=100");
    return page.data.length === 9 && page;
  });
  const own = data.slice(0, 4).map(({ type, amount, idempotency_key: key }) => [type, amount, key]);
  const by = (one, other) => one[1] - other[1];
  assert.deepEqual(own.toSorted(by), [
    ["consumption", -10, null],
    ["consumption", -4, null],
    ["release", 0, null],
    ["release", 0, null],
  ]);
  assert.equal((await api.balance("late")).balance, 86);
  const late = await api.holdChange("late", told.hold_id, "capture", { amount: 5 });
  assert.deepEqual(refused(late), [409, "hold_expired"]);
  assert.equal(late.json.error.details.captured, 4);
});

test("kill -9 with open holds: they are there after the restart, and end by their rule, once", async () => {
  const state = await mkdtemp(join(tmpdir(), "edge-credits-holds-"));
  let killed;
  try {
    const start = () => startWorkerd({ workers: [worker()], state });
    killed = await start();
    let here = ledgerApi(killed.urls.ledger, keys.admin.text);
    await here.grant("killed", 100);
    const place = async (rest) => answered(await here.hold("killed", { amount: 20, ...rest }));
    const soon = await place({ ttl_ms: 2000, idempotency_key: "soon" });
    const long = await place({ idempotency_key: "long" });
    answered(await here.holdChange("killed", soon.hold_id, "progress", { used: 7.25 }));
    await killed.stop();
    killed = await start();
    here = ledgerApi(killed.urls.ledger, keys.admin.text);
    // Nobody but the alarm changes anything here.
    await eventually(async () => (await here.holdState("killed", soon.hold_id)).json.state === "expired");
    const { data } = await eventually(async () => {
      const page = await here.transactions("killed", "?type=consumption");
      return page.data.length > 0 && page;
    });
    assert.deepEqual(data.map(({ amount, hold_id }) => [amount, hold_id]), [[-7.25, soon.hold_id]]);
    const { balance, held } = await here.balance("killed");
    assert.deepEqual([balance, held], [72.75, 20]);
    assert.deepEqual((await here.holds("killed")).data.map(({ hold_id }) => hold_id), [long.hold_id]);
    answered(await here.holdChange("killed", long.hold_id, "release", {}));
    assert.equal((await here.balance("killed")).balance, 92.75);
  } finally {
    await killed?.stop();
    await rm(state, { recursive: true, force: true });
  }
});

test("through a cache a hold is the upstream's, and the next gate knows it", async (t) => {
  const cache = await startWorkerd({
    workers: [
      cacheWorker({
        API_KEYS: keys.secret,
        UPSTREAM_URL: runtime.urls.ledger,
        UPSTREAM_KEY_LIVE: keys.admin.text,
      }),
    ],
  });
  t.after(() => cache.stop());
  const edge = ledgerApi(cache.urls.cache, keys.admin.text);
  await api.grant("cached", 100);
  assert.equal((await edge.balance("cached")).balance, 100);
  const { hold_id: id } = answered(await edge.hold("cached", { amount: 75, idempotency_key: "h" }));
  const beside = await edge.balance("cached");
  assert.deepEqual([beside.balance, beside.source], [25, "edge-cache"]);
  assert.deepEqual(refused(await edge.gate("cached", { amount: 26 })), [402, "insufficient_credits"]);
  assert.equal(answered(await edge.holdChange("cached", id, "progress", { used: 5 })).used, 5);
  assert.deepEqual((await edge.holds("cached")).data.map(({ hold_id }) => hold_id), [id]);
  assert.equal(answered(await edge.holdState("cached", id)).used, 5);
  answered(await edge.holdChange("cached", id, "capture"));
  assert.equal((await edge.balance("cached")).balance, 95);
  const late = await edge.holdChange("cached", id, "release");
  assert.deepEqual(refused(late), [409, "hold_already_captured"]);
  assert.equal(answered(await edge.gate("cached", { amount: 95 })).balance, 0);
});
