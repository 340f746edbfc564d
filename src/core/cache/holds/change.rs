//! What moves no credits: reading a hold, reporting how much of it is used, letting it last longer.

use crate::cache::holds::LocalHold;
use crate::cache::holds::end::as_of;
use crate::cache::rows::Writes;
use crate::cache::state::Cache;
use crate::ledger::{Adjust, Hold, Rejection, adjusted, ended, require_unit};
use crate::time::Timestamp;

/// A hold as it is at `now`. Writes nothing.
pub(in crate::cache) fn at(found: &LocalHold, now: Timestamp) -> Hold {
    as_of(&found.hold, now)
}

/// Judges a change of a hold. `found` is the one that it names.
///
/// # Errors
/// [`Rejection`]: that there is no such hold, that it has ended, or that it is smaller.
pub(in crate::cache) fn adjust(
    cache: &Cache,
    found: Option<&LocalHold>,
    now: Timestamp,
    change: &Adjust,
) -> Result<(Hold, Writes), Rejection> {
    let local = found.ok_or(Rejection::UnknownHold)?;
    let hold = as_of(&local.hold, now);
    let unit = match change {
        Adjust::Extend { .. } => None,
        Adjust::Progress { unit, .. } => Some(unit),
    };
    require_unit(unit, &hold)?;
    if !hold.is_open() {
        return Err(ended(&hold));
    }
    let changed = adjusted(&hold, now, change)?;
    let mut writes = Writes::default();
    if changed != hold {
        let head = cache.head_with(&changed.id, Some(changed.expires_at));
        writes.head = (head != cache.head).then_some(head);
        writes.holds.push(LocalHold { hold: changed.clone(), ..local.clone() });
    }
    Ok((changed, writes))
}
