//! Successful answers of the Credit Engine API as the server writes them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::credits::{Credits, Decimal};
use crate::ids::{CustomerId, Product, TransactionId};
use crate::ledger::{Balance, BreakdownLine, Entry, Receipt};
use crate::time::Timestamp;
use crate::wire::holds::placed_or_ended_body;
use crate::wire::requests::{BalanceQuery, PageQuery};

#[derive(Serialize)]
struct BalanceBody<'a> {
    balance: Decimal,
    customer_id: &'a str,
    credit_name: &'a str,
    unit: &'a str,
    posted: Decimal,
    held: Decimal,
    sequence: u64,
    as_of: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    breakdown: Option<Vec<BreakdownBody<'a>>>,
}

#[derive(Serialize)]
struct BreakdownBody<'a> {
    product: Option<&'a str>,
    balance: Decimal,
    expires_at: Option<Timestamp>,
}

/// The answer to `GET …/balance`.
#[must_use]
pub fn balance_body(balance: &Balance, query: &BalanceQuery, customer: &CustomerId) -> String {
    let decimal = |amount: Credits| amount.decimal(balance.unit.scale());
    let lines = || balance.breakdown.iter().map(|line| breakdown_line(line, balance)).collect();
    to_json(&BalanceBody {
        balance: decimal(balance.available),
        customer_id: customer.as_str(),
        credit_name: balance.unit.as_str(),
        unit: balance.unit.as_str(),
        posted: decimal(balance.posted),
        held: decimal(balance.held),
        sequence: balance.sequence,
        as_of: balance.as_of,
        breakdown: query.include_breakdown.then(lines),
    })
}

fn breakdown_line<'a>(line: &'a BreakdownLine, balance: &Balance) -> BreakdownBody<'a> {
    BreakdownBody {
        product: line.product.as_ref().map(Product::as_str),
        balance: line.balance.decimal(balance.unit.scale()),
        expires_at: line.expires_at,
    }
}

#[derive(Serialize)]
struct ReceiptBody<'a> {
    balance: Decimal,
    transaction_id: &'a str,
    idempotency_key: Option<&'a str>,
    replayed: bool,
    customer_id: &'a str,
    unit: &'a str,
    sequence: u64,
    as_of: Timestamp,
}

/// The answer to a command: for a hold, the hold as the command left it. A replay differs from the
/// first answer in `replayed` alone.
#[must_use]
pub fn receipt_body(receipt: &Receipt, customer: &CustomerId) -> String {
    if let Some(hold) = &receipt.hold {
        return placed_or_ended_body(receipt, hold, customer);
    }
    let entry = &receipt.entry;
    to_json(&ReceiptBody {
        balance: available_after(entry),
        transaction_id: entry.id.as_str(),
        idempotency_key: entry.record.as_ref().map(|record| record.key.as_str()),
        replayed: receipt.replayed,
        customer_id: customer.as_str(),
        unit: entry.unit.as_str(),
        sequence: entry.sequence,
        as_of: entry.time,
    })
}

pub(super) fn available_after(entry: &Entry) -> Decimal {
    // Held never exceeds what is posted and held together; the fallback keeps the function total.
    entry.available_after().unwrap_or(entry.balance_after).decimal(entry.unit.scale())
}

#[derive(Serialize)]
struct PageBody<'a> {
    data: Vec<TransactionBody<'a>>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    limit: u32,
    offset: u32,
    total: u64,
    has_more: bool,
}

#[derive(Serialize)]
struct TransactionBody<'a> {
    id: &'a str,
    r#type: &'static str,
    amount: Decimal,
    balance_after: Decimal,
    unit: &'a str,
    description: Option<&'a str>,
    metadata: Option<&'a RawValue>,
    action: String,
    created_at: Timestamp,
    idempotency_key: Option<&'a str>,
    sequence: u64,
    product: Option<&'a str>,
    refund_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_id: Option<&'a str>,
}

/// The answer to `GET …/transactions`: of the [`PageQuery::rows_to_read`] newest rows that match,
/// the page; `total` is how many match in all.
#[must_use]
pub fn page_body(rows: &[Entry], query: &PageQuery, total: u64) -> String {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let pagination = Pagination {
        limit: query.limit,
        offset: query.offset,
        total,
        has_more: rows.len() > limit,
    };
    let data = rows.iter().take(limit).map(transaction).collect();
    to_json(&PageBody { data, pagination })
}

fn transaction(entry: &Entry) -> TransactionBody<'_> {
    TransactionBody {
        id: entry.id.as_str(),
        r#type: entry.kind.as_str(),
        amount: entry.amount.decimal(entry.unit.scale()),
        balance_after: available_after(entry),
        unit: entry.unit.as_str(),
        description: entry.description.as_deref(),
        // Kept as the caller's JSON text, so any name in it, `__proto__` too, is only data.
        metadata: entry.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        action: entry.action(),
        created_at: entry.time,
        idempotency_key: entry.record.as_ref().map(|record| record.key.as_str()),
        sequence: entry.sequence,
        product: entry.product.as_ref().map(Product::as_str),
        refund_of: entry.refund_of.as_ref().map(TransactionId::as_str),
        hold_id: entry.hold.as_ref().map(TransactionId::as_str),
    }
}

/// Bodies hold strings, integers and checked JSON text, which always serialize.
pub(super) fn to_json<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).unwrap_or_else(|_| "{}".to_string())
}
