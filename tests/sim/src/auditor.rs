//! The auditor: its own books of what was accepted, sent and applied, in its own arithmetic.
//!
//! It takes nothing from the core but what the core kept and said, and compares that with what the
//! upstream really did. A breach names the invariant that it breaks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use edge_credits_core::cache::{Notice, OutboxRow, Outcome, Record, RecordState, Writes};
use edge_credits_core::error::Effect;
use edge_credits_core::ids::Unit;
use edge_credits_core::ledger::{Consume, WhenShort};
use edge_credits_core::time::Timestamp;

use crate::hold_books::HoldBooks;
use crate::upstream::Line;

/// An invariant that does not hold.
#[derive(Clone, Debug)]
pub(crate) struct Breach {
    pub(crate) law: &'static str,
    pub(crate) what: String,
}

/// Where an accepted charge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Quarantined,
    Applied,
    Rejected,
}

/// An accepted charge.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) record: Record,
    pub(crate) unit: Unit,
    pub(crate) amount: i128,
    body: String,
    position: u64,
    pub(crate) state: State,
    /// Which line of the upstream it is.
    pub(crate) line: Option<usize>,
    /// When the attempts began that may have been carried out, as far as anybody was told.
    attempts: Vec<u64>,
    /// When it was last sent, so many times.
    sent: VecDeque<u64>,
}

/// How often one charge may be sent in a minute: more is nobody's pace.
const MOST_SENDS: usize = 100;

/// A gate that was accepted in the last step.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) unit: Unit,
    pub(crate) amount: i128,
}

/// One customer's books.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// By key.
    pub(crate) charges: BTreeMap<String, Charge>,
    positions: BTreeMap<u64, String>,
    submitted: BTreeSet<String>,
    in_flight: BTreeSet<u64>,
    /// What each read showed: how many lines, by conversation.
    pub(crate) readings: BTreeMap<u64, Vec<usize>>,
    /// When, by the object's clock, which key was last refused.
    refused: Option<(Timestamp, u64)>,
}

/// All books, and the first breach.
#[derive(Debug)]
pub(crate) struct Auditor {
    pub(crate) books: Vec<Books>,
    pub(crate) breach: Option<Breach>,
    /// The charge that is being decided, whose record alone may be new.
    pub(crate) judging: Option<Consume>,
    /// The operator is at work.
    pub(crate) operating: bool,
    /// The key accepted in the last step, and the gate if it was one.
    pub(crate) accepted: Option<String>,
    pub(crate) opened: Option<Opened>,
    /// Whether the last step kept anything.
    pub(crate) kept: bool,
    /// Edges taken, to be counted.
    pub(crate) edges: Vec<&'static str>,
    pub(crate) holds: HoldBooks,
}

impl Auditor {
    pub(crate) fn new(customers: usize) -> Self {
        Self {
            books: vec![Books::default(); customers],
            breach: None,
            judging: None,
            operating: false,
            accepted: None,
            opened: None,
            kept: false,
            edges: Vec::new(),
            holds: HoldBooks::new(customers),
        }
    }

    pub(crate) fn fail(&mut self, law: &'static str, what: String) {
        self.breach.get_or_insert(Breach { law, what });
    }

    /// Whether a caller has used a key for a charge.
    pub(crate) fn is_a_callers(&self, customer: usize, key: &str) -> bool {
        self.books[customer].submitted.contains(key)
    }

    pub(crate) fn submitted(&mut self, customer: usize, charge: &Consume) {
        self.books[customer].submitted.insert(charge.call.key.as_str().to_owned());
    }

    /// A conversation begins.
    pub(crate) fn talks(&mut self, customer: usize, clock: Timestamp, authority: u64) {
        if let Some((at, refused)) = self.books[customer].refused
            && refused == authority
            && clock >= at
            && clock.since(at).as_secs() < 600
        {
            self.fail("D17", format!("{customer}: talks {:?} after a 401", clock.since(at)));
        }
    }

    pub(crate) fn key_refused(&mut self, customer: usize, clock: Timestamp, authority: u64) {
        self.books[customer].refused = Some((clock, authority));
    }

    pub(crate) fn clock_steps(&mut self, customer: usize) {
        self.books[customer].refused = None;
    }

