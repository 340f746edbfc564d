// Calls and the request they belong to: work in the background, derived keys, the end of a client.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { CreditEngine, CreditEngineError } from "../../../pkg/js/index.js";
import {
  KEY,
  charged,
  client,
  inVirtualTime,
  json,
  never,
  refused,
  rejection,
  scripted,
} from "./scripted.mjs";

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

/** A host's context, which refuses a detached `waitUntil` as hosts do. */
class Context {
  promises = [];
  waitUntil(promise) {
    if (!(this instanceof Context)) throw new TypeError("Illegal invocation");
    this.promises.push(promise);
  }
}

/** A fetcher that answers when it is told to. */
function gated(answer = charged()) {
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  return { ...scripted(async () => (await gate, answer)), open };
}

const background = { background: true };

describe("background calls", () => {
  for (const [name, give] of [
    ["a function", (context) => ({ waitUntil: (promise) => context.waitUntil(promise) })],
    ["a context", (context) => ({ waitUntil: context })],
  ]) {
    test(`return at once and finish under waitUntil, given as ${name}`, async () => {
      const [fetcher, context] = [gated(), new Context()];
      const ce = client(fetcher, give(context));
      const answer = await ce.consume("cus_1", 5, "d", background);
      const { idempotency_key: key } = answer;
      assert.deepEqual(answer, { queued: true, durable: false, idempotency_key: key });
      assert.equal(ce.pendingOperations, 1);
      fetcher.open();
      await Promise.all(context.promises);
      assert.equal(context.promises.length, 1);
      assert.equal(fetcher.calls[0].headers["idempotency-key"], key);
      assert.equal(ce.pendingOperations, 0);
    });
  }

  test("withContext gives a client made at module scope its request's waitUntil", async () => {
    const [fetcher, context] = [gated(), new Context()];
    const ce = client(fetcher);
    assert.equal((await ce.withContext(context).consume("c", 1, "", background)).queued, true);
    assert.deepEqual([ce.pendingOperations, context.promises.length], [1, 1]);
    fetcher.open();
    await context.promises[0];
    assert.equal(ce.pendingOperations, 0);
  });

  for (const symbol of ["@next/request-context", "@vercel/request-context"]) {
    test(`${symbol} is found when the call enters`, async (t) => {
      for (const options of [{}, { waitUntil: "auto" }]) {
        const [ce, context] = [client(scripted(charged()), options), new Context()];
        globalThis[Symbol.for(symbol)] = { get: () => context };
        t.after(() => delete globalThis[Symbol.for(symbol)]);
        assert.equal((await ce.consume("c", 1, "", background)).queued, true);
        assert.equal(context.promises.length, 1);
      }
    });
  }

  test("a host without a context, or with one that has no waitUntil, is none", async (t) => {
    const symbol = Symbol.for("@vercel/request-context");
    t.after(() => delete globalThis[symbol]);
    for (const given of [undefined, {}, { get: () => undefined }, { get: () => ({}) }]) {
      globalThis[symbol] = given;
      const answer = await client(scripted(charged())).consume("c", 1, "", background);
      assert.equal(answer.queued, false);
    }
  });

  test("EdgeRuntime is a host only where it is an object", async (t) => {
    const context = new Context();
    t.after(() => delete globalThis.EdgeRuntime);
    globalThis.EdgeRuntime = "vercel";
    assert.equal((await client(scripted(charged())).consume("c", 1, "", background)).queued, false);
    globalThis.EdgeRuntime = context;
    assert.equal((await client(scripted(charged())).consume("c", 1, "", background)).queued, true);
  });

  test("are awaited where the host has no waitUntil", async () => {
    const answer = await client(scripted(charged())).consume("c", 1, "", background);
    const { idempotency_key: key } = answer;
    assert.deepEqual(answer, {
      queued: false,
      balance: 95,
      transaction_id: "txn_1",
      sequence: 7,
      idempotency_key: key,
      replayed: false,
    });
  });

  test("are awaited where waitUntil throws", async () => {
    const waitUntil = () => {
      throw new Error("not at module scope");
    };
    const answer = await client(scripted(charged()), { waitUntil }).consume("c", 1, "", background);
    assert.deepEqual([answer.queued, answer.balance], [false, 95]);
  });

  test("tell onError of a failure, and what waitUntil got never rejects", async () => {
    const [errors, context] = [[], new Context()];
    const fetcher = scripted(refused(403, "insufficient_scope"));
    const options = { waitUntil: context, onError: (error) => errors.push(error) };
    const answer = await client(fetcher, options).consume("c", 1, "", background);
    assert.equal(answer.queued, true);
    await Promise.all(context.promises);
    assert.equal(errors.length, 1);
    assert.ok(errors[0] instanceof CreditEngineError);
    assert.deepEqual(
      [errors[0].code, errors[0].idempotencyKey],
      ["insufficient_scope", answer.idempotency_key],
    );
  });

  test("that were awaited hand the error over as well", async () => {
    const fetcher = scripted(refused(403, "insufficient_scope"));
    const errors = [];
    const options = { onError: (error) => errors.push(error) };
    const answer = await client(fetcher, options).consume("c", 1, "", background);
    assert.deepEqual([answer.queued, answer.error], [false, errors[0]]);
  });

  test("survive an onError that throws or rejects", async () => {
    const fetcher = scripted(refused(403, "insufficient_scope"));
    for (const onError of [
      () => {
        throw new Error("x");
      },
      async () => {
        throw new Error("y");
      },
    ]) {
      const answer = await client(fetcher, { onError }).consume("c", 1, "", background);
      assert.equal(answer.error.code, "insufficient_scope");
    }
  });

  test("without onError, failures are printed", async (t) => {
    const print = t.mock.method(console, "error", () => {});
    await client(scripted(refused(403, "insufficient_scope"))).consume("c", 1, "", background);
    assert.equal(print.mock.calls[0].arguments[0].code, "insufficient_scope");
  });

  test("refuse bad arguments at once", async () => {
    const ce = client(scripted(charged()), { waitUntil: new Context() });
    assert.equal((await rejection(ce.consume("c", -1, "", background))).code, "invalid_amount");
  });

  test("give up before the host ends them", async (t) => {
    const [context, errors] = [new Context(), []];
    const options = { waitUntil: context, onError: (error) => errors.push(error) };
    await inVirtualTime(t, async () => {
      await client(scripted(never), options).consume("c", 1, "", background);
      await Promise.all(context.promises);
    });
    assert.ok(Date.now() - 1_800_000_000_000 < 30_000);
    assert.deepEqual([errors[0].code, errors[0].effect], ["timeout", "unknown"]);
  });
});

