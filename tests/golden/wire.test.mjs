// The wire, as it is: what the client sends for each call, and what the worker answers, byte for
// byte but for what is different each time. A change of a field's name or place shows here.
//
// When a change is meant: UPDATE_GOLDEN=1 node --test tests/golden, and read the diff.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { makeKeys } from "../runtimes/keys.mjs";
import { ledgerWorker, startWorkerd } from "../runtimes/workerd.mjs";
import { CreditEngine } from "../../pkg/js/index.js";

const GOLDEN = new URL("wire.json", import.meta.url);
/** Headers that are the host's own business. */
const HOST_HEADERS = ["connection", "content-length", "date", "keep-alive", "transfer-encoding"];

const keys = makeKeys();
let runtime;
before(async () => {
  runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
});
after(() => runtime?.stop());

/** The calls, in order, on one customer; every key is the caller's, so that ids are stable. */
async function conversation(client) {
  const customer = "org/42: café";
  const key = (name) => ({ idempotencyKey: name });
  await client.getBalance(customer);
  await client.add(customer, 100, { ...key("grant"), type: "topup", description: "Starter pack" });
  await client.add(customer, "10.5", {
    ...key("promo"),
    product: "promo",
    priority: 5,
    effectiveAt: "2020-01-01T00:00:00Z",
    expiresAt: new Date(Date.UTC(2999, 0, 1)),
    metadata: { source: "campaign" },
  });
  const metadata = { model: "small", action: "chat" };
  const charge = await client.consume(customer, 12, "AI: chat", { ...key("charge"), metadata });
  await client.consumeOrFail(customer, 0.25, "AI: image", key("gate"));
  await client.consumeOrFail(customer, 0.25, "AI: image", key("gate"));
  await client.consumeOrFail(customer, 1000, undefined, key("refused")).catch(() => {});
  await client.consume(customer, 13, "AI: chat", key("charge")).catch(() => {});
  const refundOf = charge.transaction_id;
  await client.add(customer, 2, { ...key("refund"), type: "refund", refundOf });
  await client.add(customer, -1, { ...key("debit"), type: "adjustment" });
  const grant = await client.add(customer, 3, key("mistake"));
  await client.voidGrant(customer, grant.transaction_id, { ...key("void"), reason: "twice" });
  const back = { successUrl: "https://a.example/ok", cancelUrl: "https://a.example/no" };
  const order = { customerId: customer, ...back, credits: 500, ...key("session") };
  await client.createTopUpSession(order).catch(() => {});
  await client.getBalance(customer, { includeBreakdown: true, unit: "credits" });
  await client.getTransactions(customer, { limit: 4, offset: 1, type: "consumption" });
  await client.getTransactions(customer);
}

/** Records each exchange while it is carried out. */
function recorder(exchanges) {
  return {
    async fetch(url, init) {
      const response = await fetch(url, init);
      const body = await response.clone().text();
      exchanges.push({
        request: {
          line: `${init.method} ${url.replace(runtime.urls.ledger, "")}`,
          headers: headersOf(init.headers),
          ...(init.body === undefined || init.body === null ? {} : { body: String(init.body) }),
        },
        answer: { status: response.status, headers: headersOf(response.headers), body },
      });
      return response;
    },
  };
}

function headersOf(headers) {
  const all = [...new Headers(headers)].filter(([name]) => !HOST_HEADERS.includes(name));
  return Object.fromEntries(all);
}

/** What differs from run to run or from version to version, replaced by its kind. */
function steady(text) {
  const written = (time) => (/^(2020|2999)/.test(time) ? time : "TIME");
  return text
    .replaceAll(keys.live.text, "API_KEY")
    .replace(/\b2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, written)
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UUID")
    .replace(/("x-edge-credits": )"\d+\.\d+\.\d+"/g, '$1"VERSION"')
    .replace(/;dur=[\d.]+/g, ";dur=N");
}

test("every exchange is as it was", async () => {
  const exchanges = [];
  const baseUrl = runtime.urls.ledger;
  const fetcher = recorder(exchanges);
  const options = { apiKey: keys.live.text, mode: "stateless", baseUrl, fetcher };
  await conversation(new CreditEngine(options));
  const actual = `${steady(JSON.stringify(exchanges, null, 2))}\n`;
  if (process.env.UPDATE_GOLDEN) await writeFile(GOLDEN, actual);
  assert.deepEqual(JSON.parse(actual), JSON.parse(await readFile(GOLDEN, "utf8")));
  for (const key of Object.values(keys)) {
    if (key.text) assert.ok(!actual.includes(key.text), "no key is in the golden file");
  }
});
