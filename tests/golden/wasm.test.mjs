// What the client's module asks of its host and offers to it, against the lists beside this file: an
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

const module = new WebAssembly.Module(await readFile(file("../../pkg/dist/index_bg.wasm")));

test("the client's imports", () => compare("client-imports", list(WebAssembly.Module.imports(module))));

test("the client's exports", () => compare("client-exports", list(WebAssembly.Module.exports(module))));
