//! The rows that the steps of a conversation need besides the cache.

use alloc::vec::Vec;

use crate::cache::config::CacheConfig;
use crate::cache::state::Cache;
use crate::cache::store::Store;
use crate::cache::{Outcome, outbox, settle};
use crate::time::Timestamp;

/// Most due rows that one lease looks at: no batch is larger.
const ROWS_TO_READ: u32 = 100;

/// What a lease is chosen from.
pub(super) fn for_lease<S: Store>(
    store: &S,
    cache: &Cache,
    now: Timestamp,
    config: &CacheConfig,
) -> Result<outbox::Found, S::Error> {
    let mut found = outbox::Found::default();
    if cache.live_lease(now, config.lease).is_some() {
        return Ok(found);
    }
    let mut begun_at = now;
    if let Some(lease) = &cache.head().lease {
        begun_at = lease.begun_at;
        found.leased = store.rows(&lease.positions)?;
    }
    if cache.pending() == 0 {
        return Ok(found);
    }
    found.due = store.due(now, ROWS_TO_READ)?;
    if found.due.is_empty() {
        found.next_due = store.next_due()?;
    }
    for row in found.leased.iter().chain(&found.due) {
        let mut row = row.clone();
        row.first_attempt_at.get_or_insert(begun_at);
        if row.is_past_window(now, config)
            && let Some(record) = store.record(&row.id, now)?
        {
            found.expired.push(record);
        }
    }
    Ok(found)
}

/// What a conversation was about: the rows of its lease, and those that outcomes name.
pub(super) fn for_outcomes<S: Store>(
    store: &S,
    cache: &Cache,
    now: Timestamp,
    token: u64,
    outcomes: &[(u64, Outcome)],
) -> Result<settle::Found, S::Error> {
    let mut positions = Vec::new();
    let lease = cache.head().lease.as_ref().filter(|lease| lease.token == token);
    let leased = lease.map(|lease| lease.positions.as_slice()).unwrap_or_default();
    for position in outcomes.iter().map(|(position, _)| position).chain(leased) {
        if let Err(at) = positions.binary_search(position) {
            positions.insert(at, *position);
        }
    }
    let rows = store.rows(&positions)?;
    let mut records = Vec::new();
    for row in &rows {
        let said = outcomes.iter().find(|(position, _)| *position == row.position);
        let changes = row.quarantined.is_some()
            || match said {
                Some((_, Outcome::Applied(receipt))) => {
                    receipt.id.as_deref().is_some_and(|id| id != row.id.as_str())
                }
                Some((_, Outcome::Rejected { .. } | Outcome::Refused { .. })) => true,
                _ => false,
            };
        if changes {
            records.extend(store.record(&row.id, now)?);
        }
    }
    Ok(settle::Found { rows, records })
}
