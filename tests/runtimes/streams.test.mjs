// Metered streams on every runtime, from the packed tarball against the real worker: cut at every chunk
// by who reads, by the provider, and by kill -9 of the runtime, before a ledger that answers slowly. What is
// charged is never further from the truth than one step of progress, however busy the machine is, never
// nothing, and never all that was held.

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
import { BODY, bytesOf, chunksOf, startProvider, truth } from "./streams/provider.mjs";
import { slowLedger } from "./streams/slow_ledger.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const GRANTED = 100_000;
const HELD = 1000;
/** The app's `progressEvery`: six chunks. */
const STEP = 30;
/** A killed runtime's holds end soon, but not while it runs on a busy machine. */
const SHORT_TTL = 5000;
/** Before a kill: so many chunks go by while a report is on its way, as make more than a step. */
const KILLED = { ttl: SHORT_TTL, pace: 15 };
const REPORT_MS = 8 * KILLED.pace;
const CUTS = Array.from({ length: BODY.length }, (_, chunks) => chunks);

const keys = makeKeys();
let project;
let ledger;
let slow;
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
  slow = await slowLedger(ledger.urls.ledger, REPORT_MS);
  api = ledgerApi(ledger.urls.ledger, keys.live.text);
  provider = await startProvider();
});
after(async () => {
  provider?.close();
  slow?.close();
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

/** `url` is the ledger's. */
const settings = (url) =>
  JSON.stringify({ url, key: keys.live.text, provider: provider.url, mode: "stateless" });
const denoFlags = ["run", "--allow-net=127.0.0.1", "--no-prompt", "--node-modules-dir=manual"];
const edgeVm = fileURLToPath(new URL("./streams/edge-vm-program.mjs", import.meta.url));
const RUNTIMES = {
  node: (url) => startProgram(tool("node"), ["program.js", settings(url)]),
  deno: (url) => startProgram(tool("deno"), [...denoFlags, "program.js", settings(url)]),
  bun: (url) => startProgram(tool("bun"), ["run", "program.js", settings(url)]),
  "edge VM": (url) => startProgram(tool("node"), [edgeVm, project.directory, settings(url)]),
  workerd: async (url) => {
    const { url: URL, key: KEY, provider: PROVIDER } = JSON.parse(settings(url));
    const bindings = { URL, KEY, PROVIDER };
    const runtime = await startWorkerd({ workers: [{ name: "app", ...project.bundle, bindings }] });
    return { url: `${runtime.urls.app}/`, stop: runtime.stop };
  },
};

/** Reads until so many bytes have come, and then does `end` and takes what still comes; or to the end. */
function read(url, { until = Infinity, end }) {
  return new Promise((resolve, fail) => {
    const parts = [];
    let length = 0;
    get(url, (response) => {
      const { statusCode: status, headers } = response;
      let isCut = false;
      const finish = (how) => resolve({ status, headers, how, bytes: Buffer.concat(parts) });
      const look = () => {
        if (length < until || isCut) return;
        isCut = true;
        end(response);
      };
      response.on("data", (part) => (parts.push(part), (length += part.length), look()));
      response.on("end", () => finish("end"));
      response.on("error", () => finish("failed"));
      response.on("close", () => finish("cut"));
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
 * What was used lies between what reached the reader and what the provider had sent: between the two a
 * runtime was when it ended. The ledger may be `slack` behind it.
 */
async function assertNear(id, { bytes }, { where, slack }) {
  const charged = await paid(id);
  const sent = await leftAt(id);
  const range = Array.from({ length: sent + 1 }, (_, chunks) => truth(chunks)).slice(chunksOf(bytes.length));
  const behind = Math.min(...range) - charged;
  const figures = `${where}: ${charged} charged, ${range[0]} reached the reader, ${range.at(-1)} were sent`;
  assert.ok(charged > 0 && charged < HELD, figures);
  assert.ok(behind <= slack && charged <= Math.max(...range), figures);
  return Math.max(0, behind);
}

/** Starts a runtime and kills it behind that chunk. Gives what reached the reader. */
async function killBehind(start, query, cut) {
  const app = await start(slow.url);
  try {
    return await read(`${app.url}${query}`, { until: bytesOf(cut).length, end: app.stop });
  } finally {
    await app.stop();
  }
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
      before(async () => (app = await start(ledger.urls.ledger)));
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
            const answer = await read(`${app.url}${query(id, { cut })}`, {}).catch(() => ({}));
            const { how, bytes = Buffer.of() } = answer;
            assert.notEqual(how, "end");
            assert.deepEqual(bytes, bytesOf(cut).subarray(0, bytes.length));
            // Where the break overtakes the last chunk on its way, that was never passed on.
            await assertNear(id, { bytes }, { where: `${cut} chunks`, slack: 0 });
          }),
        );
      });

      test("cut at every chunk by who reads: what was passed on", async (t) => {
        const offs = await Promise.all(
          CUTS.map(async (cut) => {
            const id = await customer(`client ${cut}`);
            const until = bytesOf(cut).length;
            const end = (response) => void response.destroy();
            const { bytes } = await read(`${app.url}${query(id)}`, { until, end });
            assert.deepEqual(bytes, bytesOf(BODY.length).subarray(0, bytes.length));
            const off = await assertNear(id, { bytes }, { where: `${cut} chunks`, slack: 0 });
            // With time to notice it, the provider is not read to its end for nobody.
            if (cut < 5) assert.ok((await leftAt(id)) < BODY.length, `${cut}: the provider went on`);
            return off;
          }),
        );
        t.diagnostic(`figure: ${name}: ${offs.length} cuts by who reads, at most ${Math.max(...offs)} of a step of ${STEP} off`);
      });
    });

    test("kill -9 at every chunk: within one step, by the hold's expiry", async (t) => {
      const killed = [];
      const waiting = [...CUTS];
      const turn = async () => {
        for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift()) {
          const id = await customer(`killed ${cut}`);
          const answer = await killBehind(start, query(id, KILLED), cut);
          assert.deepEqual(answer.bytes, bytesOf(BODY.length).subarray(0, answer.bytes.length));
          killed.push(assertNear(id, answer, { where: `${cut} chunks`, slack: STEP }));
        }
      };
      await Promise.all([turn(), turn()]);
      const offs = await Promise.all(killed);
      t.diagnostic(`figure: ${name}: ${offs.length} kills, at most ${Math.max(...offs)} of a step of ${STEP} off`);
    });
  });
}
