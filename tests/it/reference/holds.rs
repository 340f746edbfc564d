//! Holds, as the domain's prose has them.

use edge_credits_core::idempotency::{Operation, Scope};
use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::{
    Adjust, Command, EntryKind, HoldState, MAX_OPEN_HOLDS, OnExpiry, Place,
};

use super::facts::{HoldTerms, Word};
use super::{Fact, No, Reference};

/// An end that a caller asks for.
pub(super) struct End<'a> {
    hold: &'a TransactionId,
    key: &'a str,
    /// `None` where the caller leaves it to what was said before.
    used: Option<(Option<&'a Unit>, i128)>,
}

impl<'a> End<'a> {
    pub(super) fn of(command: &'a Command) -> Option<Self> {
        let key = command.call().key.as_str();
        match command {
            Command::Release(it) => Some(Self { hold: &it.hold, key, used: Some((None, 0)) }),
            Command::Capture(it) => {
                let used = it.used.as_ref();
                let used = used.map(|(unit, used)| (Some(unit), i128::from(used.minor_units())));
                Some(Self { hold: &it.hold, key, used })
            }
            _ => None,
        }
    }

    /// Whether a hold that ended so has ended as is asked for.
    fn agrees(&self, state: HoldState, captured: i128) -> bool {
        state != HoldState::Expired && self.used.is_none_or(|(_, used)| used == captured)
    }
}

impl Reference {
    /// The id of the call that placed a hold.
    pub(crate) fn hold_id(&self, hold: u64) -> TransactionId {
        let placed = self.facts.0.iter().find(|fact| fact.sequence == hold);
        placed.and_then(|fact| fact.id.clone()).unwrap()
    }

    /// What is held of a fact's unit, right after it.
    pub(crate) fn held_after(&self, fact: &Fact) -> i128 {
        let facts = self.facts.0.iter().take_while(|it| it.sequence <= fact.sequence);
        let mut then = self.clone();
        then.facts.0 = facts.cloned().collect();
        then.facts.held(&fact.unit)
    }

    pub(super) fn place(&mut self, place: &Place, now: i64) -> Result<(), No> {
        if self.facts.open_holds().len() >= MAX_OPEN_HOLDS {
            return Err(No::TooManyHolds);
        }
        let (unit, amount) = (&place.unit, i128::from(place.amount.minor_units()));
        let available = self.facts.available(unit);
        if available < amount {
            return Err(No::InsufficientCredits { available, requested: amount });
        }
        let reserves = self.facts.burn(unit, amount, now);
        let until = now + i64::try_from(place.ttl.as_millis()).unwrap();
        let mut fact = Fact::new(EntryKind::Hold, unit, 0, now);
        fact.hold = Some(self.facts.last() + 1);
        fact.places = Some(HoldTerms { amount, until, rule: place.on_expiry, reserves });
        self.facts.write(fact);
        Ok(())
    }

    /// Captures or releases; or finds that it has been done.
    pub(super) fn end_hold(&mut self, wall: i64, end: &End<'_>) -> Result<(Fact, bool), No> {
        let now = self.ledger_time(wall);
        let mut next = self.clone();
        next.settle(now);
        let hold = next.open_hold(end.hold, end.used.and_then(|(unit, _)| unit));
        let hold = match hold {
            Ok(hold) => hold,
            Err(No::HoldEnded { state, captured }) if end.agrees(state, captured) => {
                let ended = self.facts.0.iter().find(|fact| {
                    fact.ends.is_some() && self.hold_id(fact.hold.unwrap()) == *end.hold
                });
                return Ok((ended.unwrap().clone(), true));
            }
            Err(no) => return Err(no),
        };
        let terms = next.facts.open_holds()[&hold].clone();
        let all = || next.facts.used(hold).unwrap_or(terms.amount);
        let captured = end.used.map_or_else(all, |(_, used)| used);
        if captured > terms.amount {
            return Err(No::CaptureExceedsHold { held: terms.amount });
        }
        let how = if captured == 0 { HoldState::Released } else { HoldState::Captured };
        let sequence = next.facts.last() + 1;
        next.finish_hold(hold, captured, how, now);
        let made = next.facts.0.iter_mut().find(|fact| fact.sequence == sequence).unwrap();
        made.call = Some((Operation::Settle, end.key.to_owned(), vec![]));
        let made = made.clone();
        *self = next;
        Ok((made, false))
    }

