// The README of the Credit Engine SDK, snippet by snippet, against the real worker: on every runtime,
// from the packed tarball, under its own keys and customer.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { CreditEngine } from "../../pkg/js/index.js";
import { ledgerApi } from "./api.mjs";
import { REPOSITORY, makeProject, runTool } from "./project.mjs";
import { moduleOf } from "./sdk-readme/module.mjs";
import { SNIPPETS, TYPES } from "./sdk-readme/snippets.mjs";
import { RUNTIMES, difference, installSnippets } from "./snippets.mjs";
import { ledgerWorker, startWorkerd } from "./workerd.mjs";

const CUSTOMER = "cus_xxx";
const START = 50;
/** How long what one ledger knows may take to be known to all. */
const LATER_MS = 20_000;

const snippets = SNIPPETS.filter(({ method }) => !method || method in CreditEngine.prototype);

/** The keys of the README, which a deployment can be told to accept. */
function entry(key) {
  const sha256 = createHash("sha256").update(key).digest("hex");
  return { id: key, env: key.split("_")[1], scopes: ["admin"], sha256 };
}

let installed;
before(async () => {
  installed = await installSnippets(moduleOf(snippets));
});
after(() => installed?.remove());

for (const runtime of RUNTIMES) {
  describe(runtime, () => {
    let world;
    before(async () => {
      const API_KEYS = JSON.stringify(["ce_live_xxx", "ce_test_xxx"].map(entry));
      world = await startWorkerd({ workers: [ledgerWorker({ API_KEYS }), installed.worker] });
    });
    after(() => world?.stop());

    for (const snippet of snippets) {
      test(snippet.name, async () => {
        const { urls } = world;
        const api = ledgerApi(urls.ledger, "ce_live_xxx");
        await startFrom(api);
        const deadline = Date.now() + LATER_MS;
        for (;;) {
          const call = { name: snippet.name, url: urls.ledger };
          const returned = await installed.run(runtime, call, urls);
          const wrong = difference(snippet.expect, returned);
          if (!wrong) break;
          // What is told across customers follows; nothing else may be late.
          assert.ok(snippet.later && Date.now() < deadline, wrong);
          await sleep(250);
        }
        assert.equal((await api.balance(CUSTOMER)).balance, snippet.left ?? START);
      });
    }
  });
}

test("its types are exported", async () => {
  const directory = join(REPOSITORY, "pkg", "js", "types");
  const texts = await Promise.all(
    (await readdir(directory)).map((name) => readFile(join(directory, name), "utf8")),
  );
  const declared = (name) =>
    new RegExp(`export (?:interface|type) ${name}\\b`).test(texts.join(""));
  const names = TYPES.filter(declared);
  const missing = TYPES.length - names.length;
  assert.equal(
    missing,
    snippets.length === SNIPPETS.length ? 0 : missing,
    "all of them, with all methods",
  );
  const types = await makeProject({
    files: {
      "main.ts": `import type {\n${names.map((name) => `${name},\n`).join("")}} from 'edge-credits/credit-engine';
export type All = [${names.join(", ")}];\n`,
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          strict: true,
          noEmit: true,
          skipLibCheck: false,
          module: "nodenext",
          target: "es2022",
          lib: ["es2022"],
          types: [],
        },
        files: ["main.ts"],
      }),
    },
  });
  try {
    await runTool("tsc", ["--project", types.directory]);
  } finally {
    await types.remove();
  }
});

test("how much of it there is", (t) => {
  t.diagnostic(
    `figure: the SDK's README: ${snippets.length} of ${SNIPPETS.length} snippets, on ${RUNTIMES.length} runtimes`,
  );
});

/** Brings the balance to START, whatever the snippet before has made of it. */
async function startFrom(api) {
  const { balance } = await api.balance(CUSTOMER);
  if (balance === START) return;
  const { status, json } = await api.add(CUSTOMER, { amount: START - balance, type: "adjustment" });
  assert.equal(status, 200, JSON.stringify(json));
}
