// A short chaos run, and runs that must fail: a harness that calls a liar honest proves nothing.
// `cargo xtask chaos` is the long one.

import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { figure, lines, reasonsInvalid } from "./report.mjs";
import { run } from "./run.mjs";

const KILLS = 5;

for (const mode of ["ledger", "cache"]) {
  test(`${mode}: kills, stops, upgrades and a bad network lose and double nothing`, async (t) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const figures = await run({ mode, kills: KILLS, seed });
    const report = lines(figures).join("\n");
    assert.deepEqual(figures.violations, [], report);
    assert.deepEqual(reasonsInvalid(figures), [], report);
    t.diagnostic(`figure: ${figure(figures)}`);
  });
}

/** How the ledger lies, to whom, and the rule that must catch it. */
const LIES = [
  ["lose", "ledger", "lost"],
  ["double", "ledger", "phantom"],
  ["lose", "cache", "lost"],
];

for (const [lie, mode, rule] of LIES) {
  const asked = mode === "cache" ? "behind a cache" : "itself";
  test(`a ledger that would ${lie} charges is found out, ${asked}`, async () => {
    const { violations, kept } = await run({
      mode,
      kills: 1,
      seed: 1,
      damage: async (directory) => {
        const source = await readFile(new URL("liar.js", import.meta.url), "utf8");
        const text = `const LIE = ${JSON.stringify(lie)};\n${source}`;
        await writeFile(join(directory, "liar.js"), text);
        return "liar.js";
      },
    });
    if (kept) await rm(kept, { recursive: true, force: true });
    assert.ok(violations.some((violation) => violation.rule === rule), "nothing was noticed");
  });
}
