//! The tables of one object, and the steps by which they came to be.
//!
//! An object is one customer's ledger. Its tables are made with its first entry: reading a customer
//! who has none writes nothing. The columns of `entries`, `grants` and `holds` are the core's;
//! what is decided here is their types and bounds, so that a fault above is stopped by the database
//! before it is kept.
//!
//! Rows written per charge are what an object's operation costs: one for the entry, one for its id's
//! index, one per grant that it drew on. The other indexes are partial: two hold few entries, one the
//! wallet's, where it is a row more. The
//! sums per day are written by the alarm, many entries at a time. A usage signal writes two more: that
//! it is one, and the sums of its day and type, which a batch writes once. A step of an outcome writes its
//! run, and one that opens or completes a run a count of these; the first signal of a day adds up the days
//! before it.

use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::time::Timestamp;

use crate::storage::{Storage, StorageError};

/// Adds up the days of usage that are over and not added up yet, type by type. `total` is a float, which
/// no sum overflows, and exact below the largest that is kept.
macro_rules! fold_days {
    () => {
        "INSERT INTO signal_totals (type, day, signals, input, output, cache, provided_cost, \
         customer_cost) SELECT type, max(day), \
         CAST(min(total(signals), 9007199254740991) AS INTEGER), \
         CAST(min(total(input), 9007199254740991) AS INTEGER), \
         CAST(min(total(output), 9007199254740991) AS INTEGER), \
         CAST(min(total(cache), 9007199254740991) AS INTEGER), \
         CAST(min(total(provided_cost), 9007199254740991) AS INTEGER), \
         CAST(min(total(customer_cost), 9007199254740991) AS INTEGER) FROM signal_days \
         WHERE day > (SELECT coalesce(max(day), -1) FROM signal_totals) \
         AND day < (SELECT max(day) FROM signal_days) GROUP BY type"
    };
}

pub(crate) use fold_days;

