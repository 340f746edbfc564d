//! The account's rows as a store keeps them: primitive values in a fixed column order.
//!
//! A store creates tables with these columns, binds these values and hands rows back; it never
//! interprets them. Reading a row back checks everything again: a row that does not make sense is
//! [`Corrupt`], not a panic.

pub(crate) mod holds;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::credits::Credits;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::ids::{Product, TransactionId, Unit};
use crate::ledger::account::Corrupt;
use crate::ledger::entry::{Draw, Entry, EntryKind, KeyRecord, Totals, UnitTotals};
use crate::ledger::grant::{Grant, GrantState, Source};
use crate::time::Timestamp;

pub use holds::{HOLD_COLUMNS, hold_from_row, hold_to_row};

/// One stored value. Integers stay within ±2^53, which survives a store that counts in doubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlValue {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// UTF-8 text without NUL.
    Text(String),
}

/// The columns of an entry, in the order of [`entry_to_row`].
pub const ENTRY_COLUMNS: [&str; 18] = [
    "sequence",
    "id",
    "kind",
    "unit",
    "amount",
    "balance_after",
    "held_after",
    "time",
    "draws",
    "description",
    "metadata",
    "product",
    "refund_of",
    "hold",
    "key",
    "fingerprint",
    "totals",
    "version",
];

/// The columns of a grant, in the order of [`grant_to_row`].
pub const GRANT_COLUMNS: [&str; 14] = [
    "sequence",
    "id",
    "unit",
    "amount",
    "remaining",
    "held",
    "owed",
    "priority",
    "product",
    "source",
    "effective_at",
    "expires_at",
    "state",
    "open",
];

/// The largest sequence number that a row can have: 2^53, the last that a store which counts in
/// doubles tells from the one before.
const MAX_SEQUENCE: u64 = 1 << 53;

/// The form of the `draws` and `totals` texts; a later form gets a later number.
const ROW_VERSION: i64 = 1;

/// An entry as a row.
///
/// # Errors
/// [`Corrupt`] for a value no store could keep; a decided entry has none.
pub fn entry_to_row(entry: &Entry) -> Result<Vec<SqlValue>, Corrupt> {
    let record = entry.record.as_ref();
    Ok(Vec::from([
        number(entry.sequence)?,
        text(entry.id.as_str()),
        text(entry.kind.as_str()),
        text(entry.unit.as_str()),
        amount(entry.amount),
        amount(entry.balance_after),
        amount(entry.held_after),
        SqlValue::Integer(entry.time.as_millis()),
        draws_to_text(&entry.draws)?,
        optional(entry.description.as_deref()),
        optional(entry.metadata.as_deref()),
        optional(entry.product.as_ref().map(Product::as_str)),
        optional(entry.refund_of.as_ref().map(TransactionId::as_str)),
        optional(entry.hold.as_ref().map(TransactionId::as_str)),
        optional(record.map(|record| record.key.as_str())),
        record.map_or(SqlValue::Null, |record| SqlValue::Text(record.fingerprint.to_text())),
        totals_to_text(&entry.totals)?,
        SqlValue::Integer(ROW_VERSION),
    ]))
}

/// Reads [`entry_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn entry_from_row(row: Vec<SqlValue>) -> Result<Entry, Corrupt> {
    let mut row = Columns::new(row);
    let entry = Entry {
        sequence: row.sequence()?,
        id: TransactionId::parse(&row.text()?).map_err(|_| Corrupt)?,
        kind: EntryKind::parse(&row.text()?).ok_or(Corrupt)?,
        unit: Unit::parse(&row.text()?).map_err(|_| Corrupt)?,
        amount: row.amount()?,
        balance_after: row.amount()?,
        held_after: row.amount()?,
        time: row.time()?,
        draws: draws_from_text(&row.text()?)?,
        description: row.optional_text()?,
        metadata: row.optional_text()?,
        product: row.product()?,
        refund_of: row.optional_id()?,
        hold: row.optional_id()?,
        record: match (row.optional_text()?, row.optional_text()?) {
            (Some(key), Some(fingerprint)) => Some(KeyRecord {
                key: IdempotencyKey::parse(&key).map_err(|_| Corrupt)?,
                fingerprint: Fingerprint::from_text(&fingerprint).ok_or(Corrupt)?,
            }),
            (None, None) => None,
            _ => return Err(Corrupt),
        },
        totals: totals_from_text(&row.text()?)?,
    };
    if row.integer()? == ROW_VERSION && is_possible(&entry) { Ok(entry) } else { Err(Corrupt) }
}

