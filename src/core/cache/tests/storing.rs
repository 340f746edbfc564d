//! Rows read back as they were written, and nothing else is taken for one.

use crate::cache::stored::{
    HEAD_COLUMNS, NOTICE_COLUMNS, OUTBOX_COLUMNS, RECORD_COLUMNS, UNIT_COLUMNS, head_from_row,
    head_to_row, notice_from_row, notice_to_row, outbox_from_row, outbox_to_row, record_from_row,
    record_to_row, unit_from_row, unit_to_row,
};
use crate::cache::{Outcome, Store as _};
use crate::ledger::stored::SqlValue;
use std::vec::Vec;

use super::desk::{Desk, UNKNOWN, applied};

/// A cache with something in every place.
fn busy() -> Desk {
    let mut desk = Desk::with_balance(100);
    for key in ["a", "b", "c", "d"] {
        desk.gate(key, 3);
    }
    let (token, _) = desk.begin_send();
    let refused = Outcome::Refused { code: "not_found".into() };
    let paused = Outcome::Paused { code: "invalid_api_key".into() };
    desk.settle(token, &[(1, applied(97, None)), (2, refused), (3, UNKNOWN), (4, paused)]);
    desk.config.authority = (1 << 48) - 1;
    desk.begin_read();
    desk
}

/// Writes and reads, and tries every damaged form of the row.
fn round_trip<T: PartialEq + core::fmt::Debug>(
    value: &T,
    row: Vec<SqlValue>,
    read: impl Fn(Vec<SqlValue>) -> Result<T, crate::ledger::Corrupt>,
) {
    assert_eq!(read(row.clone()).as_ref(), Ok(value));
    assert!(read(row.iter().take(row.len() - 1).cloned().collect()).is_err());
    for at in 0..row.len() {
        for wrong in [SqlValue::Integer(-1), SqlValue::Integer(i64::MAX)] {
            let mut damaged = row.clone();
            damaged[at] = wrong;
            // An amount may be negative by its nature; anything else is noticed.
            if let Ok(other) = read(damaged) {
                assert_ne!(&other, value);
            }
        }
        let mut damaged = row.clone();
        damaged[at] = SqlValue::Text("nonsense, no id".into());
        if let Ok(other) = read(damaged) {
            assert_ne!(&other, value);
        }
    }
}

#[test]
fn every_row_is_read_back() {
    let mut desk = busy();
    let store = desk.keeper.store().clone();
    let stored = store.load().unwrap().unwrap();
    for unit in &stored.units {
        let row = unit_to_row(unit).unwrap();
        assert_eq!(row.len(), UNIT_COLUMNS.len());
        round_trip(unit, row, unit_from_row);
    }
    let row = head_to_row(&stored.head).unwrap();
    assert!(stored.head.lease.is_some() && row.len() == HEAD_COLUMNS.len());
    round_trip(&stored.head, row, head_from_row);
    let rows = store.open(0, 10).unwrap();
    assert_eq!(rows.len(), 3);
    for open in &rows {
        let row = outbox_to_row(open).unwrap();
        assert_eq!(row.len(), OUTBOX_COLUMNS.len());
        round_trip(open, row, outbox_from_row);
        let record = store.record(&open.id, desk.now).unwrap().unwrap();
        let row = record_to_row(&record);
        assert_eq!(row.len(), RECORD_COLUMNS.len());
        round_trip(&record, row, record_from_row);
    }
    let notices = store.notices(10).unwrap();
    assert_eq!(notices.len(), 2);
    for notice in &notices {
        let row = notice_to_row(notice).unwrap();
        assert_eq!(row.len(), NOTICE_COLUMNS.len());
        round_trip(notice, row, notice_from_row);
    }
    desk.restart();
    assert_eq!(desk.available(), "88");
}

#[test]
fn contradictions_are_not_loaded() {
    let desk = busy();
    let stored = desk.keeper.store().load().unwrap().unwrap();
    let load = |change: &dyn Fn(&mut crate::cache::Stored)| {
        let mut stored = stored.clone();
        change(&mut stored);
        crate::cache::Cache::load(stored)
    };
    assert!(load(&|_| {}).is_ok());
    assert!(load(&|stored| stored.units[0].accepted += 1).is_err());
    assert!(load(&|stored| stored.units[0].quarantined = 9).is_err());
    assert!(load(&|stored| stored.units[0].owed = crate::credits::Credits::ZERO).is_err());
    assert!(load(&|stored| stored.head.conversations = 0).is_err());
}
