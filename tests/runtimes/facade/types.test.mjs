// The hand-written types and the code name the same things.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

import * as root from "../../../pkg/js/index.js";
import * as creditEngine from "../../../pkg/js/credit-engine.js";

const types = new URL("../../../pkg/js/types/", import.meta.url);

async function declarations() {
  const names = await readdir(types);
  return (await Promise.all(names.map((name) => readFile(new URL(name, types), "utf8")))).join("");
}

test("every value that is declared is exported, and nothing else", async () => {
  const text = await declarations();
  const declared = [...text.matchAll(/^export (?:class|function|const) (\w+)/gm)];
  const names = declared.map(([, name]) => name).sort();
  assert.deepEqual(Object.keys(root).sort(), names);
  // What the Credit Engine SDK has no word for is not in the entry that replaces it.
  const face = names.filter((name) => name !== "withCredits");
  assert.deepEqual(Object.keys(creditEngine).sort(), face);
});

test("every method that is declared exists, and nothing else", async () => {
  const text = await readFile(new URL("engine.d.ts", types), "utf8");
  const body = text.slice(text.indexOf("export class CreditEngine"));
  const declared = [...body.matchAll(/^  (?:readonly )?(\w+)(?:<\w+>)?[(:]/gm)];
  const names = new Set(declared.map(([, name]) => name));
  const members = Object.getOwnPropertyNames(root.CreditEngine.prototype);
  assert.deepEqual(members.sort(), [...names].sort());
  assert.ok(body.includes("[Symbol.asyncDispose](): Promise<void>"));
});

test("every fact that an error is declared to have, it has", async () => {
  const text = await readFile(new URL("errors.d.ts", types), "utf8");
  const classes = text.split(/^export class /m).slice(1);
  for (const body of classes) {
    const error = new root[/^\w+/.exec(body)[0]]("m", { cause: new Error("c") });
    for (const [, name] of body.matchAll(/^  readonly (\w+)\??:/gm)) {
      assert.notEqual(error[name], undefined, `${error.name}.${name}`);
    }
  }
  assert.equal(classes.length, 5);
});
