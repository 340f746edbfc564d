// Bad input over a real socket, row by row: the status, the code, and that no credits moved.
//
// The tables are in `bad-input/`. Requests are written as bytes, because `fetch` corrects much of
// what is wrong here before it sends it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import * as amounts from "./bad-input/amounts.mjs";
import { REFUSED_BATCHES } from "./bad-input/batch.mjs";
import { REFUSED_HOLDS } from "./bad-input/holds.mjs";
import * as http from "./bad-input/http.mjs";
import * as ids from "./bad-input/ids.mjs";
import * as keyTables from "./bad-input/keys.mjs";
import { makeKeys } from "./keys.mjs";
import { exchange } from "./raw.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const VICTIM = "victim";
const keys = makeKeys();
let runtime;
let origin;
let api;

before(async () => {
  runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  origin = runtime.urls.ledger;
  api = ledgerApi(origin, keys.admin.text);
  await api.grant(VICTIM, 100);
});
after(() => runtime?.stop());

/** The request of a row: a good charge, with the row's faults. */
function requestOf(send) {
  const { segment = VICTIM, rest = "consume", path, method = "POST", json, framing } = send;
  const headers = [];
  for (let copies = send.twice ? 2 : 1; copies > 0; copies -= 1) {
    headers.push(["Authorization", authorization(send)]);
  }
  if (method === "POST") headers.push(["Content-Type", send.type ?? "application/json"]);
  const good = JSON.stringify({ amount: 1, ...json });
  return {
    method,
    path: path ?? `/v1/customers/${segment}/${rest}`,
    headers: [...headers, ...(send.headers ?? [])].filter(
      ([name]) => !send.without?.includes(name),
    ),
    body: send.body ?? (method === "GET" ? "" : good),
    framing,
  };
}

function authorization(send) {
  if (send.authorization !== undefined) return send.authorization;
  const { key = "admin", edit = (text) => text, digest, scheme = "Bearer" } = send;
  const text = digest ? createHash("sha256").update(keys[key].text).digest("hex") : keys[key].text;
  return `${scheme} ${edit(text)}`.trim();
}

/** Sends a row's request and checks all that a refusal must be. */
async function refused(row) {
  const before = await api.balance(VICTIM);
  const answer = await exchange(origin, requestOf(row.send));
  const shown = `${answer.status} ${answer.text}`;
  assert.equal(answer.status, row.status, shown);
  assert.ok(answer.headers.get("x-edge-credits"), "the answer names the worker's version");
  assert.equal(answer.headers.get("access-control-allow-origin"), undefined);
  if (row.allow) assert.equal(answer.headers.get("allow"), row.allow);
  if (row.status === 401) assert.equal(answer.headers.get("www-authenticate"), "Bearer");
  if (row.send.method !== "HEAD") {
    const { error } = answer.json ?? {};
    assert.ok(error, shown);
    if (row.code) assert.equal(error.code, row.code, shown);
    if (row.param) assert.equal(error.details?.param, row.param, shown);
    assert.ok(error.message.length > 0 && error.message.length <= 400, shown);
    assert.equal(error.request_id, answer.headers.get("x-request-id"));
    for (const key of Object.values(keys)) {
      if (key.text) assert.ok(!answer.text.includes(key.text), "an answer must not hold a key");
    }
  }
  const { balance, sequence } = await api.balance(VICTIM);
  assert.deepEqual([balance, sequence], [before.balance, before.sequence], "no credits moved");
}

const TABLES = {
  "paths and methods": http.PATHS,
  "sizes": http.SIZES,
  "kind of content": http.CONTENT,
  "text that is not JSON": http.JSON_TEXT,
  "JSON of another shape": http.SHAPES,
  "repeated headers": http.HEADERS,
  "amounts of charges": [...amounts.REFUSED_CHARGES, ...amounts.NULL_AMOUNT],
  "amounts of grants": amounts.REFUSED_GRANTS,
  "customer ids": ids.REFUSED_IDS,
  "names and references": ids.REFUSED_NAMES,
  "query parameters": ids.REFUSED_QUERIES,
  "questions of the analytics": ids.REFUSED_QUESTIONS,
  "batches": REFUSED_BATCHES,
  "holds": REFUSED_HOLDS,
  "idempotency keys": keyTables.REFUSED_KEYS,
  "no key": keyTables.UNAUTHORIZED,
  "no scope": keyTables.FORBIDDEN,
};

for (const [title, rows] of Object.entries(TABLES)) {
  describe(title, () => {
    for (const row of rows) test(row.what, () => refused(row));
  });
}

describe("what is accepted is kept exactly", () => {
  for (const [index, [text, left]] of amounts.ACCEPTED_CHARGES.entries()) {
    test(`a charge of ${text}`, async () => {
      const customer = `amounts-${index}`;
      await api.grant(customer, 10_000);
      const request = requestOf({ segment: customer, body: `{"amount": ${text}}` });
      const answer = await exchange(origin, request);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.balance, left);
    });
  }

  test("a balance reads as exact decimal text, not as a float's", async () => {
    await api.grant("thirds", "0.1");
    await api.grant("thirds", "0.2");
    const request = requestOf({ segment: "thirds", method: "GET", rest: "balance" });
    assert.match((await exchange(origin, request)).text, /"balance":\s*0\.3[,}]/);
  });

  test("every id is a customer of its own and comes back byte for byte", async () => {
    for (const [index, id] of ids.ACCEPTED_IDS.entries()) await api.grant(id, index + 1);
    for (const [index, id] of ids.ACCEPTED_IDS.entries()) {
      const { balance, customer_id } = await api.balance(id);
      assert.equal(customer_id, id);
      assert.equal(balance, index + 1, id);
    }
  });

  for (const [index, text] of ids.ACCEPTED_METADATA.entries()) {
    test(`metadata ${text.slice(0, 40)}`, async () => {
      const segment = `metadata-${index}`;
      const body = `{"amount": 1, "metadata": ${text}}`;
      const answer = await exchange(origin, requestOf({ segment, body }));
      assert.equal(answer.status, 200, answer.text);
      const { data } = await api.transactions(segment);
      assert.deepEqual(data[0].metadata, JSON.parse(text));
      assert.equal({}.polluted, undefined);
    });
  }
});

