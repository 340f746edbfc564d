//! `GET /usage`: what a customer has used, in all and lately.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::credits::{Minor, Scale};
use crate::http::parse_query;
use crate::ids::CustomerId;
use crate::ledger::Entry;
use crate::usage::days::DaySums;
use crate::usage::judge::Logged;
use crate::usage::log::usage_log_body;
use crate::usage::signal::SignalType;
use crate::wire::errors::ApiError;
use crate::wire::members::Members;
use crate::wire::requests::{DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS, parse_number, parse_sequence};

/// What is asked of a customer's usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// How many signals, newest first.
    pub limit: u32,
    /// Those before this position; `None`: the newest.
    pub before_sequence: Option<u64>,
}

/// Reads the query; who it is about has been read before.
///
/// # Errors
/// `invalid_request` for a limit that is not 1 to 100, or a position that is none. Other parameters are
/// ignored, as usual for reads.
pub fn parse_usage_query(query: &str) -> Result<UsageQuery, ApiError> {
    let mut asked = UsageQuery { limit: DEFAULT_PAGE_ITEMS, before_sequence: None };
    for (name, value) in parse_query(query) {
        match name.as_str() {
            "limit" => asked.limit = parse_number(&name, &value, 1, MAX_PAGE_ITEMS)?,
            "beforeSequence" => asked.before_sequence = Some(parse_sequence(&name, &value)?),
            _ => {}
        }
    }
    Ok(asked)
}

/// The record in a directory's answer to a question about a customer, as JSON text.
#[must_use]
pub fn customer_in(answer: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        customer: &'a RawValue,
    }
    let answer: Answer<'_> = serde_json::from_str(answer).ok()?;
    Some(answer.customer.get()).filter(|customer| customer.starts_with('{'))
}

/// The name in such an answer, if the customer has one.
#[must_use]
pub fn name_in(answer: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Record {
        name: Option<String>,
    }
    let record: Record = serde_json::from_str(customer_in(answer)?).ok()?;
    record.name.filter(|name| !name.trim().is_empty())
}

/// The answer: `{"customer", "totals", "logs"}`. `customer` is the directory's record as JSON text,
/// where it has one; `sums` are those of all time, in any parts.
#[must_use]
pub fn usage_page_body(
    customer: (&CustomerId, Option<&str>),
    sums: &[DaySums],
    entries: Vec<Entry>,
) -> String {
    let (id, record) = customer;
    let mut unknown = Members::new();
    let unknown = unknown.text("id", Some(id.as_str())).finish();
    let log = |entry| usage_log_body(&Logged { entry, duplicate: false, dry_run: false }, id);
    let logs: Vec<String> = entries.into_iter().map(log).collect();
    let mut body = Members::new();
    body.display("customer", Some(record.unwrap_or(&unknown)))
        .display("totals", Some(totals(sums)))
        .display("logs", Some(format!("[{}]", logs.join(","))));
    body.finish()
}

fn totals(sums: &[DaySums]) -> String {
    let mut all = totals_of(sums.iter());
    for kind in SignalType::ALL {
        let of_kind = totals_of(sums.iter().filter(|sums| sums.kind == kind)).finish();
        all.display(kind.as_str(), Some(of_kind));
    }
    all.finish()
}

fn totals_of<'a>(sums: impl Iterator<Item = &'a DaySums> + Clone) -> Members {
    let total = |of: fn(&DaySums) -> u64| sums.clone().map(of).fold(0_u64, u64::saturating_add);
    let usd = |of: fn(&DaySums) -> u64| {
        Minor::new(i64::try_from(total(of)).unwrap_or(i64::MAX), Scale::USD)
    };
    let mut members = Members::new();
    members
        .display("signals", Some(total(|sums| sums.signals)))
        .display("inputTokens", Some(total(|sums| sums.input)))
        .display("outputTokens", Some(total(|sums| sums.output)))
        .display("cacheTokens", Some(total(|sums| sums.cache)))
        .display("providedCost", Some(usd(|sums| sums.provided_cost)))
        .display("customerCost", Some(usd(|sums| sums.customer_cost)));
    members
}
