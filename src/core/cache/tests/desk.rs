//! One customer's cache with short words for its steps: what a table test reads like.

use std::string::ToString as _;
use std::vec::Vec;

use crate::cache::{
    Accepted, BalanceView, CacheConfig, Conversation, Keeper, MemoryStore, Next, Outcome,
    ReadFailure, Reading, Receipt, Refusal, Step, Waited,
};
use crate::credits::{Credits, Scale};
use crate::entropy::{Entropy, Jitter};
use crate::error::Effect;
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, Environment, Owner, Unit};
use crate::ledger::{CallDetails, Consume, WhenShort};
use crate::time::Timestamp;
use core::time::Duration;

/// So many whole credits.
pub(super) fn credits(whole: i64) -> Credits {
    Credits::from_minor_units(whole * 1_000_000).unwrap()
}

/// A cache at a moment.
pub(super) struct Desk {
    pub(super) keeper: Keeper<MemoryStore>,
    pub(super) config: CacheConfig,
    pub(super) now: Timestamp,
    pub(super) jitter: Jitter,
    pub(super) owner: Owner,
}

impl Desk {
    pub(super) fn new() -> Self {
        let customer = CustomerId::parse("cus_1").unwrap();
        Self {
            keeper: Keeper::new(MemoryStore::default()),
            config: CacheConfig::default(),
            now: Timestamp::from_millis(1_000_000_000),
            jitter: Entropy::new([7; 16]).jitter(),
            owner: Owner { environment: Environment::Live, customer },
        }
    }

    /// A desk whose snapshot shows so much, at sequence 10.
    pub(super) fn with_balance(whole: i64) -> Self {
        let mut desk = Self::new();
        desk.read(whole, Some(10));
        desk
    }

    pub(super) fn later(&mut self, pause: Duration) {
        self.now = self.now.plus(pause);
    }

    pub(super) fn charge(key: &str, whole: i64, when_short: WhenShort) -> Consume {
        let key = IdempotencyKey::parse(key).unwrap();
        let call = CallDetails { key, description: None, metadata: None };
        Consume { call, unit: Unit::credits(), amount: credits(whole), when_short }
    }

    pub(super) fn waited(&mut self) -> Waited {
        self.keeper.arrive(&self.owner).unwrap()
    }

    pub(super) fn accept(&mut self, charge: &Consume, waited: Waited) -> Step<Accepted> {
        self.keeper.accept(&self.owner, self.now, charge, waited, &self.config).unwrap()
    }

    pub(super) fn gate_after(&mut self, key: &str, whole: i64, waited: Waited) -> Step<Accepted> {
        self.accept(&Self::charge(key, whole, WhenShort::Reject), waited)
    }

    pub(super) fn gate(&mut self, key: &str, whole: i64) -> Step<Accepted> {
        let waited = self.waited();
        self.gate_after(key, whole, waited)
    }

    pub(super) fn consume(&mut self, key: &str, whole: i64) -> Step<Accepted> {
        let waited = self.waited();
        self.accept(&Self::charge(key, whole, WhenShort::Allow), waited)
    }

    pub(super) fn balance(&mut self) -> Step<BalanceView> {
        let waited = self.waited();
        self.balance_after(waited)
    }

    pub(super) fn balance_after(&mut self, waited: Waited) -> Step<BalanceView> {
        let unit = Unit::credits();
        self.keeper.balance(&self.owner, self.now, &unit, waited, &self.config).unwrap()
    }

    pub(super) fn available(&mut self) -> std::string::String {
        let cache = self.keeper.cache(&self.owner).unwrap();
        let unit = cache.unit(&Unit::credits()).unwrap();
        unit.available().unwrap().decimal(Scale::CREDITS).to_string()
    }

    pub(super) fn lease(&mut self, wanted: bool) -> Next {
        let unit = Unit::credits();
        let wanted = wanted.then_some(&unit);
        self.keeper.lease(&self.owner, self.now, wanted, &self.config).unwrap()
    }

    /// Begins to send what waits: the token and the positions.
    pub(super) fn begin_send(&mut self) -> (u64, Vec<u64>) {
        match self.lease(false) {
            Next::Talk(Conversation::Send { token, rows, .. }) => {
                (token, rows.iter().map(|row| row.position).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn begin_read(&mut self) -> u64 {
        match self.lease(true) {
            Next::Talk(Conversation::Read { token, .. }) => token,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn settle(&mut self, token: u64, outcomes: &[(u64, Outcome)]) {
        let told = (token, outcomes);
        self.keeper.settle(&self.owner, self.now, told, &self.config, &mut self.jitter).unwrap();
    }

    pub(super) fn end_read(&mut self, token: u64, whole: i64, sequence: Option<u64>) {
        let balance = credits(whole);
        let reading = Reading { balance, sequence, credit_name: None, ours: false };
        self.merge(token, Ok(reading));
    }

    pub(super) fn fail_read(&mut self, token: u64) {
        self.merge(token, Err(ReadFailure { refused: None, answered: false, after: None }));
    }

    pub(super) fn merge(&mut self, token: u64, result: Result<Reading, ReadFailure>) {
        let told = (token, &Unit::credits(), result);
        self.keeper.merge(&self.owner, self.now, told, &self.config, &mut self.jitter).unwrap();
    }

    pub(super) fn read(&mut self, whole: i64, sequence: Option<u64>) {
        let token = self.begin_read();
        self.end_read(token, whole, sequence);
    }

    /// Memory is dropped; the cache is loaded anew (D15).
    pub(super) fn restart(&mut self) {
        self.keeper.forget();
    }
}

pub(super) fn applied(balance: i64, sequence: Option<u64>) -> Outcome {
    let balance = Some(credits(balance));
    Outcome::Applied(Receipt { balance, sequence, replayed: false, id: None })
}

pub(super) const UNKNOWN: Outcome = Outcome::Again { effect: Effect::Unknown, after: None };

/// What a step answered, or why not, in one word.
pub(super) fn word<T>(step: &Step<T>) -> &'static str {
    match step {
        Step::Done { .. } => "done",
        Step::ReadFirst => "read first",
        Step::Refused(Refusal::InsufficientCredits { .. }) => "insufficient",
        Step::Refused(Refusal::KeyReused { .. }) => "key reused",
        Step::Refused(Refusal::Unavailable { .. }) => "unavailable",
        Step::Refused(Refusal::Stale { .. }) => "stale",
        Step::Refused(Refusal::OutboxFull { .. }) => "outbox full",
        Step::Refused(Refusal::TooManyUnits) => "too many units",
        Step::Refused(Refusal::Overflow) => "overflow",
    }
}
