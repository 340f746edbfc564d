//! The auditor's own ledger: what the domain's prose says a customer has, in arithmetic of its own.
//!
//! It follows what was kept, entry by entry, and says before each of them what it must be. Of the core
//! it uses the names of things (ids, units, commands), and no decision. What is reserved is worked out
//! from the open holds, what is available from that, every time anew. [`super::requests`] has what
//! each command comes to.

use std::collections::{BTreeMap, BTreeSet};

use edge_credits_core::idempotency::Operation;
use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::{EntryKind, HoldState, OnExpiry};

use super::signals::UsageBook;
use super::standing::PlanBook;

/// Where a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    ToCome,
    Begun,
    Expired,
    Voided,
}

/// What was granted, and what is left.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) unit: Unit,
    pub(super) amount: i128,
    pub(super) left: i128,
    pub(super) priority: u16,
    pub(super) source: EntryKind,
    pub(super) from: i64,
    pub(super) until: Option<i64>,
    pub(super) standing: Standing,
}

/// What is or was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) unit: Unit,
    pub(super) amount: i128,
    pub(super) parts: Vec<(u64, i128)>,
    pub(super) used: Option<i128>,
    pub(super) rule: OnExpiry,
    pub(super) until: i64,
    pub(super) ended: Option<(HoldState, i128)>,
}

/// What can still be given back of a charge.
#[derive(Clone, Debug)]
pub(super) struct Charged {
    pub(super) unit: Unit,
    pub(super) covered: Vec<(u64, i128)>,
    pub(super) uncovered: i128,
    /// The hold that it captured.
    pub(super) hold: Option<u64>,
}

/// What an entry must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) sequence: u64,
    pub(super) kind: EntryKind,
    pub(super) unit: Unit,
    pub(super) amount: i128,
    pub(super) posted: i128,
    pub(super) held: i128,
    pub(super) time: i64,
    pub(super) draws: Vec<(u64, i128)>,
    /// The hold that it places or ends, by the sequence number of its placing.
    pub(super) hold: Option<u64>,
}

/// Why something begins or ends by itself. At one instant in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    GrantEnds,
    HoldEnds,
    GrantBegins,
}

/// One customer's books.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub(super) overdraft_limit: Option<i128>,
    pub(super) sequence: u64,
    /// Time of the last entry.
    pub(super) time: i64,
    pub(super) grants: BTreeMap<u64, Granted>,
    pub(super) holds: BTreeMap<u64, Held>,
    pub(super) charges: BTreeMap<u64, Charged>,
    overage: BTreeMap<Unit, i128>,
    /// Σ entries.
    sums: BTreeMap<Unit, i128>,
    /// Whose entry is at which position.
    pub(super) ids: BTreeMap<TransactionId, u64>,
    /// The entry of each key, by (operation, key), and what it stands for.
    pub(super) keys: BTreeMap<(Operation, String), TransactionId>,
    pub(super) contents: BTreeMap<TransactionId, String>,
    pub(super) usage: UsageBook,
    pub(super) plan: Option<PlanBook>,
    /// What plans have given: each once.
    pub(super) given: BTreeSet<String>,
    /// Whether somebody began to take the customer away: its holds are given back first, one by one.
    pub(super) leaving: bool,
    /// Whether the customer was taken away.
    pub(super) closed: bool,
    /// What has been written since somebody last took it away.
    pub(super) lines: Vec<Line>,
}

impl Books {
    pub(super) fn new(overdraft_limit: Option<i128>) -> Self {
        Self { overdraft_limit, ..Self::default() }
    }

    pub(super) fn overage(&self, unit: &Unit) -> i128 {
        self.overage.get(unit).copied().unwrap_or(0)
    }

    pub(super) fn lower_overage(&mut self, unit: &Unit, by: i128) {
        *self.overage.entry(unit.clone()).or_default() -= by;
    }

    /// What the entry of this id charged, of which nothing has been given back; zero if there is none.
    pub(super) fn charged(&self, id: &TransactionId) -> i128 {
        let charge = self.ids.get(id).and_then(|position| self.charges.get(position));
        charge.map_or(0, |charge| {
            charge.uncovered + charge.covered.iter().map(|part| part.1).sum::<i128>()
        })
    }

    fn open_parts(&self) -> impl Iterator<Item = (&Held, &(u64, i128))> {
        let open = self.holds.values().filter(|hold| hold.ended.is_none());
        open.flat_map(|hold| hold.parts.iter().map(move |part| (hold, part)))
    }

