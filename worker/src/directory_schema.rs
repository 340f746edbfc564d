//! The tables of a directory.
//!
//! One object knows all customers of an environment. The tables come with the first report, or the first
//! customer that is created. A report
//! writes a row for its customer, and for each day one sum, one per action and kind, and one running
//! total; a customer's first charge of a day two more and an index entry; a customer's first report the
//! record by which it is listed. A record is two rows, and one for each beginning of its words: some
//! thirty for a name, an address and an id.

use crate::schema::{ACTIONS, DAYS, Steps};

/// The version with which records came.
pub(crate) const RECORDS_STEP: i64 = 3;

/// The version from which on a catalog is named by its content, too.
pub(crate) const DIGEST_STEP: i64 = 4;

/// The statements of each version, oldest first. A released version is never edited.
pub(crate) const STEPS: Steps = &[
    &[
        "CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        environment TEXT NOT NULL CHECK (environment IN ('live', 'test'))
    ) STRICT",
        "CREATE TABLE customers (
        customer TEXT PRIMARY KEY CHECK (customer <> ''),
        applied INTEGER NOT NULL CHECK (applied > 0),
        first_at INTEGER NOT NULL CHECK (first_at >= 0),
        last_at INTEGER NOT NULL CHECK (last_at >= first_at)
    ) STRICT, WITHOUT ROWID",
        DAYS,
        ACTIONS,
        // Everything so far at the end of each day that had entries.
        "CREATE TABLE totals (
        unit TEXT NOT NULL,
        customer TEXT NOT NULL,
        day INTEGER NOT NULL CHECK (day >= 0),
        consumed INTEGER NOT NULL CHECK (consumed >= 0),
        added INTEGER NOT NULL CHECK (added >= 0),
        expired INTEGER NOT NULL CHECK (expired >= 0),
        transactions INTEGER NOT NULL CHECK (transactions > 0),
        PRIMARY KEY (unit, customer, day)
    ) STRICT, WITHOUT ROWID",
        "CREATE TABLE active (
        unit TEXT NOT NULL,
        customer TEXT NOT NULL,
        last_day INTEGER NOT NULL CHECK (last_day >= 0),
        PRIMARY KEY (unit, customer)
    ) STRICT, WITHOUT ROWID",
        // Who may appear in a ranking.
        "CREATE INDEX active_last_day ON active (unit, last_day)",
        "CREATE TABLE arrivals (
        unit TEXT NOT NULL,
        day INTEGER NOT NULL CHECK (day >= 0),
        gap INTEGER NOT NULL CHECK (gap BETWEEN 1 AND 90),
        customers INTEGER NOT NULL CHECK (customers > 0),
        PRIMARY KEY (unit, day, gap)
    ) STRICT, WITHOUT ROWID",
    ],
    &[
        // The catalog, from its first edit on.
        "CREATE TABLE catalog_head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        began TEXT NOT NULL,
        edits INTEGER NOT NULL CHECK (edits > 0)
    ) STRICT",
        "CREATE TABLE catalog (
        section TEXT NOT NULL CHECK (section IN ('models', 'credit-types', 'outcomes')),
        key TEXT NOT NULL CHECK (key <> ''),
        body TEXT NOT NULL,
        PRIMARY KEY (section, key)
    ) STRICT, WITHOUT ROWID",
    ],
    &[
        // A record's number is its place in every list.
        "CREATE TABLE records (
        number INTEGER PRIMARY KEY CHECK (number > 0),
        customer TEXT NOT NULL UNIQUE CHECK (customer <> ''),
        fields TEXT NOT NULL,
        fingerprint TEXT,
        created_at INTEGER NOT NULL CHECK (created_at >= 0),
        updated_at INTEGER NOT NULL CHECK (updated_at >= created_at)
    ) STRICT",
        // The beginnings of the words by which a record is found.
        "CREATE TABLE beginnings (
        word TEXT NOT NULL CHECK (word <> ''),
        number INTEGER NOT NULL REFERENCES records (number),
        PRIMARY KEY (word, number)
    ) STRICT, WITHOUT ROWID",
        // How far customers from before there were records have been given one; no row: all have.
        "CREATE TABLE adoption (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        after TEXT NOT NULL
    ) STRICT",
        // Customers who were taken away: a report that comes late does not bring them back.
        "CREATE TABLE gone (
        customer TEXT PRIMARY KEY CHECK (customer <> ''),
        gone_at INTEGER NOT NULL CHECK (gone_at >= 0)
    ) STRICT, WITHOUT ROWID",
    ],
    &[
        // Of the catalog's content.
        "ALTER TABLE catalog_head ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
    ],
];
