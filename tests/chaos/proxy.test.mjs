// Each fault does what its name says: what the server sees, and what the caller is left with.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Calls } from "./calls.mjs";
import { KINDS } from "./faults.mjs";
import { Proxy } from "./proxy.mjs";
import { pause, Random } from "./random.mjs";

const ROUNDS = 12;
const ANSWER = { transaction_id: "txn_1", balance: 7 };
const CALL = { amount: "5.000000", idempotency_key: "k" };

let server;
/** The bodies that arrived, with the path that they were sent to. */
const arrivals = [];
const arrivedAt = (path) => arrivals.filter(({ url }) => url === path).map(({ body }) => body);

before(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    arrivals.push({ url: request.url, body });
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(ANSWER));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
});
after(() => server.close());

const whole = JSON.stringify(CALL);
const json = (text) => {
  try {
    return Boolean(JSON.parse(text));
  } catch {
    return false;
  }
};
const answered = ({ status, json: body }) => status === 200 && body?.transaction_id === "txn_1";
const noJson = (result) => result.status !== undefined && result.json === null;
const broken = (result) => result.error !== undefined;

/** By kind: how many copies of the whole request may arrive, and what the caller is left with. */
const EXPECTED = {
  delay: { copies: [1], left: answered },
  refuse: { copies: [0], left: broken },
  "cut after the request": { copies: [1], left: broken },
  "cut after the headers": { copies: [1], left: broken },
  duplicate: { copies: [2], left: answered },
  "corrupt request": { copies: [0], left: answered },
  "corrupt answer": { copies: [1], left: noJson },
  "half-open": { copies: [0, 1], left: broken },
  gateway: { copies: [0, 1], left: noJson },
  trickle: { copies: [1], left: answered },
};

test("every kind has its expectation", () => assert.deepEqual(Object.keys(EXPECTED), KINDS));

for (const [kind, { copies, left }] of Object.entries(EXPECTED)) {
  test(`fault: ${kind}`, async () => {
    const rounds = Array.from({ length: ROUNDS }, (_, round) => once(kind, round, copies, left));
    const seen = new Set(await Promise.all(rounds));
    for (const number of copies) assert.ok(seen.has(number), `never ${number} copies`);
  });
}

/** One call through a proxy that always does this; resolves to the whole copies that arrived. */
async function once(kind, seed, copies, left) {
  const path = `/${encodeURIComponent(kind)}/${seed}`;
  const target = () => `http://127.0.0.1:${server.address().port}`;
  const lateCopies = seed % 2 === 0;
  const proxy = new Proxy({ target, random: new Random(seed), lateCopies, kinds: [kind] });
  const origin = await proxy.listen();
  const calls = new Calls(() => origin, "key");
  try {
    proxy.storm(1);
    const timeout = kind === "half-open" ? 50 : 5_000;
    const send = calls.send("POST", path, CALL, timeout);
    const result = await send.catch((error) => ({ error }));
    assert.ok(left(result), `left with ${JSON.stringify(result)}`);
    await proxy.settled();
    // What was cut loose right after it was written may still be on its way.
    const due = () => proxy.counts[kind] > 0 && arrivedAt(path).length >= copies[0];
    for (let wait = 0; !due() && wait < 200; wait += 1) await pause(10);
    const passed = arrivedAt(path).filter((body) => body === whole).length;
    assert.ok(copies.includes(passed), `${passed} copies arrived`);
    for (const body of arrivedAt(path)) {
      assert.ok(body === whole || !json(body), `${body} is another call`);
    }
    assert.deepEqual(proxy.counts, { [kind]: 1 });
    return passed;
  } finally {
    calls.close();
    proxy.close();
  }
}

test("a network that refuses turns everybody away, until it is well again", async () => {
  const target = () => `http://127.0.0.1:${server.address().port}`;
  const proxy = new Proxy({ target, random: new Random(1) });
  const origin = await proxy.listen();
  const calls = new Calls(() => origin, "key");
  try {
    assert.ok(answered(await calls.send("POST", "/well", CALL)));
    proxy.refuse(true);
    await assert.rejects(calls.send("POST", "/well", CALL));
    await assert.rejects(calls.send("POST", "/well", CALL));
    assert.equal(arrivedAt("/well").length, 1);
    assert.ok(proxy.turnedAway > 0);
    proxy.refuse(false);
    assert.ok(answered(await calls.send("POST", "/well", CALL)));
  } finally {
    calls.close();
    proxy.close();
  }
});
