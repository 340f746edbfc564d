// A Next project, built and served: a route of its edge runtime and one of Node, and both charge.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { ledgerApi } from "../runtimes/api.mjs";
import { freePort } from "../runtimes/cli/machine.mjs";
import { makeKeys } from "../runtimes/keys.mjs";
import { REPOSITORY } from "../runtimes/project.mjs";
import { ledgerWorker, startWorkerd } from "../runtimes/workerd.mjs";
import { environment, makeProject, runIn } from "./tools.mjs";

const keys = makeKeys();
let project;
let runtime;
let server;
let url;
let given;

before(async () => {
  runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  given = { CREDITS_URL: runtime.urls.ledger, CREDITS_API_KEY: keys.live.text };
  project = await makeProject({}, join(REPOSITORY, "tests", "packaging", "next"));
});
after(async () => {
  if (server) {
    const ended = new Promise((done) => server.once("exit", done));
    server.kill("SIGKILL");
    await ended;
  }
  await runtime?.stop();
  await project?.remove();
});

test("next build", async (t) => {
  const started = performance.now();
  const { stdout } = await runIn(project, "next", ["build"], given);
  assert.match(stdout, /\/edge[^]*\/node/);
  t.diagnostic(`figure: next build: ${((performance.now() - started) / 1000).toFixed(0)} s`);
});

test("next start", async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const options = {
    cwd: project.directory,
    env: environment(project.home, given),
    stdio: "ignore",
  };
  server = spawn(
    "node",
    [join(project.home, "node_modules/next/dist/bin/next"), "start", "-p", String(port)],
    options,
  );
  const deadline = Date.now() + 60_000;
  while (
    !(await fetch(`${url}/node`).then(
      () => true,
      () => false,
    ))
  ) {
    assert.ok(Date.now() < deadline && server.exitCode === null, "it listens");
    await sleep(50);
  }
});

for (const [route, runtimeName] of [
  ["edge", "edge-runtime"],
  ["node", "node"],
]) {
  test(`the ${route} route charges, and is refused`, async () => {
    const api = ledgerApi(runtime.urls.ledger, keys.live.text);
    const customer = `next_${route}`;
    await api.grant(customer, 25);
    const call = async (amount) => {
      const body = JSON.stringify({ customer, amount });
      const response = await fetch(`${url}/${route}`, { method: "POST", body });
      return { status: response.status, ...(await response.json()) };
    };
    assert.deepEqual(await call(10), { status: 200, left: 15, runtime: runtimeName });
    assert.deepEqual(await call(1000), { status: 402, need: 1000, have: 15 });
    const charges = (await api.transactions(customer)).data.filter(
      ({ type }) => type === "consumption",
    );
    assert.equal(charges.length, 1);
  });
}
