//! A directory's rows in SQL: what [`edge_credits_core::analytics::directory`] asks to be looked up and
//! written, and the two questions that reach over customers.
//!
//! Decides statements, and nothing about what counts.

use edge_credits_core::analytics::answers::Consumer;
use edge_credits_core::analytics::day::Window;
use edge_credits_core::analytics::directory::{Application, Customer, Known, KnownUnit};
use edge_credits_core::analytics::report::Report;
use edge_credits_core::analytics::rollup::lookups;
use edge_credits_core::analytics::tally::Tally;
use edge_credits_core::ids::{CustomerId, Environment, Unit};
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;

use crate::directory_schema::{DIGEST_STEP, RECORDS_STEP, STEPS};
use crate::rollup_store::{self, PLACES, SUMS, day_of, number, sums, tally, within};
use crate::storage::{Row, Storage};
use crate::store::{StoreError, text};
use crate::{catalog_store, customer_store, schema};

/// The customers of a window, each by the arrival whose gap reaches before it. It reads the arrivals of
/// the window's days, at most 90 for each.
const ACTIVE: &str = "SELECT coalesce(sum(customers), 0) FROM arrivals \
    WHERE unit = ?1 AND day BETWEEN ?2 AND ?3 AND gap > day - ?2";

/// The customers who were active since the window began, by what each has consumed in it: the last
/// running total in it, less the last one before it. The most first.
const TOP: &str = "SELECT customer FROM active WHERE unit = ?1 AND last_day >= ?2 ORDER BY \
    coalesce((SELECT consumed FROM totals WHERE totals.unit = ?1 \
        AND totals.customer = active.customer AND day <= ?3 ORDER BY day DESC LIMIT 1), 0) - \
    coalesce((SELECT consumed FROM totals WHERE totals.unit = ?1 \
        AND totals.customer = active.customer AND day < ?2 ORDER BY day DESC LIMIT 1), 0) DESC, \
    customer LIMIT ?4";

/// The version of the tables; 0 when there are none.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn version(storage: &dyn Storage) -> Result<i64, StoreError> {
    Ok(schema::version_by(storage, STEPS)?)
}

/// Brings the tables to the latest version; new ones are those of an environment. Runs inside the
/// caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn migrate(
    storage: &dyn Storage,
    version: i64,
    environment: Environment,
    now: Timestamp,
) -> Result<(), StoreError> {
    schema::migrate_by(storage, STEPS, version, now)?;
    if version == 0 {
        let begin = "INSERT INTO head (one, environment) VALUES (1, ?)";
        storage.execute(begin, &[text(environment.as_str())])?;
    }
    if (1..RECORDS_STEP).contains(&version) {
        customer_store::begin_adoption(storage)?;
    }
    if (1..DIGEST_STEP).contains(&version) {
        catalog_store::add_digest(storage)?;
    }
    Ok(())
}

/// A customer of the list.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn customer(
    storage: &dyn Storage,
    id: &CustomerId,
) -> Result<Option<Customer>, StoreError> {
    let statement = "SELECT applied, first_at, last_at FROM customers WHERE customer = ?";
    let rows = storage.query(statement, &[text(id.as_str())])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let [SqlValue::Integer(applied), SqlValue::Integer(first), SqlValue::Integer(last)] =
        row.as_slice()
    else {
        return Err(StoreError::Corrupt);
    };
    Ok(Some(Customer {
        id: id.clone(),
        applied: u64::try_from(*applied).map_err(|_| StoreError::Corrupt)?,
        first_at: Timestamp::from_millis(*first),
        last_at: Timestamp::from_millis(*last),
    }))
}

/// The rows that a report's application needs.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn known(
    storage: &dyn Storage,
    report: &Report,
    customer: Option<Customer>,
) -> Result<Known, StoreError> {
    let actions = rollup_store::known(storage, &report.lines)?;
    let mut known = Known { customer, actions, ..Known::default() };
    for (unit, _) in lookups(&report.lines) {
        // A unit of several days is looked up again for each: they are few.
        let about = known_unit(storage, &unit, &report.owner.customer)?;
        known.units.insert(unit, about);
    }
    Ok(known)
}

fn known_unit(
    storage: &dyn Storage,
    unit: &Unit,
    customer: &CustomerId,
) -> Result<KnownUnit, StoreError> {
    let of = [text(unit.as_str()), text(customer.as_str())];
    let statement = "SELECT last_day FROM active WHERE unit = ? AND customer = ?";
    let last_active = match storage.query(statement, &of)?.first().map(Vec::as_slice) {
        Some([SqlValue::Integer(day)]) => Some(day_of(*day)?),
        Some(_) => return Err(StoreError::Corrupt),
        None => None,
    };
    let statement = format!(
        "SELECT day, {SUMS} FROM totals WHERE unit = ? AND customer = ? ORDER BY day DESC LIMIT 1"
    );
    let latest = match storage.query(&statement, &of)?.first().and_then(|row| row.split_first()) {
        Some((SqlValue::Integer(day), sums)) => Some((day_of(*day)?, tally(sums)?)),
        Some(_) => return Err(StoreError::Corrupt),
        None => None,
    };
    Ok(KnownUnit { last_active, latest })
}

