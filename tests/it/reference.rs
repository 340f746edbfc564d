//! A second ledger, written from the domain's prose alone: what the real one is compared with.
//!
//! It keeps one list of [`facts`] and works everything else out from that list, each time anew.
//! Nothing is cached, nothing is clever, and amounts are `i128`, which no sum of a script can leave.

mod facts;
mod holds;

use std::collections::BTreeMap;

use edge_credits_core::credits::MAX_MINOR_UNITS;
use edge_credits_core::ids::{Owner, Product, Unit};
use edge_credits_core::ledger::{Command, DEFAULT_PRIORITY, EntryKind, GrantCredits, HoldState};
use edge_credits_core::ledger::{MAX_OPEN_GRANTS, Refund, Void, WhenShort};

pub(crate) use facts::Fact;
use facts::{Due, Facts, Terms, content, difference};
use holds::End;

const MAX: i128 = MAX_MINOR_UNITS as i128;

/// The ledger's "no", and what it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum No {
    KeyReused { differing: Vec<&'static str> },
    ExpiryPassed,
    UnknownCharge,
    UnknownGrant,
    OtherUnit(Unit),
    GrantEnded,
    RefundExceedsCharge { refundable: i128 },
    TooManyGrants,
    InsufficientCredits { available: i128, requested: i128 },
    Overflow,
    UnknownHold,
    OtherHoldUnit(Unit),
    HoldEnded { state: HoldState, captured: i128 },
    CaptureExceedsHold { held: i128 },
    TooManyHolds,
}

/// What a read says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) posted: i128,
    pub(crate) held: i128,
    pub(crate) as_of: i64,
    pub(crate) lines: BTreeMap<Option<Product>, (i128, Option<i64>)>,
}

/// One customer's ledger.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    owner: Owner,
    /// In minor units of `credits`.
    pub(crate) overdraft_limit: Option<i128>,
    pub(crate) facts: Facts,
}

impl Reference {
    pub(crate) fn new(owner: Owner, overdraft_limit: Option<i128>) -> Self {
        Self { owner, overdraft_limit, facts: Facts::default() }
    }

    /// Carries out a command: the fact that it made, and whether an earlier call had made it.
    pub(crate) fn perform(&mut self, wall: i64, command: &Command) -> Result<(Fact, bool), No> {
        if let Some(end) = End::of(command) {
            return self.end_hold(wall, &end);
        }
        let (key, content) = (command.call().key.as_str(), content(command));
        for fact in &self.facts.0 {
            let Some((operation, first_key, first)) = &fact.call else { continue };
            if (*operation, &**first_key) == (command.operation(), key) {
                let differing = difference(first, &content);
                let replay = Ok((fact.clone(), true));
                return if differing.is_empty() {
                    replay
                } else {
                    Err(No::KeyReused { differing })
                };
            }
        }
        // On a copy: a refusal changes nothing.
        let mut next = self.clone();
        let now = self.ledger_time(wall);
        next.settle(now);
        let sequence = next.facts.last() + 1;
        next.judge(now, command)?;
        next.require_range()?;
        let is_made = |fact: &&mut Fact| fact.sequence == sequence;
        let made = next.facts.0.iter_mut().find(is_made).unwrap();
        made.id = Some(command.lookups(&self.owner).record);
        made.call = Some((command.operation(), key.to_owned(), content));
        let made = made.clone();
        *self = next;
        Ok((made, false))
    }

    /// Writes what is due: in time order, what ends before what begins, each at its own time.
    pub(crate) fn settle(&mut self, until: i64) {
        while let Some((time, due, which)) = self.facts.due().filter(|due| due.0 <= until) {
            match due {
                Due::Begins => {
                    let standing = self.facts.grants()[&which].clone();
                    let terms = standing.terms;
                    let mut fact = Fact::new(terms.source, &standing.unit, terms.amount, time);
                    (fact.brings, fact.product) = (Some((which, terms.amount)), terms.product);
                    self.come_in(fact);
                }
                Due::Ends => self.end(EntryKind::Expiry, which, time),
                Due::HoldEnds => self.expire_hold(which, time),
            }
        }
    }

    /// A unit at `wall`, with what is due by then counted as done.
    pub(crate) fn read(&self, unit: &Unit, wall: i64) -> Reading {
        let mut then = self.clone();
        let as_of = self.ledger_time(wall);
        then.settle(as_of);
        let mut lines: BTreeMap<_, (i128, Option<i64>)> = BTreeMap::new();
        for grant in then.facts.grants().into_values() {
            if grant.unit == *unit && grant.free() > 0 {
                let free = grant.free();
                let line = lines.entry(grant.terms.product).or_default();
                line.0 += free;
                line.1 = [line.1, grant.terms.until].into_iter().flatten().min();
            }
        }
        let overage = then.facts.overage(unit);
        if overage > 0 {
            lines.entry(None).or_default().0 -= overage;
        }
        let (posted, held) = (then.facts.posted(unit), then.facts.held(unit));
        Reading { posted, held, as_of, lines }
    }