/// The statements of each version of some tables, oldest first.
pub(crate) type Steps = &'static [&'static [&'static str]];

/// The steps of the ledger's tables. A released version is never edited.
const STEPS: Steps = &[
    &[
        "CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        environment TEXT NOT NULL CHECK (environment IN ('live', 'test')),
        customer TEXT NOT NULL CHECK (customer <> ''),
        alarm_due INTEGER CHECK (alarm_due > 0)
    ) STRICT",
        "CREATE TABLE entries (
        sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        unit TEXT NOT NULL,
        amount INTEGER NOT NULL CHECK (abs(amount) <= 8000000000000000),
        balance_after INTEGER NOT NULL CHECK (abs(balance_after) <= 8000000000000000),
        held_after INTEGER NOT NULL CHECK (held_after BETWEEN 0 AND 8000000000000000),
        time INTEGER NOT NULL CHECK (time >= 0),
        draws TEXT NOT NULL,
        description TEXT,
        metadata TEXT,
        product TEXT,
        refund_of TEXT,
        key TEXT,
        fingerprint TEXT,
        totals TEXT NOT NULL,
        version INTEGER NOT NULL,
        CHECK ((key IS NULL) = (fingerprint IS NULL))
    ) STRICT",
        // The refunds of a charge.
        "CREATE INDEX entries_refund_of ON entries (refund_of) WHERE refund_of IS NOT NULL",
        // Pages of one kind; usage is most of all entries, and found by walking back.
        "CREATE INDEX entries_other ON entries (kind, sequence) WHERE kind <> 'consumption'",
        "CREATE TABLE grants (
        sequence INTEGER PRIMARY KEY REFERENCES entries (sequence),
        id TEXT NOT NULL,
        unit TEXT NOT NULL,
        amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 8000000000000000),
        remaining INTEGER NOT NULL CHECK (remaining BETWEEN 0 AND amount),
        held INTEGER NOT NULL CHECK (held BETWEEN 0 AND remaining),
        priority INTEGER NOT NULL CHECK (priority >= 0),
        product TEXT,
        source TEXT NOT NULL,
        effective_at INTEGER NOT NULL CHECK (effective_at >= 0),
        expires_at INTEGER CHECK (expires_at > 0),
        state TEXT NOT NULL CHECK (state IN ('scheduled', 'active', 'expired', 'voided')),
        open INTEGER NOT NULL CHECK (open IN (0, 1))
    ) STRICT",
        // What an account loads when it wakes.
        "CREATE INDEX grants_open ON grants (sequence) WHERE open = 1",
    ],
    &[
        // The hold that an entry placed or ended; older entries have none.
        "ALTER TABLE entries ADD COLUMN hold TEXT",
        "CREATE TABLE holds (
        sequence INTEGER PRIMARY KEY REFERENCES entries (sequence),
        id TEXT NOT NULL,
        unit TEXT NOT NULL,
        amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 8000000000000000),
        reserves TEXT NOT NULL,
        progress INTEGER CHECK (progress BETWEEN 0 AND amount),
        on_expiry TEXT NOT NULL
            CHECK (on_expiry IN ('capture_progress', 'release', 'capture_all')),
        placed_at INTEGER NOT NULL CHECK (placed_at >= 0),
        ttl INTEGER NOT NULL CHECK (ttl > 0),
        expires_at INTEGER NOT NULL CHECK (expires_at > placed_at),
        state TEXT NOT NULL CHECK (state IN ('open', 'captured', 'released', 'expired')),
        captured INTEGER NOT NULL CHECK (captured BETWEEN 0 AND amount),
        description TEXT,
        metadata TEXT,
        open INTEGER NOT NULL CHECK (open = (state = 'open'))
    ) STRICT",
        "CREATE INDEX holds_open ON holds (sequence) WHERE open = 1",
    ],
    &[
        "ALTER TABLE meta ADD COLUMN reported INTEGER NOT NULL DEFAULT 0 CHECK (reported >= 0)",
        "ALTER TABLE meta ADD COLUMN folded INTEGER NOT NULL DEFAULT 0 CHECK (folded >= 0)",
        "ALTER TABLE meta ADD COLUMN failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0)",
        DAYS,
        ACTIONS,
    ],
    &["ALTER TABLE meta ADD COLUMN retry_at INTEGER CHECK (retry_at > 0)"],
    &[
        // A reversal of an older version that took spent credits elsewhere is not known here.
        "ALTER TABLE grants ADD COLUMN owed INTEGER NOT NULL DEFAULT 0
        CHECK (owed BETWEEN 0 AND amount)",
    ],
    &[
        // The entries that are usage signals.
        "CREATE TABLE signals (
        sequence INTEGER PRIMARY KEY REFERENCES entries (sequence)
    ) STRICT",
        "CREATE TABLE runs (
        outcome TEXT NOT NULL,
        id TEXT NOT NULL,
        unnamed INTEGER NOT NULL CHECK (unnamed IN (0, 1)),
        complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
        steps INTEGER NOT NULL CHECK (steps > 0),
        opened_at INTEGER NOT NULL CHECK (opened_at >= 0),
        changed_at INTEGER NOT NULL CHECK (changed_at >= opened_at),
        PRIMARY KEY (outcome, id)
    ) STRICT, WITHOUT ROWID",
        // The run that a step without an id goes to: one for each outcome.
        "CREATE UNIQUE INDEX runs_unnamed ON runs (outcome) WHERE unnamed = 1 AND complete = 0",
        "CREATE TABLE signal_days (
        day INTEGER NOT NULL CHECK (day >= 0),
        type TEXT NOT NULL CHECK (type IN ('credit', 'wallet', 'outcome')),
        signals INTEGER NOT NULL CHECK (signals BETWEEN 1 AND 9007199254740991),
        input INTEGER NOT NULL CHECK (input BETWEEN 0 AND 9007199254740991),
        output INTEGER NOT NULL CHECK (output BETWEEN 0 AND 9007199254740991),
        cache INTEGER NOT NULL CHECK (cache BETWEEN 0 AND 9007199254740991),
        provided_cost INTEGER NOT NULL CHECK (provided_cost BETWEEN 0 AND 9007199254740991),
        customer_cost INTEGER NOT NULL CHECK (customer_cost BETWEEN 0 AND 9007199254740991),
        PRIMARY KEY (day, type)
    ) STRICT, WITHOUT ROWID",
    ],
    &[
        // What concerns the customer as a whole; no row is an account that is open and without a plan.
        "CREATE TABLE standing (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        closed_at INTEGER CHECK (closed_at >= 0),
        plan TEXT
    ) STRICT",
    ],
    &[
        // The wallet's list: its entries may be few among very many signals in credits.
        "CREATE INDEX entries_usd ON entries (unit, sequence) WHERE unit = 'usd'",
    ],
    &[
        // What a run was opened with, and which of those steps it has had. Older runs get it with their
        // next step.
        "ALTER TABLE runs ADD COLUMN terms_version TEXT",
        "ALTER TABLE runs ADD COLUMN terms TEXT CHECK ((terms IS NULL) = (terms_version IS NULL))",
        "ALTER TABLE runs ADD COLUMN taken INTEGER NOT NULL DEFAULT 0
        CHECK (taken BETWEEN 0 AND 9007199254740991)",
        "CREATE INDEX runs_named ON runs (id) WHERE terms IS NOT NULL",
        // After an edit of its outcome, a run of before may be open beside one of after.
        "DROP INDEX runs_unnamed",
        "CREATE INDEX runs_open ON runs (unnamed, opened_at) WHERE unnamed = 1 AND complete = 0",
        "CREATE TABLE run_counts (
        outcome TEXT PRIMARY KEY,
        opened INTEGER NOT NULL CHECK (opened BETWEEN 1 AND 9007199254740991),
        completed INTEGER NOT NULL CHECK (completed BETWEEN 0 AND opened)
    ) STRICT, WITHOUT ROWID",
        "INSERT INTO run_counts (outcome, opened, completed)
        SELECT outcome, count(*), sum(complete) FROM runs GROUP BY outcome",
        // The sums of the days that are over, and the last of these days.
        "CREATE TABLE signal_totals (
        type TEXT PRIMARY KEY CHECK (type IN ('credit', 'wallet', 'outcome')),
        day INTEGER NOT NULL CHECK (day >= 0),
        signals INTEGER NOT NULL CHECK (signals BETWEEN 1 AND 9007199254740991),
        input INTEGER NOT NULL CHECK (input BETWEEN 0 AND 9007199254740991),
        output INTEGER NOT NULL CHECK (output BETWEEN 0 AND 9007199254740991),
        cache INTEGER NOT NULL CHECK (cache BETWEEN 0 AND 9007199254740991),
        provided_cost INTEGER NOT NULL CHECK (provided_cost BETWEEN 0 AND 9007199254740991),
        customer_cost INTEGER NOT NULL CHECK (customer_cost BETWEEN 0 AND 9007199254740991)
    ) STRICT, WITHOUT ROWID",
        fold_days!(),
    ],
];

