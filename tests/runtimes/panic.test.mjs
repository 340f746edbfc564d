// A panic of the client, of either module, which is a defect, costs the calls in flight and nothing else: they are
// told, with their keys; the next call runs on a new instance; and what timers and fetches still hold of the
// old one comes to nothing, so that Node goes on.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { COMPATIBILITY_DATE, startWorkerd } from "./workerd.mjs";

const KEY = "ce_test_0123456789";
const wrangler = `name = "app"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`;

let project;
before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "panic"),
    files: {
      "package.json": JSON.stringify({ name: "panic", private: true, type: "module" }),
      "wrangler.toml": wrangler,
    },
  });
});
after(() => project?.remove());

/** An API that holds back the first answers to two customers until it is told to give them. */
async function startApi(t) {
  const held = new Map([
    ["early", []],
    ["late", []],
  ]);
  const server = createServer((request, response) => {
    request.resume();
    const [, , last, customer] = request.url.split("/");
    const answer = () =>
      response.setHeader("content-type", "application/json").end('{"balance":7,"replayed":false}');
    if (request.url.startsWith("/release/")) {
      for (const give of held.get(last)) give();
      held.delete(last);
      return answer();
    }
    held.get(customer)?.push(answer) ?? answer();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => (server.close(), server.closeAllConnections()));
  return `http://127.0.0.1:${server.address().port}`;
}

/** The same for ClockNext: answers to `/release/…`, holds back what names a customer of these. */
async function startFace(t) {
  const held = new Map([
    ["early", []],
    ["late", []],
  ]);
  const signals = new Map();
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { pathname } = new URL(request.url, "http://face");
    const name = pathname.split("/").at(-1);
    const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : {};
    const { customerId = name, idempotencyKey } = body;
    if (idempotencyKey) signals.set(idempotencyKey, (signals.get(idempotencyKey) ?? 0) + 1);
    const said = { ok: true, customer: { id: customerId }, usageLog: { id: "log" } };
    const answer = () =>
      response.setHeader("content-type", "application/json").end(JSON.stringify(said));
    if (!pathname.startsWith("/release/")) return held.get(customerId)?.push(answer) ?? answer();
    for (const give of held.get(name)) give();
    held.delete(name);
    return answer();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => (server.close(), server.closeAllConnections()));
  return { url: `http://127.0.0.1:${server.address().port}`, signals };
}

function judgeFace({ spoilt, waited, again, last, stats, drops, uncaught = [] }, signals) {
  const failed = (effect, key) => ({ name: "ClockNextError", code: "internal_error", effect, key });
  assert.deepEqual(spoilt, failed("not_applied", null));
  assert.deepEqual(waited, failed("unknown", "waited"));
  assert.equal(again.value.usageLog.id, "log");
  assert.equal(last.value.id, "c");
  // Each has arrived under its key; those under way were sent once more.
  const keys = ["buffered", "s0", "s1", "s2", "s3", "s4", "waited"];
  assert.deepEqual([...signals.keys()].sort(), keys);
  assert.deepEqual([signals.get("buffered"), signals.get("waited"), signals.get("s0")], [2, 2, 1]);
  const { tracked, delivered, rejected, dropped, pending } = stats;
  assert.deepEqual([tracked, delivered, rejected, dropped, pending], [8, 7, 1, 0, 0]);
  assert.deepEqual([drops, uncaught], [[], []]);
}

function judge({ panicked, waiting, lost, again, settled, last, uncaught = [] }) {
  const failed = (key) => ({ code: "internal_error", effect: "unknown", key });
  assert.deepEqual(panicked, failed("panicked"));
  assert.deepEqual(waiting, [failed("early"), failed("late")]);
  assert.deepEqual(lost, { code: "internal_error", effect: "not_applied", key: null });
  for (const { value } of [again, ...settled, last]) assert.equal(value?.balance, 7);
  assert.deepEqual(uncaught, []);
}

for (const [name, flags] of [
  ["node", []],
  ["bun", ["run"]],
  ["deno", ["run", "--allow-net=127.0.0.1", "--no-prompt", "--node-modules-dir=manual"]],
]) {
  test(`a panic in ${name}: told, replaced, and nothing reaches the process`, async (t) => {
    const settings = JSON.stringify({ url: await startApi(t), key: KEY });
    const args = [...flags, "program.js", settings];
    judge(JSON.parse((await runTool(name, args, { cwd: project.directory })).stdout));
  });

  test(`a panic of ClockNext's module in ${name}: signals arrive nevertheless`, async (t) => {
    const { url, signals } = await startFace(t);
    const args = [...flags, "program.js", JSON.stringify({ face: true, url, key: KEY })];
    const { stdout } = await runTool(name, args, { cwd: project.directory });
    judgeFace(JSON.parse(stdout), signals);
  });
}

describe("a panic in workerd", () => {
  let bundle;
  before(async () => {
    bundle = await bundleWorker(project.directory);
  });

  async function tell(t, settings) {
    const app = await startWorkerd({ workers: [{ name: "app", ...bundle }] });
    t.after(app.stop);
    const body = JSON.stringify({ ...settings, key: KEY });
    const response = await fetch(app.urls.app, { method: "POST", body });
    assert.equal(response.status, 200, app.output());
    assert.doesNotMatch(app.output(), /previous WASM instance|null function|out of bounds/);
    return response.json();
  }

  test("told, replaced, and the request goes on", async (t) => {
    judge(await tell(t, { url: await startApi(t) }));
  });

  test("the same of ClockNext's module: signals arrive nevertheless", async (t) => {
    const { url, signals } = await startFace(t);
    judgeFace(await tell(t, { face: true, url }), signals);
  });
});