    /// A charge is sent: always the same bytes (D7), never once it is settled (D13), nor when the
    /// upstream may have forgotten an earlier attempt (D8).
    pub(crate) fn sends(
        &mut self,
        customer: usize,
        row: &OutboxRow,
        body: &str,
        (now, window): (u64, u64),
    ) {
        let key = row.key.as_str();
        let Some(charge) = self.books[customer].charges.get_mut(key) else {
            return self.fail("E3", format!("{customer}: {key} is sent and was never accepted"));
        };
        let first = charge.attempts.first().copied();
        charge.attempts.push(now);
        charge.sent.push_back(now);
        let busy = charge.sent.len() > MOST_SENDS
            && charge.sent.pop_front().is_some_and(|sent| now - sent < 60_000);
        let (state, same) = (charge.state, charge.body == body);
        if busy {
            self.fail("D9", format!("{customer}: {key} is sent without a pause"));
        }
        if !same {
            self.fail("D7", format!("{customer}: {key} is sent as {body}"));
        } else if state != State::Pending {
            self.fail("D13", format!("{customer}: {key} is sent while {state:?}"));
        } else if let Some(first) = first
            && now - first >= window
        {
            self.fail(
                "D8",
                format!("{customer}: {key} is sent {} ms after the first", now - first),
            );
        }
    }

    /// The sender learns how the last attempt ended.
    pub(crate) fn hears(&mut self, customer: usize, row: &OutboxRow, outcome: &Outcome) {
        let nothing_done = match outcome {
            Outcome::Again { effect, .. } => *effect == Effect::NotApplied,
            Outcome::Paused { .. } | Outcome::Singly | Outcome::Rejected { .. } => true,
            Outcome::Applied(_) | Outcome::Refused { .. } => false,
        };
        if let Some(charge) = self.books[customer].charges.get_mut(row.key.as_str())
            && nothing_done
        {
            charge.attempts.pop();
        }
    }

    /// The operator answers for it that a charge may be sent again.
    pub(crate) fn vouches(&mut self, customer: usize, key: &str) {
        if let Some(charge) = self.books[customer].charges.get_mut(key) {
            charge.attempts.clear();
        }
    }

    /// The upstream answers a read with what so many lines come to.
    pub(crate) fn reads(&mut self, customer: usize, token: u64, lines: usize) {
        self.books[customer].readings.entry(token).or_default().push(lines);
    }

    /// The upstream carries a charge out: once (E1), one that was accepted, for its amount (E3), and
    /// none that was given up (E7).
    pub(crate) fn applied(&mut self, customer: usize, index: usize, line: &Line) {
        let Some(key) = &line.key else { return };
        let Some(charge) = self.books[customer].charges.get_mut(key) else {
            return self.fail("E3", format!("{customer}: {key} is applied and was never accepted"));
        };
        let before = charge.line.replace(index);
        let (state, same) =
            (charge.state, charge.amount == -line.delta && charge.unit == line.unit);
        if before.is_some() {
            self.fail("E1", format!("{customer}: {key} is applied twice"));
        } else if !same {
            self.fail("E3", format!("{customer}: {key} is applied as {line:?}"));
        } else if state == State::Rejected {
            self.fail("E7", format!("{customer}: {key} is applied after it was given up"));
        }
    }

    /// Follows what a commit kept.
    pub(crate) fn follow(&mut self, customer: usize, writes: &Writes) {
        self.kept = true;
        self.follow_holds(customer, writes);
        for record in &writes.records {
            self.follow_record(customer, record, writes);
        }
        for row in &writes.outbox {
            self.follow_row(customer, row, writes);
        }
        for position in &writes.settled {
            self.follow_end(customer, *position, &writes.notices);
        }
        if let Some(head) = &writes.head {
            let sent = head.lease.iter().flat_map(|lease| &lease.positions).copied();
            let sent: BTreeSet<u64> = sent.collect();
            let begun = sent.difference(&self.books[customer].in_flight).count();
            self.edges.extend(std::iter::repeat_n("pending → in flight", begun));
            self.books[customer].in_flight = sent;
        }
    }

    /// A record is new, with all that belongs to it (D1), or says what it said before (D3).
    fn follow_record(&mut self, customer: usize, record: &Record, writes: &Writes) {
        let key = record.key.as_str().to_owned();
        let amount = i128::from(record.amount.minor_units());
        let Some(charge) = self.books[customer].charges.get_mut(&key) else {
            let row = writes.outbox.iter().find(|row| row.id == record.id);
            let counted = writes.units.iter().any(|unit| unit.unit == record.unit);
            let judged = self.judging.clone().filter(|judged| judged.call.key == record.key);
            let of_hold = judged.is_none() && self.is_of_a_hold(record, writes);
            let (Some(row), true, true) = (row, counted, of_hold || judged.is_some()) else {
                return self.fail("D1", format!("{customer}: {key} is kept by halves"));
            };
            if !of_hold && !self.books[customer].submitted.contains(&key) {
                self.fail("E3", format!("{customer}: {key} was never submitted"));
            }
            if judged.is_some_and(|judged| judged.when_short == WhenShort::Reject) {
                self.opened = Some(Opened { unit: record.unit.clone(), amount });
            }
            let charge = Charge {
                record: record.clone(),
                unit: record.unit.clone(),
                amount,
                body: row.body.clone(),
                position: row.position,
                state: State::Pending,
                line: None,
                attempts: Vec::new(),
                sent: VecDeque::new(),
            };
            self.edges.push("→ pending");
            let books = &mut self.books[customer];
            books.positions.insert(row.position, key.clone());
            books.charges.insert(key.clone(), charge);
            self.accepted = Some(key);
            return;
        };
        let same = Record {
            state: record.state,
            code: record.code.clone(),
            upstream_id: record.upstream_id.clone(),
            ..charge.record.clone()
        } == *record;
        charge.record = record.clone();
        if !same {
            self.fail("D3", format!("{customer}: the answer to {key} has changed"));
        }
    }

