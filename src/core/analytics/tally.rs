//! What entries come to: consumed, added, expired and how many, by day, unit, action and kind.
//!
//! Decides what an entry counts as, and nothing about who keeps the sums. A sum is not an amount: over
//! many customers it may exceed the largest one, so it has a range of its own, at whose end it stays.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::analytics::day::Day;
use crate::credits::{Credits, Minor, Scale};
use crate::ids::Unit;
use crate::ledger::action::action_of;
use crate::ledger::stored::{Columns, SqlValue};
use crate::ledger::{Corrupt, EntryKind};
use crate::time::Timestamp;

/// Longest action that is counted by itself, in bytes. A description may be used as one and has up to
/// 1,024: of longer ones the beginning counts.
pub const MAX_ACTION_BYTES: usize = 128;

/// Sums over entries, in minor units of one unit. None is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What usage and negative adjustments took.
    pub consumed: i64,
    /// What topups, positive adjustments and refunds brought.
    pub added: i64,
    /// What is gone without use: what was left of grants that expired or were voided, and what of a
    /// purchase was taken back because its money was.
    pub expired: i64,
    /// Entries, of every kind.
    pub transactions: i64,
}

impl Tally {
    /// What one entry counts as.
    ///
    /// A refund is credits that are added on its own day; it does not lower what was consumed on the
    /// day of the charge. What expires is neither consumed nor added, so that a customer who used
    /// nothing has consumed nothing; it is told apart. `reverses`: the entry is about another one
    /// (`refund_of`). A negative adjustment that is takes a purchase back, which nobody used either.
    #[must_use]
    pub fn of(kind: EntryKind, amount: Credits, reverses: bool) -> Self {
        let mut tally = Self { transactions: 1, ..Self::default() };
        let magnitude = amount.magnitude().minor_units();
        match kind {
            EntryKind::Expiry | EntryKind::Void => tally.expired = magnitude,
            EntryKind::Adjustment if reverses && amount.is_negative() => tally.expired = magnitude,
            _ if amount.is_negative() => tally.consumed = magnitude,
            _ => tally.added = magnitude,
        }
        tally
    }

    /// Both together. At the end of its range (9.2 · 10^18 minor units) a sum stays there.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            consumed: self.consumed.saturating_add(other.consumed),
            added: self.added.saturating_add(other.added),
            expired: self.expired.saturating_add(other.expired),
            transactions: self.transactions.saturating_add(other.transactions),
        }
    }

    /// What stood between an earlier running total and this one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            consumed: self.consumed.saturating_sub(earlier.consumed),
            added: self.added.saturating_sub(earlier.added),
            expired: self.expired.saturating_sub(earlier.expired),
            transactions: self.transactions.saturating_sub(earlier.transactions),
        }
    }

    /// By how much the entries changed the balance: added − consumed − expired, which over all
    /// entries is what is posted (L1).
    #[must_use]
    pub const fn net(self) -> i64 {
        self.added.saturating_sub(self.consumed).saturating_sub(self.expired)
    }

    /// Whether every sum is one that adding up can give.
    pub(crate) const fn is_possible(self) -> bool {
        self.consumed >= 0 && self.added >= 0 && self.expired >= 0 && self.transactions >= 0
    }
}

/// A sum as decimal text of a unit's scale.
#[must_use]
pub const fn decimal(sum: i64, scale: Scale) -> Minor {
    Minor::new(sum, scale)
}

/// What analytics needs to know of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Position in the customer's ledger.
    pub sequence: u64,
    /// What it records.
    pub kind: EntryKind,
    /// What it counts.
    pub unit: Unit,
    /// Signed change of posted.
    pub amount: Credits,
    /// Ledger time.
    pub time: Timestamp,
    /// Whether it is about another entry (`refund_of`).
    pub reverses: bool,
    /// What it was for, as [`crate::ledger::Entry::action`] says; cut to [`MAX_ACTION_BYTES`].
    pub action: String,
}

/// The columns of the entries from which [`fact_from_row`] reads.
pub const FACT_COLUMNS: [&str; 8] =
    ["sequence", "kind", "unit", "amount", "time", "description", "metadata", "refund_of"];