    /// What open holds have reserved of a grant.
    pub(super) fn reserved(&self, grant: u64) -> i128 {
        self.open_parts().filter(|(_, part)| part.0 == grant).map(|(_, part)| part.1).sum()
    }

    pub(super) fn held(&self, unit: &Unit) -> i128 {
        self.open_parts().filter(|(hold, _)| hold.unit == *unit).map(|(_, part)| part.1).sum()
    }

    pub(super) fn posted(&self, unit: &Unit) -> i128 {
        let left = self.grants.values().filter(|grant| grant.unit == *unit).map(|grant| grant.left);
        left.sum::<i128>() - self.overage(unit)
    }

    pub(super) fn available(&self, unit: &Unit) -> i128 {
        self.posted(unit) - self.held(unit)
    }

    /// Whether the sum of a unit's entries is what its grants have left, less its overage (L1).
    pub(super) fn adds_up(&self, unit: &Unit) -> bool {
        self.sums.get(unit).copied().unwrap_or(0) == self.posted(unit)
    }

    /// What nobody has a right to of a grant that pays.
    fn free(&self, sequence: u64, time: i64) -> i128 {
        let grant = &self.grants[&sequence];
        let pays = grant.standing == Standing::Begun && grant.until.is_none_or(|end| end > time);
        if pays { grant.left - self.reserved(sequence) } else { 0 }
    }

    /// Who pays up to `amount`: lowest priority number first, then soonest expiry, then age.
    pub(super) fn payers(&self, unit: &Unit, amount: i128, time: i64) -> Vec<(u64, i128)> {
        let mut grants: Vec<(u16, i64, u64)> = Vec::new();
        for (sequence, grant) in self.grants.iter().filter(|(_, grant)| grant.unit == *unit) {
            grants.push((grant.priority, grant.until.unwrap_or(i64::MAX), *sequence));
        }
        grants.sort_unstable();
        let (mut missing, mut paid) = (amount, Vec::new());
        for (_, _, sequence) in grants {
            let part = missing.min(self.free(sequence, time));
            if part > 0 {
                paid.push((sequence, part));
                missing -= part;
            }
        }
        paid
    }

    /// Takes up to `amount`; what no grant covers is overage. Returns the draws.
    pub(super) fn take(&mut self, unit: &Unit, amount: i128, time: i64) -> Vec<(u64, i128)> {
        let draws = self.payers(unit, amount, time);
        let covered: i128 = draws.iter().map(|draw| draw.1).sum();
        self.draw(&draws);
        self.lower_overage(unit, covered - amount);
        draws
    }

    pub(super) fn draw(&mut self, draws: &[(u64, i128)]) {
        for (grant, part) in draws {
            self.grants.get_mut(grant).expect("a grant that pays").left -= part;
        }
    }

    /// What is free pays the overage, as far as it goes.
    pub(super) fn pay_overage(&mut self, unit: &Unit, time: i64) -> Vec<(u64, i128)> {
        let draws = self.payers(unit, self.overage(unit), time);
        self.draw(&draws);
        self.lower_overage(unit, draws.iter().map(|draw| draw.1).sum());
        draws
    }

    /// The next line. Amounts are what the balance changes by.
    pub(super) fn write(&mut self, line: Line) -> &mut Line {
        self.sequence += 1;
        self.time = line.time;
        *self.sums.entry(line.unit.clone()).or_default() += line.amount;
        let (posted, held) = (self.posted(&line.unit), self.held(&line.unit));
        self.lines.push(Line { sequence: self.sequence, posted, held, ..line });
        self.lines.last_mut().expect("a line")
    }

    /// Everything that is due by then, in time order, each at its own time.
    pub(super) fn advance(&mut self, until: i64) {
        while let Some((time, due, which)) = self.next_due().filter(|due| due.0 <= until) {
            let time = time.max(self.time);
            match due {
                Due::GrantEnds => self.end_grant(which, EntryKind::Expiry, time),
                Due::HoldEnds => {
                    let captured = self.holds[&which].captured_by_rule();
                    self.end_hold(which, (HoldState::Expired, captured), time);
                }
                Due::GrantBegins => self.begin(which, time),
            }
        }
    }

    /// When something is due next.
    pub(super) fn due_at(&self) -> Option<i64> {
        self.next_due().map(|due| due.0)
    }

