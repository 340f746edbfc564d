// Usage that is reported from workerd, behind the response: each signal arrives once, or is told as lost.
// The API is a double where it must fail, and the real worker where it must not.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { ledgerApi } from "./api.mjs";
import { clocknextApi, clocknextKey } from "./clocknext/api.mjs";
import { clockNextDouble, serve } from "./clocknext/double.mjs";
import { REPOSITORY, bundleWorker, makeProject } from "./project.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const COUNT = 50;

let project;
let worker;
before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "signals"),
    files: {
      "package.json": JSON.stringify({ name: "edge", private: true, type: "module" }),
      "wrangler.toml": `name = "edge"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`,
    },
  });
  worker = { name: "edge", ...(await bundleWorker(project.directory)) };
});
after(() => project?.remove());

/** A fresh isolate, and an API beside it. */
async function world(double) {
  const api = await serve(double);
  const runtime = await startWorkerd({ workers: [worker] });
  const { edge } = runtime.urls;
  return {
    url: api.url,
    request: async (body) => {
      const given = { count: COUNT, from: 0, how: "own", url: api.url, ...body };
      const response = await fetch(edge, { method: "POST", body: JSON.stringify(given) });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      return JSON.parse(text);
    },
    /** A request that the host ends when it has tracked; at its response, where nothing may follow that. */
    killed: async (body) => {
      const dies = body.how !== "refused";
      const given = { from: 0, url: api.url, dies, ...body };
      const response = await fetch(edge, { method: "POST", body: JSON.stringify(given) });
      assert.equal(response.status, dies ? 500 : 200, await response.text());
    },
    told: async () => (await fetch(`${edge}/told`)).json(),
    async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
      await this.stop();
    },
    async stop() {
      await runtime.stop();
      api.close();
    },
  };
}

async function inWorld(double, act) {
  const here = await world(double);
  try {
    await act(here);
  } finally {
    await here.stop();
  }
}

/** Waits until so many signals have arrived; then looks once more, for those that come twice. */
async function arrived(double, count) {
  for (let tries = 0; double.signals.size < count && tries < 400; tries += 1) await sleep(25);
  await sleep(100);
  assert.equal(double.signals.size, count);
  for (const [key, { times }] of double.signals) assert.equal(times, 1, key);
}

const queued = (answers) => answers.filter(({ queued }) => queued).length;

/** Answers nothing before it is opened. */
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, wait: () => opened.then(() => undefined) };
}

describe("a request that tracks 50 signals and returns at once", () => {
  for (const ours of [true, false]) {
    const name = ours ? "a server of ours" : "the public API";
    test(`all arrive once at ${name}, after the response`, async (t) => {
      const double = clockNextDouble({ ours });
      await inWorld(double, async ({ request, told }) => {
        const closed = gate();
        double.meets.push(closed.wait);
        const answers = await request({});
        // The API has answered nothing yet, and the response is here.
        assert.equal(double.signals.size, 0);
        assert.equal(queued(answers), COUNT);
        closed.open();
        await arrived(double, COUNT);
        const { stats, flushes, drops } = await told();
        assert.deepEqual([stats.tracked, stats.delivered, stats.pending], [COUNT, COUNT, 0]);
        assert.deepEqual([drops, flushes], [[], [COUNT]]);
        t.diagnostic(`figure: ${COUNT} signals to ${name}: ${double.requests.length} subrequests`);
        assert.equal(double.requests.length, ours ? 2 : COUNT);
        await request({ from: COUNT });
        await arrived(double, 2 * COUNT);
        // The isolate knows the server: twenty go as soon as they wait, twice, and then the rest.
        if (ours) assert.equal(double.requests.length, 2 + 3);
      });
    });
  }

  for (const ours of [true, false]) {
    const name = ours ? "a server of ours" : "the public API";
    test(`the same while ${name} answers 500 for the first three tries`, async (t) => {
      const double = clockNextDouble({ ours });
      const oops = () => [500, "oops"];
      double.meets.push(oops, oops, oops);
      await inWorld(double, async ({ request, told }) => {
        assert.equal(queued(await request({})), COUNT);
        await arrived(double, COUNT);
        const { retries, errors, drops, stats } = await told();
        assert.deepEqual([errors, drops, stats.delivered], [[], [], COUNT]);
        assert.equal(retries, 3);
        const { length } = double.requests;
        t.diagnostic(`figure: ${COUNT} signals to ${name}, three times 500: ${length} subrequests`);
        assert.equal(length, ours ? 5 : COUNT + 3);
      });
    });
  }

  test("the same with the queue full: what is not taken is told", async (t) => {
    const double = clockNextDouble({ ours: true });
    await inWorld(double, async ({ request, told }) => {
      const answers = await request({ options: { batch: { maxQueueSize: 30, maxSize: 100 } } });
      assert.equal(queued(answers), 30);
      await arrived(double, 30);
      const { drops, stats } = await told();
      const lost = Array.from({ length: 20 }, (_, index) => [`s${30 + index}`, "queue_full"]);
      assert.deepEqual(drops, lost);
      assert.deepEqual([stats.tracked, stats.delivered, stats.dropped], [50, 30, 20]);
      const { length } = double.requests;
      t.diagnostic(`figure: ${COUNT} signals, room for 30: 30 arrived in ${length} subrequests, 20 told as lost`);
    });
  });

  test("the same with the time over: every loss is told before the host ends the work", async (t) => {
    const double = clockNextDouble({ ours: true });
    const never = () => new Promise(() => {});
    double.meets.push(...Array(COUNT).fill(never));
    await inWorld(double, async ({ request, told }) => {
      assert.equal(queued(await request({ hurry: 100, options: { timeoutMs: 60_000 } })), COUNT);
      let facts;
      const drops = [];
      for (let tries = 0; drops.length < COUNT && tries < 200; tries += 1) {
        await sleep(25);
        facts = await told();
        drops.push(...facts.drops);
      }
      assert.deepEqual(new Set(drops.map(([, reason]) => reason)), new Set(["deadline"]));
      assert.equal(new Set(drops.map(([key]) => key)).size, COUNT);
      const { tracked, delivered, rejected, dropped, pending } = facts.stats;
      assert.deepEqual([tracked, delivered, rejected, dropped, pending], [COUNT, 0, 0, COUNT, 0]);
      const { length } = double.requests;
      t.diagnostic(`figure: ${COUNT} signals, no answer within the time: ${length} subrequests, ${dropped} told as lost`);
    });
  });
});