/// Sums of a day. They may exceed what a double holds, and go in and out as text.
pub(crate) const DAYS: &str = "CREATE TABLE days (
    unit TEXT NOT NULL,
    day INTEGER NOT NULL CHECK (day >= 0),
    consumed INTEGER NOT NULL CHECK (consumed >= 0),
    added INTEGER NOT NULL CHECK (added >= 0),
    expired INTEGER NOT NULL CHECK (expired >= 0),
    transactions INTEGER NOT NULL CHECK (transactions > 0),
    PRIMARY KEY (unit, day)
) STRICT, WITHOUT ROWID";

/// Sums of a day's actions.
pub(crate) const ACTIONS: &str = "CREATE TABLE actions (
    unit TEXT NOT NULL,
    day INTEGER NOT NULL CHECK (day >= 0),
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    consumed INTEGER NOT NULL CHECK (consumed >= 0),
    added INTEGER NOT NULL CHECK (added >= 0),
    expired INTEGER NOT NULL CHECK (expired >= 0),
    transactions INTEGER NOT NULL CHECK (transactions > 0),
    PRIMARY KEY (unit, day, action, kind)
) STRICT, WITHOUT ROWID";

/// The version that this code writes.
pub(crate) const LATEST: i64 = 9;

/// The version of the tables that the object has; 0 when it has none.
///
/// # Errors
/// [`StorageError`], also for tables made by a newer version of this worker, whose rules this one
/// does not know.
pub(crate) fn version(storage: &dyn Storage) -> Result<i64, StorageError> {
    version_by(storage, STEPS)
}

/// [`version`] of the tables that `steps` make.
///
/// # Errors
/// As [`version`].
pub(crate) fn version_by(storage: &dyn Storage, steps: Steps) -> Result<i64, StorageError> {
    let latest = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'";
    if storage.query(exists, &[])?.is_empty() {
        return Ok(0);
    }
    let rows = storage.query("SELECT max(version) FROM migrations", &[])?;
    match rows.first().map(Vec::as_slice) {
        Some([SqlValue::Integer(version)]) if (1..=latest).contains(version) => Ok(*version),
        _ => Err(StorageError("the tables are of a version that this worker does not know".into())),
    }
}

/// Brings the tables from `version` to the latest. Runs inside the caller's transaction.
///
/// # Errors
/// [`StorageError`].
pub(crate) fn migrate(
    storage: &dyn Storage,
    version: i64,
    now: Timestamp,
) -> Result<(), StorageError> {
    migrate_by(storage, STEPS, version, now)
}

/// [`migrate`] for the tables that `steps` make.
///
/// # Errors
/// As [`migrate`].
pub(crate) fn migrate_by(
    storage: &dyn Storage,
    steps: Steps,
    version: i64,
    now: Timestamp,
) -> Result<(), StorageError> {
    if version == 0 {
        storage.execute(
            "CREATE TABLE migrations (
                version INTEGER PRIMARY KEY,
                applied_at INTEGER NOT NULL
            ) STRICT",
            &[],
        )?;
    }
    for (number, statements) in (1_i64..).zip(steps) {
        if number <= version {
            continue;
        }
        for statement in *statements {
            storage.execute(statement, &[])?;
        }
        storage.execute(
            "INSERT INTO migrations (version, applied_at) VALUES (?, ?)",
            &[SqlValue::Integer(number), SqlValue::Integer(now.as_millis())],
        )?;
    }
    Ok(())
}

/// Records whose ledger the object is. Runs with the first entry's transaction.
///
/// # Errors
/// [`StorageError`], also when it has been recorded already.
pub(crate) fn record_owner(storage: &dyn Storage, owner: &Owner) -> Result<(), StorageError> {
    storage.execute(
        "INSERT INTO meta (one, environment, customer) VALUES (1, ?, ?)",
        &[
            SqlValue::Text(owner.environment.as_str().to_owned()),
            SqlValue::Text(owner.customer.as_str().to_owned()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_version_is_the_last_step() {
        assert_eq!(STEPS.len(), usize::try_from(LATEST).unwrap());
    }
}
