//! What is answered when a balance is asked for.

use alloc::string::String;
use core::time::Duration;

use crate::cache::accept::{Judgement, Trust, Waited, has_read, source_of, trust};
use crate::cache::config::CacheConfig;
use crate::cache::rows::Source;
use crate::cache::state::Cache;
use crate::cache::{Refusal, accept};
use crate::credits::Credits;
use crate::ids::Unit;
use crate::time::Timestamp;

/// A balance as the cache knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// What is available: the snapshot less what was accepted since.
    pub available: Credits,
    /// The snapshot's time.
    pub as_of: Timestamp,
    /// Where it comes from.
    pub source: Source,
    /// Whether the snapshot is older than `sync_interval`.
    pub stale: bool,
    /// What the upstream calls its credits, where it tells.
    pub credit_name: Option<String>,
}

/// Judges a read of the balance. The last known balance is answered while the upstream is away,
/// marked as degraded, unless `graceful_degradation` is off and it is older than `max_staleness`.
pub(super) fn balance(
    cache: &Cache,
    now: Timestamp,
    unit: &Unit,
    waited: Waited,
    config: &CacheConfig,
) -> Judgement<BalanceView> {
    if let Err(refusal) = accept::has_room_for_unit(cache, unit) {
        return Judgement::Refused(refusal);
    }
    let state = cache.unit_or_new(unit);
    match trust(&state, now, waited, config) {
        Trust::ReadFirst => return Judgement::ReadFirst,
        Trust::None(refusal) => return Judgement::Refused(refusal(accept::rest(cache, now))),
        Trust::Known => {}
    }
    let (Some(snapshot), Some(available)) = (&state.snapshot, state.available()) else {
        return Judgement::Refused(Refusal::Overflow);
    };
    let view = BalanceView {
        available,
        as_of: snapshot.as_of,
        source: source_of(&state, now, waited, config),
        stale: is_stale(&state, now, config),
        credit_name: snapshot.credit_name.clone(),
    };
    Judgement::Done(view, alloc::boxed::Box::default())
}

/// Whether a snapshot is old enough to be refreshed in the background.
pub(super) fn is_stale(
    state: &crate::cache::UnitState,
    now: Timestamp,
    config: &CacheConfig,
) -> bool {
    state.age(now).unwrap_or(Duration::MAX) > config.sync_interval
}

/// Whether a call that was answered leaves a refresh to be done in the background.
pub(super) fn wants_refresh(
    cache: &Cache,
    now: Timestamp,
    unit: &Unit,
    waited: Waited,
    config: &CacheConfig,
) -> bool {
    let state = cache.unit_or_new(unit);
    is_stale(&state, now, config) && !has_read(&state, waited.arrived) && !waited.in_vain
}
