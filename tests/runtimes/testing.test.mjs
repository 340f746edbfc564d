// `edge-credits/testing` from the packed tarball: the whole corpus of scenarios against the ledger in
// memory, on each runtime that has SQLite, so that it is shown to be the ledger that is deployed; then
// each of its faults.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { CreditEngine } from "../../pkg/js/index.js";
import { createTestLedger } from "../../pkg/testing/index.js";
import { rejection } from "./facade/scripted.mjs";
import { REPOSITORY, makeProject, runTool } from "./project.mjs";
import { readScenarios } from "./scenarios.mjs";

describe("the scenarios on the ledger in memory", () => {
  let project;
  let expected;

  before(async () => {
    const scenarios = await readScenarios();
    expected = scenarios.length + 2;
    project = await makeProject({
      from: join(REPOSITORY, "tests", "runtimes", "testing"),
      files: {
        "package.json": JSON.stringify({ name: "testing", private: true, type: "module" }),
        "run.mjs": await readFile(join(REPOSITORY, "tests", "scenarios", "run.mjs"), "utf8"),
        "scenarios.js": `export default JSON.parse(${JSON.stringify(JSON.stringify(scenarios))});\n`,
      },
    });
  });
  after(() => project?.remove());

  function judge(t, reports) {
    const lines = reports
      .filter(({ failure }) => failure)
      .map((each) => `${each.name}\n    ${each.failure}`);
    assert.equal(lines.length, 0, `\n  ${lines.join("\n  ")}`);
    assert.deepEqual([reports.length, reports.some(({ skipped }) => skipped)], [expected, false]);
    const steps = reports.reduce((sum, report) => sum + report.steps, 0);
    t.diagnostic(`figure: in memory, ${t.name}: ${reports.length} scenarios, ${steps} calls`);
  }

  const program = async (tool, flags) =>
    JSON.parse((await runTool(tool, [...flags, "program.js"], { cwd: project.directory })).stdout);

  test("Node", async (t) => judge(t, await program("node", [])));
  test("Deno, allowed nothing", async (t) =>
    judge(t, await program("deno", ["run", "--no-prompt", "--node-modules-dir=manual"])));
  test("Bun", async (t) => judge(t, await program("bun", ["run"])));
});

