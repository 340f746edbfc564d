//! Two ledgers side by side: the core by way of a store of rows, and the reference.
//!
//! Every step is asked of both. What they say and what they wrote down must agree; where they do
//! not, the error tells everything that was asked until then.

mod asked;
mod holds;
mod met;
mod view;

use std::collections::BTreeMap;

use edge_credits_core::credits::Credits;
use edge_credits_core::ids::{Product, TransactionId, Unit};
use edge_credits_core::ledger::{
    Account, Command, Entry, EntryKind, LedgerConfig, Rejection, WhenShort, decide, settle,
};
use edge_credits_core::time::Timestamp;
use proptest::test_runner::TestCaseError;

use self::asked::again;
pub(crate) use self::met::Tally;
use self::met::{count, count_fact, rejected};
use self::view::View;
use crate::reference::{No, Reference};
use crate::script::{Act, Step, UNITS};
use crate::shelf::{Shelf, owner};

/// The customer of a script, twice.
#[derive(Clone)]
pub(crate) struct Pair<S> {
    config: LedgerConfig,
    account: Account,
    pub(crate) shelf: S,
    reference: Reference,
    /// The ids of the core's entries, by sequence number less one.
    ids: Vec<TransactionId>,
    asked: Vec<Command>,
    clock: i64,
    log: Vec<String>,
}

/// Fails with both sides and the way there.
macro_rules! agree {
    ($pair:expr, $what:expr, $core:expr, $reference:expr) => {
        let (core, reference) = (&$core, &$reference);
        if core != reference {
            let (what, log) = ($what, $pair.log.join("\n"));
            let message = format!("{what}: core {core:?}, reference {reference:?}, after\n{log}");
            return Err(TestCaseError::fail(message));
        }
    };
}

impl<S: Shelf> Pair<S> {
    pub(crate) fn new(shelf: S, start: i64, limit: Option<i64>) -> Self {
        let overdraft_limit = limit.map(|limit| Credits::from_minor_units(limit).unwrap());
        Self {
            config: LedgerConfig { overdraft_limit },
            account: Account::new(owner()),
            shelf,
            reference: Reference::new(owner(), limit.map(i128::from)),
            ids: vec![],
            asked: vec![],
            clock: start,
            log: vec![],
        }
    }

    pub(crate) fn step(&mut self, step: &Step, tally: &mut Tally) -> Result<(), TestCaseError> {
        self.clock = (self.clock + step.wait).max(0);
        if self.reference.facts.0.last().is_some_and(|last| self.clock < last.time) {
            count(tally, "clock behind the ledger");
        }
        match &step.act {
            Act::Alarm => self.alarm(tally)?,
            Act::Again { earlier, other_kind } if !self.asked.is_empty() => {
                let mut command = earlier.get(&self.asked).clone();
                again(&mut command, *other_kind);
                self.ask(command, tally)?;
            }
            Act::Again { .. } => {}
            Act::Adjust { hold, how } => self.adjust(hold, how, tally)?,
            Act::Call { key, what } => {
                let command = self.command(key, what);
                self.ask(command, tally)?;
            }
        }
        if self.reference.facts.due().is_some_and(|due| due.0 <= self.clock + step.read.1) {
            count(tally, "read ahead of what is due");
        }
        self.compare_state(step.read)
    }

