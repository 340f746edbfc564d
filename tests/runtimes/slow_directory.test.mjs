// A directory that never answers keeps nobody waiting: signals are priced by the catalog that is known,
// and pages and balances are shown without what only it could tell. And what the platform would log of
// the calls between the worker's parts holds no token. Nor does a ledger that hangs cost the others of a
// batch their answers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { ledgerApi } from "./api.mjs";
import { clocknextApi } from "./clocknext/api.mjs";
import { priceList, signal } from "./clocknext/signals.mjs";
import { faceKeys } from "./clocknext/world.mjs";
import { SECRET, tokenFor } from "./portal/town.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

/** Far more than half a second, and far less than the ten after which clients give up. */
const SOON_MS = 4_000;
/** How long a catalog is used without a question, and how long a question takes to fail, with room. */
const GROWN_OLD_MS = 5_200;

const { keys, cnk, API_KEYS } = faceKeys();
const between = {
  name: "between",
  directory: fileURLToPath(new URL("between", import.meta.url)),
  main: "main.js",
  objects: {
    SLOW: { className: "SlowDirectory" },
    WATCHED: { className: "WatchedLedger" },
    DIRECTORIES: { className: "DirectoryObject", worker: "ledger" },
    LEDGERS: { className: "LedgerObject", worker: "ledger" },
  },
};
let runtime;
let next;

/** A worker whose objects are reached through those between. */
function worker() {
  const whole = ledgerWorker({ API_KEYS, PORTAL_SECRET: SECRET });
  return {
    ...whole,
    objects: {
      OWN_LEDGER: whole.objects.LEDGER,
      OWN_DIRECTORY: whole.objects.DIRECTORY,
      LEDGER: { className: "WatchedLedger", worker: "between" },
      DIRECTORY: { className: "SlowDirectory", worker: "between" },
    },
  };
}

const tell = async (word) => (await fetch(`${runtime.urls.between}/${word}`)).json();
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const embed = async (token) => {
  const answer = await fetch(`${runtime.urls.ledger}/portal/embed?token=${token}&theme=dark`);
  return { status: answer.status, text: await answer.text() };
};

/** What a call comes to, and that it came soon. */
async function soon(name, call) {
  const began = performance.now();
  const answer = await call();
  const took = performance.now() - began;
  assert.ok(took < SOON_MS, `${name} took ${Math.round(took)} ms`);
  return answer;
}

before(async () => {
  runtime = await startWorkerd({ workers: [worker(), between] });
  next = clocknextApi(runtime.urls.ledger, cnk.live.text);
  await priceList(next);
});
after(() => runtime?.stop());

test("a directory that never answers holds up no signal, page or balance", async () => {
  const { customer } = await next.good("POST", "/customers", { name: "Acme & Sons", email: "a@b.c" });
  const engine = ledgerApi(runtime.urls.ledger, keys.admin.text);
  await engine.grant(customer.id, 10, { unit: "api" });
  await next.good("POST", "/usage", signal(customer.id));
  assert.match((await embed(tokenFor(customer.id))).text, /Acme &amp; Sons/);
  const { credits } = await next.balances(customer.id);
  assert.equal(credits[0].creditName, "API credits");

  await tell("slow");
  // Younger than five seconds, a catalog is used without a question; then one asks, and nobody waits.
  for (const age of [0, GROWN_OLD_MS, 500, GROWN_OLD_MS]) {
    await pause(age);
    const [one, other, page, balances, usage] = await Promise.all([
      soon("a signal", () => next.request("POST", "/usage", signal(customer.id))),
      soon("a batch", () => next.request("POST", "/usage/batch", { signals: [signal(customer.id)] })),
      soon("the portal", () => embed(tokenFor(customer.id))),
      soon("the balances", () => next.balances(customer.id)),
      soon("usage", () => next.request("GET", `/usage?customerId=${customer.id}`)),
    ]);
    assert.equal(one.status, 200, JSON.stringify(one.json));
    assert.equal(other.json.result.results[0].statusCode, 200, JSON.stringify(other.json));
    assert.equal(page.status, 200);
    assert.match(page.text, /Acme &amp; Sons/, "the name that is known");
    assert.equal(balances.credits[0].creditName, "API credits");
    assert.equal(usage.status, 200);
  }
  // A customer whose name nobody has asked for before has a page without one.
  await engine.grant("nameless", 3);
  const page = await soon("another's page", () => embed(tokenFor("nameless")));
  assert.equal(page.status, 200);
  assert.match(page.text, /nameless/);

  await tell("quick");
  assert.equal((await next.request("POST", "/usage", signal(customer.id))).status, 200);
});

test("a ledger that hangs costs its own signals an answer, and no others", async () => {
  const engine = ledgerApi(runtime.urls.ledger, keys.admin.text);
  const ids = ["quick-1", "stuck", "quick-2"];
  for (const id of ids) await engine.grant(id, 10, { unit: "api" });
  const signals = ids.map((id) => signal(id));
  await tell("slow");
  const began = performance.now();
  const sent = await next.request("POST", "/usage/batch", { signals });
  const took = performance.now() - began;
  await tell("quick");
  // What SDKs wait for an answer.
  assert.ok(took < 10_000, `${Math.round(took)} ms`);
  assert.deepEqual(sent.json.result.results.map(({ statusCode }) => statusCode), [200, 500, 200]);
  const again = await next.request("POST", "/usage/batch", { signals });
  const told = again.json.result.results.map(({ statusCode, result }) => [statusCode, result.duplicate]);
  assert.deepEqual([told[0], told[2]], [[200, true], [200, true]]);
  assert.equal(told[1][0], 200);
  assert.equal((await engine.balance("stuck", "?unit=api")).balance, 9.74);
});

test("a portal's token is in no URL that an object gets", async () => {
  await ledgerApi(runtime.urls.ledger, keys.admin.text).grant("seen", 1);
  const token = tokenFor("seen");
  const page = await embed(token);
  assert.equal(page.status, 200);
  assert.match(page.text, /data-theme="dark"/);
  const data = await fetch(`${runtime.urls.ledger}/portal/data`, { method: "POST", body: token });
  assert.equal(data.status, 200);
  const urls = (await tell("seen")).filter((url) => url.includes("/portal/"));
  assert.ok(urls.length >= 2, `${urls}`);
  assert.deepEqual(urls.filter((url) => /token|\./.test(url)), []);
});
