//! Known mistakes, built in to prove that the simulator finds them.
//!
//! Without the feature `mutants` (and only the simulator asks for it) [`is`] is `false` at compile
//! time and nothing of this is in the build. With it, one mistake at a time can be switched on per
//! thread; none is by default.

use crate::cache::state::Snapshot;
use crate::credits::Credits;
use crate::time::Timestamp;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A refreshed balance replaces what is available, whatever is pending.
    Overwrite,
    /// Only what is pending when the refreshed balance arrives is subtracted from it.
    PendingNow,
    /// A reading is taken over even when it is older than the snapshot.
    OutOfOrder,
    /// A charge whose send timed out leaves the outbox.
    DropOnTimeout,
    /// A charge is sent again after the upstream may have forgotten its key.
    ResendAfterWindow,
    /// A 409 counts as applied.
    ConflictIsApplied,
    /// An alarm is set only where none is, however long overdue.
    RearmOnlyIfNull,
    /// A conversation whose process died blocks the next for ever.
    LeaseWithoutExpiry,
    /// Acknowledgements and reads are ordered by the clock.
    WallClock,
    /// The balance of any receipt is taken for a snapshot, a replay's included.
    ReplayIsSnapshot,
    /// A refusal counts although another attempt may be under way.
    LostRefusalCounts,
    /// A hold whose time was over can be captured all the same: it is settled twice.
    HoldSettledTwice,
    /// A hold whose time is over is free again, whatever of it was used.
    ExpiryIsFree,
    /// A refreshed balance replaces what the open holds keep, too.
    MergeFreesHolds,
    /// The alarm is set without a look at the holds.
    AlarmForgetsHolds,
    /// A capture is sent under a key of its own each time it is asked for.
    CaptureByCallersKey,
}

/// A reading as [`Mutant::Overwrite`] and [`Mutant::MergeFreesHolds`] take it: what is available is
/// what was read.
pub(super) fn overwrite(reading: Snapshot, owed: Credits, held: Credits) -> Snapshot {
    let more = match () {
        () if is(Mutant::Overwrite) => owed,
        () if is(Mutant::MergeFreesHolds) => held,
        () => return reading,
    };
    match reading.balance.checked_add(more) {
        Some(balance) => Snapshot { balance, ..reading },
        None => reading,
    }
}

/// When a charge was acknowledged: by the counter, or by the clock.
pub(super) fn mark(conversations: u64, now: Timestamp) -> u64 {
    if is(Mutant::WallClock) { millis(now) } else { conversations }
}

/// The highest mark that there can be.
pub(super) fn latest(conversations: u64) -> u64 {
    if is(Mutant::WallClock) { u64::MAX } else { conversations }
}

/// An instant as a mark.
pub(super) fn millis(instant: Timestamp) -> u64 {
    u64::try_from(instant.as_millis()).unwrap_or(0)
}

/// Whether a mistake is switched on.
#[cfg(not(feature = "mutants"))]
pub(super) const fn is(_mutant: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub(super) use switch::is;
#[cfg(feature = "mutants")]
pub use switch::switch_on;

#[cfg(feature = "mutants")]
mod switch {
    use super::Mutant;
    use core::cell::Cell;

    std::thread_local! {
        static ON: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Switches one mistake on in this thread, or all off.
    pub fn switch_on(mutant: Option<Mutant>) {
        ON.set(mutant);
    }

    pub(in crate::cache) fn is(mutant: Mutant) -> bool {
        ON.get() == Some(mutant)
    }
}
