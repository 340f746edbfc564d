//! What an entry and a fact must agree in.

use edge_credits_core::credits::Credits;
use edge_credits_core::ids::{Product, TransactionId, Unit};
use edge_credits_core::ledger::Entry;

use crate::reference::{Fact, Reference};

/// An entry, or a fact, without what only one of them has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    sequence: u64,
    kind: &'static str,
    unit: Unit,
    amount: i128,
    balance_after: i128,
    held_after: i128,
    time: i64,
    draws: Vec<(u64, i128)>,
    refund_of: Option<TransactionId>,
    product: Option<Product>,
    hold: Option<TransactionId>,
}

impl View {
    pub(super) fn of_fact(reference: &Reference, fact: &Fact) -> Self {
        let facts = reference.facts.0.iter().take_while(|it| it.sequence <= fact.sequence);
        let of_unit = facts.filter(|it| it.unit == fact.unit);
        Self {
            sequence: fact.sequence,
            kind: fact.kind.as_str(),
            unit: fact.unit.clone(),
            amount: fact.amount,
            balance_after: of_unit.map(|it| it.amount).sum(),
            held_after: reference.held_after(fact),
            time: fact.time,
            draws: fact.draws.clone(),
            refund_of: fact.refund_of.clone(),
            product: fact.product.clone(),
            hold: fact.hold.map(|hold| reference.hold_id(hold)),
        }
    }

    pub(super) fn of_entry(entry: &Entry) -> Self {
        let minor = |amount: Credits| i128::from(amount.minor_units());
        let draws = entry.draws.iter().map(|draw| (draw.grant, minor(draw.amount))).collect();
        Self {
            sequence: entry.sequence,
            kind: entry.kind.as_str(),
            unit: entry.unit.clone(),
            amount: minor(entry.amount),
            balance_after: minor(entry.balance_after),
            held_after: minor(entry.held_after),
            time: entry.time.as_millis(),
            draws,
            refund_of: entry.refund_of.clone(),
            product: entry.product.clone(),
            hold: entry.hold.clone(),
        }
    }
}
