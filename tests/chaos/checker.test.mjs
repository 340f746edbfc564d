// The checker catches what it is for. Each case takes a run in which all is well and breaks one
// thing; a checker that let it pass would make every chaos run worthless.

import assert from "node:assert/strict";
import { test } from "node:test";

import { check, notByItsAlarms } from "./checker.mjs";

const ok = (amount, began, rest = {}) => ({
  amount,
  began,
  ended: began + 1,
  outcome: "ok",
  replayed: false,
  transaction: "txn_a",
  ...rest,
});
const other = (outcome, amount, began, code = "") => ({
  amount,
  began,
  ended: began + 1,
  outcome,
  code,
});

/** One customer: a grant of 100, an acknowledged charge of 5, an unknown of 7, a refused of 900. */
function goodRun() {
  const of = (kind, key, ...attempts) => ({ customer: "c", kind, key, attempts });
  return {
    operations: [
      of("add", "g", ok(100, 1, { transaction: "txn_g" })),
      of("gate", "a", other("unknown", 5, 3), ok(5, 5), ok(5, 7, { replayed: true })),
      of("gate", "u", other("unknown", 7, 9)),
      of("gate", "r", other("refused", 900, 11, "insufficient_credits")),
    ],
    ledgers: new Map([["c", ledger(["topup", "g", 100], ["consumption", "a", -5])]]),
    reported: new Map(),
    neverNegative: new Set(["c"]),
  };
}

function ledger(...rows) {
  let balance = 0;
  const entries = rows.map(([type, key, amount], place) => {
    balance += amount;
    return { id: `txn_${key}`, type, key, amount, balanceAfter: balance, sequence: place + 1 };
  });
  return { entries, balance };
}

/** What the operator is shown of one charge. */
const report = (key, state) => new Map([["c", new Map([[key, state]])]]);

const GRANT = ["topup", "g", 100];
const CHARGE = ["consumption", "a", -5];

test("a run in which all is well passes, and is counted", () => {
  const { violations, counts } = check(goodRun());
  assert.deepEqual(violations, []);
  assert.deepEqual(counts, {
    acknowledged: 2,
    unknown: 1,
    refused: 1,
    "unknown, applied": 0,
    reported: 0,
  });
});

test("an unknown charge may stand, once", () => {
  const run = goodRun();
  run.ledgers.set("c", ledger(GRANT, CHARGE, ["consumption", "u", -7]));
  const { violations, counts } = check(run);
  assert.deepEqual(violations, []);
  assert.equal(counts["unknown, applied"], 1);
});

test("an accepted charge may end quarantined, or as rejected where it was written off", () => {
  const run = goodRun();
  run.ledgers.set("c", ledger(GRANT));
  for (const [state, writtenOff] of [["quarantined", []], ["rejected", ["c\na"]]]) {
    run.reported = report("a", state);
    run.writtenOff = new Set(writtenOff);
    const { violations, counts } = check(run);
    assert.deepEqual(violations, []);
    assert.equal(counts.reported, 1);
  }
});

test("a charge that was written off may stand: nobody knew what had come of it", () => {
  const run = goodRun();
  run.reported = report("a", "rejected");
  run.writtenOff = new Set(["c\na"]);
  assert.deepEqual(check(run).violations, []);
});

