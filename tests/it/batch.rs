//! A batch equals the same consumes one by one, on random ledgers: the answers, the rows, the alarm
//! and the account, in memory and in SQLite.
//!
//! A run counts what its batches met and fails where that was too little.

use std::cell::RefCell;
use std::collections::BTreeMap;

use edge_credits_core::credits::{Credits, MAX_MINOR_UNITS};
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::ledger::{
    Account, Batch, CallDetails, Command, Consume, Entry, Found, GrantCredits, LedgerConfig,
    Lookups, Receipt, Rejection, Source, WhenShort, Writes, decide,
};
use edge_credits_core::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::script::{UNITS, overdraft_limit};
use crate::shelf::{Rows, Shelf, owner};
use crate::sqlite::Object;

/// Ledgers per run: a few seconds in a debug build.
const LEDGERS: u32 = 150;

/// What a run must have met at least: about a third of what it usually meets.
const LEAST: [(&str, usize); 8] = [
    ("applied", 1_000),
    ("refused", 500),
    ("overflow", 15),
    ("another call's key", 400),
    ("replay of an earlier batch", 40),
    ("replay within the batch", 60),
    ("key refused, then applied", 20),
    ("something due", 15),
];

/// Between two batches: time goes by, and grants are made.
#[derive(Clone, Debug)]
struct Round {
    wait: i64,
    grants: Vec<Grant>,
    charges: Vec<Charge>,
}

#[derive(Clone, Debug)]
struct Grant {
    unit: usize,
    amount: i64,
    priority: u16,
    /// Milliseconds from now, and from there.
    effective_in: Option<i64>,
    life: Option<i64>,
}

#[derive(Clone, Debug)]
struct Charge {
    key: u32,
    unit: usize,
    amount: i64,
    when_short: WhenShort,
    /// Whether it is the charge before it once more.
    again: bool,
}

fn round() -> impl Strategy<Value = Round> {
    let amount = prop_oneof![
        8 => 1_i64..=4,
        4 => 1_i64..=30,
        1 => (MAX_MINOR_UNITS - 3)..=MAX_MINOR_UNITS
    ];
    let unit = || prop_oneof![4 => Just(0_usize), 1 => 1_usize..UNITS.len()];
    let later = || prop_oneof![2 => Just(None), 1 => (1_i64..40).prop_map(Some)];
    let grant = (unit(), 1_i64..60, prop_oneof![Just(100_u16), Just(1)], later(), later())
        .prop_map(|(unit, amount, priority, effective_in, life)| Grant {
            unit,
            amount,
            priority,
            effective_in,
            life,
        });
    let when_short = prop_oneof![1 => Just(WhenShort::Allow), 2 => Just(WhenShort::Reject)];
    let again = prop_oneof![6 => Just(false), 1 => Just(true)];
    let charge = (0_u32..60, unit(), amount, when_short, again).prop_map(
        |(key, unit, amount, when_short, again)| Charge { key, unit, amount, when_short, again },
    );
    // A clock that is set back, too.
    let wait = prop_oneof![5 => 0_i64..20, 1 => -10_i64..0];
    (wait, vec(grant, 0..4), vec(charge, 1..16)).prop_map(|(wait, grants, mut charges)| {
        for index in 1..charges.len() {
            if charges[index].again {
                charges[index] = charges[index - 1].clone();
            }
        }
        Round { wait, grants, charges }
    })
}

fn unit_of(index: usize) -> Unit {
    Unit::parse(UNITS[index]).unwrap()
}

fn call(key: &str) -> CallDetails {
    let key = IdempotencyKey::parse(key).unwrap();
    CallDetails { key, description: Some("a note".to_owned()), metadata: None }
}

impl Round {
    fn grants(&self, now: Timestamp, number: usize) -> impl Iterator<Item = Command> {
        let after = move |millis: i64| Timestamp::from_millis(now.as_millis() + millis);
        self.grants.iter().enumerate().map(move |(index, grant)| {
            let expires_in = grant.life.map(|life| grant.effective_in.unwrap_or(0) + life);
            Command::Grant(GrantCredits {
                call: call(&format!("grant-{number}-{index}")),
                unit: unit_of(grant.unit),
                amount: Credits::from_minor_units(grant.amount).unwrap(),
                source: Source::Topup,
                product: None,
                priority: grant.priority,
                effective_at: grant.effective_in.map(after),
                expires_at: expires_in.map(after),
            })
        })
    }

    fn consumes(&self) -> Vec<Consume> {
        let consume = |charge: &Charge| Consume {
            call: call(&format!("charge-{}", charge.key)),
            unit: unit_of(charge.unit),
            amount: Credits::from_minor_units(charge.amount).unwrap(),
            when_short: charge.when_short,
        };
        self.charges.iter().map(consume).collect()
    }
}

/// One ledger, and its rows twice.
struct Side {
    account: Account,
    rows: Rows,
    object: Object,
    config: LedgerConfig,
}

type Outcome = Result<Receipt, Rejection>;

impl Side {
    fn new(config: LedgerConfig) -> Self {
        let (rows, object) = (Rows::default(), Object::new());
        Self { account: Account::new(owner()), rows, object, config }
    }

    fn one(&mut self, now: Timestamp, command: &Command) -> Outcome {
        let found = self.rows.find(&command.lookups(&owner()));
        let decision = decide(&self.account, &found, now, command, &self.config)?;
        self.keep(&decision.writes, now);
        Ok(decision.receipt)
    }