/// Whether what an entry refers to can have been before it: a draw is on a grant that exists, and
/// no kind has more entries than the ledger.
fn is_possible(entry: &Entry) -> bool {
    let so_far = 1..=entry.sequence;
    let counted = |totals: &UnitTotals| totals.counts.values().all(|count| so_far.contains(count));
    let drawn = |draw: &Draw| so_far.contains(&draw.grant) && !draw.amount.is_zero();
    entry.draws.iter().all(drawn) && entry.totals.0.values().all(counted)
}

/// A grant as a row; `open` is 1 for those that an account must load.
///
/// # Errors
/// [`Corrupt`] for a value no store could keep; a decided grant has none.
pub fn grant_to_row(grant: &Grant) -> Result<Vec<SqlValue>, Corrupt> {
    Ok(Vec::from([
        number(grant.sequence)?,
        text(grant.id.as_str()),
        text(grant.unit.as_str()),
        amount(grant.amount),
        amount(grant.remaining),
        amount(grant.held),
        amount(grant.owed),
        SqlValue::Integer(i64::from(grant.priority)),
        optional(grant.product.as_ref().map(Product::as_str)),
        text(grant.source.as_str()),
        SqlValue::Integer(grant.effective_at.as_millis()),
        grant.expires_at.map_or(SqlValue::Null, |time| SqlValue::Integer(time.as_millis())),
        text(grant.state.as_str()),
        SqlValue::Integer(i64::from(grant.is_open())),
    ]))
}

/// Reads [`grant_to_row`] back.
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn grant_from_row(row: Vec<SqlValue>) -> Result<Grant, Corrupt> {
    let mut row = Columns::new(row);
    let grant = Grant {
        sequence: row.sequence()?,
        id: TransactionId::parse(&row.text()?).map_err(|_| Corrupt)?,
        unit: Unit::parse(&row.text()?).map_err(|_| Corrupt)?,
        amount: row.amount()?,
        remaining: row.amount()?,
        held: row.amount()?,
        owed: row.amount()?,
        priority: u16::try_from(row.integer()?).map_err(|_| Corrupt)?,
        product: row.product()?,
        source: Source::parse(&row.text()?).ok_or(Corrupt)?,
        effective_at: row.time()?,
        expires_at: row.optional_time()?,
        state: GrantState::parse(&row.text()?).ok_or(Corrupt)?,
    };
    let open = row.integer()? == 1;
    if grant.adds_up() && open == grant.is_open() { Ok(grant) } else { Err(Corrupt) }
}

/// A row being read from the left.
pub(crate) struct Columns(alloc::vec::IntoIter<SqlValue>);

impl Columns {
    pub(crate) fn new(row: Vec<SqlValue>) -> Self {
        Self(row.into_iter())
    }