    /// Its time is over.
    pub(super) fn expire_hold(&mut self, hold: u64, time: i64) {
        let terms = self.facts.open_holds()[&hold].clone();
        let captured = match terms.rule {
            OnExpiry::CaptureProgress => self.facts.used(hold).unwrap_or(0),
            OnExpiry::Release => 0,
            OnExpiry::CaptureAll => terms.amount,
        };
        self.finish_hold(hold, captured, HoldState::Expired, time);
    }

    fn finish_hold(&mut self, hold: u64, captured: i128, how: HoldState, time: i64) {
        let terms = self.facts.open_holds()[&hold].clone();
        let kind = if captured > 0 { EntryKind::Consumption } else { EntryKind::Release };
        let unit = self.facts.0.iter().find(|fact| fact.sequence == hold).unwrap().unit.clone();
        let mut fact = Fact::new(kind, &unit, -captured, time);
        let mut missing = captured;
        let mut back = vec![];
        for (grant, part) in terms.reserves {
            let taken = missing.min(part);
            missing -= taken;
            if taken > 0 {
                fact.draws.push((grant, taken));
            }
            if taken < part {
                back.push(grant);
            }
        }
        let scope = Scope { owner: &self.owner, operation: Operation::Settle };
        fact.id = Some(scope.transaction_id(self.hold_id(hold).as_str()));
        (fact.hold, fact.ends) = (Some(hold), Some(how));
        if captured > 0 {
            self.facts.write(fact);
            let paid = self.facts.burn(&unit, self.facts.overage(&unit), time);
            if !paid.is_empty() {
                let mut fact = Fact::new(EntryKind::Release, &unit, 0, time);
                (fact.hold, fact.draws) = (Some(hold), paid);
                self.facts.write(fact);
            }
        } else {
            self.come_in(fact);
        }
        self.end_what_came_back(back.into_iter(), time);
    }

    /// A change of a hold that is no fact: until when it lasts, and what is used of it, afterwards.
    pub(crate) fn adjust(
        &mut self,
        wall: i64,
        id: &TransactionId,
        change: &Adjust,
    ) -> Result<(Option<i128>, i64), No> {
        let now = self.ledger_time(wall);
        let mut next = self.clone();
        next.settle(now);
        let unit = match change {
            Adjust::Extend { .. } => None,
            Adjust::Progress { unit, .. } => Some(unit),
        };
        let hold = next.open_hold(id, unit)?;
        let word = match change {
            Adjust::Extend { ttl } => {
                Word::Until(hold, now + i64::try_from(ttl.as_millis()).unwrap())
            }
            Adjust::Progress { used, .. } => {
                let (used, held) =
                    (i128::from(used.minor_units()), next.facts.open_holds()[&hold].amount);
                if used > held {
                    return Err(No::CaptureExceedsHold { held });
                }
                Word::Used(hold, used)
            }
        };
        next.facts.1.push(word);
        *self = next;
        Ok((self.facts.used(hold), self.facts.open_holds()[&hold].until))
    }

    fn open_hold(&self, id: &TransactionId, unit: Option<&Unit>) -> Result<u64, No> {
        let places = |fact: &&Fact| fact.places.is_some() && fact.id.as_ref() == Some(id);
        let placed = self.facts.0.iter().find(places).ok_or(No::UnknownHold)?;
        if unit.is_some_and(|unit| *unit != placed.unit) {
            return Err(No::OtherHoldUnit(placed.unit.clone()));
        }
        let ends = |fact: &&Fact| fact.ends.is_some() && fact.hold == Some(placed.sequence);
        match self.facts.0.iter().find(ends) {
            None => Ok(placed.sequence),
            Some(end) => Err(No::HoldEnded { state: end.ends.unwrap(), captured: -end.amount }),
        }
    }
}
