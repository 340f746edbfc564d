//! The judgement of signals: what each takes, what is written, what each is answered.

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
use crate::usage::run::Run;
use crate::usage::signal::Signal;
use crate::wire::errors::ApiError;
use crate::wire::rejections;

/// The rows that a store must look up before signals are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageLookups {
    /// The entries of the signals' keys.
    pub entries: Vec<TransactionId>,
    /// The runs that the signals may belong to, by outcome and id; without an id, the one that is open
    /// and has none of a caller's.
    pub runs: Vec<(String, Option<String>)>,
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
    /// Sums to insert or replace.
    pub days: Vec<DaySums>,
    /// The answer to each signal, in order.
    pub outcomes: Vec<Judged>,
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
        let step = signal.key.as_ref().and_then(|key| catalog.step(key.as_str()));
        let Some(step) = step else { continue };
        let run = (step.outcome.name.clone(), signal.run.clone());
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
        let mut priced = price(signal, catalog)?;
        let run = self.run_after(signal, &mut priced, &id);
        let sums = self.sums_after(signal, &priced);
        let notes = facts(signal, &priced, run.as_ref());
        let command = command(signal, priced.unit.clone(), priced.amount, Some(notes));
        let decision = self.decide(&Found::default(), &command)?;
        let entry = decision.receipt.entry.clone();
        if !signal.dry_run {
            self.keep(decision, run, sums);
        }
        Ok(Logged { entry, duplicate: false, dry_run: signal.dry_run })
    }

    fn decide(&self, found: &Found, command: &Command) -> Result<Decision, Rejection> {
        // The overdraft limit is plain usage's; a signal is a gate.
        decide(&self.after, found, self.now, command, &LedgerConfig::default())
    }

    /// The run after this step; where the step completes it, the bill is the signal's amount (U3).
    fn run_after(
        &self,
        signal: &Signal,
        priced: &mut Priced<'_>,
        id: &TransactionId,
    ) -> Option<Run> {
        let step = priced.step?;
        let mut runs = self.known.runs.iter();
        let known = runs.find(|run| run.takes(&step.outcome.name, signal.run.as_deref()));
        let time = self.after.time_at(self.now);
        let run = Run::step(known, (signal, &step), (id, time));
        if run.complete && !known.is_some_and(|known| known.complete) {
            priced.amount = step.outcome.price.amount();
            priced.customer_cost = priced.amount;
        }
        Some(run)
    }

    fn sums_after(&self, signal: &Signal, priced: &Priced<'_>) -> DaySums {
        let mut days = self.known.days.iter();
        let known = days.find(|sums| sums.day == self.day && sums.kind == signal.kind);
        let known = known.copied().unwrap_or(DaySums::none(self.day, signal.kind));
        let costs = (priced.provided_cost, priced.customer_cost);
        known.with(&signal.tokens, costs)
    }

    fn keep(&mut self, decision: Decision, run: Option<Run>, sums: DaySums) {
        let entry = decision.receipt.entry;
        self.after.apply(&decision.writes);
        self.decision.writes.extend(decision.writes);
        self.decision.signals.push(entry.sequence);
        self.known.entries.push(entry);
        replace(&mut self.known.days, sums, |known| {
            known.kind == sums.kind && known.day == sums.day
        });
        replace(&mut self.decision.days, sums, |known| known.kind == sums.kind);
        if let Some(run) = run {
            let same = |known: &Run| known.outcome == run.outcome && known.id == run.id;
            replace(&mut self.known.runs, run.clone(), same);
            replace(&mut self.decision.runs, run.clone(), same);
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