    /// Asks both the same.
    fn ask(&mut self, command: Command, tally: &mut Tally) -> Result<(), TestCaseError> {
        self.log.push(format!("at {}: {command:?}", self.clock));
        let now = Timestamp::from_millis(self.clock);
        let found = self.shelf.find(&command.lookups(&owner()));
        let decided = decide(&self.account, &found, now, &command, &self.config);
        let written = self.reference.facts.0.len();
        let expected = self.reference.perform(self.clock, &command);
        self.asked.push(command.clone());
        match (decided, expected) {
            (Ok(decision), Ok((fact, replayed))) => {
                agree!(self, "replayed", decision.receipt.replayed, replayed);
                let id = command.lookups(&owner()).record;
                agree!(self, "id", decision.receipt.entry.id, id);
                agree!(
                    self,
                    "receipt",
                    View::of_entry(&decision.receipt.entry),
                    View::of_fact(&self.reference, &fact)
                );
                count(tally, if replayed { "replayed" } else { "applied" });
                self.compare_written(&decision.writes.entries, written, tally)?;
                if !decision.writes.is_empty() {
                    self.shelf.keep(&decision.writes, now);
                }
                self.account.apply(&decision.writes);
            }
            (Err(rejection), Err(no)) => {
                count(tally, &rejected(&rejection));
                if let (Rejection::TooManyGrants, Command::Refund(_)) = (&rejection, &command) {
                    count(tally, "TooManyGrants for a refund");
                }
                if let (No::InsufficientCredits { .. }, Command::Consume(consume)) = (&no, &command)
                    && consume.when_short == WhenShort::Allow
                {
                    count(tally, "usage over the overdraft limit");
                }
                self.compare_refusals(&rejection, &no)?;
            }
            (decided, expected) => {
                let decided = decided.map(|decision| decision.receipt);
                agree!(self, "outcome", format!("{decided:?}"), format!("{expected:?}"));
            }
        }
        Ok(())
    }

    fn alarm(&mut self, tally: &mut Tally) -> Result<(), TestCaseError> {
        self.log.push(format!("at {}: alarm", self.clock));
        let now = Timestamp::from_millis(self.clock);
        let writes = settle(&self.account, now);
        let writes = writes.map_err(|no| TestCaseError::fail(format!("the alarm: {no:?}")))?;
        let written = self.reference.facts.0.len();
        self.reference.settle(self.reference.ledger_time(self.clock));
        self.compare_written(&writes.entries, written, tally)?;
        count(tally, if writes.is_empty() { "alarm" } else { "alarm that writes" });
        self.shelf.keep(&writes, now);
        self.account.apply(&writes);
        self.shelf.set_alarm(self.account.rearm(), now);
        Ok(())
    }

    fn compare_written(
        &mut self,
        entries: &[Entry],
        written: usize,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let facts = self.reference.facts.0[written..].to_vec();
        let lines: Vec<String> = facts
            .iter()
            .map(|it| format!("    {:?}", View::of_fact(&self.reference, it)))
            .collect();
        self.log.extend(lines);
        agree!(self, "entries written", entries.len(), facts.len());
        let called = facts.iter().position(|fact| fact.call.is_some());
        for (index, (entry, fact)) in entries.iter().zip(&facts).enumerate() {
            agree!(self, "entry", View::of_entry(entry), View::of_fact(&self.reference, fact));
            if let Some(id) = &fact.id {
                agree!(self, "id", entry.id, *id);
            }
            let key = entry.record.as_ref().map(|record| record.key.as_str());
            agree!(self, "key", key, fact.call.as_ref().map(|call| call.1.as_str()));
            self.ids.push(entry.id.clone());
            count_fact(tally, fact);
            let came_back = matches!(fact.kind, EntryKind::Expiry | EntryKind::Void);
            if called.is_some_and(|called| called < index) && came_back {
                count(tally, &format!("came back to an ended grant: {}", fact.kind.as_str()));
            }
        }
        Ok(())
    }

