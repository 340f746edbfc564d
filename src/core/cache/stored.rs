//! The cache's rows as a store keeps them: primitive values in a fixed column order.
//!
//! As in [`crate::ledger::stored`], a store binds these values and hands rows back, and reading one
//! back checks everything again.

mod holds;
mod notices;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::cache::rows::{OutboxRow, Record, RecordState, Source};
use crate::cache::state::{Acknowledged, Head, Health, Lease, Snapshot, UnitState};
use crate::credits::Credits;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::ids::{TransactionId, Unit};
use crate::ledger::Corrupt;
use crate::ledger::stored::{Columns, SqlValue, amount, number, optional, text};
use crate::time::Timestamp;

pub use holds::{LOCAL_HOLD_COLUMNS, local_hold_from_row, local_hold_to_row};
pub use notices::{NOTICE_COLUMNS, notice_from_row, notice_to_row};

/// The columns of a record, in the order of [`record_to_row`].
pub const RECORD_COLUMNS: [&str; 12] = [
    "id",
    "key",
    "fingerprint",
    "unit",
    "amount",
    "accepted_at",
    "available",
    "as_of",
    "source",
    "state",
    "code",
    "upstream_id",
];

/// The columns of an outbox row, in the order of [`outbox_to_row`].
pub const OUTBOX_COLUMNS: [&str; 12] = [
    "position",
    "id",
    "key",
    "unit",
    "amount",
    "body",
    "accepted_at",
    "attempts",
    "first_attempt_at",
    "last_attempt_at",
    "due_at",
    "quarantined",
];

/// The columns of a unit, in the order of [`unit_to_row`].
pub const UNIT_COLUMNS: [&str; 16] = [
    "unit",
    "balance",
    "sequence",
    "read",
    "as_of",
    "credit_name",
    "owed",
    "acknowledged",
    "accepted",
    "open",
    "open_bytes",
    "quarantined",
    "applied",
    "rejected",
    "held",
    "holds",
];

/// The columns of the head, in the order of [`head_to_row`].
pub const HEAD_COLUMNS: [&str; 8] =
    ["conversations", "lease", "health", "notices", "untold", "alarm_due", "holds", "hold_due"];

/// A record as a row.
#[must_use]
pub fn record_to_row(record: &Record) -> Vec<SqlValue> {
    Vec::from([
        text(record.id.as_str()),
        text(record.key.as_str()),
        SqlValue::Text(record.fingerprint.to_text()),
        text(record.unit.as_str()),
        amount(record.amount),
        instant(record.accepted_at),
        record.available.map_or(SqlValue::Null, amount),
        optional_instant(record.as_of),
        text(record.source.as_str()),
        text(record.state.as_str()),
        optional(record.code.as_deref()),
        optional(record.upstream_id.as_deref()),
    ])
}

/// Reads [`record_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn record_from_row(row: Vec<SqlValue>) -> Result<Record, Corrupt> {
    let mut row = Columns::new(row);
    Ok(Record {
        id: id(&mut row)?,
        key: key(&mut row)?,
        fingerprint: Fingerprint::from_text(&row.text()?).ok_or(Corrupt)?,
        unit: unit(&mut row)?,
        amount: row.amount()?,
        accepted_at: row.time()?,
        available: row.optional_amount()?,
        as_of: row.optional_time()?,
        source: Source::parse(&row.text()?).ok_or(Corrupt)?,
        state: RecordState::parse(&row.text()?).ok_or(Corrupt)?,
        code: row.optional_text()?,
        upstream_id: row.optional_text()?,
    })
}

/// An outbox row as a row.
///
/// # Errors
/// [`Corrupt`] for a position that no store could keep.
pub fn outbox_to_row(row: &OutboxRow) -> Result<Vec<SqlValue>, Corrupt> {
    Ok(Vec::from([
        number(row.position)?,
        text(row.id.as_str()),
        text(row.key.as_str()),
        text(row.unit.as_str()),
        amount(row.amount),
        text(&row.body),
        instant(row.accepted_at),
        SqlValue::Integer(i64::from(row.attempts)),
        optional_instant(row.first_attempt_at),
        optional_instant(row.last_attempt_at),
        instant(row.due_at),
        optional(row.quarantined.as_deref()),
    ]))
}

