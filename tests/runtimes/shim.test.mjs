// What worker/shim.js promises when Rust panics, on the real runtime: a trap costs the calls in
// flight, which fail at once instead of hanging, and nothing else. The worker is
// worker/examples/trap.rs behind the real shim.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { bodyOf } from "../../worker/http.js";
import { startWorkerd } from "./workerd.mjs";

/** A caller that was left hanging shows as this time running out; the runtime itself waits longer. */
const HANGING_MS = 15_000;

let runtime;

before(async () => {
  runtime = await startWorkerd({
    workers: [
      {
        name: "trap",
        directory: fileURLToPath(new URL("../../target/xtask/trap-worker", import.meta.url)),
        main: "worker.js",
        objects: { LEDGER: { className: "LedgerObject" } },
      },
    ],
  });
});

after(() => runtime?.stop());

function call(path) {
  return fetch(runtime.urls.trap + path, { signal: AbortSignal.timeout(HANGING_MS) });
}

async function object() {
  const response = await call("/object");
  assert.equal(response.status, 200);
  return response.json();
}

async function assertFallen(response) {
  assert.equal(response.status, 500);
  const { error } = await response.json();
  assert.equal(error.code, "internal_error");
  assert.match(error.message, /same idempotency key/);
  assert.match(error.request_id, /^[0-9a-f-]{36}$/);
  assert.equal(response.headers.get("x-request-id"), error.request_id);
  assert.doesNotMatch(JSON.stringify(error), /trap|panic|unreachable|\.rs/);
}

test("a trap in the handler is a 500, and the next request is served", async () => {
  await assertFallen(await call("/trap"));
  const next = await call("/ok");
  assert.equal(next.status, 200);
  assert.equal(await next.text(), "ok");
});

for (const path of ["/object/trap", "/object/trap-later"]) {
  test(`${path}: the caller is answered, the rows stay, the fields start afresh`, async () => {
    await object();
    const before = await object();
    assert.ok(before.calls >= 2);
    await assertFallen(await call(path));
    const now = await object();
    // One row by the call that trapped, one by this one.
    assert.deepEqual(now, { rows: before.rows + 2, calls: 1 });
  });
}

test("a trap ends the other calls in flight instead of leaving them hanging", async () => {
  const waiting = ["/object/wait", "/object/wait", "/object/wait"].map(call);
  await object(); // The object has taken the others in before it answers this.
  await assertFallen(await call("/object/trap-later"));
  for (const response of await Promise.all(waiting)) await assertFallen(response);
  assert.equal((await object()).calls, 1);
});

test("every one of many calls among traps is answered, and then all is well", async () => {
  const paths = ["/ok", "/object", "/trap", "/object/trap", "/object/trap-later"];
  const calls = Array.from({ length: 60 }, (_, index) => call(paths[index % paths.length]));
  const statuses = (await Promise.all(calls)).map((response) => response.status);
  assert.deepEqual([...new Set(statuses)].filter((status) => ![200, 500].includes(status)), []);
  // Calls that fell on their way to the object can still arrive there, and trap once more.
  for (let attempt = 1; ; attempt += 1) {
    const [one, two] = [await objectOrNothing(), await objectOrNothing()];
    if (two?.calls === one?.calls + 1 && two.rows === one.rows + 1) break;
    assert.ok(attempt < 100, "the worker does not come to rest");
  }
});

async function objectOrNothing() {
  const response = await call("/object");
  return response.ok ? response.json() : undefined;
}

test("a body that is declared longer than the limit is not read", async () => {
  const request = (length, arrayBuffer) => ({
    headers: new Headers({ "content-length": length }),
    arrayBuffer,
  });
  let reads = 0;
  const read = async () => {
    reads += 1;
    return new ArrayBuffer(8);
  };
  assert.equal((await bodyOf(request("9", read), 8)).length, 9);
  assert.equal((await bodyOf(request("1e12", read), 8)).length, 9);
  assert.equal(reads, 0);
  assert.equal((await bodyOf(request("8", read), 8)).length, 8);
  assert.equal(reads, 1);
});
