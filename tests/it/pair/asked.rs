//! From a script's words to commands, by what is there when their turn comes.

use core::time::Duration;

use edge_credits_core::credits::{Credits, MAX_MINOR_UNITS};
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{Product, TransactionId, Unit};
use edge_credits_core::ledger::{
    CallDetails, Capture, Command, Consume, Debit, EntryKind, Found, GrantCredits, Place, Refund,
    Release, Source, Void, WhenShort, decide,
};
use edge_credits_core::time::Timestamp;
use proptest::sample::Index;

use super::Pair;
use crate::reference::Fact;
use crate::script::{Amount, Key, Target, Terms, UNITS, What};
use crate::shelf::{Shelf, owner};

impl<S: Shelf> Pair<S> {
    /// Gives the customer tiny grants of another unit until so many grants are open. They are put on
    /// both sides without a comparison, which would be slow and has been made often enough.
    pub(crate) fn crowd(&mut self, open: usize) {
        let unit = Unit::parse(UNITS[2]).unwrap();
        let now = Timestamp::from_millis(self.clock);
        for _ in self.reference.facts.open_grants()..open {
            let terms =
                Terms { product: None, priority: 500, effective_in: None, expires_in: None };
            let amount = Amount::Of(1);
            let what = What::Grant { unit: 2, amount, source: Source::Topup, terms };
            let command = self.command(&Key::Fresh, &what);
            let decided = decide(&self.account, &Found::default(), now, &command, &self.config);
            let writes = decided.unwrap().writes;
            self.shelf.keep(&writes, now);
            self.account.apply(&writes);
            self.ids.extend(writes.entries.into_iter().map(|entry| entry.id));
            self.reference.facts.tiny_grant(&unit, self.clock, &command, &owner());
            self.asked.push(command);
        }
        self.log.push(format!("(crowded until {open} grants are open)"));
    }

    /// Makes a command of what the script says, in relation to what is there.
    pub(super) fn command(&self, key: &Key, what: &What) -> Command {
        let fresh = format!("key-{}", self.asked.len());
        let key = match key {
            Key::Of(earlier) if !self.asked.is_empty() => {
                earlier.get(&self.asked).call().key.clone()
            }
            _ => IdempotencyKey::parse(&fresh).unwrap(),
        };
        let call = CallDetails { key, description: Some(fresh), metadata: None };
        let name = |unit: usize| Unit::parse(UNITS[unit]).unwrap();
        match what {
            What::Consume { unit, amount, when_short } => {
                let (unit, when_short) = (name(*unit), *when_short);
                let amount = self.amount(amount, &unit, None);
                Command::Consume(Consume { call, unit, amount, when_short })
            }
            What::Debit { unit, amount } => {
                let unit = name(*unit);
                let amount = self.amount(amount, &unit, None);
                Command::Debit(Debit { call, unit, amount })
            }
            What::Grant { unit, amount, source, terms } => {
                let unit = name(*unit);
                let amount = self.amount(amount, &unit, None);
                Command::Grant(self.grant(call, (unit, amount), *source, terms))
            }
            What::Refund { unit, amount, of } => {
                let (refund_of, charge) = self.target(of);
                let charged_in = charge.map_or_else(Unit::credits, |charge| charge.unit.clone());
                let unit = unit.map_or(charged_in, name);
                let amount = self.amount(amount, &unit, charge);
                Command::Refund(Refund { call, unit, amount, refund_of })
            }
            What::Void { grant } => Command::Void(Void { call, grant: self.target(grant).0 }),
            What::Hold { unit, amount, ttl, on_expiry } => {
                let (unit, on_expiry) = (name(*unit), *on_expiry);
                let amount = self.amount(amount, &unit, None);
                let ttl = Duration::from_millis(*ttl);
                Command::Hold(Place { call, unit, amount, ttl, on_expiry })
            }
            What::Capture { hold, unit, used } => {
                let (id, placed) = self.target(hold);
                let used = used.as_ref().map(|used| self.used(used, *unit, placed));
                Command::Capture(Capture { call, hold: id, used })
            }
            What::Release { hold } => Command::Release(Release { call, hold: self.target(hold).0 }),
        }
    }