/// Reads [`outbox_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn outbox_from_row(row: Vec<SqlValue>) -> Result<OutboxRow, Corrupt> {
    let mut row = Columns::new(row);
    let row = OutboxRow {
        position: row.sequence()?,
        id: id(&mut row)?,
        key: key(&mut row)?,
        unit: unit(&mut row)?,
        amount: row.amount()?,
        body: row.text()?,
        accepted_at: row.time()?,
        attempts: u32::try_from(row.integer()?).map_err(|_| Corrupt)?,
        first_attempt_at: row.optional_time()?,
        last_attempt_at: row.optional_time()?,
        due_at: row.time()?,
        quarantined: row.optional_text()?,
    };
    if row.amount.is_positive() { Ok(row) } else { Err(Corrupt) }
}

/// A unit as a row.
///
/// # Errors
/// [`Corrupt`] for a count that no store could keep.
pub fn unit_to_row(state: &UnitState) -> Result<Vec<SqlValue>, Corrupt> {
    let snapshot = state.snapshot.as_ref();
    let counter = |value: Option<u64>| value.map_or(Ok(SqlValue::Null), number);
    Ok(Vec::from([
        text(state.unit.as_str()),
        snapshot.map_or(SqlValue::Null, |snapshot| amount(snapshot.balance)),
        counter(snapshot.and_then(|snapshot| snapshot.sequence))?,
        counter(snapshot.map(|snapshot| snapshot.read))?,
        optional_instant(snapshot.map(|snapshot| snapshot.as_of)),
        optional(snapshot.and_then(|snapshot| snapshot.credit_name.as_deref())),
        amount(state.owed),
        acknowledged_to_text(&state.acknowledged)?,
        number(state.accepted)?,
        number(state.open)?,
        number(state.open_bytes)?,
        number(state.quarantined)?,
        number(state.applied)?,
        number(state.rejected)?,
        amount(state.held),
        number(state.holds)?,
    ]))
}

/// Reads [`unit_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn unit_from_row(row: Vec<SqlValue>) -> Result<UnitState, Corrupt> {
    let mut row = Columns::new(row);
    let unit = unit(&mut row)?;
    let (balance, sequence) = (row.optional_amount()?, row.optional_count()?);
    let (read, as_of, credit_name) =
        (row.optional_count()?, row.optional_time()?, row.optional_text()?);
    let snapshot = match (balance, read, as_of) {
        (Some(balance), Some(read), Some(as_of)) => {
            Some(Snapshot { balance, sequence, read, as_of, credit_name })
        }
        (None, None, None) => None,
        _ => return Err(Corrupt),
    };
    Ok(UnitState {
        unit,
        snapshot,
        owed: row.amount()?,
        acknowledged: acknowledged_from_text(&row.text()?)?,
        accepted: row.count()?,
        open: row.count()?,
        open_bytes: row.count()?,
        quarantined: row.count()?,
        applied: row.count()?,
        rejected: row.count()?,
        held: row.amount()?,
        holds: row.count()?,
    })
}

/// The head as a row.
///
/// # Errors
/// [`Corrupt`] for a count that no store could keep.
pub fn head_to_row(head: &Head) -> Result<Vec<SqlValue>, Corrupt> {
    let lease = head.lease.as_ref().map(|lease| StoredLease {
        token: lease.token,
        begun_at: lease.begun_at.as_millis(),
        until: lease.until.as_millis(),
        positions: lease.positions.clone(),
    });
    let Health { failures, resume_at, rests_from, answered, paused, authority, batches, read_last } =
        &head.health;
    let health = StoredHealth {
        failures: *failures,
        resume_at: resume_at.map(Timestamp::as_millis),
        rests_from: rests_from.map(Timestamp::as_millis),
        answered: *answered,
        paused: *paused,
        authority: *authority,
        batches: *batches,
        read_last: *read_last,
        placed_there: head.placed_there.map(Timestamp::as_millis),
    };
    Ok(Vec::from([
        number(head.conversations)?,
        match lease {
            Some(lease) => json(&lease)?,
            None => SqlValue::Null,
        },
        json(&health)?,
        number(head.notices)?,
        number(head.untold)?,
        optional_instant(head.alarm_due),
        number(head.holds)?,
        optional_instant(head.hold_due),
    ]))
}

