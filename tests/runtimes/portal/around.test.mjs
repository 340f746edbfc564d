// The portal's way out: a checkout for a pack, and the same page through a cache.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import { makeKeys } from "../keys.mjs";
import { startStripeDouble } from "../topup/stripe_double.mjs";
import { cacheWorker, ledgerWorker, startWorkerd } from "../workerd.mjs";
import { SECRET, caller, tokenFor } from "./town.mjs";

const keys = makeKeys();
const packs = [
  { price: "price_small", credits: 500, env: "test" },
  { price: "price_live", credits: 5000, env: "live", expires_after_days: 30 },
];
const own = {
  API_KEYS: keys.secret,
  PORTAL_SECRET: SECRET,
  TOPUP_PACKS: JSON.stringify(packs),
};
let stripe;
let stranger;
let runtime;
let cache;
let call;
before(async () => {
  stripe = await startStripeDouble();
  stranger = await startStranger();
  const selling = { ...own, STRIPE_SECRET_KEY_LIVE: "rk_live_ours", STRIPE_API_BASE: stripe.url };
  runtime = await startWorkerd({
    workers: [
      ledgerWorker(own),
      ledgerWorker(selling, { name: "selling" }),
      ledgerWorker({ ...own, PORTAL_TOPUP: "message" }, { name: "message" }),
      ledgerWorker({ ...own, PORTAL_TOPUP: "off" }, { name: "off" }),
    ],
  });
  call = caller(runtime.urls.ledger, keys.test.text);
  const upstream = (UPSTREAM_URL, name) => ({
    ...cacheWorker({
      API_KEYS: keys.secret,
      UPSTREAM_URL,
      UPSTREAM_KEY_LIVE: keys.live.text,
      UPSTREAM_KEY_TEST: keys.test.text,
    }),
    name,
  });
  cache = await startWorkerd({
    workers: [upstream(runtime.urls.ledger, "cache"), upstream(stranger.url, "lost")],
  });
});
after(async () => {
  await cache?.stop();
  await runtime?.stop();
  await stripe?.stop();
  await stranger?.stop();
});

/** An API that is not ours. */
async function startStranger() {
  const seen = [];
  const server = createServer((request, response) => {
    seen.push({ url: request.url, authorization: request.headers.authorization });
    response.writeHead(200, { "content-type": "text/html" }).end("<script>alert(1)</script>");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const stop = () => new Promise((done) => server.close(done));
  return { seen, url: `http://127.0.0.1:${server.address().port}`, stop };
}

const embed = async (url, token) => {
  const answer = await fetch(`${url}/portal/embed?token=${token}`);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};
const buy = async (url, form) => {
  const body = new URLSearchParams(form);
  const answer = await fetch(`${url}/portal/topup`, { method: "POST", body, redirect: "manual" });
  return { status: answer.status, to: answer.headers.get("location"), text: await answer.text() };
};
const shown = (text) => /<data value="([^"]*)"/.exec(text)?.[1];

