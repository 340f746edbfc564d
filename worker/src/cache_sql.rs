//! The statements of [`crate::cache_store`], spelled out: a constant text is prepared once.
//!
//! The columns are the core's, in its order; a test compares them.

pub(crate) const OWNER: &str = "SELECT environment, customer FROM head";

pub(crate) const HEAD: &str = "SELECT environment, customer, conversations, lease, health, \
    notices, untold, alarm_due, holds, hold_due FROM head";

pub(crate) const CONVERSATIONS: &str = "SELECT conversations FROM head";

/// The owner's row; what else is in it is written in the same transaction, or stands at its start.
pub(crate) const BEGIN: &str = "INSERT INTO head \
    (one, environment, customer, conversations, health, notices, untold) \
    VALUES (1, ?, ?, 0, '{}', 0, 0)";

pub(crate) const PUT_HEAD: &str = "UPDATE head SET conversations = ?, lease = ?, health = ?, \
    notices = ?, untold = ?, alarm_due = ?, holds = ?, hold_due = ?";

pub(crate) const UNITS: &str = "SELECT unit, balance, sequence, read, as_of, credit_name, owed, \
    acknowledged, accepted, open, open_bytes, quarantined, applied, rejected, held, holds \
    FROM units";

pub(crate) const PUT_UNIT: &str = "INSERT OR REPLACE INTO units (unit, balance, sequence, read, \
    as_of, credit_name, owed, acknowledged, accepted, open, open_bytes, quarantined, applied, \
    rejected, held, holds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// A record in the buckets where it is, if it is.
pub(crate) const RECORD: &str = "SELECT id, key, fingerprint, unit, amount, accepted_at, \
    available, as_of, source, state, code, upstream_id FROM records \
    WHERE bucket IN (?, ?, ?) AND id = ?";

pub(crate) const OLD_RECORD: &str = "SELECT id, key, fingerprint, unit, amount, accepted_at, \
    available, as_of, source, state, code, upstream_id FROM records \
    WHERE bucket IN (SELECT value FROM json_each(?)) AND id = ?";

/// What a record's charge was never changes; what became of it does.
pub(crate) const PUT_RECORD: &str = "INSERT INTO records (bucket, id, key, fingerprint, unit, \
    amount, accepted_at, available, as_of, source, state, code, upstream_id) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (bucket, id) DO UPDATE SET \
    state = excluded.state, code = excluded.code, upstream_id = excluded.upstream_id \
    WHERE fingerprint = excluded.fingerprint";

pub(crate) const OLDEST: &str = "SELECT min(bucket) FROM records";

/// The first records of buckets that have ended, but for those whose charge still waits.
pub(crate) const COLLECT: &str = "DELETE FROM records WHERE (bucket, id) IN (\
    SELECT bucket, id FROM records WHERE bucket < ?1 \
    AND id NOT IN (SELECT id FROM outbox WHERE accepted_at < ?2) LIMIT 500) RETURNING 1";

pub(crate) const DUE: &str = "SELECT position, id, key, unit, amount, body, accepted_at, attempts, \
    first_attempt_at, last_attempt_at, due_at, quarantined FROM outbox \
    WHERE quarantined IS NULL AND (due_at <= ? OR due_at > ?) ORDER BY position LIMIT ?";

pub(crate) const NEXT_DUE: &str = "SELECT min(due_at) FROM outbox WHERE quarantined IS NULL";

pub(crate) const ROWS: &str = "SELECT position, id, key, unit, amount, body, accepted_at, \
    attempts, first_attempt_at, last_attempt_at, due_at, quarantined FROM outbox \
    WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position";

/// For operators: it reads every row.
pub(crate) const ROW_OF: &str = "SELECT position, id, key, unit, amount, body, accepted_at, \
    attempts, first_attempt_at, last_attempt_at, due_at, quarantined FROM outbox WHERE id = ?";

pub(crate) const OPEN: &str = "SELECT position, id, key, unit, amount, body, accepted_at, \
    attempts, first_attempt_at, last_attempt_at, due_at, quarantined FROM outbox \
    WHERE position > ? ORDER BY position LIMIT ?";

