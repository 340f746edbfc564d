//! The auditor's books of holds: what was placed, what was told of each, and how it ended.
//!
//! Its own arithmetic from what was asked and what was kept: a hold ends once, for what was asked for
//! or what its rule makes of what was told, and what is captured is one charge of just that amount.

use std::collections::BTreeMap;

use edge_credits_core::cache::{LocalHold, Record, Writes};
use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::{Adjust, Command, HoldState, OnExpiry};
use edge_credits_core::time::Timestamp;

use crate::auditor::{Auditor, Opened};
use crate::holding::Asked;

/// One hold.
#[derive(Clone, Debug)]
pub(crate) struct HoldBook {
    pub(crate) unit: Unit,
    pub(crate) amount: i128,
    rule: OnExpiry,
    /// The most that was told and kept.
    told: Option<i128>,
    expires_at: Timestamp,
    /// How it ended.
    end: Option<(HoldState, i128)>,
}

impl HoldBook {
    pub(crate) const fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// From when it is over.
    pub(crate) const fn over(&self) -> Timestamp {
        self.expires_at
    }

    /// How it has ended by `now`, written or not.
    pub(crate) fn end_at(&self, now: Timestamp) -> Option<(HoldState, i128)> {
        let over = (now >= self.expires_at).then(|| (HoldState::Expired, self.by_rule()));
        self.end.or(over)
    }

    /// What its own rule takes.
    fn by_rule(&self) -> i128 {
        match self.rule {
            OnExpiry::CaptureProgress => self.told.unwrap_or(0),
            OnExpiry::Release => 0,
            OnExpiry::CaptureAll => self.amount,
        }
    }
}

/// The books of all customers' holds.
#[derive(Debug, Default)]
pub(crate) struct HoldBooks {
    books: Vec<BTreeMap<TransactionId, HoldBook>>,
    /// What is asked in the step that is under way.
    pub(crate) judging: Option<Asked>,
    /// By which clock.
    pub(crate) now: Option<Timestamp>,
    /// The hold that the last step placed or ended for its caller.
    pub(crate) changed: Option<TransactionId>,
}

impl HoldBooks {
    pub(crate) fn new(customers: usize) -> Self {
        Self { books: vec![BTreeMap::new(); customers], ..Self::default() }
    }

    pub(crate) fn of(&self, customer: usize, id: &TransactionId) -> Option<&HoldBook> {
        self.books[customer].get(id)
    }

    pub(crate) fn open(&self, customer: usize) -> impl Iterator<Item = &HoldBook> {
        self.books[customer].values().filter(|book| book.is_open())
    }

    /// What the open holds of a unit keep.
    pub(crate) fn held(&self, customer: usize, unit: &Unit) -> i128 {
        self.open(customer).filter(|book| book.unit == *unit).map(|book| book.amount).sum()
    }

    /// How many ended how, for the report.
    pub(crate) fn ends(&self) -> impl Iterator<Item = &'static str> {
        self.books.iter().flat_map(BTreeMap::values).map(|book| match book.end {
            None => "hold open",
            Some((HoldState::Captured, _)) => "hold captured",
            Some((HoldState::Released, _)) => "hold released",
            Some((_, 0)) => "hold expired, nothing taken",
            Some(_) => "hold expired, captured by its rule",
        })
    }
}

impl Auditor {
    /// Whether a new record is what a hold that ends in the same commit comes to (H2).
    pub(crate) fn is_of_a_hold(&self, record: &Record, writes: &Writes) -> bool {
        let ends = |local: &&LocalHold| {
            let hold = &local.hold;
            !hold.is_open() && (hold.captured, &hold.unit) == (record.amount, &record.unit)
        };
        writes.holds.iter().filter(ends).count() == 1 && writes.records.len() == 1
    }

    /// Follows the holds that a commit kept.
    pub(crate) fn follow_holds(&mut self, customer: usize, writes: &Writes) {
        for local in &writes.holds {
            match self.holds.books[customer].get(&local.hold.id).cloned() {
                None => self.follow_placed(customer, local),
                Some(book) if local.hold.is_open() => self.follow_told(customer, local, book),
                Some(book) => self.follow_ended(customer, (local, writes), book),
            }
        }
    }