describe("keys of a request", () => {
  const named = (id) => ({ headers: new Headers({ "x-message-id": id }) });
  const idempotencyKeyFrom = "x-message-id";

  async function keysOf(request, options, work) {
    const fetcher = scripted(charged());
    await work(client(fetcher).forRequest(request, undefined, options));
    return fetcher.calls.map(({ headers }) => headers["idempotency-key"]);
  }

  const story = async (ce) => {
    await ce.consume("a", 1);
    await ce.consume("a", 1);
    await ce.consume("b", 1);
    await ce.consumeOrFail("a", 1);
    await ce.add("a", 1);
    await ce.consume("a", 1, "", { label: "draft" });
    await ce.consume("a", 1, "", { idempotencyKey: "own" });
    await ce.consume("a", 1);
  };

  test("are the same when it is delivered again, and differ within it", async () => {
    const first = await keysOf(named("m1"), { idempotencyKeyFrom }, story);
    assert.equal(new Set(first).size, first.length);
    assert.equal(first[6], "own");
    assert.deepEqual(await keysOf(named("m1"), { idempotencyKeyFrom }, story), first);
    const other = await keysOf(named("m2"), { idempotencyKeyFrom }, story);
    assert.equal(other.filter((key) => first.includes(key)).length, 1);
  });

  test("a label is a call's name, wherever it stands", async () => {
    const before = async (ce) => {
      await ce.consume("a", 1);
      await ce.consume("a", 1, "", { label: "draft" });
    };
    const [, labelled] = await keysOf(named("m1"), { idempotencyKeyFrom }, before);
    const alone = (ce) => ce.consume("a", 1, "", { label: "draft" });
    assert.deepEqual(await keysOf(named("m1"), { idempotencyKeyFrom }, alone), [labelled]);
  });

  test("no header is trusted unless it is named", async () => {
    const one = (ce) => ce.consume("a", 1);
    const request = { headers: new Headers({ "idempotency-key": "m1", "x-request-id": "m1" }) };
    const keys = [await keysOf(request, {}, one), await keysOf(request, undefined, one)].flat();
    assert.equal(new Set(keys).size, 2);
  });

  test("a request without the name gets a fresh one", async () => {
    const one = (ce) => ce.consume("a", 1);
    const bare = { headers: new Headers() };
    const keys = [
      ...(await keysOf(bare, { idempotencyKeyFrom }, one)),
      ...(await keysOf(bare, { idempotencyKeyFrom: () => null }, one)),
      ...(await keysOf(bare, { idempotencyKeyFrom: () => "" }, one)),
    ];
    assert.equal(new Set(keys).size, 3);
  });

  test("a function names requests that have no headers", async () => {
    const one = (ce) => ce.consume("a", 1);
    const from = { idempotencyKeyFrom: (message) => message.id };
    assert.deepEqual(await keysOf({ id: "m1" }, from, one), await keysOf({ id: "m1" }, from, one));
  });

  test("names that are none are refused", () => {
    const ce = client(scripted(charged()));
    const half = () => "\ud800";
    for (const [request, source, code] of [
      [named("m"), 7, "invalid_request"],
      [{}, "x-message-id", "invalid_request"],
      [named("m"), () => 7, "invalid_idempotency_key"],
      [named("m"), half, "invalid_idempotency_key"],
    ]) {
      const start = () => ce.forRequest(request, undefined, { idempotencyKeyFrom: source });
      assert.throws(start, { code });
    }
  });

  test("the counts of one request are bounded, and a label is the way out", async () => {
    const ce = client(scripted(charged())).forRequest(named("m1"));
    for (let customer = 0; customer < 1000; customer += 1) await ce.consume(`c${customer}`, 1);
    assert.equal((await rejection(ce.consume("one more", 1))).code, "invalid_request");
    await ce.consume("one more", 1, "", { label: "x" });
    await ce.consume("c1", 1);
  });

  test("other content under a derived key resolves to the first answer, marked", async () => {
    const first = { balance: 90, transaction_id: "txn_1", replayed: false };
    const reused = refused(422, "idempotency_key_reused", { field: "amount", first });
    const ce = client(scripted(reused));
    const derived = ce.forRequest(named("m1"), undefined, { idempotencyKeyFrom });
    const answer = await derived.consume("a", 7);
    const { idempotency_key: key, ...rest } = answer;
    assert.deepEqual(rest, { ...first, replayed: true, mismatch: true });
    assert.ok(key.length > 30);
    const own = await rejection(derived.consume("a", 7, "", { idempotencyKey: "k" }));
    assert.equal(own.code, "idempotency_key_reused");
    assert.equal((await rejection(ce.consume("a", 7))).code, "idempotency_key_reused");
  });

  test("its waitUntil is the given one, else the client's", async () => {
    const [mine, theirs] = [new Context(), new Context()];
    const ce = client(scripted(charged()), { waitUntil: mine });
    await ce.forRequest(named("m"), theirs).consume("c", 1, "", background);
    await ce.forRequest(named("m")).consume("c", 1, "", background);
    assert.deepEqual([theirs.promises.length, mine.promises.length], [1, 1]);
  });
});