    fn next_due(&self) -> Option<(i64, Due, u64)> {
        let of_grant = |(sequence, grant): (&u64, &Granted)| match grant.standing {
            Standing::ToCome => Some((grant.from, Due::GrantBegins, *sequence)),
            Standing::Begun if grant.left > self.reserved(*sequence) => {
                grant.until.map(|until| (until, Due::GrantEnds, *sequence))
            }
            _ => None,
        };
        let open = self.holds.iter().filter(|(_, hold)| hold.ended.is_none());
        let ends = open.map(|(sequence, hold)| (hold.until, Due::HoldEnds, *sequence));
        self.grants.iter().filter_map(of_grant).chain(ends).min()
    }

    fn begin(&mut self, sequence: u64, time: i64) {
        let grant = self.grants.get_mut(&sequence).expect("a grant to come");
        grant.standing = Standing::Begun;
        grant.left = grant.amount;
        let (unit, amount, source) = (grant.unit.clone(), grant.amount, grant.source);
        let draws = self.pay_overage(&unit, time);
        self.write(Line { draws, ..Line::new(source, &unit, amount, time) });
    }

    /// A grant ends for what is left of it and not reserved. A void is written in any case.
    pub(super) fn end_grant(&mut self, sequence: u64, kind: EntryKind, time: i64) {
        let reserved = self.reserved(sequence);
        let grant = self.grants.get_mut(&sequence).expect("a grant");
        let (unit, gone) = (grant.unit.clone(), grant.left - reserved);
        grant.left = reserved;
        let voided = kind == EntryKind::Void;
        grant.standing = if voided { Standing::Voided } else { Standing::Expired };
        if gone == 0 && !voided {
            return;
        }
        let draws = if gone == 0 { Vec::new() } else { vec![(sequence, gone)] };
        self.write(Line { draws, ..Line::new(kind, &unit, -gone, time) });
    }

    /// A hold ends: what is captured is taken from what it reserved first; what comes back pays the
    /// overage, or ends with its grant.
    pub(super) fn end_hold(&mut self, sequence: u64, ended: (HoldState, i128), time: i64) {
        let (unit, captured) = (self.holds[&sequence].unit.clone(), ended.1);
        let hold = self.holds.get_mut(&sequence).expect("a hold");
        hold.ended = Some(ended);
        let (mut missing, mut taken, mut back) = (captured, Vec::new(), Vec::new());
        for (grant, part) in hold.parts.clone() {
            let now = missing.min(part);
            missing -= now;
            if now > 0 {
                taken.push((grant, now));
            }
            if now < part {
                back.push(grant);
            }
        }
        self.draw(&taken);
        let hold = Some(sequence);
        if captured > 0 {
            let kind = EntryKind::Consumption;
            let (covered, uncovered) = (taken.clone(), 0);
            self.write(Line { draws: taken, hold, ..Line::new(kind, &unit, -captured, time) });
            let charge = Charged { unit: unit.clone(), covered, uncovered, hold };
            self.charges.insert(self.sequence, charge);
        }
        let draws = self.pay_overage(&unit, time);
        if captured == 0 || !draws.is_empty() {
            self.write(Line { draws, hold, ..Line::new(EntryKind::Release, &unit, 0, time) });
        }
        self.end_what_came_back(&back, time);
    }

    /// What came back to a grant that has ended ends at once.
    pub(super) fn end_what_came_back(&mut self, grants: &[u64], time: i64) {
        for sequence in grants {
            let grant = &self.grants[sequence];
            match grant.standing {
                // Written only where something has come back: another hold may have the rest.
                Standing::Voided => self.end_grant(*sequence, EntryKind::Void, time),
                _ if self.has_ended(*sequence, time) => {
                    self.end_grant(*sequence, EntryKind::Expiry, time);
                }
                _ => {}
            }
        }
    }

    /// Whether a grant has expired or was voided.
    pub(super) fn has_ended(&self, sequence: u64, time: i64) -> bool {
        let grant = &self.grants[&sequence];
        matches!(grant.standing, Standing::Expired | Standing::Voided)
            || grant.until.is_some_and(|until| until <= time)
    }
}

impl Held {
    /// What its own rule takes when its time is over.
    pub(super) fn captured_by_rule(&self) -> i128 {
        match self.rule {
            OnExpiry::CaptureProgress => self.used.unwrap_or(0),
            OnExpiry::Release => 0,
            OnExpiry::CaptureAll => self.amount,
        }
    }
}

impl Line {
    pub(super) fn new(kind: EntryKind, unit: &Unit, amount: i128, time: i64) -> Self {
        let (draws, unit) = (Vec::new(), unit.clone());
        Self { sequence: 0, kind, unit, amount, posted: 0, held: 0, time, draws, hold: None }
    }
}