describe("requests that share one client", () => {
  for (const how of ["context", "ambient"]) {
    test(`each sends its own, ${how === "context" ? "by withContext" : "asking nobody"}`, async (t) => {
      const double = clockNextDouble({ ours: true });
      await inWorld(double, async ({ request, told, url }) => {
        const requests = Array.from({ length: 20 }, (_, index) =>
          request({ how, count: 12, from: index * 12, pauseUrl: `${url}/api/v1/usage` }),
        );
        for (const answers of await Promise.all(requests)) assert.equal(queued(answers), 12);
        await arrived(double, 240);
        const sent = double.requests.filter(({ method }) => method === "POST").length;
        const { stats, drops } = await told();
        assert.deepEqual([stats.delivered, stats.pending, drops], [240, 0, []]);
        t.diagnostic(`figure: 240 signals of 20 requests, ${how}: ${sent} subrequests`);
      });
    });

    test(`a flush before the response waits for what the request tracked (${how})`, async () => {
      const double = clockNextDouble();
      await inWorld(double, async ({ request, told, url }) => {
        const results = await Promise.all(
          Array.from({ length: 6 }, (_, index) =>
            request({
              how,
              count: 9,
              from: index * 9,
              flush: true,
              pauseUrl: `${url}/api/v1/usage`,
            }),
          ),
        );
        const arrivedBy = double.signals.size;
        assert.equal(arrivedBy, 54, JSON.stringify(results));
        // Its turns are told apart from each other as they are from those of others: of the last one alone.
        for (const { delivered, rejected, dropped } of results)
          assert.deepEqual([delivered, rejected, dropped], [how === "context" ? 9 : 1, [], 0]);
        assert.equal((await told()).stats.delivered, 54);
      });
    });

    test(`a flush tells nobody of another's refusals (${how})`, async () => {
      const double = clockNextDouble();
      await inWorld(double, async ({ request, told }) => {
        // The odd ones are refused. Each waits for all that was tracked before it.
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, index) => {
            const customerId = index % 2 ? `refuse_${index}` : `good_${index}`;
            return request({ how, count: 3, from: index * 3, customerId, flush: true });
          }),
        );
        for (const [index, { delivered, rejected }] of results.entries()) {
          assert.equal(delivered, index % 2 ? 0 : 3);
          const customers = rejected.map(({ signal }) => signal.customerId);
          assert.deepEqual(customers, index % 2 ? Array(3).fill(`refuse_${index}`) : []);
        }
        const { errors, stats } = await told();
        assert.deepEqual([errors.length, stats.rejected, stats.pending], [12, 12, 0]);
      });
    });
  }

  for (const how of ["ambient", "imported"]) {
    test(`a turn that the host killed in the middle takes nothing of the next request's (${how})`, async () => {
      const double = clockNextDouble({ ours: true });
      await inWorld(double, async ({ request, killed, told }) => {
        await killed({ how, count: 3 });
        const next = await request({ how, count: 5, from: 10, flush: true });
        assert.deepEqual([next.delivered, next.dropped, next.pending], [5, 0, 3]);
        // The dead are not waited for until the host's time is over, 25 s.
        assert.ok(next.took < 10_000, `${next.took} ms`);
        await killed({ how, count: 3, from: 20 });
        assert.equal(queued(await request({ how, count: 5, from: 30 })), 5);
        await arrived(double, 10);
        assert.equal((await told()).stats.delivered, 10);
      });
    });
  }

  test("a flush does not wait for one that was killed behind its response, while it sent", async (t) => {
    const double = clockNextDouble({ ours: true });
    await inWorld(double, async ({ request, told }) => {
      const closed = gate();
      double.meets.push(closed.wait);
      assert.equal(queued(await request({ how: "ambient", count: 3, diesIn: 50 })), 3);
      await sleep(200);
      const { stats } = await told();
      assert.equal(stats.sending, 1);
      const next = await request({ how: "ambient", count: 5, from: 10, flush: true });
      assert.deepEqual([next.delivered, next.dropped, next.pending], [5, 0, 3]);
      t.diagnostic(`figure: a flush beside a request that was killed: ${next.took} ms`);
      assert.ok(next.took < 10_000, `${next.took} ms`);
    });
  });

  for (const how of ["ambient", "context", "refused"]) {
    test(`what the host killed one with is told by the next, and holds up nobody (${how})`, async () => {
      const double = clockNextDouble({ ours: true });
      await inWorld(double, async ({ request, killed, told }) => {
        const closed = gate();
        double.meets.push(closed.wait, closed.wait, closed.wait);
        const options = { batch: { maxQueueSize: 20, maxSize: 100, maxIntervalMs: 60_000 } };
        await killed({ how, count: 20, hurry: 100, options });
        // One is under way where a turn's end has sent it, and the queue is full of the dead.
        const { stats: before } = await told();
        assert.deepEqual([before.pending, before.delivered], [20, 0]);
        closed.open();
        let facts;
        const drops = [];
        for (let tries = 0; drops.length < 20 && tries < 400; tries += 1) {
          await sleep(10);
          facts = await told();
          drops.push(...facts.drops);
        }
        const keys = Array.from({ length: 20 }, (_, index) => `s${index}`);
        assert.deepEqual(drops.map(([key]) => key).sort(), keys.sort());
        assert.deepEqual(new Set(drops.map(([, reason]) => reason)), new Set(["abandoned"]));
        const { tracked, delivered, rejected, dropped } = facts.stats;
        assert.equal(tracked, delivered + rejected + dropped, JSON.stringify(facts.stats));
        assert.deepEqual([facts.stats.waiting, facts.stats.sending], [0, 0]);
        // The loss is that one's alone: nobody else's flush speaks of it.
        const nothing = { delivered: 0, rejected: [], dropped: 0, pending: 0, took: 0 };
        const other = await request({ how: "ambient", count: 0, flush: true });
        assert.deepEqual({ ...other, took: 0 }, nothing);
        const again = await request({ how: "ambient", count: 20, from: 100, flush: true });
        assert.deepEqual({ ...again, took: 0 }, { ...nothing, delivered: 20 });
        assert.equal((await told()).stats.delivered, 20);
      });
    });
  }
});

