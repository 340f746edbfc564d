// Metered streams on every runtime, from the packed tarball against the real worker: cut at every chunk
// by who reads, by the provider, and by kill -9 of the runtime. What is charged is never further from the
// truth than one step of progress, never nothing, and never all that was held.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { get } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { REPOSITORY, bundleWorker, makeProject, tool } from "./project.mjs";
import { BODY, PACE_MS, TOKENS_PER_CHUNK, bytesOf, startProvider, truth } from "./streams/provider.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const GRANTED = 100_000;
const HELD = 1000;
/** The app's `progressEvery`. */
const STEP = 30;
/** The shortest that there is: a killed runtime's holds end soon. */
const SHORT_TTL = 1000;
const CUTS = Array.from({ length: BODY.length }, (_, chunks) => chunks);

const keys = makeKeys();
let project;
let ledger;
let provider;
let api;

before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "streams"),
    files: {
      "package.json": JSON.stringify({ name: "streams", private: true, type: "module" }),
      "wrangler.toml": `name = "app"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`,
    },
  });
  project.bundle = await bundleWorker(project.directory);
  ledger = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  api = ledgerApi(ledger.urls.ledger, keys.live.text);
  provider = await startProvider();
});
after(async () => {
  provider?.close();
  await ledger?.stop();
  await project?.remove();
});

