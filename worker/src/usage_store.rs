//! Usage signals in SQL: which entries are signals, the runs of outcomes, and sums per day and type.
//!
//! Decides statements, and nothing about what counts. Every number is within what a double holds; the
//! tables see to it.

use edge_credits_core::analytics::day::Day;
use edge_credits_core::catalog::{Entry as CatalogEntry, Outcome, Section, parse_entry};
use edge_credits_core::ids::Unit;
use edge_credits_core::ledger::Entry;
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;
use edge_credits_core::usage::{
    DaySums, MAX_SUM, Rows, Run, RunCount, SignalType, Terms, UsageDecision, UsageLookups,
    UsageQuery,
};

use crate::schema::fold_days;
use crate::storage::{Row, Storage};
use crate::store::{StoreError, entries, records, text};

const RUN_COLUMNS: &str = "outcome, id, terms_version, terms, unnamed, complete, steps, taken, \
    opened_at, changed_at";
const DAY_COLUMNS: &str = "day, type, signals, input, output, cache, provided_cost, customer_cost";

/// Adds the days before the last one to the totals of days that are over; they get no more signals. A
/// sum that would be too large stays at its largest.
const FOLD_DAYS: &str = concat!(
    fold_days!(),
    " ON CONFLICT (type) DO UPDATE SET day = excluded.day, \
    signals = min(signals + excluded.signals, 9007199254740991), \
    input = min(input + excluded.input, 9007199254740991), \
    output = min(output + excluded.output, 9007199254740991), \
    cache = min(cache + excluded.cache, 9007199254740991), \
    provided_cost = min(provided_cost + excluded.provided_cost, 9007199254740991), \
    customer_cost = min(customer_cost + excluded.customer_cost, 9007199254740991)"
);

/// Most outcomes whose runs are counted for an answer: a catalog's, and as many that it had before.
const MAX_COUNTS: i64 = 400;

