//! Holds a ledger to its laws: what it keeps and what it answers must be what the [`Books`] say.
//!
//! The books follow what was kept. Before that they work out, from the request alone, what may be
//! kept: each entry to the last minor unit, each draw, each row. An answer must be the first one of its
//! key (L4), and a hold of which anybody was told that it has ended, and how, stays so (L3).

use std::collections::BTreeMap;

use edge_credits_core::ids::{Owner, TransactionId};
use edge_credits_core::ledger::{
    Account, Command, Entry, EntryKind, Hold, HoldState, Receipt, Writes,
};

use super::asked::{Asked, Cause};
use super::books::{Books, Held, Line};
use super::edges;
use super::faults::Edge;
use super::requests::{Comes, No, content, minor};
use crate::auditor::Breach;
use crate::tally::Each;

/// One customer, as the auditor sees them.
pub(super) struct Audited {
    pub(super) owner: Owner,
    pub(super) books: Books,
    /// What the call that made each entry was answered, or would have been.
    pub(super) firsts: BTreeMap<TransactionId, Receipt>,
    /// How holds have ended, as somebody was told.
    pub(super) told: BTreeMap<TransactionId, (HoldState, i128)>,
    /// The entries of signals, as they were when they were taken.
    pub(super) first_signals: BTreeMap<TransactionId, Entry>,
}

/// The auditor of all customers.
pub(super) struct Auditor {
    pub(super) customers: Vec<Audited>,
    pub(super) breach: Option<Breach>,
    pub(super) edges: Each<Edge>,
}

impl Auditor {
    pub(super) fn new(owners: &[Owner], overdraft_limit: Option<i64>) -> Self {
        let audited = |owner: &Owner| Audited {
            owner: owner.clone(),
            books: Books::new(overdraft_limit.map(i128::from)),
            firsts: BTreeMap::new(),
            told: BTreeMap::new(),
            first_signals: BTreeMap::new(),
        };
        let customers = owners.iter().map(audited).collect();
        Self { customers, breach: None, edges: Each::default() }
    }

    pub(super) fn fail(&mut self, law: &'static str, what: String) {
        self.breach.get_or_insert(Breach { law, what });
    }

    pub(super) fn met(&mut self, edge: Edge) {
        self.edges[edge] += 1;
    }

    /// Something was kept.
    pub(super) fn kept(&mut self, customer: usize, cause: Cause<'_>, clock: i64, writes: &Writes) {
        let audited = &self.customers[customer];
        match audited.follow(cause, clock, writes) {
            Ok((mut after, own)) => {
                let found = audited.edges(cause, &after);
                found.into_iter().for_each(|edge| self.met(edge));
                if let Cause::Plan(_) = cause {
                    self.met(Edge::PlanGiven);
                }
                let audited = &mut self.customers[customer];
                if let (Some(own), Cause::Asked(Asked::Command(command))) = (own, cause) {
                    let id = audited.remember(own, command, writes);
                    after.use_key(command, &id);
                }
                if let Cause::Signals(..) = cause {
                    let taken = writes.entries.iter().filter(|entry| entry.record.is_some());
                    let taken = taken.map(|entry| (entry.id.clone(), entry.clone()));
                    audited.first_signals.extend(taken);
                }
                after.lines.clear();
                audited.books = after;
                self.compare_told(customer);
            }
            Err(Breach { law, what }) => self.fail(law, format!("{customer}: {cause:?}: {what}")),
        }
    }

    /// A hold ends as somebody has been told that it did.
    fn compare_told(&mut self, customer: usize) {
        let Audited { books, told, .. } = &self.customers[customer];
        for (id, told) in told {
            let ended = books.ids.get(id).and_then(|placed| books.holds[placed].ended);
            if let Some(ended) = ended.filter(|ended| ended != told) {
                let what =
                    format!("{customer}: {id:?} ended {ended:?}, and was said to be {told:?}");
                return self.fail("L3", what);
            }
        }
    }