describe("the end of a client", () => {
  test("destroy waits for what is in the background and refuses what comes later", async () => {
    const fetcher = gated();
    const ce = client(fetcher, { waitUntil: new Context() });
    await ce.consume("c", 1, "", background);
    let destroyed = false;
    const end = ce.destroy().then(() => (destroyed = true));
    const error = await rejection(ce.getBalance("c"));
    assert.deepEqual(
      [error.code, error.effect, destroyed],
      ["client_destroyed", "not_applied", false],
    );
    fetcher.open();
    await end;
    assert.equal(ce.pendingOperations, 0);
    await ce.destroy();
  });

  test("a request's client ends alone, the client with all of them", async () => {
    const ce = client(scripted(charged()));
    const [one, two] = [ce.forRequest({}), ce.withContext(new Context())];
    await one.destroy();
    assert.equal((await rejection(one.consume("c", 1))).code, "client_destroyed");
    await two.consume("c", 1);
    await ce.destroy();
    assert.equal((await rejection(two.consume("c", 1))).code, "client_destroyed");
  });

  test("it disposes of itself", async () => {
    const fetcher = gated();
    const ce = client(fetcher, { waitUntil: new Context() });
    await ce.consume("c", 1, "", background);
    const end = ce[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]();
    fetcher.open();
    await end;
    assert.equal(ce.pendingOperations, 0);
  });
});