describe("topping up", () => {
  test("in the sandbox: from the button to the balance", async () => {
    const token = tokenFor("cus_buys", { env: "test" });
    const { text } = await embed(runtime.urls.ledger, token);
    assert.ok(text.includes('value="price_small"') && !text.includes("price_live"));
    const { status, to } = await buy(runtime.urls.ledger, { token, price: "price_small" });
    assert.equal(status, 303);
    assert.ok(to.startsWith(`${runtime.urls.ledger}/checkout/test/`), to);
    const paid = await fetch(`${to}/pay`, { method: "POST", redirect: "manual" });
    assert.equal(paid.headers.get("location"), `${runtime.urls.ledger}/portal/paid`);
    assert.equal(shown((await embed(runtime.urls.ledger, token)).text), "500");
    const back = await fetch(`${runtime.urls.ledger}/portal/paid`);
    assert.ok((await back.text()).includes("Thank you"));
    const left = await fetch(`${runtime.urls.ledger}/portal/cancelled`);
    assert.ok((await left.text()).includes("Nothing was bought"));
  });

  test("at Stripe: a session of this customer's, for a pack of the list", async () => {
    const token = tokenFor("cus_stripe");
    const { status, to } = await buy(runtime.urls.selling, { token, price: "price_live" });
    assert.equal(status, 303);
    assert.match(to, /^https?:\/\//);
    // Each click is an order of its own.
    const again = await buy(runtime.urls.selling, { token, price: "price_live" });
    assert.notEqual(again.to, to);
  });

  test("what cannot be bought, or by whom, is told on a page", async () => {
    const token = tokenFor("cus_buys", { env: "test" });
    const ended = tokenFor("cus_buys", { env: "test", seconds: -1 });
    for (const [form, expected] of [
      [{ token, price: "price_live" }, 400],
      [{ token, price: "price_none" }, 400],
      [{ token, price: "<script>" }, 400],
      [{ token: tokenFor("cus_buys"), price: "price_live" }, 501],
      [{ token: "x", price: "price_small" }, 401],
      [{ token: ended, price: "price_small" }, 410],
      [{}, 401],
    ]) {
      const { status, to, text } = await buy(runtime.urls.ledger, form);
      assert.deepEqual([status, to], [expected, null], text);
      assert.ok(text.startsWith("<!doctype html>") && !text.includes("<script"));
    }
  });

  test("where it is not for sale here, there is no button for it", async () => {
    const live = await embed(runtime.urls.ledger, tokenFor("cus_buys"));
    assert.ok(!live.text.includes("<form"));
    const off = await embed(runtime.urls.off, tokenFor("cus_buys", { env: "test" }));
    assert.ok(!off.text.includes("<form") && !off.text.includes("h-topup"));
    const message = await embed(runtime.urls.message, tokenFor("cus_buys", { env: "test" }));
    assert.ok(!message.text.includes("<form") && message.text.includes("data-topup hidden"));
  });
});

describe("through a cache", () => {
  test("it is the upstream's page, with its policy, and renews itself", async () => {
    await call("cus_cached", "add", { amount: 12, type: "topup" });
    const token = tokenFor("cus_cached", { env: "test" });
    const { status, headers, text } = await embed(cache.urls.cache, token);
    assert.equal(status, 200);
    assert.equal(shown(text), "12");
    const [, nonce] = /nonce-([^']+)'/.exec(headers.get("content-security-policy"));
    assert.ok(text.includes(`<script nonce="${nonce}">`));
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    await call("cus_cached", "consume", { amount: 2 });
    const answer = await fetch(`${cache.urls.cache}/portal/data`, { method: "POST", body: token });
    assert.equal(answer.status, 200);
    assert.equal(shown(await answer.text()), "10");
    const { status: moved, to } = await buy(cache.urls.cache, { token, price: "price_small" });
    assert.equal(moved, 303);
    assert.ok(to.startsWith(`${runtime.urls.ledger}/checkout/test/`));
  });

  test("a token that is no good is none there either", async () => {
    const ended = tokenFor("cus_cached", { env: "test", seconds: -1 });
    assert.equal((await embed(cache.urls.cache, ended)).status, 410);
    const others = tokenFor("cus_cached", { env: "test", secret: "x".repeat(40) });
    assert.equal((await embed(cache.urls.cache, others)).status, 401);
    assert.equal((await embed(cache.urls.cache, "x")).status, 401);
  });

  test("an API that is not ours has no portal, gets no key, and runs nothing here", async () => {
    const token = tokenFor("cus_cached", { env: "test" });
    const { status, text } = await embed(cache.urls.lost, token);
    assert.equal(status, 503);
    assert.ok(text.includes("has no portal") && !text.includes("alert(1)"));
    assert.deepEqual(stranger.seen.map(({ authorization }) => authorization), [undefined]);
  });
});
