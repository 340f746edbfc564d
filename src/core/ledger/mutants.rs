//! Known mistakes with holds, built in to prove that the simulator finds them.
//!
//! As [`crate::cache::mutants`]: without the feature `mutants` [`is`] is `false` at compile time and
//! nothing of this is in the build. With one switched on, the core's own check of what is reserved is
//! off, so that it is the simulator's auditor who must find it.

use alloc::vec::Vec;

use crate::credits::Credits;
use crate::ledger::command::{Command, Consume, Found, WhenShort};
use crate::ledger::draft::Draft;
use crate::ledger::grant::GrantState;
use crate::ledger::hold::Capture;
use crate::ledger::rejection::Rejection;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A capture of a hold that has ended is charged once more.
    SettledTwice,
    /// A hold can be ended at the instant of its expiry: `>` where `>=` must be.
    ExpiryRace,
    /// What is not captured stays reserved.
    RemainderLost,
    /// Placing a hold reserves nothing on the grants.
    NothingReserved,
    /// What comes back to a grant that has ended makes it pay again.
    ReleaseRevives,
    /// Of two numbers that are reported as used, the later counts, not the larger.
    LastProgress,
    /// Extending sets the end, also to sooner.
    ExtendShortens,
    /// At its expiry every hold is captured whole.
    ExpiryCapturesAll,
}

/// For [`Mutant::SettledTwice`]: a capture of a hold that has ended, as usage of its own.
pub(super) fn charged_again(command: &Command, found: &Found) -> Option<Command> {
    let (Command::Capture(Capture { call, used: Some((unit, amount)), .. }), Some(_)) =
        (command, &found.record)
    else {
        return None;
    };
    let (call, unit, when_short) = (call.clone(), unit.clone(), WhenShort::Allow);
    let usage = Command::Consume(Consume { call, unit, amount: *amount, when_short });
    (is(Mutant::SettledTwice) && amount.is_positive()).then_some(usage)
}

/// How much of a reservation is given up when so much of it is taken.
pub(super) fn given_up(reserved: Credits, taken: Credits) -> Credits {
    if is(Mutant::RemainderLost) { taken } else { reserved }
}

/// For [`Mutant::ReleaseRevives`]: grants that have ended pay again.
pub(super) fn revive(
    draft: &mut Draft<'_>,
    ended: &mut Vec<(u64, GrantState)>,
) -> Result<(), Rejection> {
    if is(Mutant::ReleaseRevives) {
        for (grant, _) in ended.drain(..) {
            draft.grant_mut(grant)?.state = GrantState::Active;
        }
    }
    Ok(())
}

/// The larger of what is known and what is asked for; with this mistake, what is asked for.
pub(super) fn larger<T: Ord>(known: T, asked: T, mistake: Mutant) -> T {
    if is(mistake) { asked } else { known.max(asked) }
}

/// Whether a mistake is switched on.
#[cfg(not(feature = "mutants"))]
pub(super) const fn is(_mutant: Mutant) -> bool {
    false
}

/// Whether any is.
#[cfg(not(feature = "mutants"))]
pub(super) const fn any() -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use switch::switch_on;
#[cfg(feature = "mutants")]
pub(super) use switch::{any, is};

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

    pub(in crate::ledger) fn is(mutant: Mutant) -> bool {
        ON.get() == Some(mutant)
    }

    pub(in crate::ledger) fn any() -> bool {
        ON.get().is_some()
    }
}
