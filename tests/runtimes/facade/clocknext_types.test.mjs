// A signal that lacks a field does not compile; one that has all of them does.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, test } from "node:test";

import { makeProject, runTool } from "../project.mjs";

const GOOD = [
  `cnk.signals.credit({ customerId, model, key: 'k' })`,
  `cnk.signals.credit({ customerId, model, agentKey: 'k', tokens: { input: 1, output: 2, cache: 0 } })`,
  `cnk.signals.wallet({ customerId, model, member: 'a', custom: { a: 1 }, metric: { ref: 'x', value: 1 } })`,
  `cnk.signals.outcome({ customerId, model, key: 'k', runId: 'r', complete: true })`,
  `cnk.signals.track({ type: 'wallet', customerId, model, idempotencyKey: 'i' })`,
  `cnk.signals.credit({ customerId, model, key: 'k' }, { wait: true }).then(({ usageLog }) => usageLog.id)`,
  `cnk.signals.verify({ type: 'credit', customerId, model, key: 'k' })`,
  `cnk.customers.create({ name: 'a', email: 'b', taxId: 'c' })`,
  `cnk.customers.update('c', { notes: null })`,
  `new ClockNext({ apiKey: 'k', onDrop: (signal) => void cnk.signals.track(signal) })`,
];

/** Each by what is wrong with it, and the number of the compiler's complaint. */
const BAD = {
  "a credit without its key": `cnk.signals.credit({ customerId, model })`,
  "a credit without a model": `cnk.signals.credit({ customerId, key: 'k' })`,
  "a credit of nobody": `cnk.signals.credit({ model, key: 'k' })`,
  "a credit with two keys": `cnk.signals.credit({ customerId, model, key: 'k', agentKey: 'j' })`,
  "a credit of a run": `cnk.signals.credit({ customerId, model, key: 'k', runId: 'r' })`,
  "a wallet without a model": `cnk.signals.wallet({ customerId })`,
  "a wallet with a key": `cnk.signals.wallet({ customerId, model, key: 'k' })`,
  "an outcome without its key": `cnk.signals.outcome({ customerId, model, runId: 'r' })`,
  "a signal without its type": `cnk.signals.track({ customerId, model, key: 'k' })`,
  "a signal of another type": `cnk.signals.track({ type: 'cash', customerId, model })`,
  "a tracked credit without its key": `cnk.signals.track({ type: 'credit', customerId, model })`,
  "a verified outcome without its key": `cnk.signals.verify({ type: 'outcome', customerId, model })`,
  "tokens that are text": `cnk.signals.wallet({ customerId, model, tokens: { input: '1' } })`,
  "a metric without a value": `cnk.signals.wallet({ customerId, model, metric: { ref: 'x' } })`,
  "a field that no signal has": `cnk.signals.wallet({ customerId, model, tokenz: {} })`,
  "a client without a key": `new ClockNext({})`,
  "a customer without an email": `cnk.customers.create({ name: 'a' })`,
  "a token for nobody": `cnk.portal.createToken({ ttlSeconds: 60 })`,
};

const HEAD = `import { ClockNext } from 'edge-credits/clocknext';
declare const cnk: ClockNext; declare const customerId: string; declare const model: string;
`;
const CONFIG = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    module: "nodenext",
    target: "es2022",
    lib: ["es2022"],
    types: [],
  },
};

let project;
before(async () => {
  const bad = Object.values(BAD).map((code) => `// @ts-expect-error\n${code};`);
  project = await makeProject({
    files: {
      "good.ts": HEAD + GOOD.map((code) => `${code};\n`).join(""),
      "bad.ts": `${HEAD}${bad.join("\n")}\n`,
      "unmarked.ts": `${HEAD}${Object.values(BAD).join(";\n")};\n`,
      "tsconfig.json": JSON.stringify({ ...CONFIG, files: ["good.ts", "bad.ts"] }),
      "unmarked.json": JSON.stringify({ ...CONFIG, files: ["unmarked.ts"] }),
    },
  });
});
after(() => project && rm(project.directory, { recursive: true, force: true }));

test("what is whole compiles, and each that lacks something does not", async (t) => {
  const wrong = Object.keys(BAD).length;
  t.diagnostic(`figure: ${GOOD.length} calls that compile, ${wrong} with something missing or wrong that do not`);
  await runTool("tsc", ["--project", project.directory]);
});

test("every complaint is about its own line", async () => {
  const failed = await runTool("tsc", ["--project", `${project.directory}/unmarked.json`]).then(
    () => assert.fail("it compiled"),
    (error) => error,
  );
  const text = `${failed.stdout ?? ""}${failed.message}`;
  const lines = new Set(
    [...text.matchAll(/unmarked\.ts[(:](\d+)/g)].map(([, line]) => Number(line)),
  );
  Object.keys(BAD).forEach((name, index) => assert.ok(lines.has(index + 3), name));
});
