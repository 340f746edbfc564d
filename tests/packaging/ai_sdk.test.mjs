// edge-credits/ai-sdk with the real `ai` package, of the major that is current: what a call of a model
// costs, whoever ends it and however.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { join } from "node:path";

import { REPOSITORY } from "../runtimes/project.mjs";
import { makeProject, runIn } from "./tools.mjs";

/** 600 · 1 000 + 400 · 100 + 200 · 4 000, for a million each. */
const COST = 1.44;
const TOKENS = { input: 600, cacheRead: 400, cacheWrite: 0, output: 150, reasoning: 50 };
/** The text is 296 bytes, which are 74 tokens. */
const TEXT_COST = 0.296;

const TYPES = `
import { wrapLanguageModel, type LanguageModelMiddleware } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { CreditEngine } from "edge-credits";
import { credits } from "edge-credits/ai-sdk";

const client = new CreditEngine({ apiKey: "ce_test_x" });
const price = { input: 3, output: "15" };
const middleware: LanguageModelMiddleware = credits({ client, customer: "ada", price });
const customer = async ({ model }: { model: { modelId: string } }) => model.modelId;
export const paid = wrapLanguageModel({
  model: new MockLanguageModelV4(),
  middleware: [middleware, credits({ client, customer, price, hold: { policy: "learned", cap: 5 } })],
});
// @ts-expect-error a key would be each call's own
credits({ client, customer: "ada", price, idempotencyKey: "k" });
`;

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    strict: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    types: [],
    module: "esnext",
    moduleResolution: "bundler",
    skipLibCheck: true,
  },
  files: ["types.ts"],
});

describe("the AI SDK's middleware", () => {
  let project;
  let told;

  before(async () => {
    const from = join(REPOSITORY, "tests", "packaging", "ai-sdk");
    project = await makeProject({ "types.ts": TYPES, "tsconfig.json": TSCONFIG }, from);
    const { stdout } = await runIn(project, "node", ["program.mjs"]);
    told = Object.fromEntries(stdout.trim().split("\n").map((line) => JSON.parse(line)));
  });
  after(() => project?.remove());

  test("a generated text is held before, and charged by what the provider counted", () => {
    const { balance, kinds, charges, heldBefore, same, reported } = told.generated;
    assert.deepEqual([balance, same, reported], [100 - COST, true, []]);
    assert.deepEqual(kinds, ["hold", "consumption"]);
    assert.deepEqual(charges, [{ amount: -COST, action: "chat", tokens: TOKENS, estimated: false }]);
    assert.ok(heldBefore.includes("hold"), "the credits are held when the model is called");
  });

  test("a stream is passed on, reported while it runs, and charged by its usage", () => {
    const { balance, kinds, same, reports, charges } = told.streamed;
    assert.deepEqual([balance, same], [100 - COST, true]);
    assert.deepEqual(kinds, ["hold", "consumption"]);
    assert.equal(charges[0].estimated, false);
    assert.ok(reports > 1, `${reports} reports`);
  });

  test("a call that the balance does not cover is not made", () => {
    const { balance, kinds, calls, thrown, shown } = told.short;
    assert.deepEqual([balance, kinds, calls, thrown, shown], [0.001, [], 0, true, true]);
  });

  test("a provider that refuses costs nothing, and its error is the caller's", () => {
    const { balance, kinds, messages, calls } = told.refused;
    assert.deepEqual([balance, calls], [100, 2]);
    assert.deepEqual(kinds, ["hold", "release", "hold", "release"]);
    assert.deepEqual(messages, ["the provider refused", "the provider refused"]);
  });

  test("a stream that breaks off, or is aborted, costs what it said; one that failed at once, nothing", () => {
    for (const name of ["broken", "aborted"]) {
      const { kinds, charges, balance } = told[name];
      assert.deepEqual(kinds, ["hold", "consumption"], name);
      const [{ amount, estimated, tokens }] = charges;
      assert.equal(tokens.output, 74, name);
      // Beside the text there is the prompt, some tokens of input.
      assert.ok(-amount >= TEXT_COST && -amount < TEXT_COST + 0.05, `${name}: ${amount}`);
      assert.deepEqual([estimated, balance], [true, 100 + amount], name);
    }
    assert.deepEqual([told.failedAtOnce.balance, told.failedAtOnce.kinds], [100, ["hold", "release"]]);
  });

  test("a call that is aborted before its first word has been made: its prompt is charged", () => {
    const { kinds, charges } = told.abortedBeforeAWord;
    assert.deepEqual(kinds, ["hold", "consumption"]);
    const [{ amount, tokens }] = charges;
    assert.equal(tokens.output, 1, "of which nothing is known: the least");
    assert.ok(amount < 0 && amount > -0.05, `${amount}`);
  });

  test("a tool's input that comes bit by bit, and then whole, counts once", () => {
    const { bytes, charges } = told.typedByATool;
    assert.equal(charges[0].tokens.output, Math.ceil(bytes / 4));
  });

  test("each call of a loop of tools is metered by itself", () => {
    const { balance, kinds } = told.tools;
    assert.deepEqual(kinds, ["hold", "consumption", "hold", "consumption"]);
    assert.equal(balance, 100 - 2 * COST);
  });

  test("an answer that nobody counted is charged by its length", () => {
    const [{ estimated, tokens }] = told.uncounted.charges;
    assert.deepEqual([estimated, tokens.output], [true, 74]);
  });

  test("what cannot be set for all calls is refused when it is made", () => {
    assert.deepEqual(told.wrong, [
      ["invalid_config", "client"],
      ["invalid_config", "idempotencyKey"],
      ["invalid_config", "hold"],
      "function",
    ]);
  });

  test("it compiles as a middleware of the AI SDK", async () => {
    await runIn(project, "tsc", ["--project", "."]);
  });
});
