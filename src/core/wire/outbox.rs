//! What an operator is told of a cache's outbox.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::cache::{Handled, OutboxRow, Overview};
use crate::credits::Decimal;
use crate::http::parse_query;
use crate::ids::{CustomerId, TransactionId};
use crate::time::Timestamp;
use crate::wire::cached::to_json;
use crate::wire::errors::{ApiError, Code};
use crate::wire::requests::MAX_PAGE_ITEMS;

/// What `GET …/outbox` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxQuery {
    /// Only charges after this position.
    pub after: u64,
    /// Most charges: 1 to [`MAX_PAGE_ITEMS`].
    pub limit: u32,
}

/// Reads the query of `GET …/outbox`. Unknown parameters are ignored, as usual for reads.
///
/// # Errors
/// `invalid_request` naming the parameter.
pub fn parse_outbox_query(query: &str) -> Result<OutboxQuery, ApiError> {
    let mut parsed = OutboxQuery { after: 0, limit: MAX_PAGE_ITEMS };
    for (name, value) in parse_query(query) {
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let number = value.parse::<u64>().ok().filter(|number| digits && *number < 1 << 53);
        let wrong = || {
            let message = "The query parameter is not a whole number in its range.";
            ApiError::about(Code::InvalidRequest, &name, message)
        };
        match name.as_str() {
            "after" => parsed.after = number.ok_or_else(wrong)?,
            "limit" => {
                let limit = number.and_then(|number| u32::try_from(number).ok());
                let limit = limit.filter(|limit| (1..=MAX_PAGE_ITEMS).contains(limit));
                parsed.limit = limit.ok_or_else(wrong)?;
            }
            _ => {}
        }
    }
    Ok(parsed)
}

#[derive(Serialize)]
struct OutboxBody<'a> {
    customer_id: &'a str,
    counts: CountsBody,
    upstream: UpstreamBody,
    data: Vec<RowBody<'a>>,
    /// For the next page; absent where this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<u64>,
}

#[derive(Serialize)]
struct CountsBody {
    pending: u64,
    in_flight: u64,
    applied: u64,
    rejected: u64,
    quarantined: u64,
}

#[derive(Serialize)]
struct UpstreamBody {
    failures: u32,
    resume_at: Option<Timestamp>,
    paused: bool,
    batches: bool,
}

#[derive(Serialize)]
struct RowBody<'a> {
    transaction_id: &'a str,
    idempotency_key: &'a str,
    unit: &'a str,
    amount: Decimal,
    state: &'static str,
    code: Option<&'a str>,
    attempts: u32,
    first_attempt_at: Option<Timestamp>,
    accepted_at: Timestamp,
}

/// The answer to `GET …/outbox`: the whole, and a page of the open charges, oldest first. `sending`
/// are the positions that are under way.
#[must_use]
pub fn outbox_body(
    overview: &Overview,
    rows: &[OutboxRow],
    sending: &[u64],
    query: OutboxQuery,
    customer: &CustomerId,
) -> String {
    let Overview { counts, health } = overview;
    let is_full = u32::try_from(rows.len()).is_ok_and(|length| length >= query.limit);
    to_json(&OutboxBody {
        customer_id: customer.as_str(),
        counts: CountsBody {
            pending: counts.pending,
            in_flight: counts.in_flight,
            applied: counts.applied,
            rejected: counts.rejected,
            quarantined: counts.quarantined,
        },
        upstream: UpstreamBody {
            failures: health.failures,
            resume_at: health.resume_at,
            paused: health.paused,
            batches: health.batches,
        },
        data: rows.iter().map(|row| row_body(row, sending)).collect(),
        next_after: rows.last().filter(|_| is_full).map(|row| row.position),
    })
}

fn row_body<'a>(row: &'a OutboxRow, sending: &[u64]) -> RowBody<'a> {
    let state = match &row.quarantined {
        Some(_) => "quarantined",
        None if sending.contains(&row.position) => "in_flight",
        None => "pending",
    };
    RowBody {
        transaction_id: row.id.as_str(),
        idempotency_key: row.key.as_str(),
        unit: row.unit.as_str(),
        amount: row.amount.decimal(row.unit.scale()),
        state,
        code: row.quarantined.as_deref(),
        attempts: row.attempts,
        first_attempt_at: row.first_attempt_at,
        accepted_at: row.accepted_at,
    }
}

#[derive(Serialize)]
struct HandledBody<'a> {
    customer_id: &'a str,
    transaction_id: &'a str,
    state: &'a str,
}

/// The answer to an operator's decision; `state` is what the charge is now.
///
/// # Errors
/// `not_found`, or `invalid_request` for a charge that is not quarantined.
pub fn handled_body(
    handled: Handled,
    state: &str,
    id: &TransactionId,
    customer: &CustomerId,
) -> Result<String, ApiError> {
    let error = |code, message| Err(ApiError::about(code, "transaction_id", message));
    match handled {
        Handled::Done => {
            let (customer_id, transaction_id) = (customer.as_str(), id.as_str());
            Ok(to_json(&HandledBody { customer_id, transaction_id, state }))
        }
        Handled::Unknown => {
            error(Code::NotFound, "There is no such charge in the outbox. Nothing was changed.")
        }
        Handled::NotQuarantined => error(
            Code::InvalidRequest,
            "The charge is not quarantined: it is sent by itself. Nothing was changed.",
        ),
    }
}

#[cfg(test)]
mod tests;