test("50 signals to the real worker: each is in the ledger once, to the last decimal", async (t) => {
  const key = clocknextKey("live", ["admin"]);
  const ledger = ledgerWorker({ API_KEYS: JSON.stringify([key.entry]) });
  const runtime = await startWorkerd({ workers: [worker, ledger] });
  try {
    const { edge, ledger: url } = runtime.urls;
    const engine = ledgerApi(url, key.text);
    const next = clocknextApi(url, key.text);
    // 10 × 1 + 5 × 2 USD per million: 0.00002 a signal.
    await next.good("POST", "/models", { modelId: "acme/one", inputPrice: 1, outputPrice: 2 });
    await engine.grant("cus_1", 1, { unit: "usd" });
    const balance = async () => (await engine.balance("cus_1", "?unit=usd")).balance;
    const given = { url, apiKey: key.text, count: COUNT, from: 0, how: "own" };
    const request = () => fetch(edge, { method: "POST", body: JSON.stringify(given) });
    const told = async () => (await fetch(`${edge}/told`)).json();
    for (const repeat of [false, true]) {
      const response = await request();
      assert.equal(queued(await response.json()), COUNT);
      let facts;
      do {
        await sleep(25);
        facts = await told();
      } while (facts.stats.pending > 0);
      assert.equal(facts.stats.delivered, COUNT);
      assert.equal(await balance(), 0.999);
      // The same signals by another client, under the same keys: they count once.
      if (repeat) continue;
      t.diagnostic(`figure: ${COUNT} signals to the real worker: ${facts.subrequests} subrequests`);
      assert.ok(facts.subrequests <= 4, `${facts.subrequests}`);
    }
  } finally {
    await runtime.stop();
  }
});