    fn grant(
        &self,
        call: CallDetails,
        (unit, amount): (Unit, Credits),
        source: Source,
        terms: &Terms,
    ) -> GrantCredits {
        let at = |from_now: i64| Timestamp::from_millis((self.clock + from_now).max(0));
        let name = |pro: bool| Product::parse(if pro { "pro" } else { "gift" }).unwrap();
        GrantCredits {
            call,
            unit,
            amount,
            source,
            product: terms.product.map(name),
            priority: terms.priority,
            effective_at: terms.effective_in.map(at),
            expires_at: terms.expires_in.map(at),
        }
    }

    fn amount(&self, amount: &Amount, unit: &Unit, charge: Option<&Fact>) -> Credits {
        let reading = self.reference.read(unit, self.clock);
        let available = reading.posted - reading.held;
        let most = i128::from(MAX_MINOR_UNITS);
        let minor_units = match amount {
            Amount::Of(minor_units) => i128::from(*minor_units),
            Amount::Available(by) => available + i128::from(*by),
            Amount::ToFloor(by) => {
                available + self.reference.limit(unit).unwrap_or(most) + i128::from(*by)
            }
            Amount::ToCeiling(by) => most - available + i128::from(*by),
            Amount::Zero => return Credits::ZERO,
            Amount::Held(by) => {
                charge.and_then(|fact| fact.places.as_ref()).map_or(0, |terms| terms.amount)
                    + i128::from(*by)
            }
            Amount::Refundable(by) => {
                let refunds = self.reference.facts.0.iter();
                let refunds = refunds.filter(|it| charge.is_some_and(|c| it.refund_of == c.id));
                let refunded: i128 = refunds.map(|it| it.amount).sum();
                charge.map_or(0, |charge| -charge.amount) - refunded + i128::from(*by)
            }
        };
        let minor_units = i64::try_from(minor_units.clamp(1, most)).unwrap();
        Credits::from_minor_units(minor_units).unwrap()
    }

    /// What is said to be used of a hold, in its unit unless the script names another.
    pub(super) fn used(
        &self,
        used: &Amount,
        unit: Option<usize>,
        placed: Option<&Fact>,
    ) -> (Unit, Credits) {
        let held_in = placed.map_or_else(Unit::credits, |fact| fact.unit.clone());
        let unit = unit.map_or(held_in, |unit| Unit::parse(UNITS[unit]).unwrap());
        let used = self.amount(used, &unit, placed);
        (unit, used)
    }

    /// The id that the script means, and the fact behind it.
    pub(super) fn target(&self, target: &Target) -> (TransactionId, Option<&Fact>) {
        let pick = |index: &Index, wanted: fn(&Fact) -> bool| {
            let facts: Vec<&Fact> =
                self.reference.facts.0.iter().filter(|fact| wanted(fact)).collect();
            if facts.is_empty() { None } else { Some(*index.get(&facts)) }
        };
        let fact = match target {
            Target::Charge(index) => pick(index, |fact| fact.kind == EntryKind::Consumption),
            Target::Grant(index) => pick(index, |fact| fact.makes.is_some()),
            Target::Hold(index) => pick(index, |fact| fact.places.is_some()),
            Target::Entry(index) => pick(index, |_| true),
            Target::Nothing => None,
        };
        let nothing = || TransactionId::parse(&format!("txn_{}", "0".repeat(32))).unwrap();
        let id_of = |fact: &Fact| self.ids[fact.sequence as usize - 1].clone();
        (fact.map_or_else(nothing, id_of), fact)
    }
}

/// The same content with other notes; a consume asked as the other kind is the same call too.
pub(super) fn again(command: &mut Command, other_kind: bool) {
    let call = match command {
        Command::Consume(it) => {
            it.when_short = match (it.when_short, other_kind) {
                (WhenShort::Allow, true) | (WhenShort::Reject, false) => WhenShort::Reject,
                _ => WhenShort::Allow,
            };
            &mut it.call
        }
        Command::Grant(it) => &mut it.call,
        Command::Debit(it) => &mut it.call,
        Command::Refund(it) => &mut it.call,
        Command::Void(it) => &mut it.call,
        Command::Hold(it) => &mut it.call,
        Command::Capture(it) => &mut it.call,
        Command::Release(it) => &mut it.call,
        Command::Usage(_) => panic!("signals have a book of their own"),
    };
    call.metadata = Some("{}".to_owned());
}
