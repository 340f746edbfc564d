// What the client's modules ask of their host and offer to it, against the lists beside this file: an
// import that nobody meant (a clock, randomness at start) or an export of another crate shows here.
// To accept a change: UPDATE_GOLDEN=1 node --test tests/golden

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";

const file = (path) => new URL(path, import.meta.url);

/** Closures are exported with a hash of the crate versions that made them, which says nothing. */
const plain = (name) => name.replace(/__h[0-9a-f]{16}$/, "");
const list = (entries) => [...new Set(entries.map(({ name }) => plain(name)))].sort();

async function compare(name, actual) {
  const golden = file(`./${name}.json`);
  const text = `${JSON.stringify(actual, null, 1)}\n`;
  if (process.env.UPDATE_GOLDEN) await writeFile(golden, text);
  assert.equal(text, await readFile(golden, "utf8"), `${name} has changed`);
}

for (const [name, path] of [
  ["client", "index_bg.wasm"],
  ["edge-client", "edge_bg.wasm"],
  ["clocknext", "clocknext_bg.wasm"],
]) {
  const module = new WebAssembly.Module(await readFile(file(`../../pkg/dist/${path}`)));

  test(`the ${name}'s imports`, () =>
    compare(`${name}-imports`, list(WebAssembly.Module.imports(module))));

  test(`the ${name}'s exports`, () =>
    compare(`${name}-exports`, list(WebAssembly.Module.exports(module))));
}