    /// A row is the charge's one row (D3), which is not settled yet (D6).
    fn follow_row(&mut self, customer: usize, row: &OutboxRow, writes: &Writes) {
        let key = row.key.as_str();
        let in_flight = self.books[customer].in_flight.contains(&row.position);
        let Some(charge) = self.books[customer].charges.get_mut(key) else {
            return self.fail("D1", format!("{customer}: a row of {key} without a record"));
        };
        let state = if row.quarantined.is_some() { State::Quarantined } else { State::Pending };
        let before = std::mem::replace(&mut charge.state, state);
        let (position, same) = (charge.position, charge.body == row.body);
        let record = charge.record.state;
        if position != row.position {
            self.fail("D3", format!("{customer}: {key} has a second row"));
        } else if !same || i128::from(row.amount.minor_units()) != self.amount(customer, key) {
            self.fail("D7", format!("{customer}: the body of {key} has changed"));
        } else if matches!(before, State::Applied | State::Rejected) {
            self.fail("E7", format!("{customer}: {key} is back after {before:?}"));
        }
        match (before, state) {
            (State::Pending, State::Quarantined) => {
                if record != RecordState::Quarantined || !tells(&writes.notices, key) {
                    self.fail("E2", format!("{customer}: {key} is quarantined and nobody is told"));
                }
                let edge =
                    if in_flight { "in flight → quarantined" } else { "pending → quarantined" };
                self.edges.push(edge);
            }
            (State::Quarantined, State::Pending) => {
                if !self.operating {
                    self.fail("D6", format!("{customer}: {key} leaves quarantine by itself"));
                }
                self.edges.push("quarantined → pending");
            }
            (State::Pending, State::Pending) if in_flight => self.edges.push("in flight → pending"),
            _ => {}
        }
    }

    fn amount(&self, customer: usize, key: &str) -> i128 {
        self.books[customer].charges.get(key).map_or(0, |charge| charge.amount)
    }

    /// A row leaves the outbox: applied upstream for certain, or given up and told (E2).
    fn follow_end(&mut self, customer: usize, position: u64, notices: &[Notice]) {
        let books = &mut self.books[customer];
        let in_flight = books.in_flight.contains(&position);
        let Some(key) = books.positions.get(&position).cloned() else {
            return self.fail("D6", format!("{customer}: no charge had position {position}"));
        };
        let Some(charge) = books.charges.get_mut(&key) else { return };
        let rejected = charge.record.state == RecordState::Rejected;
        let state = if rejected { State::Rejected } else { State::Applied };
        let before = std::mem::replace(&mut charge.state, state);
        let applied = charge.line.is_some();
        if matches!(before, State::Applied | State::Rejected) {
            self.fail("E7", format!("{customer}: {key} ends twice"));
        } else if rejected && applied {
            self.fail("E7", format!("{customer}: {key} is given up and was applied"));
        } else if rejected && !self.operating && !tells(notices, &key) {
            self.fail("E2", format!("{customer}: {key} is given up and nobody is told"));
        } else if !rejected && !applied {
            self.fail("E2", format!("{customer}: {key} leaves the outbox and was not applied"));
        }
        self.edges.push(match (before, state, in_flight) {
            (State::Quarantined, State::Applied, _) => "quarantined → applied",
            (State::Quarantined, _, _) => "quarantined → rejected",
            (_, State::Applied, true) => "in flight → applied",
            (_, State::Applied, false) => "pending → applied (late)",
            _ => "in flight → rejected",
        });
    }
}

/// Whether callers will be told of a charge.
fn tells(notices: &[Notice], key: &str) -> bool {
    notices
        .iter()
        .any(|notice| notice.charge.as_ref().is_some_and(|charge| charge.key.as_str() == key))
}
