// What the README shows, run: its Worker on workerd with its bindings, its other code in Node.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ledgerApi } from "./api.mjs";
import { makeKeys } from "./keys.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { codeBlocks } from "./readme.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const projects = [];
const inProject = async (contents) => {
  const project = await makeProject(contents);
  projects.push(project);
  return project.directory;
};
after(() => Promise.all(projects.map((project) => project.remove())));

describe("README.md", () => {
  const keys = makeKeys();
  const ledger = ledgerWorker({ API_KEYS: keys.secret });
  let readme;

  before(async () => {
    readme = await readFile(join(REPOSITORY, "README.md"), "utf8");
  });

  test("its Worker, with its wrangler.toml, charges and refuses", async () => {
    const code = blocksFor("a Worker", (code) => code.includes("export default"));
    const [{ code: bindings }] = codeBlocks(readme, "toml");
    const settings = `name = "readme"\nmain = "main.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`;
    for (const main of code) {
      const directory = await inProject({
        files: { "main.js": main, "wrangler.toml": settings + bindings },
      });
      const LEDGER = { className: "LedgerObject", worker: "ledger" };
      const worker = { name: "readme", ...(await bundleWorker(directory)), objects: { LEDGER } };
      await withRuntime([ledger, worker], async ({ urls }) => {
        const refused = await fetch(urls.readme);
        assert.deepEqual([refused.status, await refused.json()], [402, { need: 10, have: 0 }]);
        await ledgerApi(urls.ledger, keys.live.text).grant("cus_1", 25);
        const charged = await fetch(urls.readme);
        assert.deepEqual([charged.status, await charged.json()], [200, { credits_left: 15 }]);
      });
    }
  });

  test("its other code runs in Node against the worker", async () => {
    const directory = await inProject({});
    const packed = join(directory, "node_modules", "edge-credits", "README.md");
    assert.equal(await readFile(packed, "utf8"), readme, "the package carries it");
    await withRuntime([ledger], async ({ urls }) => {
      const env = { CREDITS_API_KEY: keys.test.text, CREDITS_URL: urls.ledger };
      for (const code of blocksFor("Node", (code) => !code.includes("export default"))) {
        const args = ["--input-type=module", "--eval", code];
        const { stdout } = await runTool("node", args, { cwd: directory, env });
        assert.equal(stdout.trim(), "95");
      }
    });
  });

  function blocksFor(what, choose) {
    const code = codeBlocks(readme, "js").map((block) => block.code).filter(choose);
    assert.ok(code.length > 0, `the README shows no code for ${what}`);
    return code;
  }
});

async function withRuntime(workers, use) {
  const runtime = await startWorkerd({ workers });
  try {
    await use(runtime);
  } finally {
    await runtime.stop();
  }
}
