//! The tables of one cached balance.
//!
//! As in [`crate::schema`], the columns are the core's, in its order, and what is decided here is
//! their types and bounds. The tables come with the first commit: looking writes nothing.
//!
//! A charge writes two rows, its record and its place in the outbox, and the one of its unit; it is
//! three more when the upstream settles it. Neither has an index: records are found by the bucket of
//! their time and their id, the outbox by position. A hold has two, of its id and of the few that
//! are open.

use crate::schema::Steps;

/// The statements of each version, oldest first. A released version is never edited.
pub(crate) const STEPS: Steps = &[
    &[
        "CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        environment TEXT NOT NULL CHECK (environment IN ('live', 'test')),
        customer TEXT NOT NULL CHECK (customer <> ''),
        conversations INTEGER NOT NULL CHECK (conversations >= 0),
        lease TEXT,
        health TEXT NOT NULL,
        notices INTEGER NOT NULL CHECK (notices >= 0),
        untold INTEGER NOT NULL CHECK (untold BETWEEN 0 AND notices),
        alarm_due INTEGER CHECK (alarm_due > 0)
    ) STRICT",
        "CREATE TABLE units (
        unit TEXT PRIMARY KEY,
        balance INTEGER CHECK (abs(balance) <= 8000000000000000),
        sequence INTEGER CHECK (sequence >= 0),
        read INTEGER CHECK (read >= 0),
        as_of INTEGER CHECK (as_of >= 0),
        credit_name TEXT,
        owed INTEGER NOT NULL CHECK (owed BETWEEN 0 AND 8000000000000000),
        acknowledged TEXT NOT NULL,
        accepted INTEGER NOT NULL CHECK (accepted = open + applied + rejected),
        open INTEGER NOT NULL CHECK (open >= 0),
        open_bytes INTEGER NOT NULL CHECK (open_bytes >= 0),
        quarantined INTEGER NOT NULL CHECK (quarantined BETWEEN 0 AND open),
        applied INTEGER NOT NULL CHECK (applied >= 0),
        rejected INTEGER NOT NULL CHECK (rejected >= 0),
        CHECK ((owed = 0) = (open = 0))
    ) STRICT, WITHOUT ROWID",
        "CREATE TABLE records (
        bucket INTEGER NOT NULL CHECK (bucket >= 0),
        id TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        unit TEXT NOT NULL,
        amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 8000000000000000),
        accepted_at INTEGER NOT NULL CHECK (accepted_at >= 0),
        available INTEGER CHECK (abs(available) <= 8000000000000000),
        as_of INTEGER CHECK (as_of >= 0),
        source TEXT NOT NULL CHECK (source IN ('edge-cache', 'upstream', 'degraded')),
        state TEXT NOT NULL CHECK (state IN ('accepted', 'rejected', 'quarantined')),
        code TEXT,
        upstream_id TEXT,
        PRIMARY KEY (bucket, id)
    ) STRICT, WITHOUT ROWID",
        "CREATE TABLE outbox (
        position INTEGER PRIMARY KEY CHECK (position > 0),
        id TEXT NOT NULL,
        key TEXT NOT NULL,
        unit TEXT NOT NULL,
        amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 8000000000000000),
        body TEXT NOT NULL,
        accepted_at INTEGER NOT NULL CHECK (accepted_at >= 0),
        attempts INTEGER NOT NULL CHECK (attempts >= 0),
        first_attempt_at INTEGER CHECK (first_attempt_at >= 0),
        last_attempt_at INTEGER CHECK (last_attempt_at >= 0),
        due_at INTEGER NOT NULL CHECK (due_at >= 0),
        quarantined TEXT,
        CHECK ((first_attempt_at IS NULL) = (last_attempt_at IS NULL))
    ) STRICT",
        "CREATE TABLE notices (
        id INTEGER PRIMARY KEY CHECK (id > 0),
        kind TEXT NOT NULL CHECK (kind IN ('rejected', 'quarantined', 'paused')),
        code TEXT NOT NULL,
        at INTEGER NOT NULL CHECK (at >= 0),
        charge TEXT,
        key TEXT,
        unit TEXT,
        amount INTEGER CHECK (amount BETWEEN 1 AND 8000000000000000),
        told_at INTEGER CHECK (told_at >= 0),
        CHECK ((charge IS NULL) = (amount IS NULL))
    ) STRICT",
    ],
    &[
        // Holds that are local to the cache: the open ones are loaded, the others answer repeats.
        "CREATE TABLE holds (
        number INTEGER PRIMARY KEY CHECK (number > 0),
        id TEXT NOT NULL UNIQUE,
        unit TEXT NOT NULL,
        amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 8000000000000000),
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
        key TEXT NOT NULL,
        available INTEGER CHECK (abs(available) <= 8000000000000000),
        as_of INTEGER CHECK (as_of >= 0),
        source TEXT NOT NULL CHECK (source IN ('edge-cache', 'upstream', 'degraded')),
        ended_at INTEGER CHECK (ended_at >= 0),
        end_key TEXT,
        end_available INTEGER CHECK (abs(end_available) <= 8000000000000000),
        end_as_of INTEGER CHECK (end_as_of >= 0),
        end_source TEXT CHECK (end_source IN ('edge-cache', 'upstream', 'degraded')),
        charge TEXT,
        lease INTEGER NOT NULL CHECK (lease IN (0, 1)),
        CHECK ((state = 'open') = (ended_at IS NULL)),
        CHECK ((state IN ('captured', 'released')) = (end_key IS NOT NULL)),
        CHECK ((captured > 0) = (charge IS NOT NULL))
    ) STRICT",
        "CREATE INDEX holds_open ON holds (number) WHERE ended_at IS NULL",
        "ALTER TABLE units ADD COLUMN held INTEGER NOT NULL DEFAULT 0
        CHECK (held BETWEEN 0 AND 8000000000000000)",
        "ALTER TABLE units ADD COLUMN holds INTEGER NOT NULL DEFAULT 0
        CHECK (holds >= 0 AND (holds = 0) = (held = 0))",
        "ALTER TABLE head ADD COLUMN holds INTEGER NOT NULL DEFAULT 0 CHECK (holds >= 0)",
        "ALTER TABLE head ADD COLUMN hold_due INTEGER CHECK (hold_due >= 0)",
    ],
];
