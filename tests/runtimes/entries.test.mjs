// `await using` on every runtime, and the entry without a module.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { EdgeVM } from "@edge-runtime/vm";
import { build } from "esbuild";

import { bundleForEdgeVm } from "./edge_vm.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { COMPATIBILITY_DATE, startWorkerd } from "./workerd.mjs";

let project;
before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "entries"),
    files: {
      "package.json": JSON.stringify({ name: "entries", private: true, type: "module" }),
      "wrangler.toml": `name = "edge"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`,
    },
  });
});
after(() => project?.remove());

describe("await using", () => {
  const DONE = [["consume"], "client_destroyed"];
  const printed = async (tool, args) =>
    JSON.parse((await runTool(tool, args, { cwd: project.directory })).stdout);

  test("Deno", async () =>
    assert.deepEqual(
      await printed("deno", ["run", "--no-prompt", "--node-modules-dir=manual", "main.js"]),
      DONE,
    ));
  test("Bun", async () => assert.deepEqual(await printed("bun", ["run", "main.js"]), DONE));

  test("Node, by way of a compiler where it does not know the syntax", async () => {
    const packages = "external";
    const outfile = join(project.directory, "lowered.js");
    await build({
      absWorkingDir: project.directory,
      entryPoints: ["main.js"],
      bundle: true,
      packages,
      format: "esm",
      target: "es2022",
      outfile,
    });
    assert.deepEqual(await printed("node", ["lowered.js"]), DONE);
  });

  test("Vercel edge VM, by way of its bundler", async () => {
    const { bundle, globals } = await bundleForEdgeVm(project.directory, { target: "es2022" });
    const vm = new EdgeVM({ extend: (context) => Object.assign(context, globals) });
    vm.evaluate(bundle);
    assert.deepEqual(JSON.parse(await vm.evaluate("runProgram()")), DONE);
  });

  test("workerd", async () => {
    const edge = await bundleWorker(project.directory);
    const runtime = await startWorkerd({ workers: [{ name: "edge", ...edge }] });
    try {
      assert.deepEqual(await (await fetch(runtime.urls.edge)).json(), DONE, runtime.output());
    } finally {
      await runtime.stop();
    }
  });
});

describe("edge-credits/slim", () => {
  const PROGRAM = `
    import { CreditEngine, InsufficientCreditsError, init, isEdgeCreditsError } from "edge-credits/slim";
    import { createTestLedger } from "edge-credits/testing";
    import { readFile } from "node:fs/promises";

    const ledger = createTestLedger();
    const make = () => new CreditEngine({ apiKey: ledger.apiKey, fetcher: ledger, mode: "stateless" });
    const seen = [];
    try { make(); } catch (error) { seen.push(error.code, isEdgeCreditsError(error)); }
    seen.push(await init(undefined).catch(({ name }) => name));
    const bytes = await readFile(new URL(import.meta.resolve("edge-credits/slim.wasm")));
    await init(HOW);
    await init(bytes);
    const credits = make();
    await credits.add("cus_1", 10);
    seen.push((await credits.consumeOrFail("cus_1", 4)).balance);
    const refused = await credits.consumeOrFail("cus_1", 40).catch((error) => error);
    seen.push(refused instanceof InsufficientCreditsError);
    console.log(JSON.stringify(seen));`;
  const WAYS = {
    "by bytes": "bytes",
    "by a promise of bytes": "Promise.resolve(bytes)",
    "by a module": "new WebAssembly.Module(bytes)",
    "by a response": "new Response(bytes)",
  };

  for (const [name, how] of Object.entries(WAYS)) {
    test(`loads its module ${name}, and says so before`, async () => {
      const args = ["--input-type=module", "--eval", PROGRAM.replace("HOW", how)];
      const { stdout } = await runTool("node", args, { cwd: project.directory });
      assert.deepEqual(JSON.parse(stdout), ["invalid_config", true, "TypeError", 6, true]);
    });
  }

  for (const name of ["slim.js", "clocknext_slim.js"]) {
    test(`${name} carries no module`, async (t) => {
      const file = join(project.directory, "node_modules", "edge-credits", "dist", name);
      const text = await readFile(file, "utf8");
      const imports = /^import|\bimport\(|atob\(/m.test(text);
      // The smallest of the modules has 110 000 characters as text.
      assert.deepEqual([imports, text.length < 100_000], [false, true]);
      t.diagnostic(`figure: ${name}: ${text.length} bytes`);
    });
  }

  test("so does edge-credits/clocknext/slim", async () => {
    const program = `
      import { ClockNext, ClockNextError, init } from "edge-credits/clocknext/slim";
      import { readFile } from "node:fs/promises";
      const usageLog = { id: "log_1" };
      const answer = { statusDetail: { status: "SUCCESS" }, result: { usageLog } };
      const fetcher = { fetch: async () => Response.json(answer) };
      const make = () => new ClockNext({ apiKey: "cnk_x", fetcher });
      const seen = [];
      try { make(); } catch (error) { seen.push(error.code, error instanceof ClockNextError); }
      seen.push(await init(undefined).catch(({ name }) => name));
      await init(readFile(new URL(import.meta.resolve("edge-credits/clocknext/slim.wasm"))));
      const cnk = make();
      const signal = { customerId: "c", model: "m" };
      seen.push((await cnk.signals.wallet(signal, { wait: true })).usageLog.id);
      await cnk.signals.wallet(signal);
      seen.push((await cnk.close()).delivered);
      console.log(JSON.stringify(seen));`;
    const args = ["--input-type=module", "--eval", program];
    const { stdout } = await runTool("node", args, { cwd: project.directory });
    assert.deepEqual(JSON.parse(stdout), ["invalid_config", true, "TypeError", "log_1", 1]);
  });
});