describe("walking the transactions", () => {
  /** A ledger of `count` entries; one more is appended before every page. */
  function ledger(count, sequences) {
    const rows = Array.from({ length: count }, (_, index) => index + 1);
    return scripted((url) => {
      const query = new URL(url).searchParams;
      const [limit, offset] = [Number(query.get("limit")), Number(query.get("offset") ?? 0)];
      const before = Number(query.get("before_sequence") ?? Infinity);
      const newest = rows
        .filter((row) => row < before)
        .reverse()
        .slice(offset);
      if (sequences) rows.push(rows.length + 1);
      const data = newest
        .slice(0, limit)
        .map((row) => ({ id: row, ...(sequences && { sequence: row }) }));
      const has_more = newest.length > limit;
      return json(200, { data, pagination: { limit, offset, total: rows.length, has_more } });
    });
  }

  for (const sequences of [true, false]) {
    test(`gives each once, newest first, ${sequences ? "by sequence" : "by offset"}`, async () => {
      const fetcher = ledger(7, sequences);
      const seen = [];
      for await (const { id } of client(fetcher).iterateTransactions("c", { pageSize: 3 }))
        seen.push(id);
      assert.deepEqual(seen, [7, 6, 5, 4, 3, 2, 1]);
      assert.equal(fetcher.calls.length, 3);
    });
  }

  test("an empty ledger has none, and pages that do not advance are an error", async () => {
    for await (const row of client(ledger(0, true)).iterateTransactions("c")) assert.fail(row);
    const page = { data: [{ sequence: 5 }], pagination: { has_more: true } };
    const walk = async () => {
      for await (const row of client(scripted(json(200, page))).iterateTransactions("c")) void row;
    };
    assert.equal((await rejection(walk())).code, "protocol_error");
  });

  test("stopping early fetches no more", async () => {
    const fetcher = ledger(7, true);
    for await (const { id } of client(fetcher).iterateTransactions("c", { pageSize: 2 })) {
      if (id === 6) break;
    }
    assert.equal(fetcher.calls.length, 1);
  });
});

test("a client can be made at module scope: nothing is drawn, timed or fetched", async (t) => {
  const refuse = () => assert.fail("not at module scope");
  t.mock.method(globalThis, "fetch", refuse);
  t.mock.method(globalThis, "setTimeout", refuse);
  t.mock.method(crypto, "getRandomValues", refuse);
  new CreditEngine({ apiKey: KEY });
});

test("nothing was rejected behind the callers' backs", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(unhandled, []);
});
