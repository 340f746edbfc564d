//! The judgement of signals: what each takes, what is written, what each is answered.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::analytics::day::Day;
use crate::catalog::Catalog;
use crate::credits::Credits;
use crate::idempotency::{Operation, Scope};
use crate::ids::{Owner, TransactionId, Unit};
use crate::ledger::{
    Account, CallDetails, Command, Decision, Entry, Found, LedgerConfig, Rejection, Usage, Writes,
    decide,
};
use crate::time::Timestamp;
use crate::usage::days::DaySums;
use crate::usage::log::facts;
use crate::usage::price::{Priced, price};
use crate::usage::run::{Run, RunLookup, TakenStep};
use crate::usage::signal::{Signal, SignalType};
use crate::wire::errors::ApiError;
use crate::wire::rejections;

/// The rows that a store must look up before signals are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageLookups {
    /// The entries of the signals' keys.
    pub entries: Vec<TransactionId>,
    /// The runs that the signals may belong to.
    pub runs: Vec<RunLookup>,
}

/// What it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Entries, in any order.
    pub entries: Vec<Entry>,
    /// Runs, in any order.
    pub runs: Vec<Run>,
    /// The sums of [`day_of`], per type.
    pub days: Vec<DaySums>,
}

/// What signals come to.
#[derive(Clone, Debug, Default)]
pub struct UsageDecision {
    /// What the ledger writes.
    pub writes: Writes,
    /// The entries among these that are signals, by sequence number.
    pub signals: Vec<u64>,
    /// Runs to insert or replace.
    pub runs: Vec<Run>,
    /// What these add to the counts of runs.
    pub counts: Vec<RunCount>,
    /// Whether the day has had no sums before: those of the days before it are all there will be.
    pub begins_day: bool,
    /// Sums to insert or replace.
    pub days: Vec<DaySums>,
    /// The answer to each signal, in order.
    pub outcomes: Vec<Judged>,
}

/// How many runs of an outcome a customer has had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCount {
    /// The outcome, by the name that it had when they were opened.
    pub outcome: String,
    /// How many were opened.
    pub opened: u64,
    /// How many of these are complete.
    pub completed: u64,
}

/// The answer to a signal.
pub type Judged = Result<Logged, ApiError>;

/// A signal that was taken, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its entry.
    pub entry: Entry,
    /// Whether it had been taken before.
    pub duplicate: bool,
    /// Whether nothing of it was kept: the entry is what would have been.
    pub dry_run: bool,
}

/// What must be looked up for signals.
#[must_use]
pub fn lookups(owner: &Owner, signals: &[&Signal], catalog: &Catalog) -> UsageLookups {
    let mut lookups = UsageLookups::default();
    for signal in signals {
        lookups.entries.push(id_of(owner, signal));
        let Some(key) = signal.key.as_ref().filter(|_| signal.kind == SignalType::Outcome) else {
            continue;
        };
        // A step that the catalog has no more may be one that a run was opened with.
        let outcome = catalog.step(key.as_str()).map(|found| found.outcome.name.clone());
        let run = RunLookup { key: key.clone(), outcome, id: signal.run.clone() };
        if !lookups.runs.contains(&run) {
            lookups.runs.push(run);
        }
    }
    lookups
}

/// The day whose sums must be looked up.
#[must_use]
pub fn day_of(account: &Account, now: Timestamp) -> Day {
    Day::of(account.time_at(now))
}

fn id_of(owner: &Owner, signal: &Signal) -> TransactionId {
    let scope = Scope { owner, operation: Operation::Signal };
    scope.transaction_id(signal.idempotency_key.as_str())
}

/// Judges signals of one customer, in order, each on what the ones before it leave. Changes nothing.
/// What is refused writes nothing and leaves the others alone.
///
/// # Errors
/// [`Rejection::Inconsistent`] for an account that contradicts itself.
pub fn judge(
    account: &Account,
    rows: Rows,
    now: Timestamp,
    signals: &[&Signal],
    catalog: &Catalog,
) -> Result<UsageDecision, Rejection> {
    let day = day_of(account, now);
    let mut judgement = Judgement {
        after: account.clone(),
        known: rows,
        now,
        day,
        decision: UsageDecision::default(),
    };
    for signal in signals {
        let outcome = judgement.take(signal, catalog);
        if matches!(outcome, Err(Refusal::Rejected(Rejection::Inconsistent))) {
            return Err(Rejection::Inconsistent);
        }
        let owner = account.owner();
        let outcome = outcome.map_err(|refusal| refusal.into_error(owner));
        judgement.decision.outcomes.push(outcome);
    }
    Ok(judgement.decision)
}

