// The cache in front of a real ledger: one workerd for the cache, another for the upstream.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { makeKey } from "./keys.mjs";
import { cacheWorker, ledgerWorker, startWorkerd } from "./workerd.mjs";

/** Longer than anything here takes on a slow machine. */
const PATIENCE_MS = 30_000;

const keys = {
  live: makeKey("live", ["use", "grant", "admin"]),
  test: makeKey("test", ["use", "grant", "admin"]),
  plain: makeKey("live", ["use", "grant"]),
};
const theirs = Object.fromEntries(
  ["live", "test"].map((env) => [env, makeKey(env, ["use", "grant"])]),
);
const secret = (of) => JSON.stringify(Object.values(of).map((key) => key.entry));

let directory;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "edge-credits-cache-"));
});
after(() => rm(directory, { recursive: true, force: true }));

/** A ledger, and a cache in front of it; each can be stopped and started on its disk. */
async function world(t, name, settings = {}) {
  const self = {
    async startLedger(bindings = { API_KEYS: secret(theirs) }) {
      const state = join(directory, `${name}-ledger`);
      const ports = self.port ? { ledger: self.port } : {};
      self.ledger = await startWorkerd({ workers: [ledgerWorker(bindings)], state, ports });
      self.port = Number(new URL(self.ledger.urls.ledger).port);
      self.api = ledgerApi(self.ledger.urls.ledger, theirs.live.text);
    },
    async startCache(more = {}) {
      const bindings = {
        API_KEYS: secret(keys),
        UPSTREAM_URL: `http://127.0.0.1:${self.port}`,
        UPSTREAM_KEY_LIVE: theirs.live.text,
        UPSTREAM_KEY_TEST: theirs.test.text,
        UPSTREAM_TIMEOUT_MS: "2000",
        ...settings,
        ...more,
      };
      const state = join(directory, `${name}-cache`);
      self.cache = await startWorkerd({ workers: [cacheWorker(bindings)], state });
      self.url = self.cache.urls.cache;
      self.edge = ledgerApi(self.url, keys.live.text);
    },
  };
  /** The operator's routes. */
  self.operate = async (customer, method, path) => {
    const response = await fetch(`${self.url}/v1/customers/${customer}/outbox${path}`, {
      method,
      headers: { authorization: `Bearer ${keys.live.text}` },
    });
    return { status: response.status, json: await response.json() };
  };
  t.after(async () => {
    await self.cache?.stop();
    await self.ledger?.stop();
  });
  await self.startLedger();
  await self.startCache();
  return self;
}

