// Customers over a real socket: records, lists of 10 000, deletion, crashes, portal tokens.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { clocknextApi, clocknextKey } from "./clocknext/api.mjs";
import { REFUSED } from "./clocknext/bad-input.mjs";
import { median, walkCustomers } from "./clocknext/walk.mjs";
import { makeKeys } from "./keys.mjs";
import { exchange } from "./raw.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const PORTAL_SECRET = "0123456789abcdef".repeat(4);
const keys = makeKeys();
const cnk = {
  live: clocknextKey("live", ["admin"]),
  test: clocknextKey("test", ["admin"]),
  user: clocknextKey("live", ["use"]),
};
const entries = [...JSON.parse(keys.secret), ...Object.values(cnk).map(({ entry }) => entry)];
const bindings = { API_KEYS: JSON.stringify(entries), REPORT_DELAY_MS: "50", PORTAL_SECRET };
let state;
let runtime;
let origin;
let engine;
let next;

async function start() {
  const ports = runtime ? { ledger: Number(new URL(origin).port) } : {};
  runtime = await startWorkerd({ workers: [ledgerWorker(bindings)], state, ports });
  origin = runtime.urls.ledger;
  engine = ledgerApi(origin, keys.admin.text);
  next = clocknextApi(origin, cnk.live.text);
}

before(async () => {
  state = await mkdtemp(join(tmpdir(), "edge-credits-customers-"));
  await start();
});
after(async () => {
  await runtime?.stop();
  await rm(state, { recursive: true, force: true });
});

const create = async (fields, headers) =>
  (await next.good("POST", "/customers", fields, headers)).customer;
const acme = (more = {}) => ({ name: "Acme", email: "ops@acme.com", ...more });

async function eventually(ask, wanted, pause = 25) {
  for (const end = Date.now() + 20_000; ; ) {
    const answer = await ask();
    if (wanted(answer) || Date.now() > end) return answer;
    await new Promise((done) => setTimeout(done, pause));
  }
}

describe("a record", () => {
  test("holds what it was given, changes what is named, clears what is null", async () => {
    const full = acme({
      description: "Two\nlines", website: "https://acme.com", phone: "+49 1", legalName: "Acme GmbH",
      addressLine1: "1 Road", addressLine2: "Back", city: "Köln", state: "NRW", country: "DE",
      pincode: "50667", taxId: "DE1", notes: "VIP", logoUrl: "https://acme.com/l.png",
      currencyCode: "EUR", creditAllowance: 1000.5,
    });
    const made = await create(full);
    const { id, createdAt, updatedAt, ...fields } = made;
    assert.deepEqual(fields, full);
    assert.match(id, /^cus_[0-9a-f]{24}$/);
    assert.equal(createdAt, updatedAt);
    const path = next.customer(id);
    assert.deepEqual((await next.good("GET", path)).customer, made);
    const changed = (await next.good("PATCH", path, { notes: null, city: "Bonn" })).customer;
    assert.deepEqual({ ...changed, updatedAt }, { ...made, notes: null, city: "Bonn" });
    assert.deepEqual((await next.good("PATCH", path, {})).customer, changed);
    const other = await clocknextApi(origin, cnk.test.text).request("GET", path);
    assert.equal(other.status, 404, "environments do not meet");
  });

  test("is made once under a key, and each time without one", async () => {
    const key = { "idempotency-key": "signup-1" };
    const one = await next.request("POST", "/customers", acme(), key);
    const two = await next.request("POST", "/customers", acme(), key);
    assert.deepEqual(two.json, one.json);
    assert.equal(two.headers.get("idempotent-replayed"), "true");
    const reused = await next.request("POST", "/customers", acme({ name: "Other" }), key);
    assert.deepEqual([reused.status, reused.json.code], [422, "idempotency_key_reused"]);
    assert.notEqual((await create(acme())).id, (await create(acme())).id);
  });

  for (const [what, send, status, code] of REFUSED) {
    test(`refused: ${what}`, async () => {
      const { id } = await create(acme({ name: "Victim" }));
      const { method, path, json, body = json && JSON.stringify(json), type } = send;
      const headers = [["Authorization", `Bearer ${cnk.live.text}`]];
      if (body !== undefined) headers.push(["Content-Type", type ?? "application/json"]);
      const target = `/api/v1${path.replace("CUSTOMER", id)}`;
      const answer = await exchange(origin, { method, path: target, headers, body });
      assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.text);
      assert.equal(answer.json.ok, false);
      assert.ok(answer.json.error.length > 0 && answer.json.error.length <= 400);
      assert.equal((await next.good("GET", next.customer(id))).customer.name, "Victim");
    });
  }

  test("needs a key with the scope", async () => {
    const { id } = await create(acme());
    const user = clocknextApi(origin, cnk.user.text);
    assert.equal((await user.request("GET", next.customer(id))).status, 200);
    const { status, json } = await user.request("DELETE", next.customer(id));
    assert.deepEqual([status, json.code], [403, "insufficient_scope"]);
  });
});

