//! What a script met, counted.

use std::collections::BTreeMap;

use edge_credits_core::ledger::{EntryKind, Rejection};

use crate::reference::Fact;

/// How often what was met.
pub(crate) type Tally = BTreeMap<String, u32>;

pub(super) fn count(tally: &mut Tally, what: &str) {
    *tally.entry(what.to_owned()).or_default() += 1;
}

/// The variant's name.
pub(super) fn rejected(rejection: &Rejection) -> String {
    let text = format!("{rejection:?}");
    let end = text.find(|character: char| !character.is_alphanumeric()).unwrap_or(text.len());
    text[..end].to_owned()
}

/// What a fact is an example of.
pub(super) fn count_fact(tally: &mut Tally, fact: &Fact) {
    count(tally, fact.kind.as_str());
    let gives_back = fact.draws.iter().any(|(_, amount)| *amount < 0);
    let pays = fact.draws.iter().any(|(_, amount)| *amount > 0);
    if let Some(terms) = &fact.places
        && terms.reserves.len() > 1
    {
        count(tally, "hold of several grants");
    }
    if fact.ends.is_some() {
        let by_itself = fact.call.is_none();
        let captured = fact.amount < 0;
        if by_itself {
            count(tally, "hold that ends by its own rule");
        }
        match (by_itself, captured) {
            (true, true) => count(tally, "hold that is captured by its own rule"),
            (false, true) => count(tally, "capture"),
            _ => {}
        }
    }
    if fact.kind == EntryKind::Release && pays {
        count(tally, "release that pays overage");
    }
    let covered: i128 = fact.draws.iter().map(|(_, amount)| amount).sum();
    match fact.kind {
        EntryKind::Consumption => {
            if fact.draws.len() > 1 {
                count(tally, "usage of several grants");
            }
            if covered < -fact.amount {
                count(tally, "usage that becomes overage");
            }
        }
        EntryKind::Adjustment if fact.amount < 0 => count(tally, "debit"),
        EntryKind::Refund if fact.refund_of.is_some() => {
            count(tally, "refund of a charge");
            if gives_back && pays {
                count(tally, "refund that pays overage");
            }
            if gives_back && fact.draws.len() > 1 {
                count(tally, "refund to several grants");
            }
            if fact.makes.is_some() {
                count(tally, "refund of overage paid meanwhile");
            }
        }
        EntryKind::Topup | EntryKind::Adjustment | EntryKind::Refund => {
            if pays {
                count(tally, "grant that pays overage");
            }
            if fact.makes.is_none() {
                count(tally, "scheduled grant that begins");
            }
        }
        _ => {}
    }
}
