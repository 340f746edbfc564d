// A panic of the client, which is a defect, costs the calls in flight and nothing else: they are told,
// with their keys; the next call runs on a new instance; and what timers and fetches still hold of the
// old one comes to nothing, so that Node goes on.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

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
}

test("a panic in workerd: told, replaced, and the request goes on", async (t) => {
  const app = await startWorkerd({
    workers: [{ name: "app", ...(await bundleWorker(project.directory)) }],
  });
  t.after(app.stop);
  const body = JSON.stringify({ url: await startApi(t), key: KEY });
  const response = await fetch(app.urls.app, { method: "POST", body });
  assert.equal(response.status, 200, app.output());
  judge(await response.json());
  assert.doesNotMatch(app.output(), /previous WASM instance|null function|out of bounds/);
});