/// Writes what a report comes to. Runs inside the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn write(storage: &dyn Storage, application: &Application) -> Result<(), StoreError> {
    let Customer { id, applied, first_at, last_at } = &application.customer;
    let id = text(id.as_str());
    let applied = SqlValue::Integer(i64::try_from(*applied).map_err(|_| StoreError::Corrupt)?);
    let [first_at, last_at] = [first_at, last_at].map(|time| SqlValue::Integer(time.as_millis()));
    let statement = "INSERT OR REPLACE INTO customers (customer, applied, first_at, last_at) VALUES (?, ?, ?, ?)";
    storage.execute(statement, &[id.clone(), applied, first_at, last_at])?;
    rollup_store::add(storage, &application.rollup)?;
    let statement = format!(
        "INSERT OR REPLACE INTO totals \
         (unit, customer, day, consumed, added, expired, transactions) VALUES (?, ?, ?, {PLACES})"
    );
    for (unit, day, total) in &application.totals {
        let mut values = vec![text(unit.as_str()), id.clone(), number(*day)];
        values.extend(sums(*total));
        storage.execute(&statement, &values)?;
    }
    for (unit, day) in &application.active {
        let statement = "INSERT OR REPLACE INTO active (unit, customer, last_day) VALUES (?, ?, ?)";
        storage.execute(statement, &[text(unit.as_str()), id.clone(), number(*day)])?;
    }
    for arrival in &application.arrivals {
        let statement = "INSERT INTO arrivals (unit, day, gap, customers) VALUES (?, ?, ?, 1) \
            ON CONFLICT (unit, day, gap) DO UPDATE SET customers = customers + 1";
        let gap = SqlValue::Integer(arrival.gap.into());
        storage.execute(statement, &[text(arrival.unit.as_str()), number(arrival.day), gap])?;
    }
    Ok(())
}

/// Customers who consumed something in a window.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn active_customers(
    storage: &dyn Storage,
    unit: &Unit,
    window: Window,
) -> Result<u64, StoreError> {
    match storage.query(ACTIVE, &within(unit, window))?.first().map(Vec::as_slice) {
        Some([SqlValue::Integer(count)]) => u64::try_from(*count).map_err(|_| StoreError::Corrupt),
        _ => Err(StoreError::Corrupt),
    }
}

/// Those who consumed most in a window.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn top(
    storage: &dyn Storage,
    unit: &Unit,
    window: Window,
    limit: u32,
) -> Result<Vec<Consumer>, StoreError> {
    let mut values = within(unit, window).to_vec();
    values.push(SqlValue::Integer(limit.into()));
    let consumer = |row: Row| match row.as_slice() {
        [SqlValue::Text(customer)] => {
            let id = CustomerId::parse(customer).map_err(|_| StoreError::Corrupt)?;
            let at_end = total_before(storage, unit, &id, window.last.plus(1).number())?;
            let before = total_before(storage, unit, &id, window.first.number())?;
            Ok(Consumer { id, sums: at_end.since(before) })
        }
        _ => Err(StoreError::Corrupt),
    };
    let mut consumers = Vec::new();
    for row in storage.query(TOP, &values)? {
        let consumer = consumer(row)?;
        // Who was active only after the window; such days there are where a ledger's clock is ahead.
        if consumer.sums.consumed > 0 {
            consumers.push(consumer);
        }
    }
    Ok(consumers)
}

/// A customer's running total before a day.
fn total_before(
    storage: &dyn Storage,
    unit: &Unit,
    customer: &CustomerId,
    day: u32,
) -> Result<Tally, StoreError> {
    let statement = format!(
        "SELECT {SUMS} FROM totals WHERE unit = ? AND customer = ? AND day < ? \
         ORDER BY day DESC LIMIT 1"
    );
    let values = [text(unit.as_str()), text(customer.as_str()), SqlValue::Integer(day.into())];
    storage.query(&statement, &values)?.first().map_or(Ok(Tally::default()), |row| tally(row))
}

/// Everything that was ever added up: its net is what all customers have together.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn all_time(storage: &dyn Storage, unit: &Unit) -> Result<Tally, StoreError> {
    let statement = format!("SELECT {SUMS} FROM days WHERE unit = ?");
    let rows = storage.query(&statement, &[text(unit.as_str())])?;
    rows.iter().try_fold(Tally::default(), |sum, row| Ok(sum.plus(tally(row)?)))
}
