// Overlapping requests of one Worker that share a client at module level: one ends, or is cancelled,
// while another waits. The other must not wait for ever. A promise that the requests share does strand one,
// which shows that it can.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { REPOSITORY, bundleWorker, makeProject } from "./project.mjs";
import { COMPATIBILITY_DATE, startWorkerd } from "./workerd.mjs";

const wrangler = `name = "app"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`;
/** A request that is answered at all is answered long before. */
const STRANDED_MS = 3000;
/** Requests at once: more than a connection pool opens for one host. */
const CROWD = 12;

let project;
let bundle;
before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "stranded"),
    files: {
      "package.json": JSON.stringify({ name: "stranded", private: true, type: "module" }),
      "wrangler.toml": wrangler,
    },
  });
  bundle = await bundleWorker(project.directory);
});
after(() => project?.remove());

/** A Worker with its isolate, and an API that answers when it is told to. */
async function world(t) {
  const held = [];
  let open = false;
  const server = createServer((request, response) => {
    request.resume();
    const answer = () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ balance: 1, customer: request.url.split("/")[3] }));
    };
    if (open) answer();
    else held.push(answer);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => (server.close(), server.closeAllConnections()));
  const bindings = { URL: `http://127.0.0.1:${server.address().port}`, KEY: "ce_test_0123456789" };
  const app = await startWorkerd({ workers: [{ name: "app", ...bundle, bindings }] });
  t.after(app.stop);
  return {
    /** Resolves to the customer that was answered, or to "stranded". */
    async ask(path, signal = undefined) {
      const limit = AbortSignal.timeout(STRANDED_MS);
      const signals = signal ? AbortSignal.any([signal, limit]) : limit;
      try {
        const response = await fetch(`${app.urls.app}${path}`, { signal: signals });
        // The runtime itself ends a request that it sees will never be answered.
        return response.ok ? (await response.json()).customer : "stranded";
      } catch {
        return "stranded";
      }
    },
    async arrived(count) {
      const end = Date.now() + STRANDED_MS;
      while (held.length < count) {
        assert.ok(Date.now() < end, `${held.length} of ${count} requests arrived`);
        await new Promise((done) => setTimeout(done, 5));
      }
    },
    release() {
      open = true;
      for (const answer of held.splice(0)) answer();
    },
  };
}

const ENDINGS = {
  "is cancelled by its caller": (ask, way) => {
    const controller = new AbortController();
    const ended = ask(`/${way}/first`, controller.signal);
    return async () => {
      controller.abort();
      await ended;
      await new Promise((done) => setTimeout(done, 50));
    };
  },
  "answers without waiting for its call": (ask, way) => {
    const ended = ask(`/${way}/first/at-once`);
    return async () => {
      await ended;
      await new Promise((done) => setTimeout(done, 50));
    };
  },
};

for (const [name, start] of Object.entries(ENDINGS)) {
  describe(`the first request ${name}`, () => {
    test("the second, of the same client, is answered", async (t) => {
      const { ask, arrived, release } = await world(t);
      const end = start(ask, "ours");
      await arrived(1);
      const second = ask("/ours/second");
      await arrived(2);
      await end();
      release();
      assert.equal(await second, "second");
      assert.equal(await ask("/ours/third"), "third");
    });
  });
}

test("with one promise for both requests the second is stranded: the test can tell", async (t) => {
  const { ask, arrived, release } = await world(t);
  // Not where the first is cancelled: there the runtime keeps it for the one that waits.
  const end = ENDINGS["answers without waiting for its call"](ask, "shared");
  await arrived(1);
  const second = ask("/shared/second");
  await new Promise((done) => setTimeout(done, 50));
  await end();
  release();
  assert.equal(await second, "stranded");
});

test(`of ${CROWD} requests every other is cancelled: the rest are answered, each its own`, async (t) => {
  const { ask, arrived, release } = await world(t);
  const controllers = [];
  const requests = [];
  for (let index = 0; index < CROWD; index += 1) {
    controllers[index] = new AbortController();
    requests[index] = ask(`/ours/c${index}`, controllers[index].signal);
  }
  await arrived(CROWD / 2);
  for (let index = 0; index < CROWD; index += 2) controllers[index].abort();
  await new Promise((done) => setTimeout(done, 50));
  release();
  const answers = await Promise.all(requests);
  for (let index = 1; index < CROWD; index += 2) assert.equal(answers[index], `c${index}`);
});
