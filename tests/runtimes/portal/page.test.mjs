// The portal over a socket: who is let in, what an answer carries, and that environments, customers
// and deployments never see each other's.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { makeKeys } from "../keys.mjs";
import { ledgerWorker, startWorkerd } from "../workerd.mjs";
import { SECRET, busy, caller, tokenFor } from "./town.mjs";

const OTHER = "another-secret-of-this-deployments-own";
const keys = makeKeys();
const open = { API_KEYS: keys.secret, PORTAL_SECRET: SECRET };
let runtime;
let live;
let sandbox;
before(async () => {
  const named = (name, bindings) => ledgerWorker({ API_KEYS: keys.secret, ...bindings }, { name });
  runtime = await startWorkerd({
    workers: [
      ledgerWorker(open),
      named("closed", {}),
      named("guessable", { PORTAL_SECRET: "hunter2" }),
      named("rotated", { PORTAL_SECRET: OTHER, PORTAL_SECRET_PREVIOUS: SECRET }),
      named("strict", {
        PORTAL_SECRET: SECRET,
        PORTAL_FRAME_ANCESTORS: "https://app.example.com, https://*.example.org",
        PORTAL_TITLE: "Tokens & <b>more</b>",
      }),
      named("mistyped", { PORTAL_SECRET: SECRET, PORTAL_FRAME_ANCESTORS: "app.example.com" }),
    ],
  });
  live = caller(runtime.urls.ledger, keys.live.text);
  sandbox = caller(runtime.urls.ledger, keys.test.text);
});
after(async () => runtime?.stop());

const embed = async (token, { worker = "ledger", more = "" } = {}) => {
  const answer = await fetch(`${runtime.urls[worker]}/portal/embed?token=${token}${more}`);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};
const renew = async (body, worker = "ledger") => {
  const answer = await fetch(`${runtime.urls[worker]}/portal/data`, { method: "POST", body });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};
const shown = (text) => /<data value="([^"]*)"/.exec(text)?.[1];

