// Persistent mode from the packed tarball: in memory in Node, Deno and Bun, through the cache's
// objects in workerd, and refused where there is no place for it. The API is the real ledger, behind
// a door that the tests can shut.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { EdgeVM } from "@edge-runtime/vm";

import { ledgerApi } from "./api.mjs";
import { bundleForEdgeVm } from "./edge_vm.mjs";
import { makeKeys } from "./keys.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { COMPATIBILITY_DATE, cacheWorker, ledgerWorker, startWorkerd } from "./workerd.mjs";

const CALLS = 500;
const keys = makeKeys();
let project;
let ledger;
let door;
let edge;

before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "persistent"),
    files: {
      "package.json": JSON.stringify({ name: "persistent", private: true, type: "module" }),
      "wrangler.toml": `name = "edge"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`,
    },
  });
  ledger = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  door = await openDoor(ledger.urls.ledger);
  const bindings = {
    API_KEYS: keys.secret,
    UPSTREAM_URL: ledger.urls.ledger,
    UPSTREAM_KEY_LIVE: keys.live.text,
    UPSTREAM_KEY_TEST: keys.test.text,
  };
  const BALANCE_CACHE = { className: "BalanceCacheObject", worker: "cache" };
  const worker = { name: "edge", ...(await bundleWorker(project.directory)), objects: { BALANCE_CACHE } };
  edge = await startWorkerd({ workers: [cacheWorker(bindings), worker] });
});
after(async () => {
  door?.close();
  await edge?.stop();
  await ledger?.stop();
  await project?.remove();
});

/** A server in front of another; while it is shut, connections break. */
async function openDoor(target) {
  let shut = false;
  const server = createServer(async (request, response) => {
    if (request.url === "/_away" || request.url === "/_back") {
      shut = request.url === "/_away";
      return response.end();
    }
    if (shut) return request.socket.destroy();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { host: _, connection: __, "content-length": ___, ...headers } = request.headers;
    const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
    const answer = await fetch(`${target}${request.url}`, { method: request.method, headers, body });
    const text = await answer.text();
    const kept = ["content-type", "retry-after", "x-edge-credits", "idempotent-replayed"];
    for (const name of kept) {
      if (answer.headers.has(name)) response.setHeader(name, answer.headers.get(name));
    }
    response.writeHead(answer.status).end(text);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const close = () => (server.closeAllConnections(), server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

/** The first true answer of `check`, asked for up to 30 s. */
async function eventually(check) {
  const end = Date.now() + 30_000;
  for (;;) {
    const answer = await check();
    if (answer) return answer;
    if (Date.now() > end) throw new Error("it never came true");
    await new Promise((done) => setTimeout(done, 50));
  }
}

describe("in memory", () => {
  const programs = {
    Node: ["node", []],
    "Deno, allowed nothing but the network": [
      "deno",
      ["run", "--allow-net=127.0.0.1", "--no-prompt", "--node-modules-dir=manual"],
    ],
    Bun: ["bun", ["run"]],
  };
  for (const [name, [program, flags]] of Object.entries(programs)) {
    test(name, async (t) => {
      const customer = `memory-${program}`;
      const api = ledgerApi(ledger.urls.ledger, keys.live.text);
      await api.grant(customer, 1000);
      const settings = { url: door.url, apiKey: keys.live.text, customer, calls: CALLS };
      const args = [...flags, "program.js", JSON.stringify(settings)];
      // That it ends at all shows that nothing keeps it alive.
      const { stdout } = await runTool(program, args, { cwd: project.directory });
      const { micros, flushed, ...seen } = JSON.parse(stdout);
      assert.deepEqual(seen, {
        sources: ["upstream", "edge-cache"],
        replayed: [false, true, true],
        waiting: 10,
        drained: 0,
        passed: 4,
        refusals: ["insufficient_credits"],
        told: [],
      });
      assert.deepEqual([flushed.rejected, flushed.quarantined, flushed.pending], [0, 0, 0]);
      t.diagnostic(`figure: in memory, ${program}: consume ${micros[0]} µs, getBalance ${micros[1]} µs`);
      // The four gates took all there was, and the last charge, under way when the program ended, is
      // usage: everything has arrived, once.
      const { balance, data } = await eventually(async () => {
        const { balance } = await api.balance(customer);
        return balance === -2 && { balance, data: (await api.transactions(customer)).pagination };
      });
      assert.equal(balance, -2);
      assert.equal(data.total, 1 + 2 + 1 + CALLS + 10 + 4 + 1);
    });
  }
});

describe("where memory does not last", () => {
  const words = /^invalid_config: mode "persistent" cannot .* edge host.*balanceCache.*UPSTREAM_URL/;

  test("the Vercel edge VM", async () => {
    const { bundle, globals } = await bundleForEdgeVm(project.directory);
    const vm = new EdgeVM({ extend: (context) => Object.assign(context, globals) });
    vm.evaluate(bundle);
    assert.match(vm.evaluate("refusal()"), words);
  });

  test("workerd; and auto is stateless there", async () => {
    assert.match(await (await fetch(`${edge.urls.edge}/refusal`)).json(), words);
    const options = { apiKey: keys.live.text, baseUrl: ledger.urls.ledger };
    const { answer } = await post("/auto", { options, customer: "auto" });
    assert.equal(answer.balance, -1);
    assert.equal(answer.source, undefined, "the ledger answered, and no cache");
    assert.equal(typeof answer.sequence, "number");
  });

  test("a program on a platform of short-lived processes", async () => {
    const args = ["--input-type=module", "--eval", `
      import { refusal } from "./refusal.js";
      console.log(refusal());`];
    const env = { AWS_LAMBDA_FUNCTION_NAME: "f" };
    const { stdout } = await runTool("node", args, { cwd: project.directory, env });
    assert.match(stdout, /where AWS_LAMBDA_FUNCTION_NAME is set.*balanceCache/);
  });
});

test("through the cache's objects", async () => {
  const api = ledgerApi(ledger.urls.ledger, keys.live.text);
  await api.grant("cached", 100);
  const seen = await post("/cached", { options: {}, customer: "cached" });
  assert.deepEqual([seen.before.balance, seen.before.source], [100, "upstream"]);
  const { charged, again } = seen;
  assert.deepEqual([charged.balance, charged.source, charged.replayed], [96, "edge-cache", false]);
  assert.deepEqual([again.balance, again.replayed], [96, true]);
  assert.equal(again.transaction_id, charged.transaction_id);
  assert.deepEqual(seen.refused, { code: "insufficient_credits", currentBalance: 96 });
  assert.equal(seen.after.balance, 146, "an add counts when it answers");
  assert.deepEqual(seen.told, []);
  await eventually(async () => (await api.balance("cached")).balance === 146);
  const { data } = await api.transactions("cached");
  const consumption = data.filter(({ type }) => type === "consumption");
  assert.deepEqual(consumption.map(({ id }) => id), [charged.transaction_id]);
});

test("through a cache worker, from anywhere", async () => {
  await ledgerApi(ledger.urls.ledger, keys.live.text).grant("worker", 10);
  const options = { apiKey: keys.live.text, baseUrl: edge.urls.cache, mode: "persistent" };
  const { answer } = await post("/auto", { options, customer: "worker" });
  assert.deepEqual([answer.balance, answer.source], [9, "upstream"]);
});

async function post(path, body) {
  const response = await fetch(`${edge.urls.edge}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, edge.output());
  return response.json();
}
