//! Usage signals in SQL: which entries are signals, the runs of outcomes, and sums per day and type.
//!
//! Decides statements, and nothing about what counts. Every number is within what a double holds; the
//! tables see to it.

use edge_credits_core::analytics::day::Day;
use edge_credits_core::ledger::Entry;
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;
use edge_credits_core::usage::{
    DaySums, MAX_SUM, Rows, Run, SignalType, UsageDecision, UsageLookups, UsageQuery,
};

use crate::storage::{Row, Storage};
use crate::store::{StoreError, entries, records, text};

const RUN_COLUMNS: &str = "outcome, id, unnamed, complete, steps, opened_at, changed_at";
const DAY_COLUMNS: &str = "day, type, signals, input, output, cache, provided_cost, customer_cost";

/// The rows that a decision about signals needs besides the account.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn rows(
    storage: &dyn Storage,
    wanted: &UsageLookups,
    day: Day,
) -> Result<Rows, StoreError> {
    let mut runs = Vec::new();
    for (outcome, id) in &wanted.runs {
        let (condition, values) = match id {
            Some(id) => ("id = ?", vec![text(outcome), text(id)]),
            None => ("unnamed = 1 AND complete = 0", vec![text(outcome)]),
        };
        let statement = format!("SELECT {RUN_COLUMNS} FROM runs WHERE outcome = ? AND {condition}");
        for row in storage.query(&statement, &values)? {
            let run = run_from(&row)?;
            // A run that was opened without an id may be named, too.
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
    }
    let entries = records(storage, &wanted.entries)?;
    Ok(Rows { entries, runs, days: days(storage, (day, day))? })
}

/// Writes what signals come to, besides what the ledger writes. Runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn write(storage: &dyn Storage, decision: &UsageDecision) -> Result<(), StoreError> {
    for sequence in &decision.signals {
        let values = [number(*sequence)?];
        storage.execute("INSERT INTO signals (sequence) VALUES (?)", &values)?;
    }
    for run in &decision.runs {
        let statement = format!(
            "INSERT INTO runs ({RUN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (outcome, id) DO \
             UPDATE SET complete = excluded.complete, steps = excluded.steps, \
             changed_at = excluded.changed_at"
        );
        let values = [
            text(&run.outcome),
            text(&run.id),
            SqlValue::Integer(run.unnamed.into()),
            SqlValue::Integer(run.complete.into()),
            number(run.steps)?,
            SqlValue::Integer(run.opened_at.as_millis()),
            SqlValue::Integer(run.changed_at.as_millis()),
        ];
        storage.execute(&statement, &values)?;
    }
    for sums in &decision.days {
        let statement = format!(
            "INSERT OR REPLACE INTO signal_days ({DAY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        );
        let values = [
            SqlValue::Integer(sums.day.number().into()),
            text(sums.kind.as_str()),
            number(sums.signals)?,
            number(sums.input)?,
            number(sums.output)?,
            number(sums.cache)?,
            number(sums.provided_cost)?,
            number(sums.customer_cost)?,
        ];
        storage.execute(&statement, &values)?;
    }
    Ok(())
}

/// The signals of a page, newest first.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn page(storage: &dyn Storage, query: &UsageQuery) -> Result<Vec<Entry>, StoreError> {
    // Numbers cross as doubles: the largest that one holds for sure is beyond any position.
    let before = number(query.before_sequence.unwrap_or(MAX_SUM).min(MAX_SUM))?;
    let condition = "WHERE sequence IN (SELECT sequence FROM signals WHERE sequence < ? \
        ORDER BY sequence DESC LIMIT ?) ORDER BY sequence DESC";
    entries(storage, condition, &[before, SqlValue::Integer(query.limit.into())])
}

/// The sums of the days from one to another.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn days(
    storage: &dyn Storage,
    (first, last): (Day, Day),
) -> Result<Vec<DaySums>, StoreError> {
    let statement =
        format!("SELECT {DAY_COLUMNS} FROM signal_days WHERE day BETWEEN ? AND ? ORDER BY day");
    let days = [first, last].map(|day| SqlValue::Integer(day.number().into()));
    storage.query(&statement, &days)?.iter().map(day_from).collect()
}

fn run_from(row: &Row) -> Result<Run, StoreError> {
    let [SqlValue::Text(outcome), SqlValue::Text(id), numbers @ ..] = row.as_slice() else {
        return Err(StoreError::Corrupt);
    };
    let [unnamed, complete, steps, opened_at, changed_at] = whole_numbers(numbers)?;
    let instant = |millis: u64| i64::try_from(millis).map(Timestamp::from_millis);
    Ok(Run {
        outcome: outcome.clone(),
        id: id.clone(),
        unnamed: unnamed == 1,
        complete: complete == 1,
        steps,
        opened_at: instant(opened_at).map_err(|_| StoreError::Corrupt)?,
        changed_at: instant(changed_at).map_err(|_| StoreError::Corrupt)?,
    })
}

fn day_from(row: &Row) -> Result<DaySums, StoreError> {
    let [SqlValue::Integer(day), SqlValue::Text(kind), numbers @ ..] = row.as_slice() else {
        return Err(StoreError::Corrupt);
    };
    let [signals, input, output, cache, provided_cost, customer_cost] = whole_numbers(numbers)?;
    Ok(DaySums {
        day: Day::from_number(*day).ok_or(StoreError::Corrupt)?,
        kind: SignalType::parse(kind).ok_or(StoreError::Corrupt)?,
        signals,
        input,
        output,
        cache,
        provided_cost,
        customer_cost,
    })
}

/// So many columns that hold whole numbers, none below zero.
fn whole_numbers<const N: usize>(values: &[SqlValue]) -> Result<[u64; N], StoreError> {
    let whole = |value: &SqlValue| match value {
        SqlValue::Integer(number) => u64::try_from(*number).map_err(|_| StoreError::Corrupt),
        _ => Err(StoreError::Corrupt),
    };
    let numbers: Vec<u64> = values.iter().map(whole).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| StoreError::Corrupt)
}

fn number(value: u64) -> Result<SqlValue, StoreError> {
    i64::try_from(value).map(SqlValue::Integer).map_err(|_| StoreError::Corrupt)
}