    /// A hold is new: just what was asked for.
    fn follow_placed(&mut self, customer: usize, local: &LocalHold) {
        let (hold, clock) = (&local.hold, self.holds.now);
        let amount = i128::from(hold.amount.minor_units());
        let asked = match &self.holds.judging {
            Some(Asked::Place(place)) => {
                (&place.unit, place.amount, place.on_expiry)
                    == (&hold.unit, hold.amount, hold.on_expiry)
                    && clock.map(|now| now.plus(place.ttl)) == Some(hold.expires_at)
            }
            _ => false,
        };
        if !asked || !hold.is_open() || hold.progress.is_some() {
            self.fail("H1", format!("{customer}: {hold:?} was not asked for"));
        }
        let book = HoldBook {
            unit: hold.unit.clone(),
            amount,
            rule: hold.on_expiry,
            told: None,
            expires_at: hold.expires_at,
            end: None,
        };
        self.opened = Some(Opened { unit: hold.unit.clone(), amount });
        self.holds.books[customer].insert(hold.id.clone(), book);
        self.holds.changed = Some(hold.id.clone());
    }

    /// An open hold is changed: it is told more of, or lasts longer, as was asked for.
    fn follow_told(&mut self, customer: usize, local: &LocalHold, mut book: HoldBook) {
        let hold = &local.hold;
        let told = hold.progress.map(|used| i128::from(used.minor_units()));
        let (mut told_due, mut over_due) = (book.told, book.expires_at);
        match &self.holds.judging {
            Some(Asked::Adjust(id, Adjust::Progress { used, .. })) if *id == hold.id => {
                told_due = told_due.max(Some(i128::from(used.minor_units())));
            }
            Some(Asked::Adjust(id, Adjust::Extend { ttl })) if *id == hold.id => {
                over_due = over_due.max(self.holds.now.map_or(over_due, |now| now.plus(*ttl)));
            }
            _ => {}
        }
        let same = (told, hold.expires_at) == (told_due, over_due);
        if !same || !book.is_open() || told > Some(book.amount) {
            self.fail("H1", format!("{customer}: {book:?} becomes {hold:?}"));
        }
        (book.told, book.expires_at) = (told, hold.expires_at);
        self.holds.books[customer].insert(hold.id.clone(), book);
    }

    /// A hold ends: once, as was asked for or by its rule, and for what it is charged (H1, H2).
    fn follow_ended(
        &mut self,
        customer: usize,
        (local, writes): (&LocalHold, &Writes),
        mut book: HoldBook,
    ) {
        let hold = &local.hold;
        let captured = i128::from(hold.captured.minor_units());
        let over = self.holds.now.is_some_and(|now| now >= book.expires_at);
        let asked = match &self.holds.judging {
            Some(Asked::End(Command::Capture(capture))) if capture.hold == hold.id => {
                let used = capture.used.as_ref().map(|(_, used)| i128::from(used.minor_units()));
                used.or(book.told).or(Some(book.amount))
            }
            Some(Asked::End(Command::Release(release))) if release.hold == hold.id => Some(0),
            _ => None,
        };
        let right = match hold.state {
            HoldState::Open => false,
            HoldState::Captured => !over && captured > 0 && asked == Some(captured),
            HoldState::Released => !over && captured == 0 && asked == Some(0),
            HoldState::Expired => over && captured == book.by_rule(),
        };
        if !book.is_open() {
            self.fail("H1", format!("{customer}: {book:?} ends again: {hold:?}"));
        } else if !right || captured > book.amount {
            self.fail("H1", format!("{customer}: {book:?} ends as {hold:?}"));
        }
        let charged: i128 =
            writes.outbox.iter().map(|row| i128::from(row.amount.minor_units())).sum();
        let charges = (writes.outbox.len(), writes.records.len());
        let once = usize::from(captured > 0);
        if charged != captured || charges != (once, once) {
            self.fail("H2", format!("{customer}: {captured} is captured, {charges:?} charged"));
        }
        let theirs = writes.outbox.iter().any(|row| self.is_a_callers(customer, row.key.as_str()));
        if theirs {
            self.fail("H2", format!("{customer}: {hold:?} is charged under a caller's key"));
        }
        book.end = Some((hold.state, captured));
        self.holds.books[customer].insert(hold.id.clone(), book);
        if hold.state != HoldState::Expired {
            self.holds.changed = Some(hold.id.clone());
        }
    }
}