/** What is broken, how, and the rule that must catch it. */
const BROKEN = {
  "a lost charge": ["lost", (run) => run.ledgers.set("c", ledger(GRANT))],
  "a lost charge that is still open": [
    "lost",
    (run) => {
      run.ledgers.set("c", ledger(GRANT));
      run.reported = report("a", "pending");
    },
  ],
  "an acknowledged charge that is dropped as rejected, for no reason": [
    "lost",
    (run) => {
      run.ledgers.set("c", ledger(GRANT));
      run.reported = report("a", "rejected");
    },
  ],
  "a charge without an answer that was accepted, and dropped as rejected": [
    "lost",
    (run) => (run.reported = report("u", "rejected")),
  ],
  "a rejected charge, where another customer's was written off": [
    "lost",
    (run) => {
      run.ledgers.set("c", ledger(GRANT));
      run.reported = report("a", "rejected");
      run.writtenOff = new Set(["d\na"]);
    },
  ],
  "a charge that is told as rejected, and stands": [
    "rejected but present",
    (run) => (run.reported = report("a", "rejected")),
  ],
  "a customer that is gone": ["lost", (run) => run.ledgers.clear()],
  "a lost charge of which only another content was refused": [
    "lost",
    (run) => run.operations[2].attempts.push(other("reused", 8, 13)),
  ],
  "a doubled charge": ["doubled", (run) => run.ledgers.set("c", ledger(GRANT, CHARGE, CHARGE))],
  "a doubled unknown charge": [
    "doubled",
    (run) => {
      const unknown = ["consumption", "u", -7];
      run.ledgers.set("c", ledger(GRANT, CHARGE, unknown, unknown));
    },
  ],
  "a charge that nobody asked for": [
    "phantom",
    (run) => run.ledgers.set("c", ledger(GRANT, CHARGE, ["consumption", "x", -1])),
  ],
  "a charge of another customer": [
    "phantom",
    (run) => run.ledgers.set("d", ledger(["consumption", "a", -5])),
  ],
  "an entry of an unforeseen type": [
    "phantom",
    (run) => run.ledgers.set("c", ledger(GRANT, CHARGE, ["adjustment", "a", 5])),
  ],
  "a refused charge that is there": [
    "refused but present",
    (run) => run.ledgers.set("c", ledger(["topup", "g", 100], CHARGE, ["consumption", "r", -900])),
  ],
  "a charge with another amount": [
    "altered",
    (run) => run.ledgers.set("c", ledger(GRANT, ["consumption", "a", -6])),
  ],
  "a charge under another id": [
    "altered",
    (run) => (run.ledgers.get("c").entries[1].id = "txn_other"),
  ],
  "an unknown charge with an amount that was never sent": [
    "altered",
    (run) => run.ledgers.set("c", ledger(GRANT, CHARGE, ["consumption", "u", -8])),
  ],
  "an unknown charge with the amount of an attempt that was refused": [
    "altered",
    (run) => {
      run.operations[2].attempts.push(other("refused", 8, 13, "invalid_json"));
      run.ledgers.set("c", ledger(GRANT, CHARGE, ["consumption", "u", -8]));
    },
  ],
  "two ids for one charge": [
    "contradiction",
    (run) => run.operations[1].attempts.push(ok(5, 13, { replayed: true, transaction: "txn_b" })),
  ],
  "two amounts for one charge": [
    "contradiction",
    (run) => run.operations[1].attempts.push(ok(6, 13, { replayed: true })),
  ],
  "a charge that was accepted as new twice": [
    "contradiction",
    (run) => run.operations[1].attempts.push(ok(5, 13)),
  ],
  "a content that was called another, and stands": [
    "contradiction",
    (run) => run.operations[1].attempts.push(other("reused", 5, 0)),
  ],
  "an acknowledged charge that is refused later": [
    "forgotten",
    (run) => run.operations[1].attempts.push(other("refused", 5, 13, "insufficient_credits")),
  ],
  "a balance below zero under gates": [
    "overdrawn",
    (run) => {
      run.operations[2].attempts[0].amount = 99;
      run.ledgers.set("c", ledger(GRANT, CHARGE, ["consumption", "u", -99]));
    },
  ],
  "a balance that is not the sum": ["books", (run) => (run.ledgers.get("c").balance = 96)],
  "a gap in the sequence": ["books", (run) => (run.ledgers.get("c").entries[1].sequence = 3)],
  "a running balance that jumps": [
    "books",
    (run) => (run.ledgers.get("c").entries[1].balanceAfter = 94),
  ],
  "a charge that adds": [
    "books",
    (run) => run.ledgers.set("c", ledger(GRANT, ["consumption", "a", 5])),
  ],
};

for (const [name, [rule, damage]] of Object.entries(BROKEN)) {
  test(`caught: ${name}`, () => {
    const run = goodRun();
    damage(run);
    const rules = check(run).violations.map((violation) => violation.rule);
    assert.ok(rules.includes(rule), `found only: ${rules.join(", ") || "nothing"}`);
  });
}

test("a balance below zero is no violation where plain charges are mixed in", () => {
  const run = goodRun();
  BROKEN["a balance below zero under gates"][1](run);
  run.neverNegative.clear();
  assert.deepEqual(check(run).violations, []);
});

test("a refusal before the acceptance is no contradiction: it is judged afresh", () => {
  const run = goodRun();
  run.operations[1].attempts.unshift(other("refused", 5, 0, "insufficient_credits"));
  assert.deepEqual(check(run).violations, []);
});

test("an outage ends well only where the alarms drained the outbox before anybody looked", () => {
  const rules = (drained) => notByItsAlarms({ drained }).map(({ rule }) => rule);
  assert.deepEqual(notByItsAlarms(null), []);
  assert.deepEqual(rules({ seconds: 20, missing: 0, looks: 0 }), []);
  assert.deepEqual(rules({ seconds: 91, missing: 0, looks: 1 }), ["not drained by its alarms"]);
  assert.deepEqual(rules({ seconds: 240, missing: 3, looks: 2 }), ["not drained by its alarms"]);
  assert.deepEqual(rules({ seconds: 0, missing: 1, looks: 0 }), ["not drained by its alarms"]);
});
