//! `GET …/customers/{id}/balances`: all that a customer has, unit by unit.
//!
//! The same balances as the Credit Engine API answers: `remaining` is its `balance`, what is
//! available beside open holds. Outcomes are paid from the wallet when their runs are complete, so there
//! is none left over to tell of; what is told is how many runs there have been.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{CustomerId, Unit};
use crate::ledger::Balance;
use crate::time::Timestamp;
use crate::usage::RunCount;
use crate::wire::members::Members;

/// What a catalog calls a unit.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The catalog's id of the credit type.
    pub id: &'a str,
    /// For a person.
    pub name: &'a str,
}

/// The answer. `name` is what the catalog calls a unit, if it knows it; a unit goes by its own name
/// otherwise, as `credits` does.
#[must_use]
pub fn balances_body<'a>(
    customer: &CustomerId,
    (balances, runs): (&[Balance], &[RunCount]),
    now: Timestamp,
    name: impl Fn(&Unit) -> Option<Named<'a>>,
) -> String {
    let wallet = |balance: &&Balance| balance.unit.as_str() == Unit::USD;
    let credits = balances.iter().filter(|balance| !wallet(balance)).map(|balance| {
        let unit = balance.unit.as_str();
        let Named { id, name } = name(&balance.unit).unwrap_or(Named { id: unit, name: unit });
        let mut credit = Members::new();
        credit
            .text("creditId", Some(id))
            .text("creditName", Some(name))
            .text("agentKey", Some(unit))
            .display("remaining", Some(balance.available.decimal(balance.unit.scale())));
        parts(&mut credit, balance);
        credit.finish()
    });
    let units = balances.iter().map(|balance| {
        let mut unit = Members::new();
        unit.text("unit", Some(balance.unit.as_str()))
            .display("balance", Some(balance.available.decimal(balance.unit.scale())));
        parts(&mut unit, balance);
        unit.finish()
    });
    let usd = balances.iter().find(wallet);
    let usd = usd.map(|balance| balance.available.decimal(balance.unit.scale()));
    let as_of = balances.iter().map(|balance| balance.as_of).max().unwrap_or(now);
    let sequence = balances.iter().map(|balance| balance.sequence).max().unwrap_or(0);
    let mut body = Members::new();
    body.text("customerId", Some(customer.as_str()))
        .display("credits", Some(list(credits)))
        .display("outcomes", Some(list(runs.iter().map(outcome))))
        .display("units", Some(list(units)));
    match usd {
        Some(usd) => body.display("walletBalanceUsd", Some(usd)),
        None => body.display("walletBalanceUsd", Some(0)),
    };
    body.display("sequence", Some(sequence)).time("asOf", as_of).finish()
}

fn outcome(runs: &RunCount) -> String {
    let RunCount { outcome, opened, completed } = runs;
    Members::new()
        .text("outcomeId", Some(outcome))
        .text("outcomeName", Some(outcome))
        .display("open", Some(opened.saturating_sub(*completed)))
        .display("completed", Some(completed))
        .finish()
}

fn parts(members: &mut Members, balance: &Balance) {
    let scale = balance.unit.scale();
    let soonest = balance.breakdown.iter().filter_map(|line| line.expires_at).min();
    members
        .display("posted", Some(balance.posted.decimal(scale)))
        .display("held", Some(balance.held.decimal(scale)))
        .nullable_time("expiresAt", soonest);
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}
