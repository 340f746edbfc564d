//! What an operator is told of a cache's outbox.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cache::{Handled, OutboxRow, Overview};
use crate::http::parse_query;
use crate::ids::{CustomerId, TransactionId};
use crate::wire::errors::{ApiError, Code};
use crate::wire::members::Members;
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
    let counts = Members::new()
        .display("pending", Some(counts.pending))
        .display("in_flight", Some(counts.in_flight))
        .display("applied", Some(counts.applied))
        .display("rejected", Some(counts.rejected))
        .display("quarantined", Some(counts.quarantined))
        .finish();
    let upstream = Members::new()
        .display("failures", Some(health.failures))
        .nullable_time("resume_at", health.resume_at)
        .display("paused", Some(health.paused))
        .display("batches", Some(health.batches))
        .finish();
    let data: Vec<String> = rows.iter().map(|row| row_body(row, sending)).collect();
    Members::new()
        .text("customer_id", Some(customer.as_str()))
        .display("counts", Some(counts))
        .display("upstream", Some(upstream))
        .display("data", Some(format!("[{}]", data.join(","))))
        // For the next page; absent where this was the last.
        .display("next_after", rows.last().filter(|_| is_full).map(|row| row.position))
        .finish()
}

fn row_body(row: &OutboxRow, sending: &[u64]) -> String {
    let state = match &row.quarantined {
        Some(_) => "quarantined",
        None if sending.contains(&row.position) => "in_flight",
        None => "pending",
    };
    Members::new()
        .text("transaction_id", Some(row.id.as_str()))
        .text("idempotency_key", Some(row.key.as_str()))
        .text("unit", Some(row.unit.as_str()))
        .display("amount", Some(row.amount.decimal(row.unit.scale())))
        .text("state", Some(state))
        .nullable_text("code", row.quarantined.as_deref())
        .display("attempts", Some(row.attempts))
        .nullable_time("first_attempt_at", row.first_attempt_at)
        .time("accepted_at", row.accepted_at)
        .finish()
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
            let mut body = Members::new();
            body.text("customer_id", Some(customer.as_str()));
            body.text("transaction_id", Some(id.as_str())).text("state", Some(state));
            Ok(body.finish())
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