describe("what it can be told to do wrong", () => {
  const setUp = async (options = {}) => {
    const ledger = createTestLedger();
    const usual = {
      apiKey: ledger.apiKey,
      fetcher: ledger,
      mode: "stateless",
      retryBudget: false,
      gracefulDegradation: false,
    };
    const credits = new CreditEngine({ ...usual, maxRetries: 0, ...options });
    await credits.add("cus_1", 100);
    ledger.requests.length = 0;
    return { ledger, credits };
  };

  test("an answer that is lost is not a charge that is lost, and not two", async () => {
    const { ledger, credits } = await setUp();
    ledger.fail.next({ when: "after-commit", on: "consume" });
    const error = await rejection(credits.consume("cus_1", 5));
    assert.equal(error.effect, "unknown");
    assert.equal(await ledger.balance("cus_1"), 95);
    const again = await credits.consume("cus_1", 5, undefined, {
      idempotencyKey: error.idempotencyKey,
    });
    assert.deepEqual([again.replayed, again.balance], [true, 95]);
    const [one, two] = ledger.requests;
    assert.equal(one.idempotencyKey, two.idempotencyKey);
  });

  test("a 500 before, or after the commit, looks the same and is not", async () => {
    for (const [when, left] of [
      ["before", 100],
      ["after-commit", 95],
    ]) {
      const { ledger, credits } = await setUp();
      ledger.fail.next({ status: 500, when });
      assert.equal((await rejection(credits.consume("cus_1", 5))).effect, "unknown");
      assert.equal(await ledger.balance("cus_1"), left, when);
    }
  });

  test("429 with Retry-After, HTML, and faults for one route only", async () => {
    const { ledger, credits } = await setUp();
    ledger.fail.next({ status: 429, retryAfter: 7, on: "consume" });
    assert.equal((await credits.getBalance("cus_1")).balance, 100);
    const refused = await rejection(credits.consume("cus_1", 5));
    assert.deepEqual([refused.name, refused.retryAfter], ["RateLimitError", 7]);
    ledger.fail.next({ status: 200, body: "<html>a proxy's page</html>" });
    assert.equal((await rejection(credits.consume("cus_1", 5))).effect, "unknown");
    assert.equal((await credits.consume("cus_1", 5)).balance, 95);
  });

  test("delays run into the client's timeout; several faults come in order", async () => {
    const { ledger, credits } = await setUp({ timeoutMs: 50 });
    ledger.fail.next({ delayMs: 10_000 });
    assert.equal((await rejection(credits.consume("cus_1", 5))).code, "timeout");
    ledger.fail.next({ delayMs: 5 });
    assert.equal((await credits.consume("cus_1", 5)).balance, 95);
    ledger.fail.next({ status: 503, times: 2 });
    for (const balance of [undefined, undefined, 90]) {
      const answer = await credits.consume("cus_1", 5).catch(() => ({}));
      assert.equal(answer.balance, balance);
    }
    ledger.fail.next({});
    ledger.fail.clear();
    assert.equal((await credits.consume("cus_1", 5)).balance, 85);
  });

  test("an outage ends when it is told to", async () => {
    const { ledger, credits } = await setUp();
    ledger.outage(true);
    assert.ok((await rejection(credits.consume("cus_1", 5))).retryable);
    assert.equal(await ledger.balance("cus_1"), 100, "the test still sees the ledger");
    ledger.outage(false);
    assert.equal((await credits.consume("cus_1", 5)).balance, 95);
  });

  test("faults that make no sense are refused, not ignored", () => {
    const { fail } = createTestLedger();
    const nonsense = [
      ...[null, "consume", { stat: 500 }, { when: "later" }, { times: 0 }, { times: "2" }],
      ...[{ status: 99 }, { status: 600 }, { status: "500" }, { status: null }],
      // No answer with such a status has a body.
      ...[{ status: 204 }, { status: 205 }, { status: 304 }],
      // What only an answer has, where there is none.
      ...[{ code: "x" }, { body: "<html>" }, { retryAfter: 5 }],
      ...[{ code: "x", when: "after-commit" }, { body: "x", delayMs: 5 }],
      { status: 500, code: "x", body: "y" },
      ...[{ status: 500, code: 5 }, { status: 500, code: "" }, { status: 500, body: {} }],
      ...["soon", -1, 1.5, "1.5", "", Number.NaN, new Date()].map((retryAfter) => ({
        status: 429,
        retryAfter,
      })),
      ...[-5, "10", Number.NaN, Infinity, 2 ** 31].map((delayMs) => ({ delayMs })),
      ...[{ on: "nope" }, { on: "" }, { on: "/consume" }, { on: "health" }],
    ];
    for (const wrong of nonsense) {
      assert.throws(() => fail.next(wrong), TypeError, JSON.stringify(wrong));
    }
    const date = new Date(1e12).toUTCString();
    const sense = [
      ...[undefined, {}, { delayMs: 0 }, { times: 2, on: "add" }, { when: "after-commit", delayMs: 1 }],
      ...[{ status: 200, body: "" }, { status: 503, retryAfter: undefined, code: "x" }],
      ...[0, 7, "7", date].map((retryAfter) => ({ status: 429, retryAfter })),
    ];
    for (const fault of sense) fail.next(fault);
    fail.clear();
    assert.throws(() => createTestLedger({ nwo: 1 }), TypeError);
    assert.throws(() => createTestLedger({ now: "yesterday" }), TypeError);
    assert.throws(() => createTestLedger({ settings: { API_KEYS: "[]" } }), TypeError);
  });
});