/// Reads a fact from an entry's [`FACT_COLUMNS`].
///
/// # Errors
/// [`Corrupt`] when a value is missing, of the wrong type or out of its range.
pub fn fact_from_row(row: Vec<SqlValue>) -> Result<Fact, Corrupt> {
    let mut row = Columns::new(row);
    let (sequence, kind, unit) = (row.sequence()?, row.text()?, row.text()?);
    let (amount, time) = (row.amount()?, row.time()?);
    let (description, metadata) = (row.optional_text()?, row.optional_text()?);
    let reverses = row.optional_text()?.is_some();
    Ok(Fact {
        sequence,
        kind: EntryKind::parse(&kind).ok_or(Corrupt)?,
        unit: Unit::parse(&unit).map_err(|_| Corrupt)?,
        amount,
        time,
        reverses,
        action: cut(action_of(metadata.as_deref(), description.as_deref())),
    })
}

/// An action as it is counted: the beginning of one that is too long, and without the NUL that
/// metadata may spell (SQLite takes it for an end).
fn cut(action: String) -> String {
    let action = if action.contains('\0') { action.replace('\0', "\u{fffd}") } else { action };
    if action.len() <= MAX_ACTION_BYTES {
        return action;
    }
    let mut end = MAX_ACTION_BYTES - '…'.len_utf8();
    while !action.is_char_boundary(end) {
        end -= 1;
    }
    let mut short = action.get(..end).unwrap_or_default().to_owned();
    short.push('…');
    short
}

/// What a line counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// When.
    pub day: Day,
    /// Which unit.
    pub unit: Unit,
    /// What for.
    pub action: String,
    /// As what.
    pub kind: EntryKind,
}

/// Entries that have day, unit, action and kind in common, added up; in that order.
pub type Lines = BTreeMap<Name, Tally>;

/// Adds entries to lines.
pub fn gather<'a>(lines: &mut Lines, facts: impl IntoIterator<Item = &'a Fact>) {
    for fact in facts {
        let name = Name {
            day: Day::of(fact.time),
            unit: fact.unit.clone(),
            action: fact.action.clone(),
            kind: fact.kind,
        };
        let sum = lines.entry(name).or_default();
        *sum = sum.plus(Tally::of(fact.kind, fact.amount, fact.reverses));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    fn credits(amount: i64) -> Credits {
        Credits::from_minor_units(amount).unwrap()
    }

    #[test]
    fn kinds_by_the_table() {
        let table = [
            (EntryKind::Consumption, -5, (5, 0, 0)),
            (EntryKind::Adjustment, -5, (5, 0, 0)),
            (EntryKind::Adjustment, 5, (0, 5, 0)),
            (EntryKind::Topup, 5, (0, 5, 0)),
            (EntryKind::Refund, 5, (0, 5, 0)),
            (EntryKind::Expiry, -5, (0, 0, 5)),
            (EntryKind::Void, -5, (0, 0, 5)),
            (EntryKind::Scheduled, 0, (0, 0, 0)),
            (EntryKind::Hold, 0, (0, 0, 0)),
            (EntryKind::Release, 0, (0, 0, 0)),
        ];
        for (kind, amount, (consumed, added, expired)) in table {
            let tally = Tally::of(kind, credits(amount), false);
            assert_eq!(tally, Tally { consumed, added, expired, transactions: 1 }, "{kind:?}");
            assert_eq!(tally.net(), amount, "{kind:?}");
            // Of another entry: only a purchase taken back counts as something else.
            let reversing = Tally::of(kind, credits(amount), true);
            let back = kind == EntryKind::Adjustment && amount < 0;
            let (consumed, expired) = if back { (0, 5) } else { (consumed, expired) };
            assert_eq!(reversing, Tally { consumed, expired, ..tally }, "{kind:?}");
            assert_eq!(reversing.net(), amount, "{kind:?}");
        }
    }

    #[test]
    fn sums_stay_at_the_end_of_their_range() {
        let full = Tally { consumed: i64::MAX, ..Tally::default() };
        let more = full.plus(Tally::of(EntryKind::Consumption, credits(-1), false));
        assert_eq!(more, Tally { consumed: i64::MAX, transactions: 1, ..Tally::default() });
        assert_eq!(decimal(i64::MAX, Scale::CREDITS).to_string(), "9223372036854.775807");
        assert_eq!(decimal(-1_500_000, Scale::CREDITS).to_string(), "-1.5");
    }

    #[test]
    fn long_actions_are_cut_between_characters() {
        let long = "é".repeat(100);
        let short = cut(long.clone());
        assert_eq!(short.len(), 127, "62 characters of two bytes, and the mark");
        assert!(long.starts_with(short.trim_end_matches('…')) && short.ends_with('…'));
        let whole = "x".repeat(MAX_ACTION_BYTES);
        assert_eq!(cut(whole.clone()), whole);
        assert_eq!(cut("a\0b".to_owned()), "a\u{fffd}b");
    }
}