/** A program that serves the app; its first line is its port. */
async function startProgram(file, args) {
  const child = spawn(file, args, { cwd: project.directory, stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise((done) => child.once("exit", done));
  const port = await new Promise((done, fail) => {
    createInterface({ input: child.stdout }).once("line", done);
    exited.then((code) => fail(new Error(`${file} ended with ${code}`)));
  });
  const stop = async () => (child.kill("SIGKILL"), void (await exited));
  return { url: `http://127.0.0.1:${port}/`, stop };
}

const settings = () =>
  JSON.stringify({ url: ledger.urls.ledger, key: keys.live.text, provider: provider.url, mode: "stateless" });
const denoFlags = ["run", "--allow-net=127.0.0.1", "--no-prompt", "--node-modules-dir=manual"];
const edgeVm = fileURLToPath(new URL("./streams/edge-vm-program.mjs", import.meta.url));
const RUNTIMES = {
  node: () => startProgram(tool("node"), ["program.js", settings()]),
  deno: () => startProgram(tool("deno"), [...denoFlags, "program.js", settings()]),
  bun: () => startProgram(tool("bun"), ["run", "program.js", settings()]),
  "edge VM": () => startProgram(tool("node"), [edgeVm, project.directory, settings()]),
  workerd: async () => {
    const { url: URL, key: KEY, provider: PROVIDER } = JSON.parse(settings());
    const bindings = { URL, KEY, PROVIDER };
    const runtime = await startWorkerd({ workers: [{ name: "app", ...project.bundle, bindings }] });
    return { url: `${runtime.urls.app}/`, stop: runtime.stop };
  },
};

/** Reads until so many bytes have come, and then does `end`; or to the end. */
function read(url, { until = Infinity, end }) {
  return new Promise((resolve, fail) => {
    const parts = [];
    let length = 0;
    get(url, (response) => {
      const { statusCode: status, headers } = response;
      const finish = (how) => resolve({ status, headers, how, bytes: Buffer.concat(parts) });
      const look = () => {
        if (length < until) return;
        Promise.resolve(end(response)).then(() => finish("cut"));
      };
      response.on("data", (part) => (parts.push(part), (length += part.length), look()));
      response.on("end", () => finish("end"));
      response.on("error", () => finish("failed"));
      look();
    }).on("error", fail);
  });
}

/** What a customer has paid, once nothing is held any more. */
async function paid(name, patience = 15_000) {
  const end = Date.now() + patience;
  for (;;) {
    const { posted, held } = await api.balance(name);
    if (held === 0 && posted < GRANTED) return GRANTED - posted;
    if (Date.now() > end) throw new Error(`${name}: ${posted} posted, ${held} held`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** How many chunks the provider had sent when that answer's connection ended, which may be after its charge. */
async function leftAt(name, patience = 15_000) {
  const end = Date.now() + patience;
  while (!provider.left.has(name)) {
    if (Date.now() > end) throw new Error(`${name}: the provider's connection is still open`);
    await new Promise((done) => setTimeout(done, 20));
  }
  return provider.left.get(name);
}

/**
 * The step is promised where a report arrives before the next half of it is used. Where the machine is so
 * busy that it does not, what went by until it did is added.
 */
function assertNear(charged, exact, where, slowest = 0) {
  const off = charged - exact;
  const late = Math.ceil(slowest / PACE_MS) * TOKENS_PER_CHUNK;
  const most = Math.max(STEP, STEP / 2 + TOKENS_PER_CHUNK + late);
  assert.ok(charged > 0 && charged < HELD, `${where}: ${charged} charged`);
  assert.ok(Math.abs(off) <= most, `${where}: ${charged} charged, ${exact} used, ${most} allowed`);
  return Math.abs(off);
}

/** Starts a runtime and kills it behind that chunk. Gives how long the ledger took to answer meanwhile. */
async function killBehind(start, query, id, cut) {
  const app = await start();
  let slowest = 0;
  let isOver = false;
  const watch = async () => {
    while (!isOver) {
      const asked = performance.now();
      await api.balance(id);
      slowest = Math.max(slowest, performance.now() - asked);
      await new Promise((done) => setTimeout(done, 10));
    }
  };
  const watching = watch();
  try {
    const until = bytesOf(cut).length;
    await read(`${app.url}${query}`, { until, end: app.stop });
  } finally {
    isOver = true;
    await app.stop();
    await watching;
  }
  return slowest;
}

for (const [name, start] of Object.entries(RUNTIMES)) {
  describe(name, () => {
    const customer = async (what) => {
      const id = `${name} ${what}`.replaceAll(" ", "-");
      await api.grant(id, GRANTED);
      return id;
    };
    const query = (id, rest = {}) => `?${new URLSearchParams({ name: id, ...rest })}`;

    describe("while it lives", () => {
      let app;
      before(async () => (app = await start()));
      after(() => app?.stop());

      for (const path of ["", "paid"]) {
        test(`to its end, ${path || "metered"}`, async () => {
          const id = await customer(`end ${path}`);
          const { status, headers, how, bytes } = await read(`${app.url}${path}${query(id)}`, {});
          assert.deepEqual([status, how], [200, "end"], String(bytes));
          assert.equal(headers["x-provider"], "yes");
          assert.deepEqual(bytes, Buffer.concat(BODY), "byte for byte");
          assert.equal(await paid(id), truth(BODY.length));
        });

        test(`not covered, ${path || "metered"}`, async () => {
          const { status } = await read(`${app.url}${path}${query(`${name}-poor`)}`, {});
          assert.equal(status, path === "paid" ? 402 : 500);
        });
      }

      test("more than is held", async () => {
        const id = await customer("more");
        await read(`${app.url}${query(id, { hold: 25 })}`, {});
        assert.equal(await paid(id), truth(BODY.length));
      });

      test("cut at every chunk by the provider: what was passed on", async () => {
        await Promise.all(
          CUTS.map(async (cut) => {
            const id = await customer(`provider ${cut}`);
            const { how, bytes = [] } = await read(`${app.url}${query(id, { cut })}`, {}).catch(() => ({}));
            assert.notEqual(how, "end");
            const sent = bytesOf(cut);
            assert.deepEqual(Buffer.from(bytes), sent.subarray(0, bytes.length));
            const charged = await paid(id);
            // Where the break overtakes the last chunk on its way, that was never passed on.
            if (bytes.length === sent.length) assert.equal(charged, truth(cut), `${cut} chunks`);
            else assertNear(charged, truth(cut), `${cut} chunks`);
          }),
        );
      });

      test("cut at every chunk by who reads: within one step", async (t) => {
        const offs = await Promise.all(
          CUTS.map(async (cut) => {
            const id = await customer(`client ${cut}`);
            const until = bytesOf(cut).length;
            const end = (response) => void response.destroy();
            const { bytes } = await read(`${app.url}${query(id)}`, { until, end });
            assert.deepEqual(bytes, bytesOf(BODY.length).subarray(0, bytes.length));
            const off = assertNear(await paid(id), truth(cut), `${cut} chunks`);
            // With time to notice it, the provider is not read to its end for nobody.
            if (cut < 5) assert.ok((await leftAt(id)) < BODY.length, `${cut}: the provider went on`);
            return off;
          }),
        );
        t.diagnostic(`figure: ${name}: ${offs.length} cuts by who reads, at most ${Math.max(...offs)} of a step of ${STEP} off`);
      });
    });

    test("kill -9 at every chunk: within one step, by the hold's expiry", async (t) => {
      const offs = [];
      const waiting = [...CUTS];
      const turn = async () => {
        for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift()) {
          const id = await customer(`killed ${cut}`);
          const slowest = await killBehind(start, query(id, { ttl: SHORT_TTL }), id, cut);
          offs.push(assertNear(await paid(id), truth(cut), `${cut} chunks`, slowest));
        }
      };
      await Promise.all([turn(), turn()]);
      t.diagnostic(`figure: ${name}: ${offs.length} kills, at most ${Math.max(...offs)} of a step of ${STEP} off`);
    });
  });
}