describe("one key, one charge", () => {
  const charge = (customer, amount, headers = {}, rest = {}) =>
    api.consume(customer, { amount, ...rest }, headers);

  test("without a key the answer names the one that was made", async () => {
    const first = await charge("keyless", 1);
    assert.match(first.json.idempotency_key, /^[!-~]+$/);
    const again = await charge("keyless", 1, { "idempotency-key": first.json.idempotency_key });
    assert.equal(again.json.replayed, true);
    assert.equal(again.json.transaction_id, first.json.transaction_id);
  });

  test("header, quoted header and body name the same key", async () => {
    const first = await charge("spellings", 1, { "idempotency-key": "k1" });
    assert.equal(first.headers.get("idempotent-replayed"), null);
    const others = [
      await charge("spellings", 1, { "idempotency-key": '"k1"' }),
      await charge("spellings", 1, {}, { idempotency_key: "k1" }),
      await charge("spellings", 1, { "idempotency-key": '"k1"' }, { idempotency_key: "k1" }),
      await charge("spellings", "1.000", { "idempotency-key": "k1" }),
    ];
    for (const answer of others) {
      assert.equal(answer.headers.get("idempotent-replayed"), "true");
      const { request_id: _, ...rest } = answer.json;
      const { request_id: __, ...original } = first.json;
      assert.deepEqual(rest, { ...original, replayed: true });
    }
    assert.equal((await api.balance("spellings")).balance, -1);
  });

  test("another amount under the same key names the field, not its value", async () => {
    await charge("reuse", 1, { "idempotency-key": "k" });
    const answer = await charge("reuse", 4242, { "idempotency-key": "k" });
    assert.equal(answer.status, 422);
    assert.equal(answer.json.error.code, "idempotency_key_reused");
    assert.match(JSON.stringify(answer.json), /amount/);
    assert.doesNotMatch(JSON.stringify(answer.json), /4242/);
    assert.equal((await api.balance("reuse")).balance, -1);
  });

  test("customers, operations and environments do not share keys", async () => {
    const sandbox = ledgerApi(origin, keys.test.text);
    const key = { "idempotency-key": "shared" };
    const answers = [
      await charge("scope-a", 1, key),
      await charge("scope-b", 1, key),
      await api.add("scope-a", { amount: 1, type: "topup" }, key),
      await sandbox.consume("scope-a", { amount: 1 }, key),
    ];
    for (const { status, json } of answers) assert.deepEqual([status, json.replayed], [200, false]);
    assert.equal(new Set(answers.map(({ json }) => json.transaction_id)).size, answers.length);
  });

  test("the fields that move money are the fingerprint of a grant", async () => {
    const key = { "idempotency-key": "grant" };
    const body = { amount: 5, type: "topup", product: "pro", expires_at: "2999-01-01T00:00:00Z" };
    assert.equal((await api.add("prints", body, key)).status, 200);
    const others = [
      { product: "other" },
      { expires_at: "2998-01-01T00:00:00Z" },
      { priority: 7 },
      { type: "refund" },
    ];
    for (const other of others) {
      const answer = await api.add("prints", { ...body, ...other }, key);
      assert.equal(answer.json.error?.code, "idempotency_key_reused", JSON.stringify(other));
    }
    const noted = await api.add("prints", { ...body, description: "another note" }, key);
    assert.equal(noted.json.replayed, true);
  });
});

test("a body that breaks off before its end charges nothing", async () => {
  const before = await api.balance(VICTIM);
  // The JSON is whole, but more was announced: it must not be taken for the whole body.
  for (const framing of [1_000, "chunked"]) {
    const request = { ...requestOf({ framing }), breakOff: true };
    const answer = await exchange(origin, request).catch((error) => error);
    assert.notEqual(answer.status, 200, answer.text);
  }
  assert.equal((await api.balance(VICTIM)).sequence, before.sequence);
});

test("one body for every way of not having a key", async () => {
  const bodies = new Set();
  for (const row of keyTables.UNAUTHORIZED) {
    const { json } = await exchange(origin, requestOf(row.send));
    delete json.error.request_id;
    bodies.add(JSON.stringify(json));
  }
  assert.equal(bodies.size, 1, [...bodies].join("\n"));
});

test("a worker without API_KEYS serves nothing but its health", async () => {
  const bare = await startWorkerd({ workers: [ledgerWorker({})] });
  try {
    const answer = await exchange(bare.urls.ledger, requestOf({}));
    assert.equal(answer.status, 503);
    assert.equal(answer.json.error.code, "not_configured");
    const health = await fetch(`${bare.urls.ledger}/health`);
    assert.deepEqual([health.status, (await health.json()).configured], [200, false]);
  } finally {
    await bare.stop();
  }
});