    /// Memory, or what has just been loaded, is what the books say.
    pub(super) fn compare_account(&mut self, customer: usize, account: &Account) {
        let books = &self.customers[customer].books;
        let open = books.holds.iter().filter(|(_, hold)| hold.ended.is_none());
        let open: Vec<u64> = open.map(|(sequence, _)| *sequence).collect();
        let there: Vec<u64> = account.open_holds().map(|hold| hold.sequence).collect();
        let due = account.next_due().map(|due| due.as_millis());
        if (account.sequence(), due) != (books.sequence, books.due_at()) || open != there {
            let what = format!(
                "{customer}: at {}, due {due:?}, open {there:?}; in the books {}, {:?}, {open:?}",
                account.sequence(),
                books.sequence,
                books.due_at()
            );
            self.fail("D15", what);
        }
    }
}

impl Audited {
    /// The books after what was kept, and where its own entry is, if the request made one.
    fn follow(
        &self,
        cause: Cause<'_>,
        clock: i64,
        writes: &Writes,
    ) -> Result<(Books, Option<u64>), Breach> {
        let mut next = self.books.clone();
        let own = match cause {
            Cause::Alarm | Cause::Due => {
                next.advance(next.ledger_time(clock));
                None
            }
            Cause::Signals(signals, tariff) => {
                next.keep_signals(&self.owner, clock, signals, tariff);
                None
            }
            Cause::Plan(plan) => {
                next.give(clock, plan);
                None
            }
            Cause::Asked(Asked::Command(command)) => {
                match next.perform(&self.owner, clock, command) {
                    Ok(Comes::To(own)) => Some(own),
                    Ok(Comes::Again(id)) => {
                        let law = if ends_hold(command) { "L3" } else { "L4" };
                        return breach(law, format!("{id:?} is carried out again: {writes:?}"));
                    }
                    Err(no) => return breach(law_of(&no), format!("kept in spite of {no:?}")),
                }
            }
            Cause::Asked(Asked::Adjust(id, change)) => {
                let adjusted = next.adjust(clock, id, change);
                adjusted
                    .or_else(|no| breach(law_of(&no), format!("changed in spite of {no:?}")))?;
                None
            }
            Cause::Asked(asked) => return breach("L5", format!("{asked:?} writes {writes:?}")),
        };
        self.compare_entries(&mut next, &writes.entries)?;
        self.compare_rows(&next, writes)?;
        Ok((next, own))
    }

    fn compare_entries(&self, next: &mut Books, entries: &[Entry]) -> Result<(), Breach> {
        for (index, line) in next.lines.iter().enumerate() {
            let Some(entry) = entries.get(index) else {
                return breach(law_for(line), format!("missing: {line:?}"));
            };
            let hold = entry.hold.as_ref();
            let (is, draws) = (entry_line(entry), &line.draws);
            let same_hold = match line.hold {
                // Its own id is that of the placing, which is this very entry.
                Some(placed) if placed == entry.sequence => hold == Some(&entry.id),
                Some(placed) => hold.and_then(|id| self.books.ids.get(id)) == Some(&placed),
                None => hold.is_none(),
            };
            if is != (Line { hold: None, ..line.clone() }) || !same_hold {
                let law = match () {
                    () if is.sequence != line.sequence => "L5",
                    () if line.hold.is_some() || is.held != line.held => "L3",
                    () if is.posted != line.posted => "L1",
                    () if is.draws != *draws => "L7",
                    () => law_for(line),
                };
                return breach(law, format!("{is:?} {hold:?} instead of {line:?}"));
            }
        }
        if let Some(more) = entries.get(next.lines.len()) {
            let law = if more.hold.is_some() { "L3" } else { "L5" };
            return breach(law, format!("one too many: {more:?}"));
        }
        let lines = next.lines.clone();
        if let Some(line) = lines.iter().find(|line| !next.adds_up(&line.unit)) {
            return breach("L1", format!("{} does not add up", line.unit.as_str()));
        }
        for entry in entries {
            if next.ids.insert(entry.id.clone(), entry.sequence).is_some() {
                return breach("L5", format!("there is an entry {:?} already", entry.id));
            }
        }
        Ok(())
    }