/// Most runs that are read for a step. Of one id there is one for each outcome; open ones without an id
/// are one for each outcome and edit of it, and the newest matter.
const MAX_RUNS: i64 = 256;

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
    for wanted in &wanted.runs {
        let outcome = wanted.outcome.as_deref().map_or(SqlValue::Null, text);
        // A run is found by its own terms; one that has none by the name of its outcome.
        let (condition, values) = match &wanted.id {
            Some(id) => (
                format!(
                    "id = ?1 AND terms IS NOT NULL UNION ALL SELECT {RUN_COLUMNS} FROM runs \
                     WHERE outcome = ?2 AND id = ?1 AND terms IS NULL LIMIT ?3"
                ),
                [text(id), outcome, SqlValue::Integer(MAX_RUNS)],
            ),
            None => (
                "unnamed = 1 AND complete = 0 AND CASE WHEN terms IS NULL THEN outcome = ?2 \
                 ELSE instr(terms, ?1) > 0 END ORDER BY opened_at DESC LIMIT ?3"
                    .to_owned(),
                [text(&named_in_terms(&wanted.key)), outcome, SqlValue::Integer(MAX_RUNS)],
            ),
        };
        let statement = format!("SELECT {RUN_COLUMNS} FROM runs WHERE {condition}");
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
            "INSERT INTO runs ({RUN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (outcome, id) DO UPDATE SET terms_version = excluded.terms_version, \
             terms = excluded.terms, complete = excluded.complete, steps = excluded.steps, \
             taken = excluded.taken, changed_at = excluded.changed_at"
        );
        let (version, terms) = match &run.terms {
            Some(terms) => (text(&terms.version), text(&terms_text(&terms.outcome))),
            None => (SqlValue::Null, SqlValue::Null),
        };
        let values = [
            text(&run.outcome),
            text(&run.id),
            version,
            terms,
            SqlValue::Integer(run.unnamed.into()),
            SqlValue::Integer(run.complete.into()),
            number(run.steps)?,
            number(run.taken)?,
            SqlValue::Integer(run.opened_at.as_millis()),
            SqlValue::Integer(run.changed_at.as_millis()),
        ];
        storage.execute(&statement, &values)?;
    }
    for RunCount { outcome, opened, completed } in &decision.counts {
        if *opened > 0 {
            let statement = "INSERT INTO run_counts (outcome, opened, completed) VALUES (?, ?, 0) \
                ON CONFLICT (outcome) DO UPDATE SET opened = opened + excluded.opened";
            storage.execute(statement, &[text(outcome), number(*opened)?])?;
        }
        if *completed > 0 {
            let statement = "UPDATE run_counts SET completed = completed + ? WHERE outcome = ?";
            storage.execute(statement, &[number(*completed)?, text(outcome)])?;
        }
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
    if decision.begins_day {
        storage.execute(FOLD_DAYS, &[])?;
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

/// The sums of all days: those of the days that are over, added up, and the days since.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn all_time(storage: &dyn Storage) -> Result<Vec<DaySums>, StoreError> {
    let over = format!("SELECT {DAY_COLUMNS} FROM signal_totals");
    let mut sums =
        storage.query(&over, &[])?.iter().map(day_from).collect::<Result<Vec<_>, _>>()?;
    let since = match sums.iter().map(|sums| sums.day).max() {
        Some(day) => day.plus(1),
        None => Day::of(Timestamp::EPOCH),
    };
    sums.extend(days(storage, (since, Day::LAST))?);
    Ok(sums)
}

/// How many runs of each outcome there have been, by outcome.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn run_counts(storage: &dyn Storage) -> Result<Vec<RunCount>, StoreError> {
    let statement = "SELECT outcome, opened, completed FROM run_counts ORDER BY outcome LIMIT ?";
    let rows = storage.query(statement, &[SqlValue::Integer(MAX_COUNTS)])?;
    let count = |row: &Row| {
        let [SqlValue::Text(outcome), numbers @ ..] = row.as_slice() else {
            return Err(StoreError::Corrupt);
        };
        let [opened, completed] = whole_numbers(numbers)?;
        Ok(RunCount { outcome: outcome.clone(), opened, completed })
    };
    rows.iter().map(count).collect()
}

/// An outcome's price and steps as they are kept with a run.
fn terms_text(outcome: &Outcome) -> String {
    CatalogEntry::Outcome(outcome.clone()).to_json()
}

/// What a text of terms holds that have this step. A key has no character that JSON writes otherwise.
fn named_in_terms(key: &Unit) -> String {
    format!("\"agentKey\":\"{}\"", key.as_str())
}

fn terms_from(version: &SqlValue, terms: &SqlValue) -> Result<Option<Terms>, StoreError> {
    let (version, terms) = match (version, terms) {
        (SqlValue::Null, SqlValue::Null) => return Ok(None),
        (SqlValue::Text(version), SqlValue::Text(terms)) => (version.clone(), terms),
        _ => return Err(StoreError::Corrupt),
    };
    match parse_entry(Section::Outcomes, terms) {
        Ok(CatalogEntry::Outcome(outcome)) => Ok(Some(Terms { version, outcome })),
        _ => Err(StoreError::Corrupt),
    }
}

fn run_from(row: &Row) -> Result<Run, StoreError> {
    let [SqlValue::Text(outcome), SqlValue::Text(id), version, terms, numbers @ ..] =
        row.as_slice()
    else {
        return Err(StoreError::Corrupt);
    };
    let terms = terms_from(version, terms)?;
    let [unnamed, complete, steps, taken, opened_at, changed_at] = whole_numbers(numbers)?;
    let instant = |millis: u64| i64::try_from(millis).map(Timestamp::from_millis);
    Ok(Run {
        outcome: outcome.clone(),
        id: id.clone(),
        unnamed: unnamed == 1,
        complete: complete == 1,
        steps,
        taken,
        terms,
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
