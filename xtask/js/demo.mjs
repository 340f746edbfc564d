// The story that `cargo xtask demo` tells: one customer, an edge function, and what can go wrong.
//
// Each step is done over HTTP and compared with what must come of it: the answer, the balance that
// is left, and how often the model was asked. Ends with status 1 when anything differs.

import { minorUnits, settledBalance, startExample, statement } from "./example.mjs";
import { promptOf } from "./model.mjs";

const CUSTOMER = "alice";
/** 24 000 tokens to read cost 24 credits, and an answer of 1 000 tokens costs 3. */
const DOCUMENT = promptOf(24_000, "1000");
const REFUSED = { status: 402, error: "out_of_credits" };
const FAILED = { status: 502, error: "model_failed", prompt: promptOf(10_000, "fail") };

/** A message to the example's chat; what it asks for is the document, unless it says else. */
function chat(what, id, { status, error, credits_left, prompt = DOCUMENT }, left) {
  const act = (example) => example.chat({ user: CUSTOMER, prompt, id });
  // Only what has been paid for reaches the model.
  const modelCalls = status === 200 || status === 502 ? 1 : 0;
  return { what, act, answer: { status, error, credits_left }, left, modelCalls };
}

/** A charge through the API, under a key of the caller's. */
function charge(what, replayed) {
  const headers = { "idempotency-key": "order_1" };
  const act = async ({ api }) => flat(await api().consume(CUSTOMER, { amount: 5 }, headers));
  return { what, act, answer: { status: 200, balance: 14, replayed }, left: 14, modelCalls: 0 };
}

const STEPS = [
  {
    what: "grant 100 credits",
    act: async ({ api }) => flat(await api().add(CUSTOMER, { amount: 100, type: "topup" })),
    answer: { status: 200, balance: 100 },
    left: 100,
    modelCalls: 0,
  },
  chat("chat: 24 for the prompt, 3 for the answer", "m1", { status: 200, credits_left: 76 }, 73),
  chat("chat", "m2", { status: 200, credits_left: 49 }, 46),
  chat("chat", "m3", { status: 200, credits_left: 22 }, 19),
  chat("chat: 24 needed, 19 left", "m4", { ...REFUSED, credits_left: 19 }, 19),
  chat("the message m3, sent again", "m3", { status: 409, error: "already_sent" }, 19),
  charge("charge 5 by the API, key order_1", false),
  charge("the same again, key order_1", true),
  chat("chat for 10, and the model fails", "m5", { ...FAILED, credits_left: 14 }, 14),
  {
    what: "kill -9 of the runtime, and start",
    act: ({ restart }) => restart().then(() => ({})),
    answer: {},
    left: 14,
    modelCalls: 0,
  },
  charge("once more, key order_1", true),
  {
    what: "grant 24 credits",
    act: async ({ api }) => flat(await api().add(CUSTOMER, { amount: 24, type: "topup" })),
    answer: { status: 200, balance: 38 },
    left: 38,
    modelCalls: 0,
  },
  chat("the message that was refused, m4", "m4", { status: 200, credits_left: 14 }, 11),
];

function flat({ status, json }) {
  return { status, ...json };
}

const COLUMNS = [42, 34, 9];

function row(...cells) {
  console.log(cells.map((cell, index) => String(cell).padEnd(COLUMNS[index])).join("  ").trimEnd());
}

/** Does one step and returns what differs from what must be. */
async function run(step, example) {
  const callsBefore = example.model.calls();
  const answer = await step.act(example);
  const left = await settledBalance(example.api(), CUSTOMER, minorUnits(step.left));
  const text = JSON.stringify;
  const differences = Object.entries(step.answer)
    .filter(([name, value]) => answer[name] !== value)
    .map(([name, value]) => `${name} is ${text(answer[name])}, not ${text(value)}`);
  if (left !== minorUnits(step.left)) differences.push(`${left / 1e6} left, not ${step.left}`);
  const calls = example.model.calls() - callsBefore;
  if (calls !== step.modelCalls) differences.push(`the model was asked ${calls} times`);
  row(step.what, describe(answer), left / 1e6);
  return differences;
}

function describe({ status, error, replayed, credits_left }) {
  if (status === undefined) return "";
  const word = typeof error === "object" ? error.code : error;
  const parts = [status, word, replayed ? "replayed" : undefined];
  if (credits_left !== undefined) parts.push(`credits_left ${credits_left}`);
  return parts.filter((part) => part !== undefined).join(" ");
}

/** The ledger's own account of the story: the entries must sum up to the balance. */
async function checkStatement(example) {
  const entries = await statement(example.api(), CUSTOMER);
  const sum = entries.reduce((total, { amount }) => total + minorUnits(amount), 0);
  const left = minorUnits(STEPS.at(-1).left);
  console.log(`\n${entries.length} entries in the ledger, newest first:\n`);
  for (const { type, amount, balance_after, description, idempotency_key } of entries) {
    row(`${type.padEnd(12)} ${description ?? ""}`, idempotency_key ?? "", amount, balance_after);
  }
  return sum === left ? [] : [`the entries sum up to ${sum / 1e6}, not ${left / 1e6}`];
}

const example = await startExample();
const differences = [];
try {
  console.log();
  row("what happened", "what was answered", "credits left");
  for (const step of STEPS) {
    const found = await run(step, example);
    for (const difference of found) console.log(`  DIFFERS: ${difference}`);
    differences.push(...found);
  }
  differences.push(...(await checkStatement(example)));
} finally {
  if (differences.length > 0) console.log(`\nThe runtime said:\n${example.output()}`);
  await example.stop();
}
const verdict = differences.length > 0 ? `${differences.length} differences` : "all as it must be";
console.log(`\n${STEPS.length} steps on workerd, ledger on disk: ${verdict}`);
process.exitCode = differences.length > 0 ? 1 : 0;