    /// The rows of what has changed say what the books say, and there is one of each.
    fn compare_rows(&self, next: &Books, writes: &Writes) -> Result<(), Breach> {
        for (sequence, grant) in &next.grants {
            let is = (grant.left, next.reserved(*sequence));
            let before = self.books.grants.get(sequence);
            let was = before.map(|grant| (grant.left, self.books.reserved(*sequence)));
            let row = writes.grants.iter().find(|row| row.sequence == *sequence);
            let said = row.map(|row| (minor(row.remaining), minor(row.held)));
            if said.or(was) != Some(is) {
                let what = format!("grant {sequence} has (left, held) {said:?} instead of {is:?}");
                return breach("L3", what);
            }
        }
        for (sequence, hold) in &next.holds {
            let before = self.books.holds.get(sequence);
            let row = writes.holds.iter().find(|row| row.sequence == *sequence);
            let right = match row {
                Some(row) => hold.is(row),
                None => before == Some(hold),
            };
            if !right {
                return breach("L3", format!("{row:?} instead of {hold:?}"));
            }
        }
        Ok(())
    }

    /// The call's own entry is the record of its key, and what it was answered is final (L4).
    fn remember(&mut self, own: u64, command: &Command, writes: &Writes) -> TransactionId {
        let entry = writes.entries.iter().find(|entry| entry.sequence == own).expect("its entry");
        let lookups = command.lookups(&self.owner);
        let hold = lookups.hold.as_ref();
        let hold = writes.holds.iter().find(|row| Some(&row.id) == hold).cloned();
        let receipt = Receipt { entry: entry.clone(), replayed: false, hold };
        self.firsts.insert(entry.id.clone(), receipt);
        entry.id.clone()
    }

    fn edges(&self, cause: Cause<'_>, after: &Books) -> Vec<Edge> {
        edges::of(&self.books, after, cause)
    }
}

impl Books {
    /// Notes whose key has been used: after its entry has been found right.
    pub(super) fn use_key(&mut self, command: &Command, id: &TransactionId) {
        if !ends_hold(command) {
            let key = (command.operation(), command.call().key.as_str().to_owned());
            self.keys.insert(key, id.clone());
            self.contents.insert(id.clone(), content(command));
        }
    }
}

impl Held {
    /// Whether a row says the same.
    pub(super) fn is(&self, row: &Hold) -> bool {
        let parts: Vec<_> =
            row.reserves.iter().map(|part| (part.grant, minor(part.amount))).collect();
        let ended = (row.state != HoldState::Open).then(|| (row.state, minor(row.captured)));
        (&row.unit, minor(row.amount), &parts) == (&self.unit, self.amount, &self.parts)
            && (row.progress.map(minor), row.on_expiry) == (self.used, self.rule)
            && (row.expires_at.as_millis(), ended) == (self.until, self.ended)
    }
}

fn breach<T>(law: &'static str, what: String) -> Result<T, Breach> {
    Err(Breach { law, what })
}

fn ends_hold(command: &Command) -> bool {
    matches!(command, Command::Capture(_) | Command::Release(_))
}

/// The law that a line is about.
fn law_for(line: &Line) -> &'static str {
    match line.kind {
        EntryKind::Hold | EntryKind::Release => "L3",
        EntryKind::Expiry | EntryKind::Void | EntryKind::Scheduled => "L7",
        EntryKind::Refund => "L6",
        _ => "L1",
    }
}

/// The law that a refusal is about.
pub(super) fn law_of(no: &No) -> &'static str {
    match no {
        No::Short { .. } => "L2",
        No::UnknownHold | No::Ended(..) | No::MoreThanHeld(_) | No::OtherUnit => "L3",
        No::UnknownCharge | No::MoreThanCharged(_) => "L6",
        No::ExpiryPassed | No::UnknownGrant | No::GrantEnded => "L7",
        No::KeyReused => "L4",
        No::Closed => "C1",
    }
}

/// An entry as a line, but for the hold.
fn entry_line(entry: &Entry) -> Line {
    Line {
        sequence: entry.sequence,
        kind: entry.kind,
        unit: entry.unit.clone(),
        amount: minor(entry.amount),
        posted: minor(entry.balance_after),
        held: minor(entry.held_after),
        time: entry.time.as_millis(),
        draws: entry.draws.iter().map(|draw| (draw.grant, minor(draw.amount))).collect(),
        hold: None,
    }
}