/// Reads [`head_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn head_from_row(row: Vec<SqlValue>) -> Result<Head, Corrupt> {
    let mut row = Columns::new(row);
    let conversations = row.count()?;
    let lease = row.optional_text()?.map(|text| lease_from_text(&text)).transpose()?;
    let health: StoredHealth = serde_json::from_str(&row.text()?).map_err(|_| Corrupt)?;
    Ok(Head {
        conversations,
        lease,
        health: Health {
            failures: health.failures,
            resume_at: health.resume_at.map(Timestamp::from_millis),
            rests_from: health.rests_from.map(Timestamp::from_millis),
            answered: health.answered,
            paused: health.paused,
            authority: health.authority,
            batches: health.batches,
            read_last: health.read_last,
        },
        notices: row.count()?,
        untold: row.count()?,
        alarm_due: row.optional_time()?,
        holds: row.count()?,
        hold_due: row.optional_time()?,
        placed_there: health.placed_there.map(Timestamp::from_millis),
    })
}

#[derive(Serialize, Deserialize)]
struct StoredLease {
    token: u64,
    begun_at: i64,
    until: i64,
    positions: Vec<u64>,
}

/// What a later version adds is absent in rows of this one, and then at its default: so the head's
/// `placed_there` is here, and no column of its own.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredHealth {
    failures: u32,
    resume_at: Option<i64>,
    rests_from: Option<i64>,
    answered: bool,
    paused: bool,
    authority: u64,
    batches: bool,
    read_last: bool,
    placed_there: Option<i64>,
}

fn lease_from_text(text: &str) -> Result<Lease, Corrupt> {
    let lease: StoredLease = serde_json::from_str(text).map_err(|_| Corrupt)?;
    Ok(Lease {
        token: lease.token,
        begun_at: Timestamp::from_millis(lease.begun_at),
        until: Timestamp::from_millis(lease.until),
        positions: lease.positions,
    })
}

/// `[[sequence or null, mark, amount], …]`
fn acknowledged_to_text(charges: &[Acknowledged]) -> Result<SqlValue, Corrupt> {
    let triple =
        |charge: &Acknowledged| (charge.sequence, charge.mark, charge.amount.minor_units());
    let triples: Vec<(Option<u64>, u64, i64)> = charges.iter().map(triple).collect();
    json(&triples)
}

fn acknowledged_from_text(text: &str) -> Result<Vec<Acknowledged>, Corrupt> {
    let triples: Vec<(Option<u64>, u64, i64)> = serde_json::from_str(text).map_err(|_| Corrupt)?;
    let charge = |(sequence, mark, amount)| {
        let amount = Credits::from_minor_units(amount).ok_or(Corrupt)?;
        Ok(Acknowledged { sequence, mark, amount })
    };
    triples.into_iter().map(charge).collect()
}

fn json<T: Serialize>(value: &T) -> Result<SqlValue, Corrupt> {
    let text: Result<String, _> = serde_json::to_string(value);
    text.map(SqlValue::Text).map_err(|_| Corrupt)
}

fn instant(time: Timestamp) -> SqlValue {
    SqlValue::Integer(time.as_millis())
}

fn optional_instant(time: Option<Timestamp>) -> SqlValue {
    time.map_or(SqlValue::Null, instant)
}

fn id(row: &mut Columns) -> Result<TransactionId, Corrupt> {
    TransactionId::parse(&row.text()?).map_err(|_| Corrupt)
}

fn key(row: &mut Columns) -> Result<IdempotencyKey, Corrupt> {
    IdempotencyKey::parse(&row.text()?).map_err(|_| Corrupt)
}

fn unit(row: &mut Columns) -> Result<Unit, Corrupt> {
    Unit::parse(&row.text()?).map_err(|_| Corrupt)
}