describe("a token that is good", () => {
  test("shows its customer, under a policy that lets nothing else run or load", async () => {
    await busy(live, "cus_busy");
    const token = tokenFor("cus_busy", { member: "ann@example.com" });
    const [one, two] = [await embed(token), await embed(token)];
    assert.equal(one.status, 200);
    assert.equal(shown(one.text), "5961.75");
    for (const words of ["ann@example.com", "Image generation", "Pro plan, November"]) {
      assert.ok(one.text.includes(words), words);
    }
    assert.ok(!one.text.includes("Thanks for"), "a note beside a correction");
    const nonces = [one, two].map(({ headers, text }) => {
      const policy = headers.get("content-security-policy");
      const [, nonce] = /script-src 'nonce-([^']+)'/.exec(policy);
      const expected =
        `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; ` +
        "connect-src 'self'; base-uri 'none'; frame-ancestors *";
      assert.equal(policy, expected);
      assert.equal(text.split(`nonce="${nonce}"`).length, 3, "one style and one script");
      return nonce;
    });
    assert.notEqual(nonces[0], nonces[1]);
    const expected = {
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-robots-tag": "noindex",
      "content-type": "text/html; charset=utf-8",
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(one.headers.get(name), value);
    assert.equal(one.headers.get("set-cookie"), null);
  });

  test("renews what it shows, by a request that a sandboxed frame may make", async () => {
    await live("cus_renewed", "add", { amount: 10, type: "topup" });
    const token = tokenFor("cus_renewed");
    assert.equal(shown((await renew(token)).text), "10");
    await live("cus_renewed", "consume", { amount: 4 });
    const { status, headers, text } = await renew(token);
    assert.equal(status, 200);
    assert.equal(shown(text), "6");
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(headers.get("access-control-allow-origin"), "*");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.ok(!text.includes("<script") && !text.includes("<html"));
  });

  test("of a customer nobody has heard of shows that there is nothing, and makes nothing", async () => {
    const { status, text } = await embed(tokenFor("cus_nobody"));
    assert.equal(status, 200);
    assert.equal(shown(text), "0");
    assert.ok(text.includes("No activity yet"));
  });

  test("is had from the API, for as long as was asked", async () => {
    await live("cus_asks", "add", { amount: 5, type: "topup" });
    const headers = { authorization: `Bearer ${keys.live.text}`, "content-type": "application/json" };
    const asked = { customerId: "cus_asks", ttlSeconds: 600, memberEmail: "ann@example.com" };
    const url = `${runtime.urls.ledger}/api/v1/portal/token`;
    const before = Date.now();
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(asked) });
    const { ok, token, expiresAt, expiresIn } = await answer.json();
    assert.deepEqual([answer.status, ok, expiresIn], [200, true, 600]);
    const lasts = Date.parse(expiresAt) - before;
    assert.ok(lasts >= 600_000 && lasts < 660_000, expiresAt);
    const { status, text } = await embed(token);
    assert.deepEqual([status, shown(text)], [200, "5"]);
    assert.ok(text.includes("ann@example.com"));
  });

  test("calls things by the names that the owner has given them", async () => {
    const headers = { authorization: `Bearer ${keys.admin.text}`, "content-type": "application/json" };
    const type = { name: "Images <HD>", agentKey: "image_hd", basePrice: 0, marginPercent: 0 };
    const body = JSON.stringify({ ...type, pricePerCredit: 1 });
    const url = `${runtime.urls.ledger}/api/v1/credit-types`;
    const edited = await fetch(url, { method: "POST", headers, body });
    assert.equal(edited.status, 200, await edited.text());
    await live("cus_named", "add", { amount: 9, type: "topup", unit: "image_hd" });
    await live("cus_named", "consume", { amount: 2, unit: "image_hd", metadata: { action: "image_hd" } });
    const { text } = await embed(tokenFor("cus_named"));
    assert.ok(text.includes("<h3>Images &lt;HD&gt;</h3>"), text);
    assert.ok(text.includes('<p class="what">Images &lt;HD&gt;</p>'));
    assert.ok(!text.includes("image hd") && !text.includes("Image hd"));
  });

  test("shows one customer of one environment", async () => {
    await live("cus_two", "add", { amount: 1, type: "topup" });
    await sandbox("cus_two", "add", { amount: 2, type: "topup" });
    await live("cus_twins", "add", { amount: 3, type: "topup" });
    const of = async (customer, env) => shown((await embed(tokenFor(customer, { env }))).text);
    assert.equal(await of("cus_two", "live"), "1");
    assert.equal(await of("cus_two", "test"), "2");
    assert.equal(await of("cus_twins", "live"), "3");
    assert.ok((await embed(tokenFor("cus_two", { env: "test" }))).text.includes("Test data"));
    assert.ok(!(await embed(tokenFor("cus_two"))).text.includes("Test data"));
  });

  test("takes any customer id, and no query beside it counts", async () => {
    const id = `a/b?c#d&e=f%2F "<é>☕`;
    await live(id, "add", { amount: 7, type: "topup" });
    const token = tokenFor(id);
    const { text } = await embed(token, { more: "&customer=cus_busy&theme=dark" });
    assert.equal(shown(text), "7");
    assert.ok(text.includes('data-theme="dark"'));
    assert.ok(!text.includes(id) && text.includes("&quot;&lt;é&gt;"));
  });
});

