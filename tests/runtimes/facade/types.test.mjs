// The hand-written types and the code name the same things.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

import * as root from "../../../pkg/js/index.js";
import * as clocknext from "../../../pkg/js/clocknext.js";
import * as creditEngine from "../../../pkg/js/credit-engine.js";

const types = new URL("../../../pkg/js/types/", import.meta.url);

async function declarations() {
  const names = await readdir(types);
  return (await Promise.all(names.map((name) => readFile(new URL(name, types), "utf8")))).join("");
}

/** The values that these declarations name, each once. */
function valuesOf(text) {
  const declared = [...text.matchAll(/^export (?:class|function|const) (\w+)/gm)];
  return [...new Set(declared.map(([, name]) => name))].sort();
}

test("every value that is declared is exported, and nothing else", async () => {
  const names = valuesOf(await declarations());
  assert.deepEqual(Object.keys(root).sort(), names);
  const other = ["clocknext.d.ts", "clocknext_errors.d.ts"];
  const texts = await Promise.all(other.map((name) => readFile(new URL(name, types), "utf8")));
  const shared = ["EdgeCreditsError", "isEdgeCreditsError", "RateLimitError"];
  const theirs = valuesOf(texts.join("\n"));
  assert.deepEqual(Object.keys(clocknext).sort(), [...new Set([...theirs, ...shared])].sort());
  // What the Credit Engine SDK has no word for is not in the entry that replaces it.
  const face = names.filter((name) => name !== "withCredits");
  const own = face.filter((name) => shared.includes(name) || !theirs.includes(name));
  assert.deepEqual(Object.keys(creditEngine).sort(), own);
});

test("every method that is declared exists, and nothing else", async () => {
  const read = (file) => readFile(new URL(file, types), "utf8");
  const [text, ...besides] = await Promise.all(["engine.d.ts", "engine_holds.d.ts", "engine_history.d.ts"].map(read));
  assert.ok(text.includes("interface CreditEngine extends EngineHolds, EngineHistory {}"));
  const body = [text.slice(text.indexOf("export class CreditEngine")), ...besides].join("\n");
  const declared = [...body.matchAll(/^  (?:readonly )?(\w+)(?:<\w+>)?[(:]/gm)];
  const names = new Set(declared.map(([, name]) => name));
  const members = Object.getOwnPropertyNames(root.CreditEngine.prototype);
  assert.deepEqual(members.sort(), [...names].sort());
  assert.ok(body.includes("[Symbol.asyncDispose](): Promise<void>"));
});

test("every method of ClockNext that is declared exists, and nothing else", async () => {
  const parts = [
    ["signals.d.ts", "export interface Signals {", (cnk) => Object.getPrototypeOf(cnk.signals)],
    ["customers.d.ts", "export interface Customers {", (cnk) => Object.getPrototypeOf(cnk.customers)],
    ["customers.d.ts", "export interface Portal {", (cnk) => Object.getPrototypeOf(cnk.portal)],
    ["clocknext.d.ts", "export class ClockNext {", () => clocknext.ClockNext.prototype],
  ];
  const cnk = new clocknext.ClockNext({ apiKey: "cnk_x" });
  for (const [file, start, prototypeOf] of parts) {
    const text = await readFile(new URL(file, types), "utf8");
    const rest = text.slice(text.indexOf(start));
    const body = rest.slice(0, rest.indexOf("\n}"));
    const declared = [...body.matchAll(/^  (?:get )?(\w+)[(:]/gm)].map(([, name]) => name);
    const members = Object.getOwnPropertyNames(prototypeOf(cnk));
    const names = file === "clocknext.d.ts" ? declared : ["constructor", ...declared];
    assert.deepEqual(members.sort(), [...new Set(names)].sort(), start);
  }
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