describe("a ledger of one's own", () => {
  test("two do not know of each other, and their clocks differ", async () => {
    const [one, two] = [createTestLedger({ now: 1e12 }), createTestLedger({ now: 2e12 })];
    const [first, second] = [one, two].map(
      (ledger) => new CreditEngine({ apiKey: ledger.apiKey, fetcher: ledger, mode: "stateless" }),
    );
    await Promise.all([first.add("cus_1", 1), second.add("cus_1", 2)]);
    const times = [await one.entries("cus_1"), await two.entries("cus_1")].map(([entry]) =>
      Date.parse(entry.created_at),
    );
    assert.deepEqual(times, [1e12, 2e12]);
    assert.deepEqual([await one.balance("cus_1"), await two.balance("cus_1")], [1, 2]);
  });

  test("a key has a scope at least, and none is known to another ledger", async () => {
    const [one, two] = [createTestLedger(), createTestLedger()];
    for (const wrong of [{ scopes: [] }, { scopes: "admin" }, { scopes: ["all"] }, { env: "prod" }]) {
      assert.throws(() => one.key(wrong), TypeError, JSON.stringify(wrong));
    }
    const keys = [one.apiKey, one.key(), one.key({ env: "live" }), two.apiKey, two.key()];
    assert.equal(new Set(keys).size, keys.length);
    const credits = new CreditEngine({ apiKey: one.apiKey, fetcher: two, mode: "stateless" });
    assert.equal((await rejection(credits.getBalance("cus_1"))).status, 401);
    assert.equal(await one.balance("cus_1"), 0);
  });

  const away = { mode: "stateless", maxRetries: 0, degradedLimit: 10, onError() {} };
  for (const [way, options] of [
    ["as a fetcher", (ledger) => ({ apiKey: ledger.apiKey, fetcher: ledger })],
    ["as a namespace", (ledger) => ({ ledger: ledger.namespace, environment: "test" })],
  ]) {
    test(`clients of one ledger know nothing of another's: ${way}`, async () => {
      const [one, two] = [createTestLedger(), createTestLedger()];
      const [first, second] = [one, two].map(
        (ledger) => new CreditEngine({ ...away, ...options(ledger) }),
      );
      // The limit of gates, drawn on for the first.
      one.outage();
      two.outage();
      assert.equal((await first.consumeOrFail("cus_1", 10)).degraded, true);
      await rejection(first.consumeOrFail("cus_1", 1));
      assert.equal((await second.consumeOrFail("cus_1", 10)).degraded, true);
      // A balance.
      one.outage(false);
      two.outage(false);
      await first.add("cus_2", 100);
      two.outage();
      assert.equal((await rejection(second.getBalance("cus_2"))).code, "network_error");
      two.outage(false);
    });
  }

  test("lost answers in one test leave the next its retries", async () => {
    for (let each = 0; each < 14; each += 1) {
      const ledger = createTestLedger();
      const credits = new CreditEngine({ apiKey: ledger.apiKey, fetcher: ledger, mode: "stateless" });
      ledger.fail.next({ when: "after-commit", on: "consume" });
      assert.equal((await credits.consume("cus_1", 1)).replayed, true, `test ${each}`);
    }
  });

  test("its namespace stands in for a Worker's binding", async () => {
    const ledger = createTestLedger();
    const credits = new CreditEngine({ ledger: ledger.namespace, environment: "test" });
    await credits.add("cus_1", 10);
    assert.equal((await credits.consumeOrFail("cus_1", 4)).balance, 6);
    assert.equal(await ledger.balance("cus_1"), 6);
    assert.equal(await ledger.balance("cus_1", { env: "live" }), 0);
  });

  test("settings are the worker's own, and are judged by it", async () => {
    const ledger = createTestLedger({ settings: { OVERDRAFT_LIMIT: "10" } });
    const credits = new CreditEngine({ apiKey: ledger.apiKey, fetcher: ledger, mode: "stateless" });
    assert.equal((await credits.consume("cus_1", 10)).balance, -10);
    assert.equal((await rejection(credits.consume("cus_1", 1))).name, "InsufficientCreditsError");
  });

  test("a clock that steps back revives nothing", async () => {
    const ledger = createTestLedger({ now: "2027-01-01T00:00:00Z" });
    const credits = new CreditEngine({ apiKey: ledger.apiKey, fetcher: ledger, mode: "stateless" });
    await credits.add("cus_1", 5, { expiresAt: "2027-01-02T00:00:00Z" });
    await ledger.clock.set("2027-01-03T00:00:00Z");
    await ledger.clock.set("2027-01-01T00:00:00Z");
    assert.equal(await ledger.balance("cus_1"), 0);
    await assert.rejects(async () => ledger.clock.advance(-1), TypeError);
  });

  test("persistent mode in memory, over it", async () => {
    const ledger = createTestLedger();
    const options = { apiKey: ledger.apiKey, fetcher: ledger, mode: "persistent" };
    const credits = new CreditEngine(options);
    await credits.add("cus_1", 10);
    assert.equal((await credits.getBalance("cus_1")).balance, 10);
    ledger.outage(true);
    assert.equal((await credits.consumeOrFail("cus_1", 4)).balance, 6);
    ledger.outage(false);
    await credits.destroy();
    assert.equal(await ledger.balance("cus_1"), 6);
  });
});