    fn judge(&mut self, now: i64, command: &Command) -> Result<(), No> {
        match command {
            Command::Consume(it) => {
                let (amount, limit) = (i128::from(it.amount.minor_units()), self.limit(&it.unit));
                let limit = if it.when_short == WhenShort::Reject { Some(0) } else { limit };
                self.take(Fact::new(EntryKind::Consumption, &it.unit, -amount, now), limit)
            }
            Command::Debit(it) => {
                let (amount, limit) = (i128::from(it.amount.minor_units()), self.limit(&it.unit));
                self.take(Fact::new(EntryKind::Adjustment, &it.unit, -amount, now), limit)
            }
            Command::Grant(it) => self.grant(it, now),
            Command::Refund(it) => self.refund(it, now),
            Command::Void(it) => self.void(it, now),
            Command::Hold(it) => self.place(it, now),
            Command::Capture(_) | Command::Release(_) => panic!("ends have a way of their own"),
            Command::Usage(_) => panic!("signals have a book of their own"),
        }
    }

    fn take(&mut self, mut fact: Fact, limit: Option<i128>) -> Result<(), No> {
        let (available, requested) = (self.facts.available(&fact.unit), -fact.amount);
        if limit.is_some_and(|limit| available - requested < -limit) {
            return Err(No::InsufficientCredits { available, requested });
        }
        fact.draws = self.facts.burn(&fact.unit, requested, fact.time);
        self.facts.write(fact);
        Ok(())
    }

    fn grant(&mut self, grant: &GrantCredits, now: i64) -> Result<(), No> {
        let amount = i128::from(grant.amount.minor_units());
        let from = grant.effective_at.map_or(now, |from| from.as_millis().max(now));
        let until = grant.expires_at.map(|until| until.as_millis());
        if until.is_some_and(|until| until <= from) {
            return Err(No::ExpiryPassed);
        }
        if self.facts.open_grants() >= MAX_OPEN_GRANTS {
            return Err(No::TooManyGrants);
        }
        let scheduled = from > now;
        let source = grant.source.kind();
        let mut fact = if scheduled {
            Fact::new(EntryKind::Scheduled, &grant.unit, 0, now)
        } else {
            Fact::new(source, &grant.unit, amount, now)
        };
        let (priority, product) = (grant.priority, grant.product.clone());
        fact.product = product.clone();
        fact.makes = Some(Terms { amount, priority, product, source, from, until });
        fact.brings = (!scheduled).then_some((self.facts.last() + 1, amount));
        self.come_in(fact);
        Ok(())
    }

    fn refund(&mut self, refund: &Refund, now: i64) -> Result<(), No> {
        let amount = i128::from(refund.amount.minor_units());
        let named = Some(&refund.refund_of);
        let is_usage = |fact: &Fact| match fact.kind {
            EntryKind::Consumption => true,
            EntryKind::Adjustment => fact.amount < 0,
            _ => false,
        };
        let is_charge = |fact: &&Fact| fact.id.as_ref() == named && is_usage(fact);
        let charge = self.facts.0.iter().find(is_charge).cloned().ok_or(No::UnknownCharge)?;
        let unit = &charge.unit;
        if *unit != refund.unit {
            return Err(No::OtherUnit(unit.clone()));
        }
        let refunds = self.facts.0.iter().filter(|fact| fact.refund_of.as_ref() == named);
        let refunded: i128 = refunds.map(|fact| fact.amount).sum();
        let refundable = -charge.amount - refunded;
        if amount > refundable {
            return Err(No::RefundExceedsCharge { refundable });
        }
        let (given_back, uncovered) = last_drawn_first(&charge, refunded, amount);
        let paid_meanwhile = (uncovered - self.facts.overage(unit)).max(0);
        let mut fact = Fact::new(EntryKind::Refund, unit, amount, now);
        fact.refund_of = charge.id.clone();
        fact.draws = given_back.iter().map(|(grant, part)| (*grant, -part)).collect();
        if paid_meanwhile > 0 {
            let (amount, source) = (paid_meanwhile, EntryKind::Refund);
            let (priority, product, from, until) = (DEFAULT_PRIORITY, None, now, None);
            fact.makes = Some(Terms { amount, priority, product, source, from, until });
            fact.brings = Some((self.facts.last() + 1, amount));
        }
        self.come_in(fact);
        self.end_what_came_back(given_back.iter().map(|(grant, _)| *grant), now);
        if self.facts.open_grants() > MAX_OPEN_GRANTS { Err(No::TooManyGrants) } else { Ok(()) }
    }

