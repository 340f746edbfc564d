// Persistent mode in memory at its bounds: customers, settings, charges of one customer.

import assert from "node:assert/strict";
import { test } from "node:test";

import { inMemory, world } from "./memory_world.mjs";
import { inVirtualTime, refused, rejection } from "./scripted.mjs";

const CUSTOMERS = 10_000;

test("the 10 001st customer waits while all others have charges waiting; idle ones make room", async (t) => {
  const api = world(100);
  const { ce, errors } = inMemory(api);
  api.away = true;
  await inVirtualTime(t, async () => {
    const all = Array.from({ length: CUSTOMERS }, (_, index) => ce.consume(`cus_${index}`, 1));
    await Promise.all(all);
    assert.equal(ce.pendingOperations, CUSTOMERS);
    const error = await rejection(ce.consume("one more", 1));
    assert.deepEqual(
      [error.code, error.status, error.retryable, error.effect],
      ["outbox_full", 503, true, "not_applied"],
    );
    api.away = false;
    const { delivered, pending } = await ce.flush();
    assert.deepEqual([delivered, pending], [CUSTOMERS, 0]);
    assert.equal((await ce.consume("one more", 1)).balance, 99);
    const reads = api.calls.filter(({ method }) => method === "GET").length;
    await ce.getBalance("cus_9999");
    assert.equal(api.calls.filter(({ method }) => method === "GET").length, reads, "named lately");
    assert.equal((await ce.getBalance("cus_0")).source, "upstream", "forgotten, and read again");
    await ce.destroy();
  });
  assert.deepEqual(errors, []);
});

test("the 10 001st waiting charge of one customer is refused, and none is lost", async (t) => {
  const api = world(1_000_000);
  const { ce } = inMemory(api);
  await inVirtualTime(t, async () => {
    await ce.getBalance("cus_1");
    api.away = true;
    const waiting = Array.from({ length: 10_000 }, () => ce.consume("cus_1", 1));
    await Promise.all(waiting);
    assert.equal((await rejection(ce.consume("cus_1", 1))).code, "outbox_full");
    api.away = false;
    assert.equal((await ce.flush()).delivered, 10_000);
  });
  assert.equal(api.left(), 990_000);
});

test("other settings are another memory; the seventeenth needs an idle one's place", async (t) => {
  const api = world(100);
  const clients = Array.from({ length: 17 }, (_, index) => {
    return inMemory(api, { syncIntervalMs: 1000 + index }).ce;
  });
  const last = clients.pop();
  api.away = true;
  await inVirtualTime(t, async () => {
    for (const ce of clients) await ce.consume("cus_1", 1);
    assert.equal(clients[0].pendingOperations, 1);
    assert.equal((await rejection(last.consume("cus_1", 1))).code, "outbox_full");
    api.away = false;
    assert.equal((await last.add("cus_1", 0.5)).balance, 100.5, "a grant needs no place");
    await last.add("cus_1", -0.5, { type: "adjustment" });
    await Promise.all(clients.map((ce) => ce.flush()));
    assert.equal((await last.consume("cus_1", 1)).balance, 83);
    await last.destroy();
  });
});

test("each of thousands of refused charges is told, once", async () => {
  const api = world(1_000_000);
  const { ce, errors } = inMemory(api);
  await ce.getBalance("cus_1");
  api.refuse = (_method, route) => route === "consume" && refused(402, "insufficient_credits");
  for (let round = 0; round < 30; round += 1) {
    await Promise.all(Array.from({ length: 100 }, () => ce.consume("cus_1", 1)));
    await ce.flush();
  }
  assert.equal(errors.length, 3000);
  assert.equal(new Set(errors.map(({ idempotencyKey }) => idempotencyKey)).size, 3000, "each once");
  await ce.destroy();
});