describe("a token that is not", () => {
  test("gets a plain answer, which says nothing of anybody", async () => {
    const good = tokenFor("cus_busy");
    const [payload, mac] = good.split(".");
    const forged = Buffer.from('{"e":"live","c":"cus_busy","x":9999999999999}').toString("base64url");
    const table = [
      ["", 401],
      ["x", 401],
      [".", 401],
      [payload, 401],
      [`${payload}.`, 401],
      [`${forged}.${mac}`, 401],
      [`${payload}.${mac.slice(0, -1)}`, 401],
      [`${good}.${mac}`, 401],
      [tokenFor("cus_busy", { secret: OTHER }), 401],
      [tokenFor("cus_busy", { env: "prod" }), 401],
      [tokenFor(" "), 401],
      [tokenFor("cus_busy", { seconds: -1 }), 410],
      // What others have signed does not even learn that it has ended.
      [tokenFor("cus_busy", { seconds: -1, secret: OTHER }), 401],
      ["a".repeat(5_000), 401],
    ];
    for (const [token, status] of table) {
      const page = await embed(token);
      assert.equal(page.status, status, token);
      assert.ok(page.text.includes(status === 410 ? "has ended" : "does not work"));
      assert.ok(!page.text.includes("cus_busy") && !page.text.includes("<script"));
      assert.match(page.headers.get("content-security-policy"), /^default-src 'none'/);
      assert.equal(page.headers.get("referrer-policy"), "no-referrer");
      const { status: again, text } = await renew(token.slice(0, 4_000));
      assert.deepEqual([again, text], [status, ""], token);
    }
  });

  test("is no API key, and an API key is no token", async () => {
    const authorization = `Bearer ${tokenFor("cus_busy")}`;
    const url = `${runtime.urls.ledger}/v1/customers/cus_busy/balance`;
    assert.equal((await fetch(url, { headers: { authorization } })).status, 401);
    assert.equal((await embed(keys.live.text)).status, 401);
  });

  test("other methods, paths and sizes", async () => {
    const at = async (method, path, body) => {
      const answer = await fetch(runtime.urls.ledger + path, { method, body });
      return [answer.status, answer.headers.get("allow")];
    };
    assert.deepEqual(await at("POST", "/portal/embed", "x"), [405, "GET"]);
    assert.deepEqual(await at("GET", "/portal/data"), [405, "POST"]);
    assert.deepEqual(await at("GET", "/portal/topup"), [405, "POST"]);
    for (const path of ["/portal", "/portal/", "/portal/x", "/portal/embed/x"]) {
      assert.equal((await at("GET", path))[0], 404, path);
    }
    assert.equal((await at("POST", "/portal/data", "x".repeat(4_097)))[0], 413);
  });
});

describe("settings", () => {
  test("without a secret, or with one to be guessed, nothing is shown", async () => {
    for (const worker of ["closed", "guessable", "mistyped"]) {
      const { status, text } = await embed(tokenFor("cus_busy"), { worker });
      assert.equal(status, 503, worker);
      assert.ok(text.includes("PORTAL_") && !text.includes("hunter2"), text);
      assert.equal((await renew(tokenFor("cus_busy"), worker)).status, 503);
      const { configured } = await (await fetch(`${runtime.urls[worker]}/health`)).json();
      assert.equal(configured, worker === "closed", worker);
    }
  });

  test("a secret is changed without ending what is open", async () => {
    for (const [secret, worker, status] of [
      [SECRET, "rotated", 200],
      [OTHER, "rotated", 200],
      [OTHER, "ledger", 401],
    ]) {
      assert.equal((await embed(tokenFor("cus_x", { secret }), { worker })).status, status);
    }
  });

  test("who may embed it and what it is called", async () => {
    const { headers, text } = await embed(tokenFor("cus_x"), { worker: "strict" });
    const sites = "frame-ancestors https://app.example.com https://*.example.org";
    assert.ok(headers.get("content-security-policy").endsWith(sites));
    assert.ok(text.includes("<h1>Tokens &amp; &lt;b&gt;more&lt;/b&gt;</h1>"));
  });

  test("the log of the runtime never has a token", async () => {
    const token = tokenFor("cus_busy");
    for (const worker of Object.keys(runtime.urls)) await embed(token, { worker });
    const [payload] = token.split(".");
    assert.ok(!runtime.output().includes(payload.slice(0, 20)));
  });
});
