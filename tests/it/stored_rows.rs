//! Rows that were changed behind the ledger's back: refused as corrupt, or read as rows that make
//! sense; never a panic, neither in reading nor in what is decided on them.

use std::cell::Cell;

use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::stored::{
    ENTRY_COLUMNS, GRANT_COLUMNS, HOLD_COLUMNS, SqlValue, entry_from_row, entry_to_row,
    grant_from_row, grant_to_row, hold_from_row, hold_to_row,
};
use edge_credits_core::ledger::{
    Account, Command, Entry, Found, Grant, Hold, LedgerConfig, decide, settle,
};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::holds::{parse_capture, parse_hold, parse_release};
use edge_credits_core::wire::requests::{KeySource, parse_add, parse_consume, parse_void};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use crate::pair::{Pair, Tally};
use crate::script::{UNITS, step};
use crate::shelf::{Rows, owner};

type Row = Vec<SqlValue>;

/// What happens to a row.
#[derive(Clone, Debug)]
enum Change {
    /// A column gets another value.
    Value(Index, SqlValue),
    /// A column gets the value of another column of some row.
    Moved(Index, Index, Index),
    /// A text loses or gains characters.
    Edited(Index, Index, String),
    /// A number becomes another, near it.
    Shifted(Index, i64),
    /// The columns from here on are missing.
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let edges = [0, 1, -1, i64::MAX, i64::MIN, 1 << 53, -(1 << 53), 8_000_000_000_000_001, 1_000];
    let number = prop_oneof![any::<i64>(), proptest::sample::select(edges.to_vec())];
    let json = "[\\[\\]{}\",:0-9oc.eE-]{0,12}";
    let text = prop_oneof![
        any::<String>(),
        json.prop_map(|text| text),
        Just(String::from(r#"[[1,0]]"#)),
        Just(String::from(r#"[[0,1]]"#)),
        Just(String::from(r#"[[18446744073709551615,8000000000000000]]"#)),
        Just(String::from(r#"{"credits":{"o":-1,"c":{"topup":18446744073709551615}}}"#)),
        Just(String::from(r#"{"credits":{"o":8000000000000000,"c":{}}}"#)),
        Just(String::from(
            r#"{"credits":{"c":{"topup":18446744073709551615,"consumption":18446744073709551615}}}"#
        )),
        Just(String::from(r#"{"credits":{"c":{"consumption":9007199254740991}}}"#)),
    ];
    let value = prop_oneof![
        Just(SqlValue::Null),
        number.prop_map(SqlValue::Integer),
        text.prop_map(SqlValue::Text),
    ];
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), value).prop_map(|(column, value)| Change::Value(column, value)),
        2 => (index(), index(), index()).prop_map(|(to, row, from)| Change::Moved(to, row, from)),
        2 => (index(), index(), json).prop_map(|(column, at, by)| Change::Edited(column, at, by)),
        3 => (index(), -3_i64..=3).prop_map(|(column, by)| Change::Shifted(column, by)),
        1 => index().prop_map(Change::Cut),
    ]
}

fn changed(row: &Row, change: &Change, all: &[&Row]) -> Row {
    let mut row = row.clone();
    let columns = row.len();
    match change {
        Change::Value(column, value) => row[column.index(columns)] = value.clone(),
        Change::Moved(to, from_row, from) => {
            let other = from_row.get(all);
            row[to.index(columns)] = other[from.index(other.len())].clone();
        }
        Change::Edited(column, at, by) => {
            if let SqlValue::Text(text) = &mut row[column.index(columns)] {
                let characters: Vec<char> = text.chars().collect();
                let (before, after) = characters.split_at(at.index(characters.len() + 1));
                *text = before.iter().copied().chain(by.chars()).collect();
                text.extend(after.iter().skip(1));
            }
        }
        Change::Shifted(column, by) => {
            if let SqlValue::Integer(number) = &mut row[column.index(columns)] {
                *number += by;
            }
        }
        Change::Cut(column) => row.truncate(column.index(columns)),
    }
    row
}

/// Ledgers as random scripts leave them.
fn ledgers() -> Vec<Rows> {
    let mut runner = TestRunner::deterministic();
    let script = vec(step(), 20..40);
    let ledger = |_| {
        let mut pair = Pair::new(Rows::default(), 1_790_000_000_000, None);
        for step in script.new_tree(&mut runner).unwrap().current() {
            pair.step(&step, &mut Tally::new()).unwrap();
        }
        pair.shelf
    };
    (0..12).map(ledger).collect()
}

/// One command of each sort.
fn commands(ids: &[TransactionId]) -> Vec<Command> {
    let key = KeySource {
        header: Some("another"),
        entropy: &edge_credits_core::entropy::Entropy::new([1; 16]),
    };
    let mut commands = vec![
        parse_consume(r#"{"amount":0.000007}"#, &key).unwrap(),
        parse_consume(r#"{"amount":7,"on_insufficient":"reject"}"#, &key).unwrap(),
        parse_hold(r#"{"amount":0.000003}"#, &key).unwrap(),
        parse_add(r#"{"amount":8000000000,"type":"topup"}"#, &key).unwrap(),
        parse_add(r#"{"amount":-1,"type":"adjustment","unit":"usd"}"#, &key).unwrap(),
    ];
    for id in ids {
        let refund = format!(r#"{{"amount":0.000001,"type":"refund","refund_of":"{id}"}}"#);
        commands.push(parse_add(&refund, &key).unwrap());
        commands.push(parse_void(id.as_str(), "{}", &key).unwrap());
        commands.push(parse_capture(id.clone(), r#"{"amount":0.000001}"#, &key).unwrap());
        commands.push(parse_release(id.clone(), "{}", &key).unwrap());
    }
    commands
}

/// Decides on rows as they are; whatever is decided can be stored and read back.
fn act(account: &Account, entries: &[Entry], grants: &[Grant], holds: &[Hold]) {
    let ids: Vec<TransactionId> = entries.iter().map(|entry| entry.id.clone()).collect();
    let config = LedgerConfig::default();
    for now in [0, 1_790_000_000_030, i64::MAX].map(Timestamp::from_millis) {
        for unit in UNITS.map(|unit| Unit::parse(unit).unwrap()) {
            let _ = account.balance(&unit, now);
            let _ = account.totals().count(&unit, None);
        }
        let mut decided = vec![settle(account, now)];
        for command in commands(&ids) {
            let lookups = command.lookups(&owner());
            let by_id = |id: &TransactionId| entries.iter().find(|entry| entry.id == *id).cloned();
            let charge = lookups.charge.as_ref().and_then(by_id);
            let refunds =
                entries.iter().filter(|it| charge.is_some() && it.refund_of == lookups.charge);
            let found = Found {
                record: by_id(&lookups.record),
                refunds: refunds.cloned().collect(),
                grants: grants.to_vec(),
                hold: holds.iter().find(|it| lookups.hold.as_ref() == Some(&it.id)).cloned(),
                charge,
            };
            decided.push(decide(account, &found, now, &command, &config).map(|made| made.writes));
        }
        for writes in decided.into_iter().flatten() {
            if writes.entries.iter().any(|entry| entry.sequence > 1 << 53) {
                // The one thing that no store can keep.
                assert!(writes.entries.iter().any(|entry| entry_to_row(entry).is_err()));
                continue;
            }
            for entry in &writes.entries {
                assert_eq!(entry_from_row(entry_to_row(entry).unwrap()).as_ref(), Ok(entry));
            }
            for grant in &writes.grants {
                assert_eq!(grant_from_row(grant_to_row(grant).unwrap()).as_ref(), Ok(grant));
            }
            for hold in &writes.holds {
                assert_eq!(hold_from_row(hold_to_row(hold).unwrap()).as_ref(), Ok(hold));
            }
            account.clone().apply(&writes);
        }
    }
}

/// How a change came out.
#[derive(Default)]
struct Outcomes {
    corrupt: Cell<u32>,
    readable: Cell<u32>,
    loaded: Cell<u32>,
    refused: Cell<u32>,
}

fn once_more(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

fn try_change(ledger: &Rows, picked: Index, change: &Change, outcomes: &Outcomes) {
    let rows = ledger.entries.iter().chain(ledger.grants.values());
    let all: Vec<&Row> = rows.chain(ledger.holds.values()).collect();
    // The rows that an account is loaded from are few: they are picked as often as all others.
    let place = picked.index(2 * all.len());
    let place = if place < all.len() { place } else { ledger.entries.len() - 1 };
    let row = changed(all[place], change, &all);
    let first_grant = ledger.entries.len();
    let first_hold = first_grant + ledger.grants.len();
    let is_entry = place < first_grant;
    let mut entries = ledger.entries.clone();
    let mut grants: Vec<Row> = ledger.grants.values().cloned().collect();
    let mut holds: Vec<Row> = ledger.holds.values().cloned().collect();
    let readable = if is_entry {
        entries[place] = row.clone();
        let read = entry_from_row(row);
        let again = read.as_ref().map(|entry| entry_from_row(entry_to_row(entry).unwrap()));
        assert!(again.is_err() || again == Ok(read.clone()), "{read:?}");
        read.is_ok()
    } else if place >= first_hold {
        holds[place - first_hold] = row.clone();
        let read = hold_from_row(row);
        let again = read.as_ref().map(|hold| hold_from_row(hold_to_row(hold).unwrap()));
        assert!(again.is_err() || again == Ok(read.clone()), "{read:?}");
        read.is_ok()
    } else {
        grants[place - first_grant] = row.clone();
        let read = grant_from_row(row);
        let again = read.as_ref().map(|grant| grant_from_row(grant_to_row(grant).unwrap()));
        assert!(again.is_err() || again == Ok(read.clone()), "{read:?}");
        read.is_ok()
    };
    if !readable {
        return once_more(&outcomes.corrupt);
    }
    once_more(&outcomes.readable);
    let entries: Vec<Entry> = entries.into_iter().map(|row| entry_from_row(row).unwrap()).collect();
    let grants: Vec<Grant> = grants.into_iter().map(|row| grant_from_row(row).unwrap()).collect();
    let holds: Vec<Hold> = holds.into_iter().map(|row| hold_from_row(row).unwrap()).collect();
    let open = grants.iter().filter(|grant| grant.is_open()).cloned().collect();
    let held = holds.iter().filter(|hold| hold.is_open()).cloned().collect();
    match Account::load(owner(), entries.last().cloned(), (open, held)) {
        Err(_) => once_more(&outcomes.refused),
        Ok(account) => {
            once_more(&outcomes.loaded);
            act(&account, &entries, &grants, &holds);
        }
    }
}

#[test]
fn changed_rows_are_corrupt_or_make_sense() {
    let ledgers = ledgers();
    for ledger in &ledgers {
        assert!(ledger.entries.iter().all(|row| row.len() == ENTRY_COLUMNS.len()));
        assert!(ledger.grants.values().all(|row| row.len() == GRANT_COLUMNS.len()));
        assert!(ledger.holds.values().all(|row| row.len() == HOLD_COLUMNS.len()));
    }
    let outcomes = Outcomes::default();
    let config = Config { failure_persistence: None, ..Config::default() };
    let config = Config { cases: config.cases * 6, ..config };
    let case = (any::<Index>(), any::<Index>(), change());
    let result = TestRunner::new(config).run(&case, |(ledger, row, change)| {
        try_change(ledger.get(&ledgers), row, &change, &outcomes);
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
    let Outcomes { corrupt, readable, loaded, refused } = outcomes;
    for (what, count, least) in [
        ("corrupt", corrupt, 300),
        ("readable", readable, 300),
        ("loaded", loaded, 100),
        ("refused when loaded", refused, 15),
    ] {
        assert!(count.get() >= least, "{what}: {} of {least}", count.get());
    }
}
