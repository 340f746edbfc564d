// The ClockNext face over a module that fails inside, which a panic is: what the facade makes of it. (The module
// that ships cannot be made to fail here; `panic.test.mjs` breaks it.)

import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { beforeEach, describe, test } from "node:test";

import { clockNextDouble } from "../clocknext/double.mjs";

/** By export: how many of its next calls fail. */
const failures = (globalThis.failures = {});

registerHooks({
  resolve: (name, context, next) =>
    name === "#clocknext" && !context.parentURL.startsWith("broken:")
      ? { url: `broken:${next(name, context).url}`, shortCircuit: true }
      : next(name, broken(context)),
  load: (url, context, next) =>
    url.startsWith("broken:")
      ? { format: "module", source: brittle(url.slice("broken:".length)), shortCircuit: true }
      : next(url, context),
});

function broken(context) {
  const { parentURL } = context;
  return parentURL?.startsWith("broken:")
    ? { ...context, parentURL: parentURL.slice("broken:".length) }
    : context;
}

/** The module, each export of which fails when it is told to. */
function brittle(url) {
  const names = ["ask", "pace", "refusal", "signal", "signalOptions", "verdict"];
  return `import * as whole from ${JSON.stringify(url)};
const brittle = (name) => (...given) => {
  if (globalThis.failures[name] > 0) {
    globalThis.failures[name] -= 1;
    throw new WebAssembly.RuntimeError("unreachable");
  }
  return whole[name](...given);
};
${names.map((name) => `export const ${name} = brittle(${JSON.stringify(name)});`).join("\n")}
`;
}

const { assertAddsUp, assertOnce, track, wallet, watched } = await import("./clocknext_world.mjs");
const { rejection } = await import("./scripted.mjs");

beforeEach(() => {
  for (const name of Object.keys(failures)) delete failures[name];
});

describe("a module that has failed inside", () => {
  test("throws where the caller stands, who has lost nothing", async () => {
    const double = clockNextDouble();
    const { cnk } = watched(double);
    for (const [name, call] of [
      ["signal", () => cnk.signals.wallet(wallet(0))],
      ["ask", () => cnk.customers.list()],
    ]) {
      failures[name] = 1;
      const error = await rejection(call());
      assert.deepEqual([error.name, error.code, error.effect], ["ClockNextError", "internal_error", "not_applied"]);
      assert.ok(error.retryable);
      await call();
    }
    failures.signalOptions = 1;
    assert.throws(() => watched(double), { code: "internal_error" });
    await cnk.close();
    assertOnce(double, 1);
    assertAddsUp(cnk);
  });

  test("is asked again for what figures decide, and nobody notices", async () => {
    const double = clockNextDouble();
    const { cnk, told } = watched(double);
    failures.refusal = 1;
    await track(cnk, 3);
    failures.pace = 1;
    assert.equal((await cnk.flush()).delivered, 3);
    assert.deepEqual([told.errors, told.drops], [[], []]);
    assertOnce(double, 3);
  });

  test("that says nothing more costs what waits, by name, and keeps no flush", async () => {
    const double = clockNextDouble();
    const { cnk, told } = watched(double);
    await track(cnk, 3);
    failures.pace = 2;
    const { delivered, rejected, pending } = await cnk.flush();
    assert.deepEqual([delivered, pending], [0, 0]);
    const facts = rejected.map(({ error, signal }) => [error.code, error.idempotencyKey, signal.idempotencyKey]);
    assert.deepEqual(facts, ["k0", "k1", "k2"].map((key) => ["internal_error", key, key]));
    assert.equal(told.drops.length, 3);
    assertAddsUp(cnk);
    failures.refusal = 2;
    assert.equal((await rejection(cnk.signals.wallet(wallet(9)))).code, "internal_error");
    assert.equal(cnk.stats.tracked, 3);
    await track(cnk, 2);
    assert.equal((await cnk.flush()).delivered, 2);
  });

  test("sends a signal once more, under its key, and not for ever", async () => {
    for (const ours of [false, true]) {
      const double = clockNextDouble({ ours });
      const { cnk, told } = watched(double, { batch: { maxConcurrency: 1 } });
      await cnk.signals.wallet(wallet(0), { wait: true });
      await track(cnk, 4, 1);
      failures.ask = 1;
      assert.equal((await cnk.flush()).delivered, 4);
      assertOnce(double, 5);
      await track(cnk, 1, 5);
      failures.ask = 2;
      const { rejected } = await cnk.flush();
      assert.deepEqual(rejected.map(({ error }) => [error.code, error.effect]), [["internal_error", "not_applied"]]);
      assert.deepEqual(told.drops, [["k5", "send_failed"]]);
      assertAddsUp(cnk);
    }
  });

  test("leaves open what became of a signal, whatever comes of sending it again", async () => {
    const double = clockNextDouble({ ours: true });
    let sent = 0;
    const fetcher = {
      fetch: (...call) => {
        sent += 1;
        // What the second says of each cannot be read; then nothing can be sent.
        if (sent === 2) Object.assign(failures, { verdict: 3, ask: 3 });
        return double.fetch(...call);
      },
    };
    const { cnk } = watched(fetcher);
    await cnk.signals.wallet(wallet(0), { wait: true });
    await track(cnk, 3, 1);
    const { rejected } = await cnk.flush();
    assert.deepEqual(rejected.map(({ error }) => [error.name, error.effect]), Array(3).fill(["ClockNextError", "unknown"]));
    assertOnce(double, 4);
  });

  test("that cannot read a batch's answer asks for each signal's own", async () => {
    const double = clockNextDouble({ ours: true });
    const { cnk } = watched(double);
    await cnk.signals.wallet(wallet(0), { wait: true });
    await track(cnk, 3, 1);
    failures.verdict = 1;
    assert.equal((await cnk.flush()).delivered, 3);
    // The one whose answer could not be read came twice, under one key: it counts once.
    assert.deepEqual([...double.signals].map(([key, { times }]) => [key, times]), [["k0", 1], ["k1", 2], ["k2", 1], ["k3", 1]]);
  });
});
