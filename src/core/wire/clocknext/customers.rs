//! Answers about customers' records.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::customers::record::Record;
use crate::ids::CustomerId;
use crate::wire::errors::{ApiError, Code};
use crate::wire::members::Members;

/// The answer to `GET`, `POST` and `PATCH` of one customer.
#[must_use]
pub fn customer_body(record: &Record) -> String {
    Members::new().display("customer", Some(record.to_body())).finish()
}

/// The answer to `GET …/customers`. `next` is where the list goes on.
#[must_use]
pub fn page_body(records: &[Record], next: Option<&str>) -> String {
    let items: Vec<String> = records.iter().map(Record::to_body).collect();
    Members::new()
        .display("customers", Some(format!("[{}]", items.join(","))))
        .nullable_text("nextCursor", next)
        .finish()
}

/// The answer to `DELETE`.
#[must_use]
pub fn deleted_body(id: &CustomerId) -> String {
    Members::new().text("id", Some(id.as_str())).display("deleted", Some(true)).finish()
}

/// There is no such customer, or there is none any more.
#[must_use]
pub fn no_customer() -> ApiError {
    let message = "There is no such customer. Nothing was changed.";
    ApiError::new(Code::NotFound, message)
}

/// The key has made a customer of other content.
#[must_use]
pub fn other_customer(id: &CustomerId) -> ApiError {
    let message = format!(
        "This idempotency key has created the customer {} with other fields. Nothing was changed.",
        id.as_str()
    );
    ApiError::new(Code::IdempotencyKeyReused, &message)
}