    fn compare_refusals(&self, rejection: &Rejection, no: &No) -> Result<(), TestCaseError> {
        let minor = |amount: &Credits| i128::from(amount.minor_units());
        let same = match (rejection, no) {
            (Rejection::KeyReused { field, first }, No::KeyReused { differing }) => {
                agree!(self, "the first call's id", first.entry.id, self.asked_id());
                differing.contains(&field.as_str())
            }
            (Rejection::ExpiryPassed, No::ExpiryPassed)
            | (Rejection::UnknownCharge, No::UnknownCharge)
            | (Rejection::UnknownGrant, No::UnknownGrant)
            | (Rejection::GrantEnded, No::GrantEnded)
            | (Rejection::TooManyGrants, No::TooManyGrants)
            | (Rejection::Overflow, No::Overflow) => true,
            (Rejection::OtherUnit { unit }, No::OtherUnit(expected)) => unit == expected,
            (Rejection::UnknownHold, No::UnknownHold)
            | (Rejection::TooManyHolds, No::TooManyHolds) => true,
            (Rejection::OtherHoldUnit { unit }, No::OtherHoldUnit(expected)) => unit == expected,
            (
                Rejection::HoldEnded { state, captured, .. },
                No::HoldEnded { state: expected, captured: taken },
            ) => state == expected && minor(captured) == *taken,
            (
                Rejection::CaptureExceedsHold { held, .. },
                No::CaptureExceedsHold { held: expected },
            ) => minor(held) == *expected,
            (
                Rejection::RefundExceedsCharge { refundable, .. },
                No::RefundExceedsCharge { refundable: expected },
            ) => minor(refundable) == *expected,
            (
                Rejection::InsufficientCredits { available, requested, .. },
                No::InsufficientCredits { available: expected, requested: asked },
            ) => minor(available) == *expected && minor(requested) == *asked,
            _ => false,
        };
        agree!(self, format!("refusals {rejection:?} and {no:?} alike"), same, true);
        Ok(())
    }

    /// The id that the last command's key names.
    fn asked_id(&self) -> TransactionId {
        self.asked.last().unwrap().lookups(&owner()).record
    }

    /// What is there, what a reader sees, what is due; and that memory is only a cache (D15).
    fn compare_state(&self, (unit, later): (usize, i64)) -> Result<(), TestCaseError> {
        let loaded = if self.ids.is_empty() { Account::new(owner()) } else { self.shelf.load() };
        agree!(self, "the loaded account", loaded == self.account, true);
        let due = self.reference.facts.due().map(|due| Timestamp::from_millis(due.0));
        agree!(self, "due", self.account.next_due(), due);
        agree!(self, "alarm", self.shelf.alarm(), due);
        let wall = (self.clock + later).max(0);
        let unit = Unit::parse(UNITS[unit]).unwrap();
        let reading = self.reference.read(&unit, wall);
        let balance = match self.account.balance(&unit, Timestamp::from_millis(wall)) {
            Ok(balance) => balance,
            Err(no) => return Err(TestCaseError::fail(format!("no balance: {no:?}"))),
        };
        let minor = |amount: Credits| i128::from(amount.minor_units());
        agree!(self, "posted", minor(balance.posted), reading.posted);
        agree!(self, "available", minor(balance.available), reading.posted - reading.held);
        agree!(self, "held", minor(balance.held), reading.held);
        let open = self.account.open_holds().map(holds::told);
        let known = self.reference.facts.open_holds().into_iter();
        let known = known.map(|(hold, terms)| (hold, self.reference.facts.used(hold), terms.until));
        agree!(self, "open holds", open.collect::<Vec<_>>(), known.collect::<Vec<_>>());
        agree!(self, "sequence", balance.sequence, self.reference.facts.last());
        agree!(self, "as_of", balance.as_of.as_millis(), reading.as_of);
        let lines: BTreeMap<Option<Product>, _> = balance
            .breakdown
            .iter()
            .cloned()
            .map(|line| {
                let until = line.expires_at.map(Timestamp::as_millis);
                (line.product, (minor(line.balance), until))
            })
            .collect();
        agree!(self, "one line per product", lines.len(), balance.breakdown.len());
        agree!(self, "breakdown", lines, reading.lines);
        let totals = self.account.totals();
        agree!(self, "overage", minor(totals.overage(&unit)), self.reference.facts.overage(&unit));
        for kind in EntryKind::ALL {
            let facts = self.reference.facts.0.iter();
            let facts = facts.filter(|fact| fact.unit == unit && fact.kind == kind);
            agree!(self, kind.as_str(), totals.count(&unit, Some(kind)), facts.count() as u64);
        }
        Ok(())
    }
}