    fn void(&mut self, void: &Void, now: i64) -> Result<(), No> {
        let named = Some(&void.grant);
        let is_it = |fact: &&Fact| fact.id.as_ref() == named && fact.makes.is_some();
        let maker = self.facts.0.iter().find(is_it).ok_or(No::UnknownGrant)?;
        let grant = maker.sequence;
        let standing = &self.facts.grants()[&grant];
        if !standing.is_scheduled() && standing.free() == 0 {
            return Err(No::GrantEnded);
        }
        self.end(EntryKind::Void, grant, now);
        Ok(())
    }

    /// What came back to a grant that has ended ends at once.
    fn end_what_came_back(&mut self, grants: impl Iterator<Item = u64>, now: i64) {
        for grant in grants {
            let standing = &self.facts.grants()[&grant];
            if standing.voided {
                self.end(EntryKind::Void, grant, now);
            } else if standing.has_expired(now) {
                self.end(EntryKind::Expiry, grant, now);
            }
        }
    }

    /// Takes what is left of a grant, and not held, out of the balance.
    fn end(&mut self, kind: EntryKind, grant: u64, time: i64) {
        let standing = self.facts.grants()[&grant].clone();
        let mut fact = Fact::new(kind, &standing.unit, -standing.free(), time);
        if standing.free() > 0 {
            fact.draws = vec![(grant, standing.free())];
        }
        fact.product = standing.terms.product;
        fact.voids = (kind == EntryKind::Void).then_some(grant);
        self.facts.write(fact);
    }

    /// Credits come in: the overage is paid from them first.
    fn come_in(&mut self, fact: Fact) {
        let (unit, now) = (fact.unit.clone(), fact.time);
        self.facts.write(fact);
        let paid = self.facts.burn(&unit, self.facts.overage(&unit), now);
        self.facts.0.last_mut().unwrap().draws.extend(paid);
    }

    /// L8: no balance has left the range, nor will one when every grant to come has come; nor has
    /// what is available, which is less than the balance by what is held.
    fn require_range(&self) -> Result<(), No> {
        let mut balances: BTreeMap<&Unit, i128> = BTreeMap::new();
        for fact in &self.facts.0 {
            let balance = balances.entry(&fact.unit).or_default();
            *balance += fact.amount;
            if balance.abs() > MAX {
                return Err(No::Overflow);
            }
        }
        if balances.keys().any(|unit| self.facts.available(unit) < -MAX) {
            return Err(No::Overflow);
        }
        let mut grants: Vec<_> = self.facts.grants().into_values().collect();
        grants.retain(|grant| grant.is_scheduled());
        for grant in &grants {
            *balances.entry(&grant.unit).or_default() += grant.terms.amount;
        }
        let fits = balances.values().all(|balance| *balance <= MAX);
        if fits { Ok(()) } else { Err(No::Overflow) }
    }

    /// The overdraft limit as the same number of whole units.
    pub(crate) fn limit(&self, unit: &Unit) -> Option<i128> {
        let more_decimals = u32::from(unit.scale().decimals()) - 6;
        self.overdraft_limit.map(|limit| limit * 10_i128.pow(more_decimals))
    }

    pub(crate) fn ledger_time(&self, wall: i64) -> i64 {
        self.facts.0.last().map_or(wall, |fact| fact.time.max(wall))
    }
}

/// The part of a charge that a refund gives back when `refunded` of it has been given back before:
/// to which grants, in the order of giving, and how much of what no grant had covered.
fn last_drawn_first(charge: &Fact, refunded: i128, amount: i128) -> (Vec<(u64, i128)>, i128) {
    let covered: i128 = charge.draws.iter().map(|(_, part)| part).sum();
    // What no grant covered was the last of the charge.
    let mut parts: Vec<(Option<u64>, i128)> = vec![(None, -charge.amount - covered)];
    parts.extend(charge.draws.iter().rev().map(|(grant, part)| (Some(*grant), *part)));
    let (mut skip, mut missing, mut given_back, mut uncovered) = (refunded, amount, vec![], 0);
    for (grant, part) in parts {
        let gone = skip.min(part);
        let now = missing.min(part - gone);
        (skip, missing) = (skip - gone, missing - now);
        match grant {
            Some(grant) if now > 0 => given_back.push((grant, now)),
            Some(_) => {}
            None => uncovered = now,
        }
    }
    (given_back, uncovered)
}
