//! A notice's row.

use alloc::vec::Vec;

use super::{instant, optional_instant};
use crate::cache::notices::{Notice, NoticeCharge, NoticeKind};
use crate::idempotency::IdempotencyKey;
use crate::ids::{TransactionId, Unit};
use crate::ledger::Corrupt;
use crate::ledger::stored::{Columns, SqlValue, amount, number, optional, text};

/// The columns of a notice, in the order of [`notice_to_row`].
pub const NOTICE_COLUMNS: [&str; 9] =
    ["id", "kind", "code", "at", "charge", "key", "unit", "amount", "told_at"];

/// A notice as a row.
///
/// # Errors
/// [`Corrupt`] for an id that no store could keep.
pub fn notice_to_row(notice: &Notice) -> Result<Vec<SqlValue>, Corrupt> {
    let charge = notice.charge.as_ref();
    Ok(Vec::from([
        number(notice.id)?,
        text(notice.kind.as_str()),
        text(&notice.code),
        instant(notice.at),
        optional(charge.map(|charge| charge.id.as_str())),
        optional(charge.map(|charge| charge.key.as_str())),
        optional(charge.map(|charge| charge.unit.as_str())),
        charge.map_or(SqlValue::Null, |charge| amount(charge.amount)),
        optional_instant(notice.told_at),
    ]))
}

/// Reads [`notice_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn notice_from_row(row: Vec<SqlValue>) -> Result<Notice, Corrupt> {
    let mut row = Columns::new(row);
    let number = row.sequence()?;
    let kind = NoticeKind::parse(&row.text()?).ok_or(Corrupt)?;
    let (code, at) = (row.text()?, row.time()?);
    let (id, key) = (row.optional_text()?, row.optional_text()?);
    let (unit, amount) = (row.optional_text()?, row.optional_amount()?);
    let charge = match (id, key, unit, amount) {
        (Some(id), Some(key), Some(unit), Some(amount)) => Some(NoticeCharge {
            id: TransactionId::parse(&id).map_err(|_| Corrupt)?,
            key: IdempotencyKey::parse(&key).map_err(|_| Corrupt)?,
            unit: Unit::parse(&unit).map_err(|_| Corrupt)?,
            amount,
        }),
        (None, None, None, None) => None,
        _ => return Err(Corrupt),
    };
    Ok(Notice { id: number, kind, code, at, charge, told_at: row.optional_time()? })
}