/// The account as the signals judged so far leave it, and what they write.
struct Judgement {
    after: Account,
    known: Rows,
    now: Timestamp,
    day: Day,
    decision: UsageDecision,
}

enum Refusal {
    Rejected(Rejection),
    Refused(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Refusal {
    fn into_error(self, owner: &Owner) -> ApiError {
        match self {
            Self::Rejected(rejection) => rejections::to_error(&rejection, &owner.customer),
            Self::Refused(error) => error,
        }
    }
}

impl Judgement {
    fn take(&mut self, signal: &Signal, catalog: &Catalog) -> Result<Logged, Refusal> {
        let id = id_of(self.after.owner(), signal);
        if let Some(entry) = self.known.entries.iter().find(|entry| entry.id == id) {
            // By its record alone: what it would cost now is not asked (U1).
            let found = Found { record: Some(entry.clone()), ..Found::default() };
            let command = command(signal, Unit::usd(), Credits::ZERO, None);
            let Decision { receipt, .. } = self.decide(&found, &command)?;
            return Ok(Logged { entry: receipt.entry, duplicate: true, dry_run: signal.dry_run });
        }
        let time = self.after.time_at(self.now);
        let step = TakenStep::of(signal, catalog, &self.known.runs, (&id, time));
        let priced = price(signal, catalog, step.as_ref())?;
        let sums = self.sums_after(signal, &priced);
        let notes = facts(signal, &priced, step.as_ref());
        let command = command(signal, priced.unit.clone(), priced.amount, Some(notes));
        let decision = self.decide(&Found::default(), &command)?;
        let entry = decision.receipt.entry.clone();
        if !signal.dry_run {
            self.keep(decision, step, sums);
        }
        Ok(Logged { entry, duplicate: false, dry_run: signal.dry_run })
    }

    fn decide(&self, found: &Found, command: &Command) -> Result<Decision, Rejection> {
        // The overdraft limit is plain usage's; a signal is a gate.
        decide(&self.after, found, self.now, command, &LedgerConfig::default())
    }

    fn sums_after(&self, signal: &Signal, priced: &Priced<'_>) -> DaySums {
        let mut days = self.known.days.iter();
        let known = days.find(|sums| sums.day == self.day && sums.kind == signal.kind);
        let known = known.copied().unwrap_or(DaySums::none(self.day, signal.kind));
        let costs = (priced.provided_cost, priced.customer_cost);
        known.with(&signal.tokens, costs)
    }

    fn keep(&mut self, decision: Decision, step: Option<TakenStep>, sums: DaySums) {
        let entry = decision.receipt.entry;
        self.after.apply(&decision.writes);
        self.decision.writes.extend(decision.writes);
        self.decision.signals.push(entry.sequence);
        self.known.entries.push(entry);
        self.decision.begins_day |= self.known.days.is_empty();
        replace(&mut self.known.days, sums, |known| {
            known.kind == sums.kind && known.day == sums.day
        });
        replace(&mut self.decision.days, sums, |known| known.kind == sums.kind);
        if let Some(TakenStep { run, opens, completes, .. }) = step {
            self.decision.count(&run.outcome, (opens.into(), completes.into()));
            let same = |known: &Run| known.outcome == run.outcome && known.id == run.id;
            replace(&mut self.known.runs, run.clone(), same);
            replace(&mut self.decision.runs, run.clone(), same);
        }
    }
}

impl UsageDecision {
    fn count(&mut self, outcome: &str, (opened, completed): (u64, u64)) {
        if opened + completed == 0 {
            return;
        }
        match self.counts.iter_mut().find(|count| count.outcome == outcome) {
            Some(count) => {
                count.opened += opened;
                count.completed += completed;
            }
            None => self.counts.push(RunCount { outcome: outcome.to_owned(), opened, completed }),
        }
    }
}

/// Puts a row in the place of the one that it succeeds, or at the end.
fn replace<T>(rows: &mut Vec<T>, row: T, is_same: impl Fn(&T) -> bool) {
    match rows.iter_mut().find(|known| is_same(known)) {
        Some(known) => *known = row,
        None => rows.push(row),
    }
}

fn command(signal: &Signal, unit: Unit, amount: Credits, metadata: Option<String>) -> Command {
    let key = signal.idempotency_key.clone();
    let call = CallDetails { key, description: None, metadata };
    Command::Usage(Usage { call, unit, amount, fingerprint: signal.fingerprint() })
}