/** Asks until the answer is as wanted. */
async function eventually(ask, wanted) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    assert.ok(Date.now() < end, `not in time: ${JSON.stringify(answer)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const drained = (edge, customer) =>
  eventually(
    () => edge.balance(customer),
    (balance) => balance.pending === 0,
  );

test("charges are answered at the edge and reach the ledger once", async (t) => {
  const { api, edge } = await world(t, "hits");
  await api.grant("cus", 100);
  const first = await edge.balance("cus");
  assert.deepEqual(
    [first.balance, first.source, first.pending, first.stale, first.degraded],
    [100, "upstream", 0, false, false],
  );
  assert.equal(first.sequence, undefined);
  const charge = await edge.consume("cus", { amount: 1.5, idempotency_key: "a" });
  assert.equal(charge.status, 200);
  assert.deepEqual([charge.json.source, charge.json.balance], ["edge-cache", 98.5]);
  assert.equal(charge.headers.get("server-timing").split(";")[0], "cache");
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => edge.gate("cus", { amount: 1, idempotency_key: `k${n}` })),
  );
  assert.ok(answers.every(({ status }) => status === 200));
  const replay = await edge.consume("cus", { amount: 1.5, idempotency_key: "a" });
  assert.equal(replay.headers.get("idempotent-replayed"), "true");
  assert.deepEqual([replay.json.replayed, replay.json.balance], [true, 98.5]);
  assert.equal(replay.json.transaction_id, charge.json.transaction_id);
  const reused = await edge.consume("cus", { amount: 2, idempotency_key: "a" });
  assert.deepEqual([reused.status, reused.json.error.code], [422, "idempotency_key_reused"]);
  assert.equal(reused.json.error.details.first.transaction_id, charge.json.transaction_id);
  await drained(edge, "cus");
  assert.equal((await api.balance("cus")).balance, 48.5);
  const { data } = await api.transactions("cus", "?limit=100");
  const ids = data.filter(({ type }) => type === "consumption").map(({ id }) => id);
  assert.equal(ids.length, 51);
  assert.ok(ids.includes(charge.json.transaction_id), "both name the charge alike");
});

test("a gate asks the ledger before it shuts, and a top-up made there counts at once", async (t) => {
  const { api, edge } = await world(t, "gate");
  await api.grant("cus", 5);
  assert.equal((await edge.balance("cus")).balance, 5);
  const short = await edge.gate("cus", { amount: 8, idempotency_key: "g" });
  assert.deepEqual([short.status, short.json.error.code], [402, "insufficient_credits"]);
  assert.equal(short.json.error.details.current_balance, 5);
  await api.grant("cus", 5);
  const open = await edge.gate("cus", { amount: 8, idempotency_key: "g" });
  assert.deepEqual([open.status, open.json.balance, open.json.source], [200, 2, "upstream"]);
});

test("the ledger is away: the cache goes on and drains when it is back", async (t) => {
  const self = await world(t, "outage");
  const { edge } = self;
  await self.api.grant("cus", 10);
  assert.equal((await edge.balance("cus")).balance, 10);
  await self.ledger.stop();
  for (let n = 0; n < 10; n += 1) {
    const { status } = await edge.gate("cus", { amount: 1, idempotency_key: `k${n}` });
    assert.equal(status, 200);
  }
  const short = await edge.gate("cus", { amount: 1, idempotency_key: "over" });
  assert.deepEqual([short.status, short.json.error.code], [402, "insufficient_credits"]);
  const stranger = await edge.gate("stranger", { amount: 1 });
  assert.deepEqual([stranger.status, stranger.json.error.code], [503, "upstream_unavailable"]);
  assert.ok(Number(stranger.headers.get("retry-after")) >= 1);
  const usage = await edge.consume("stranger", { amount: 1 });
  assert.deepEqual(
    [usage.status, usage.json.balance, usage.json.degraded, usage.json.source],
    [200, null, true, "degraded"],
  );
  await self.startLedger();
  await drained(edge, "cus");
  assert.equal((await self.api.balance("cus")).balance, 0);
  await drained(edge, "stranger");
  assert.equal((await self.api.balance("stranger")).balance, -1);
});

test("kill -9 of the cache with a full outbox: its alarm alone drains it", async (t) => {
  const self = await world(t, "kill");
  await self.api.grant("cus", 1_000);
  await self.edge.balance("cus");
  await self.ledger.stop();
  const charges = Array.from({ length: 250 }, (_, n) => ({ amount: 1, idempotency_key: `k${n}` }));
  const sent = await Promise.all(charges.map((charge) => self.edge.consume("cus", charge)));
  assert.ok(sent.every(({ status }) => status === 200));
  await self.cache.stop();
  await self.startLedger();
  await self.startCache();
  // Nobody calls the cache.
  await eventually(
    () => self.api.balance("cus"),
    ({ balance }) => balance === 750,
  );
  const again = await self.edge.consume("cus", charges[7]);
  assert.equal(again.json.replayed, true);
});

test("environments are apart, here and there", async (t) => {
  const self = await world(t, "environments");
  await self.api.grant("cus", 10);
  const test = ledgerApi(self.url, keys.test.text);
  assert.equal((await test.balance("cus")).balance, 0);
  assert.equal((await self.edge.balance("cus")).balance, 10);
});

test("settings that make no sense are told by name", async (t) => {
  const self = await world(t, "settings");
  const told = async (bindings) => {
    await self.cache.stop();
    await self.startCache(bindings);
    const health = await (await fetch(`${self.url}/health`)).json();
    const { status, json } = await self.edge.consume("cus", { amount: 1 });
    return [status, json.error?.message.split(" ")[0], health.mode, health.configured];
  };
  const wrong = (name) => [503, name, "cache", false];
  assert.deepEqual(await told({ UPSTREAM_URL: "http://api.example.com" }), wrong("UPSTREAM_URL"));
  assert.deepEqual(await told({ UPSTREAM_URL: "nonsense" }), wrong("UPSTREAM_URL"));
  assert.deepEqual(
    await told({ UPSTREAM_KEY_LIVE: theirs.test.text }),
    wrong("UPSTREAM_KEY_LIVE"),
  );
  assert.deepEqual(await told({ SYNC_INTERVAL_MS: "1e3" }), wrong("SYNC_INTERVAL_MS"));
  assert.deepEqual(await told({}), [200, undefined, "cache", true]);
});

test("what is not cached is passed on, and what it changes counts at once", async (t) => {
  const self = await world(t, "passing");
  const { api, edge } = self;
  assert.equal((await edge.balance("cus")).balance, 0);
  const grant = await edge.add(
    "cus",
    { amount: 10, type: "topup", product: "pro" },
    { "idempotency-key": "top" },
  );
  assert.deepEqual([grant.status, grant.json.balance, grant.json.sequence], [200, 10, 1]);
  const open = await edge.gate("cus", { amount: 4, idempotency_key: "g" });
  assert.deepEqual([open.status, open.json.balance, open.json.source], [200, 6, "edge-cache"]);
  const again = await edge.add(
    "cus",
    { amount: 10, type: "topup", product: "pro" },
    { "idempotency-key": "top" },
  );
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.json.transaction_id, grant.json.transaction_id);
  await drained(edge, "cus");
  const told = await edge.balance("cus", "?include_breakdown=true");
  assert.deepEqual(told.breakdown, [{ product: "pro", balance: 6, expires_at: null }]);
  assert.deepEqual([told.balance, told.source], [6, "edge-cache"]);
  assert.deepEqual(
    (await edge.transactions("cus", "?type=topup&limit=1")).data,
    (await api.transactions("cus", "?type=topup&limit=1")).data,
  );
  const refused = await edge.add("cus", { amount: 0, type: "topup" });
  assert.deepEqual([refused.status, refused.json.error.code], [400, "amount_zero"]);
  const voided = await edge.voidGrant("cus", grant.json.transaction_id);
  assert.equal(voided.status, 200);
  const shut = await edge.gate("cus", { amount: 1 });
  assert.deepEqual([shut.status, shut.json.error.details.current_balance], [402, 0]);
  await self.ledger.stop();
  const page = await fetch(`${self.url}/v1/customers/cus/transactions`, {
    headers: { authorization: `Bearer ${keys.live.text}` },
  });
  assert.deepEqual([page.status, (await page.json()).error.code], [503, "upstream_unavailable"]);
  const unknown = await edge.add("cus", { amount: 1, type: "topup", idempotency_key: "u" });
  assert.deepEqual([unknown.status, unknown.json.error.code], [500, "internal_error"]);
  assert.equal(unknown.json.error.details.idempotency_key, "u");
});

test("an upstream that takes calls and never answers them holds nobody up", async (t) => {
  const self = await world(t, "silent", { UPSTREAM_TIMEOUT_MS: "500" });
  await self.api.grant("cus", 10);
  assert.equal((await self.edge.balance("cus")).balance, 10);
  await self.ledger.stop();
  const sockets = new Set();
  const silent = createServer((socket) => sockets.add(socket.on("error", () => {}).resume()));
  await new Promise((done) => silent.listen(self.port, "127.0.0.1", done));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const ask = async (path, body) => {
    const response = await fetch(`${self.url}/v1/customers/cus/${path}`, {
      method: body ? "POST" : "GET",
      headers: {
        authorization: `Bearer ${keys.live.text}`,
        ...(body ? { "content-type": "application/json" } : {}),
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const again = response.headers.get("retry-after");
    return [response.status, (await response.json()).error?.code, again];
  };
  const away = [503, "upstream_unavailable", "1"];
  const add = { amount: 1, type: "topup", idempotency_key: "u" };
  const gate = { amount: 11, on_insufficient: "reject" };
  assert.deepEqual(await ask("transactions"), away);
  assert.deepEqual(await ask("balance?include_breakdown=true"), away);
  assert.deepEqual(await ask("add", add), [500, "internal_error", null]);
  assert.deepEqual(await ask("consume", gate), [402, "insufficient_credits", null]);
  assert.ok(sockets.size >= 3, `${sockets.size} connections were made`);
});

test("a key that the ledger refuses pauses the outbox, and a new one resumes it", async (t) => {
  const self = await world(t, "rotation");
  await self.api.grant("cus", 10);
  await self.edge.balance("cus");
  await self.ledger.stop();
  const rotated = makeKey("live", ["use", "grant"]);
  await self.startLedger({ API_KEYS: secret({ rotated }) });
  await self.edge.consume("cus", { amount: 4, idempotency_key: "a" });
  const outbox = () => self.operate("cus", "GET", "");
  const paused = await eventually(outbox, ({ json }) => json.upstream.paused);
  assert.deepEqual(
    paused.json.data.map(({ idempotency_key: key, state, amount }) => [key, state, amount]),
    [["a", "pending", 4]],
  );
  const told = await self.edge.balance("cus");
  assert.deepEqual([told.balance, told.pending], [6, 1]);
  assert.deepEqual(
    told.notices.map(({ kind, code }) => [kind, code]),
    [["paused", "invalid_api_key"]],
  );
  const add = await self.edge.add("cus", { amount: 1, type: "topup" });
  assert.deepEqual([add.status, add.json.error.code], [503, "upstream_unavailable"]);
  await self.cache.stop();
  await self.startCache({ UPSTREAM_KEY_LIVE: rotated.text });
  await drained(self.edge, "cus");
  self.api = ledgerApi(self.ledger.urls.ledger, rotated.text);
  assert.equal((await self.api.balance("cus")).balance, 6);
  const after = (await outbox()).json;
  assert.deepEqual([after.counts.applied, after.upstream.paused, after.data], [1, false, []]);
});

test("what the ledger will not have waits for an operator, who sends it again or writes it off", async (t) => {
  const self = await world(t, "quarantine");
  await self.api.grant("cus", 10);
  await self.edge.balance("cus");
  // A key that stands for another charge there.
  for (const key of ["taken", "gone"]) {
    await self.api.consume("cus", { amount: 1, idempotency_key: key });
    await self.edge.consume("cus", { amount: 2, idempotency_key: key });
  }
  const listed = await eventually(
    () => self.operate("cus", "GET", ""),
    ({ json }) => json.counts.quarantined === 2,
  );
  const [taken, gone] = listed.json.data;
  assert.deepEqual(
    [taken.idempotency_key, taken.state, taken.code],
    ["taken", "quarantined", "idempotency_key_reused"],
  );
  const { notices } = await self.edge.balance("cus");
  assert.deepEqual(
    notices.map((notice) => [notice.kind, notice.transaction_id, notice.amount]),
    [taken, gone].map((row) => ["quarantined", row.transaction_id, 2]),
  );
  const decide = (row, what) => self.operate("cus", "POST", `/${row.transaction_id}/${what}`);
  assert.deepEqual((await decide(gone, "write-off")).json.state, "rejected");
  assert.deepEqual((await decide(gone, "write-off")).status, 404);
  assert.deepEqual((await decide(taken, "retry")).json.state, "pending");
  const again = await eventually(
    () => self.operate("cus", "GET", ""),
    ({ json }) => json.counts.quarantined === 1,
  );
  assert.equal(again.json.data[0].attempts, 2);
  assert.deepEqual((await decide(again.json.data[0], "write-off")).status, 200);
  assert.equal((await self.edge.balance("cus", "?include_breakdown=true")).balance, 8);
  const scoped = await fetch(`${self.url}/v1/customers/cus/outbox`, {
    headers: { authorization: `Bearer ${keys.plain.text}` },
  });
  assert.equal(scoped.status, 403);
});

test("a ledger has no outbox", async (t) => {
  const self = await world(t, "ledger");
  const admin = makeKey("live", ["admin"]);
  await self.ledger.stop();
  await self.startLedger({ API_KEYS: secret({ admin }) });
  const { status } = await fetch(`${self.ledger.urls.ledger}/v1/customers/cus/outbox`, {
    headers: { authorization: `Bearer ${admin.text}` },
  });
  assert.equal(status, 404);
  const health = await (await fetch(`${self.ledger.urls.ledger}/health`)).json();
  assert.deepEqual([health.mode, health.configured], ["ledger", true]);
});