    fn batch(&mut self, now: Timestamp, consumes: Vec<Consume>) -> Vec<Outcome> {
        let batch = Batch::new(consumes);
        let records = self.object.records(&batch.lookups(&owner()));
        let decision = batch.decide(&self.account, records, now, &self.config).unwrap();
        self.keep(&decision.writes, now);
        decision.outcomes
    }

    fn keep(&mut self, writes: &Writes, now: Timestamp) {
        self.rows.keep(writes, now);
        self.object.keep(writes, now);
        self.account.apply(writes);
    }

    /// Everything that is kept, as it would be loaded.
    fn state(&self) -> (&Account, &[Vec<SqlValue>], Vec<u64>) {
        let open = self.rows.open_grants().iter().map(|grant| grant.sequence).collect();
        (&self.account, &self.rows.entries, open)
    }
}

fn play(
    rounds: &[Round],
    limit: Option<i64>,
    met: &mut BTreeMap<&str, usize>,
) -> Result<(), TestCaseError> {
    let overdraft_limit = limit.map(|limit| Credits::from_minor_units(limit).unwrap());
    let config = LedgerConfig { overdraft_limit };
    let (mut joined, mut single) = (Side::new(config), Side::new(config));
    let mut now = Timestamp::from_millis(1_790_000_000_000);
    for (number, round) in rounds.iter().enumerate() {
        now = Timestamp::from_millis(now.as_millis() + round.wait);
        for grant in round.grants(now, number) {
            prop_assert_eq!(joined.one(now, &grant), single.one(now, &grant));
        }
        let before = single.account.sequence();
        let consumes = round.consumes();
        let commands = consumes.iter().cloned().map(Command::Consume);
        let expected: Vec<Outcome> = commands.map(|command| single.one(now, &command)).collect();
        let outcomes = joined.batch(now, consumes);
        prop_assert_eq!(&outcomes, &expected);
        prop_assert_eq!(joined.state(), single.state());
        prop_assert_eq!(&joined.rows.grants, &single.rows.grants);
        prop_assert_eq!(joined.rows.alarm(), single.rows.alarm());
        prop_assert_eq!(&joined.object.load(), &single.account);
        prop_assert_eq!(joined.object.alarm(), single.object.alarm());
        count(&outcomes, &round.charges, before, single.account.sequence(), met);
    }
    Ok(())
}

/// Notes what a batch met; the ledger stood at `before` and then at `after`.
fn count(
    outcomes: &[Outcome],
    charges: &[Charge],
    before: u64,
    after: u64,
    met: &mut BTreeMap<&str, usize>,
) {
    let mut refused = vec![];
    let mut applied = 0;
    for (outcome, charge) in outcomes.iter().zip(charges) {
        let what = match outcome {
            Ok(Receipt { replayed: true, entry, .. }) if entry.sequence <= before => {
                "replay of an earlier batch"
            }
            Ok(Receipt { replayed: true, .. }) => "replay within the batch",
            Ok(_) if refused.contains(&charge.key) => "key refused, then applied",
            Ok(_) => "applied",
            Err(Rejection::InsufficientCredits { .. }) => "refused",
            Err(Rejection::Overflow) => "overflow",
            Err(Rejection::KeyReused { .. }) => "another call's key",
            Err(other) => panic!("{other:?}"),
        };
        if outcome.is_err() {
            refused.push(charge.key);
        }
        applied += u64::from(outcome.as_ref().is_ok_and(|receipt| !receipt.replayed));
        *met.entry(what).or_default() += 1;
    }
    if after - before > applied {
        *met.entry("something due").or_default() += 1;
    }
}

#[test]
fn a_batch_equals_the_same_consumes_one_by_one() {
    let met = RefCell::new(BTreeMap::new());
    let mut config = Config { failure_persistence: None, ..Config::default() };
    config.cases = (LEDGERS * config.cases).div_ceil(256);
    let ledgers = (overdraft_limit(), vec(round(), 1..12));
    TestRunner::new(config)
        .run(&ledgers, |(limit, rounds)| play(&rounds, limit, &mut met.borrow_mut()))
        .unwrap();
    let met = met.into_inner();
    for (what, least) in LEAST {
        assert!(met.get(what).is_some_and(|seen| *seen >= least), "{what}: {least}, of {met:?}");
    }
}

/// One statement finds the records of all keys, and nothing for a key that names none.
#[test]
fn records_are_found_together() {
    let mut side = Side::new(LedgerConfig::default());
    let consume = |key: u32| Consume {
        call: call(&format!("charge-{key}")),
        unit: unit_of(0),
        amount: Credits::from_minor_units(1).unwrap(),
        when_short: WhenShort::Allow,
    };
    let now = Timestamp::from_millis(1_790_000_000_000);
    side.batch(now, (0..100).map(consume).collect());
    let ids = Batch::new((50..150).map(consume)).lookups(&owner());
    let mut sequences: Vec<u64> = side.object.records(&ids).iter().map(|e| e.sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (51..=100).collect::<Vec<u64>>());
    assert!(side.object.records(&[]).is_empty());
    let alone = |id: &TransactionId| {
        let lookups = Lookups { record: id.clone(), charge: None, grant: None, hold: None };
        let Found { record, .. } = side.object.find(&lookups);
        record
    };
    let found: Vec<Entry> = ids.iter().filter_map(alone).collect();
    assert_eq!(found.len(), 50);
}
