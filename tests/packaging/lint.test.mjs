// The packed package by the linters of packages: its entries exist, resolve and have types.

import assert from "node:assert/strict";
import { test } from "node:test";

import { tarball } from "../runtimes/project.mjs";
import { runIn, toolsHome } from "./tools.mjs";

const tools = async () => {
  const home = await toolsHome();
  return { home, directory: home };
};

test("publint has nothing to say", async () => {
  const { stdout } = await runIn(await tools(), "publint", ["run", await tarball(), "--strict"]);
  assert.match(stdout, /All good!/);
});

test("are the types wrong? No", async () => {
  // The package has ES modules only, which `require` loads on Node ≥ 20.19. A module file has no types.
  const notTyped = ["--exclude-entrypoints", "./slim.wasm", "./clocknext/slim.wasm"];
  const args = [await tarball(), "--profile", "esm-only", "--format", "json", ...notTyped];
  const { stdout } = await runIn(await tools(), "attw", args);
  const { analysis } = JSON.parse(stdout);
  const entries = Object.entries(analysis.entrypoints);
  assert.ok(entries.length >= 5, "its entries are found");
  for (const [name, { resolutions }] of entries) {
    for (const kind of ["node16-esm", "bundler"]) {
      assert.ok(resolutions[kind].resolution, `${name} resolves by ${kind}`);
      const types = name === "./package.json" || resolutions[kind].resolution.isTypeScript;
      assert.ok(types, `${name} has types by ${kind}`);
    }
  }
});