test("who comes by the ledger is listed, and can be given a name", async () => {
  await engine.grant("by the ledger", 10);
  const path = next.customer("by the ledger");
  const found = await eventually(() => next.request("GET", path), ({ status }) => status === 200);
  assert.equal(found.json.customer.name, null);
  await next.good("PATCH", path, { name: "Named Later", email: "a@b.c" });
  const { customers } = await next.good("GET", "/customers?q=named+lat");
  assert.deepEqual(customers.map(({ id }) => id), ["by the ledger"]);
  // Who has a record and no entry has balances, too: none.
  const { id } = await create(acme());
  assert.deepEqual((await next.balances(id)).units, []);
});

describe("a deletion", () => {
  test("closes the ledger on both faces, frees holds, and answers repeats", async () => {
    const { id } = await create(acme({ name: "Leaving" }));
    await engine.grant(id, 100, { idempotency_key: "g" });
    const charge = { amount: 1, idempotency_key: "before" };
    const first = await engine.gate(id, charge);
    const held = (await engine.hold(id, { amount: 40 })).json;
    const { token } = await next.good("POST", "/portal/token", { customerId: id });
    const page = () => fetch(`${origin}/portal/embed?token=${token}`).then(({ status }) => status);
    assert.equal(await page(), 200);
    for (let repeat = 0; repeat < 2; repeat += 1) {
      const { id: gone, deleted } = await next.good("DELETE", next.customer(id));
      assert.deepEqual([gone, deleted], [id, true]);
    }
    for (const [answer, status] of [
      [await engine.gate(id, { amount: 1 }), 403],
      [await engine.consume(id, { amount: 1 }), 403],
      [await engine.add(id, { amount: 1, type: "topup" }), 403],
      [await engine.hold(id, { amount: 1 }), 403],
    ]) {
      assert.deepEqual([answer.status, answer.json.error?.code], [status, "customer_closed"]);
    }
    const batch = await engine.batch(id, [{ amount: 1, idempotency_key: "b" }]);
    assert.deepEqual(batch.json.results.map(({ status }) => status), [403]);
    const again = await engine.gate(id, charge);
    assert.equal(again.status, 200);
    assert.equal(again.json.transaction_id, first.json.transaction_id);
    assert.equal(again.json.replayed, true);
    assert.equal((await engine.holdState(id, held.hold_id)).json.state, "released");
    // Nothing is shown to whom it was the page of, and nothing is sold.
    assert.equal(await page(), 410);
    const urls = { success_url: "https://a.example/s", cancel_url: "https://a.example/c" };
    const sold = await fetch(`${origin}/v1/topup/sessions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${keys.admin.text}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ customer_id: id, ...urls }),
    });
    assert.deepEqual([sold.status, (await sold.json()).error.code], [403, "customer_closed"]);
    const { posted, held: reserved } = await engine.balance(id);
    assert.deepEqual([posted, reserved], [99, 0]);
    for (const [method, path, body] of [
      ["GET", next.customer(id)],
      ["PATCH", next.customer(id), { notes: "x" }],
      ["GET", next.customer(id, "/balances")],
      ["POST", "/portal/token", { customerId: id }],
    ]) {
      assert.equal((await next.request(method, path, body)).status, 404, `${method} ${path}`);
    }
    assert.deepEqual((await next.good("GET", "/customers?q=leaving")).customers, []);
  });

  test("survives kill -9, whatever was under way", async (t) => {
    let [gone, there] = [0, 0];
    for (let round = 0; round < 6; round += 1) {
      const made = await Promise.all(
        Array.from({ length: 10 }, (_, index) => create(acme({ name: `Mortal ${round} ${index}` }))),
      );
      await Promise.all(made.map(({ id }) => engine.grant(id, 5)));
      const calls = made.flatMap(({ id }) => [
        next.request("DELETE", next.customer(id)).catch(() => ({ status: 0 })),
        next.request("PATCH", next.customer(id), { name: "Renamed" }).catch(() => ({ status: 0 })),
      ]);
      // Some of the twenty calls have been answered, and others are under way.
      let answered = 0;
      for (const call of calls) call.then(() => (answered += 1));
      await eventually(() => answered, (count) => count >= 3 * round, 1);
      await runtime.stop();
      const answers = await Promise.all(calls);
      await start();
      for (const [index, { id }] of made.entries()) {
        const { status: listed, json } = await next.request("GET", next.customer(id));
        const { status: accepts } = await engine.gate(id, { amount: 1 });
        // The ledger is closed first, and an acknowledged deletion is complete.
        if (answers[2 * index].status === 200) assert.deepEqual([listed, accepts], [404, 403]);
        if (listed === 404) assert.equal(accepts, 403);
        if (answers[2 * index + 1].status === 200 && listed === 200) {
          assert.equal(json.customer.name, "Renamed");
        }
        accepts === 403 ? (gone += 1) : (there += 1);
        await next.good("DELETE", next.customer(id));
        const end = [await next.request("GET", next.customer(id)), await engine.gate(id, { amount: 1 })];
        assert.deepEqual(end.map(({ status }) => status), [404, 403]);
      }
      assert.deepEqual((await next.good("GET", `/customers?q=mortal+${round}`)).customers, []);
    }
    t.diagnostic(`figure: 6 kills amid 60 deletions: ${gone} were closed, ${there} not yet`);
  });
});

test("a portal token is for a customer who exists, and for a while", async () => {
  const { id } = await create(acme());
  const sent = Date.now();
  const { ok, token, expiresAt, expiresIn } = await next.good("POST", "/portal/token", {
    customerId: id, ttlSeconds: 600, memberEmail: "alice@acme.com",
  });
  assert.deepEqual([ok, expiresIn], [true, 600]);
  assert.ok(token.length > 40 && !token.includes(PORTAL_SECRET));
  assert.ok(Math.abs(Date.parse(expiresAt) - sent - 600_000) < 10_000);
});

test("10 000 customers: list, search and iteration stay flat", async (t) => {
  const own = clocknextApi(origin, cnk.test.text);
  let made = 0;
  const grow = async (to) => {
    while (made < to) {
      const batch = Array.from({ length: Math.min(50, to - made) }, (_, index) => {
        const number = made + index;
        const kind = number % 50 === 7 ? "Rare" : "Usual";
        const name = `Customer ${String(number).padStart(5, "0")} ${kind}`;
        return own.good("POST", "/customers", { name, email: `user${number}@example.com` });
      });
      await Promise.all(batch);
      made += batch.length;
    }
  };
  const timed = async (query) => {
    const times = [];
    let answer;
    for (let turn = 0; turn < 15; turn += 1) {
      const started = performance.now();
      answer = await own.good("GET", `/customers?${query}`);
      times.push(performance.now() - started);
    }
    return [times.sort((a, b) => a - b)[7], answer];
  };
  const figures = {};
  for (const count of [100, 1_000, 10_000]) {
    await grow(count);
    const [first, page] = await timed("limit=50");
    // Of the fifty that were made at once, any may have come last.
    const newest = page.customers.map(({ name }) => Number(name.slice(9, 14)));
    assert.deepEqual(newest.filter((number) => number < count - 50), []);
    assert.equal(new Set(newest).size, 50);
    const [common] = await timed("limit=50&q=customer");
    const [rare, found] = await timed("limit=2&q=customer+rare");
    assert.deepEqual(found.customers.map(({ name }) => name.includes("Rare")), [true, true]);
    const [one, exact] = await timed(`q=user${count - 1}@example.com`);
    assert.equal(exact.customers.length, 1);
    // Every page of all, each customer once.
    const seen = new Set();
    const pages = [];
    for (let cursor = ""; cursor !== null; ) {
      const started = performance.now();
      const { customers, nextCursor } = await own.good("GET", `/customers?limit=100&cursor=${cursor}`);
      pages.push(performance.now() - started);
      for (const { id } of customers) seen.add(id);
      cursor = nextCursor;
    }
    assert.equal(seen.size, count);
    const middle = pages.sort((a, b) => a - b)[Math.floor(pages.length / 2)];
    figures[count] = { first, common, rare, one, middle };
    const shown = Object.entries(figures[count]).map(([name, ms]) => `${name} ${ms.toFixed(2)} ms`);
    t.diagnostic(`figure: ${count} customers: ${shown.join(", ")} (${pages.length} pages)`);
  }
  // As the client goes through them; what follows from a page's depth would show in the last.
  const { ids, pages } = await walkCustomers(origin, cnk.test.text);
  assert.deepEqual([ids.size, pages.length], [10_000, 100]);
  const [early, late] = [median(pages.slice(0, 20)), median(pages.slice(-20))];
  t.diagnostic(
    `figure: customers.iterate over 10000, 100 a page: ${early.toFixed(2)} ms a page of the first 20, ${late.toFixed(2)} ms of the last 20`,
  );
  assert.ok(late < 4 * early + 5, `${early} ms of the first pages, ${late} ms of the last`);
  for (const name of ["first", "common", "rare", "one"]) {
    const [few, most] = [figures[100][name], figures[10_000][name]];
    // What grows with the number of customers grows a hundredfold.
    assert.ok(most < 4 * few + 5, `${name}: ${few} ms of 100, ${most} ms of 10 000`);
  }
});