/// What is sent never changes; how far it has come does.
pub(crate) const PUT_OUTBOX: &str = "INSERT INTO outbox (position, id, key, unit, amount, body, \
    accepted_at, attempts, first_attempt_at, last_attempt_at, due_at, quarantined) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (position) DO UPDATE SET \
    attempts = excluded.attempts, first_attempt_at = excluded.first_attempt_at, \
    last_attempt_at = excluded.last_attempt_at, due_at = excluded.due_at, \
    quarantined = excluded.quarantined WHERE id = excluded.id AND body = excluded.body";

pub(crate) const SETTLE: &str =
    "DELETE FROM outbox WHERE position IN (SELECT value FROM json_each(?))";

pub(crate) const OPEN_HOLDS: &str = "SELECT number, id, unit, amount, progress, on_expiry, \
    placed_at, ttl, expires_at, state, captured, description, metadata, key, available, as_of, \
    source, ended_at, end_key, end_available, end_as_of, end_source, charge, lease \
    FROM holds \
    WHERE ended_at IS NULL ORDER BY number";

pub(crate) const HOLD: &str = "SELECT number, id, unit, amount, progress, on_expiry, \
    placed_at, ttl, expires_at, state, captured, description, metadata, key, available, as_of, \
    source, ended_at, end_key, end_available, end_as_of, end_source, charge, lease \
    FROM holds WHERE id = ?";

/// What was placed never changes, and what has ended does not either: that changes no row, which is
/// an error.
pub(crate) const PUT_HOLD: &str = "INSERT INTO holds (number, id, unit, amount, progress, \
    on_expiry, placed_at, ttl, expires_at, state, captured, description, metadata, key, available, \
    as_of, source, ended_at, end_key, end_available, end_as_of, end_source, charge, lease) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (number) DO UPDATE SET progress = excluded.progress, \
    expires_at = excluded.expires_at, state = excluded.state, captured = excluded.captured, \
    ended_at = excluded.ended_at, end_key = excluded.end_key, \
    end_available = excluded.end_available, end_as_of = excluded.end_as_of, \
    end_source = excluded.end_source, charge = excluded.charge \
    WHERE id = excluded.id AND ended_at IS NULL";

/// The hold that was placed first, of those that are kept.
pub(crate) const OLDEST_HOLD: &str = "SELECT placed_at FROM holds ORDER BY number LIMIT 1";

/// Of the first holds those that ended before a time.
pub(crate) const COLLECT_HOLDS: &str = "DELETE FROM holds WHERE number IN (\
    SELECT number FROM holds ORDER BY number LIMIT 500) AND ended_at < ? RETURNING 1";

pub(crate) const NOTICES: &str = "SELECT id, kind, code, at, charge, key, unit, amount, told_at \
    FROM notices ORDER BY id LIMIT ?";

pub(crate) const PUT_NOTICE: &str = "INSERT OR REPLACE INTO notices (id, kind, code, at, charge, \
    key, unit, amount, told_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(crate) const FORGET: &str = "DELETE FROM notices WHERE id IN (SELECT value FROM json_each(?))";

#[cfg(test)]
mod tests {
    use edge_credits_core::cache::stored::{
        HEAD_COLUMNS, LOCAL_HOLD_COLUMNS, NOTICE_COLUMNS, OUTBOX_COLUMNS, RECORD_COLUMNS,
        UNIT_COLUMNS,
    };

    use super::*;

    #[test]
    fn the_columns_are_the_cores() {
        let tables: [(&[&str], &[&str]); 5] = [
            (&OUTBOX_COLUMNS, &[DUE, ROWS, ROW_OF, OPEN, PUT_OUTBOX]),
            (&RECORD_COLUMNS, &[RECORD, OLD_RECORD, PUT_RECORD]),
            (&UNIT_COLUMNS, &[UNITS, PUT_UNIT]),
            (&NOTICE_COLUMNS, &[NOTICES, PUT_NOTICE]),
            (&LOCAL_HOLD_COLUMNS, &[OPEN_HOLDS, HOLD, PUT_HOLD]),
        ];
        for (columns, statements) in tables {
            for statement in statements {
                assert!(statement.contains(&columns.join(", ")), "{statement}");
            }
        }
        assert!(HEAD.contains(&HEAD_COLUMNS.join(", ")));
        assert!(PUT_HEAD.contains(&HEAD_COLUMNS.map(|column| format!("{column} = ?")).join(", ")));
    }
}
