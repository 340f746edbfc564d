// pkg/examples/chat-reseller in workerd, in front of a double of a provider.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { lines, startProviderDouble } from "./examples/provider_double.mjs";
import { makeKeys } from "./keys.mjs";
import { REPOSITORY, bundleWorker, makeProject } from "./project.mjs";
import { startWorkerd } from "./workerd.mjs";

const EXAMPLE = join(REPOSITORY, "pkg", "examples", "chat-reseller");
const keys = makeKeys();
/** 600 · 375 + 400 · 37.5 + 500 · 1 500, for a million each. */
const COST = 0.99;

describe("chat-reseller", () => {
  let example;
  let provider;
  let shop;
  let books;

  before(async () => {
    provider = await startProviderDouble();
    example = await makeProject({ from: EXAMPLE });
    const worker = {
      name: "shop",
      ...(await bundleWorker(example.directory)),
      bindings: { API_KEYS: keys.secret, PROVIDER_URL: provider.url, PROVIDER_KEY: "sk-double" },
      objects: { LEDGER: { className: "LedgerObject" } },
    };
    shop = await startWorkerd({ workers: [worker] });
    books = ledgerApi(shop.urls.shop, keys.live.text);
  });
  after(async () => {
    await shop?.stop();
    await provider?.stop();
    await example?.remove();
  });

  const ask = (user, body, init = {}) =>
    fetch(`${shop.urls.shop}/chat/completions`, {
      method: "POST",
      headers: { "x-user": user },
      body: JSON.stringify({ model: "large-1", messages: [{ role: "user", content: "?" }], ...body }),
      ...init,
    });
  const charged = async (user) => {
    const { data } = await books.transactions(user);
    return data.filter(({ type }) => type === "consumption");
  };

  test("it is at most 60 lines", async () => {
    const source = await readFile(join(EXAMPLE, "src", "index.js"), "utf8");
    assert.ok(source.trimEnd().split("\n").length <= 60);
  });

  test("an answer is passed on and paid for, streamed or not", async () => {
    await books.grant("ada", 100);
    const whole = await ask("ada", {});
    assert.equal((await whole.json()).usage.total_tokens, 1500);
    await eventually(async () => (await books.balance("ada")).balance === 100 - COST);
    const streamed = await ask("ada", { stream: true });
    assert.equal(streamed.headers.get("content-type"), "text/event-stream");
    assert.equal(await streamed.text(), lines(provider.asked.at(-1).body).join(""));
    await eventually(async () => (await books.balance("ada")).balance === 100 - 2 * COST);
    const [{ action, metadata }] = await charged("ada");
    assert.deepEqual([action, metadata.estimated], ["large-1", false]);
    const { body, authorization } = provider.asked.at(-1);
    assert.deepEqual([authorization, body.max_completion_tokens], ["Bearer sk-double", 8192]);
  });

  test("who asks for the impossible, or has too little, makes no call", async () => {
    const before = provider.asked.length;
    await books.grant("ben", 1);
    const short = await ask("ben", {});
    assert.deepEqual([short.status, (await short.json()).error.credits_left], [402, 1]);
    for (const body of [{ model: "none" }, { model: "toString" }]) {
      assert.equal((await ask("ben", body)).status, 400);
    }
    assert.equal((await ask("", {})).status, 400);
    assert.equal(provider.asked.length, before);
    // What it may put out is what it may cost: a short answer is within reach.
    assert.equal((await ask("ben", { max_tokens: 400 })).status, 200);
    assert.equal(provider.asked.at(-1).body.max_completion_tokens, 400);
  });

  test("a provider that refuses is heard, and costs nothing", async () => {
    await books.grant("cy", 20);
    provider.mode = "refuses";
    assert.equal((await ask("cy", {})).status, 429);
    provider.mode = "answers";
    await eventually(async () => (await books.balance("cy")).balance === 20);
    assert.deepEqual(await charged("cy"), []);
  });

  test("who hangs up pays for what came", async () => {
    await books.grant("dot", 20);
    provider.mode = "is slow";
    const before = provider.hungUp;
    const abort = new AbortController();
    const response = await ask("dot", { stream: true }, { signal: abort.signal });
    const reader = response.body.getReader();
    await reader.read();
    abort.abort();
    await reader.read().catch(() => {});
    await eventually(async () => (await charged("dot")).length === 1);
    provider.mode = "answers";
    const [{ amount, metadata }] = await charged("dot");
    assert.ok(amount < 0 && -amount < COST, `${amount}`);
    assert.ok(metadata.estimated);
    await eventually(async () => provider.hungUp > before);
    assert.equal((await books.balance("dot")).held, 0);
  });
});

async function eventually(check) {
  const end = Date.now() + 10_000;
  while (!(await check())) {
    if (Date.now() > end) throw new Error("it never came true");
    await new Promise((done) => setTimeout(done, 20));
  }
}
