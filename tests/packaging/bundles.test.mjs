// Bundles of the package by the tools that people use, executed: one program, and each must charge.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { join } from "node:path";

import { makeKeys } from "../runtimes/keys.mjs";
import { ledgerApi } from "../runtimes/api.mjs";
import { ledgerWorker, startWorkerd } from "../runtimes/workerd.mjs";
import { makeProject, runIn } from "./tools.mjs";

/** Charges, and is refused by a class that it can name: what minifying breaks first. */
const PROGRAM = `
import { CreditEngine, InsufficientCreditsError } from "edge-credits";

const { CREDITS_URL: baseUrl, CREDITS_API_KEY: apiKey, CUSTOMER } = process.env;
const credits = new CreditEngine({ apiKey, baseUrl, mode: "stateless" });
const { balance } = await credits.consumeOrFail(CUSTOMER, 5, "AI: chat");
const refused = await credits.consumeOrFail(CUSTOMER, 1000).catch((error) => error);
await credits.destroy();
console.log(JSON.stringify([balance, refused instanceof InsufficientCreditsError, refused.name]));
`;

const VITE = `
export default {
  logLevel: "error",
  build: { ssr: "main.js", outDir: "out", minify: true, rollupOptions: { output: { entryFileNames: "main.mjs" } } },
  ssr: { noExternal: true },
};
`;

/** For browsers: no module file, no file access. Executed in Node, which has all that it asks for. */
const VITE_BROWSER = `
export default {
  logLevel: "error",
  define: { "process.env": "globalThis.process.env" },
  build: { target: "es2022", outDir: "out", minify: true, lib: { entry: "main.js", formats: ["es"], fileName: () => "main.mjs" } },
};
`;

const esbuild = (...flags) => [
  "esbuild",
  ["main.js", "--bundle", "--minify", "--format=esm", "--outfile=out/main.mjs", ...flags],
];
const node = ["node", ["out/main.mjs"]];

/** By name: how the bundle is made, and how it is run. */
const BUNDLES = {
  "esbuild, for Node": [esbuild("--platform=node"), node],
  "esbuild, for browsers, run in Node": [esbuild("--platform=browser"), node],
  "esbuild, run in Deno": [
    esbuild("--platform=neutral", "--conditions=import"),
    ["deno", ["run", "-A", "out/main.mjs"]],
  ],
  "Vite, server side": [["vite", ["build"]], node, { "vite.config.js": VITE }],
  "Vite, for browsers, run in Node": [
    ["vite", ["build"]],
    node,
    { "vite.config.js": VITE_BROWSER },
  ],
  "bun build": [
    ["bun", ["build", "main.js", "--minify", "--target=bun", "--outfile=out/main.mjs"]],
    ["bun", ["out/main.mjs"]],
  ],
  "bun build --compile": [
    ["bun", ["build", "main.js", "--compile", "--outfile=out/main"]],
    ["./out/main", []],
  ],
};

describe("a bundle that is run", () => {
  const keys = makeKeys();
  let runtime;
  before(async () => {
    runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  });
  after(() => runtime?.stop());

  for (const [name, [bundle, run, files = {}]] of Object.entries(BUNDLES)) {
    test(name, async () => {
      const project = await makeProject({ "main.js": PROGRAM, ...files });
      const customer = name.replaceAll(/\W/g, "_");
      try {
        await ledgerApi(runtime.urls.ledger, keys.live.text).grant(customer, 25);
        await runIn(project, ...bundle);
        const [program, args] = run;
        const given = {
          CREDITS_URL: runtime.urls.ledger,
          CREDITS_API_KEY: keys.live.text,
          CUSTOMER: customer,
        };
        const path = program.startsWith("./") ? join(project.directory, program) : program;
        // What was bundled must not need what was installed.
        await runIn(project, "rm", ["-r", "node_modules"]);
        const { stdout } = await runIn(project, path, args, given);
        assert.deepEqual(JSON.parse(stdout), [20, true, "InsufficientCreditsError"]);
      } finally {
        await project.remove();
      }
    });
  }
});
