//! What a ledger keeps of its customer as a whole, in SQL: the plan, and the customer's end.

use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::plan::Plan;
use edge_credits_core::time::Timestamp;

use crate::storage::Storage;
use crate::store::{StoreError, instant, text};

/// What concerns the customer as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfCustomer {
    /// When the customer was taken away.
    pub(crate) closed_at: Option<Timestamp>,
    /// The plan that the customer is on.
    pub(crate) plan: Option<Plan>,
}

/// What is kept of the customer as a whole.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn load(storage: &dyn Storage) -> Result<OfCustomer, StoreError> {
    let rows = storage.query("SELECT closed_at, plan FROM standing", &[])?;
    let Some(row) = rows.first() else { return Ok(OfCustomer::default()) };
    let [closed_at, plan] = row.as_slice() else { return Err(StoreError::Corrupt) };
    let plan = match plan {
        SqlValue::Null => None,
        SqlValue::Text(text) => Some(Plan::load(text).ok_or(StoreError::Corrupt)?),
        SqlValue::Integer(_) => return Err(StoreError::Corrupt),
    };
    Ok(OfCustomer { closed_at: instant(closed_at)?, plan })
}

/// Keeps it. Runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn keep(storage: &dyn Storage, known: &OfCustomer) -> Result<(), StoreError> {
    let statement = "INSERT OR REPLACE INTO standing (one, closed_at, plan) VALUES (1, ?, ?)";
    let closed = known.closed_at.map_or(SqlValue::Null, |at| SqlValue::Integer(at.as_millis()));
    let plan = known.plan.as_ref().map_or(SqlValue::Null, |plan| text(&plan.to_stored()));
    Ok(storage.execute(statement, &[closed, plan])?)
}