    pub(crate) fn integer(&mut self) -> Result<i64, Corrupt> {
        match self.0.next() {
            Some(SqlValue::Integer(value)) => Ok(value),
            _ => Err(Corrupt),
        }
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, Corrupt> {
        match self.0.next() {
            Some(SqlValue::Text(value)) => Ok(Some(value)),
            Some(SqlValue::Null) => Ok(None),
            _ => Err(Corrupt),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, Corrupt> {
        self.optional_text()?.ok_or(Corrupt)
    }

    fn optional_id(&mut self) -> Result<Option<TransactionId>, Corrupt> {
        let id = self.optional_text()?;
        id.map(|id| TransactionId::parse(&id).map_err(|_| Corrupt)).transpose()
    }

    pub(crate) fn sequence(&mut self) -> Result<u64, Corrupt> {
        let sequence = u64::try_from(self.integer()?).map_err(|_| Corrupt)?;
        if (1..=MAX_SEQUENCE).contains(&sequence) { Ok(sequence) } else { Err(Corrupt) }
    }

    pub(crate) fn amount(&mut self) -> Result<Credits, Corrupt> {
        Credits::from_minor_units(self.integer()?).ok_or(Corrupt)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, Corrupt> {
        time(self.integer()?)
    }

    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>, Corrupt> {
        match self.0.next() {
            Some(SqlValue::Integer(value)) => Ok(Some(value)),
            Some(SqlValue::Null) => Ok(None),
            _ => Err(Corrupt),
        }
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, Corrupt> {
        self.optional_integer()?.map(time).transpose()
    }

    pub(crate) fn optional_amount(&mut self) -> Result<Option<Credits>, Corrupt> {
        let amount = |minor_units| Credits::from_minor_units(minor_units).ok_or(Corrupt);
        self.optional_integer()?.map(amount).transpose()
    }

    pub(crate) fn count(&mut self) -> Result<u64, Corrupt> {
        self.optional_count()?.ok_or(Corrupt)
    }

    pub(crate) fn optional_count(&mut self) -> Result<Option<u64>, Corrupt> {
        let count = |value| u64::try_from(value).map_err(|_| Corrupt);
        self.optional_integer()?.map(count).transpose()
    }

    fn product(&mut self) -> Result<Option<Product>, Corrupt> {
        let name = self.optional_text()?;
        name.map(|name| Product::parse(&name).map_err(|_| Corrupt)).transpose()
    }
}

fn time(millis: i64) -> Result<Timestamp, Corrupt> {
    let time = Timestamp::from_millis(millis);
    if time.as_millis() == millis { Ok(time) } else { Err(Corrupt) }
}

pub(crate) fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

pub(crate) fn optional(value: Option<&str>) -> SqlValue {
    value.map_or(SqlValue::Null, text)
}

pub(crate) fn amount(value: Credits) -> SqlValue {
    SqlValue::Integer(value.minor_units())
}

pub(crate) fn number(sequence: u64) -> Result<SqlValue, Corrupt> {
    if sequence > MAX_SEQUENCE {
        return Err(Corrupt);
    }
    i64::try_from(sequence).map(SqlValue::Integer).map_err(|_| Corrupt)
}

/// `[[grant, amount], …]`
fn draws_to_text(draws: &[Draw]) -> Result<SqlValue, Corrupt> {
    let pairs: Vec<(u64, i64)> =
        draws.iter().map(|draw| (draw.grant, draw.amount.minor_units())).collect();
    serde_json::to_string(&pairs).map(SqlValue::Text).map_err(|_| Corrupt)
}

fn draws_from_text(text: &str) -> Result<Vec<Draw>, Corrupt> {
    let pairs: Vec<(u64, i64)> = serde_json::from_str(text).map_err(|_| Corrupt)?;
    let draw = |(grant, amount)| {
        Credits::from_minor_units(amount).map(|amount| Draw { grant, amount }).ok_or(Corrupt)
    };
    pairs.into_iter().map(draw).collect()
}

/// One unit's totals in storage: `{"o": overage, "c": {kind: count}}`, short because every entry
/// carries it.
#[derive(Serialize, Deserialize)]
struct StoredTotals {
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    overage: i64,
    #[serde(rename = "c")]
    counts: BTreeMap<String, u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

fn totals_to_text(totals: &Totals) -> Result<SqlValue, Corrupt> {
    // Maps are filled by insertion here and in the account: building them from iterators sorts, and
    // each such sort is 6 KB of the worker.
    let mut stored = BTreeMap::new();
    for (unit, totals) in &totals.0 {
        let mut counts = BTreeMap::new();
        for (kind, count) in &totals.counts {
            counts.insert(kind.as_str().to_owned(), *count);
        }
        let overage = totals.overage.minor_units();
        stored.insert(unit.as_str().to_owned(), StoredTotals { overage, counts });
    }
    serde_json::to_string(&stored).map(SqlValue::Text).map_err(|_| Corrupt)
}

fn totals_from_text(text: &str) -> Result<Totals, Corrupt> {
    let stored: BTreeMap<String, StoredTotals> = serde_json::from_str(text).map_err(|_| Corrupt)?;
    let mut totals = Totals::default();
    for (unit, stored) in stored {
        let unit = Unit::parse(&unit).map_err(|_| Corrupt)?;
        let overage = Credits::from_minor_units(stored.overage).ok_or(Corrupt)?;
        let mut counts = BTreeMap::new();
        for (kind, count) in stored.counts {
            counts.insert(EntryKind::parse(&kind).ok_or(Corrupt)?, count);
        }
        totals.0.insert(unit, UnitTotals { overage, counts });
    }
    Ok(totals)
}
