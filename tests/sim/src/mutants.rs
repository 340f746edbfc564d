//! The mistakes that the simulator must find: those built into the core, and those of a shell.

use edge_credits_core::cache::mutants::Mutant;

use crate::mistakes;

/// A mistake of a shell or its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// A retry carries a key of its own.
    NewKeyOnRetry,
    /// The key is looked up when the call comes in, and not again when it is decided.
    KeyCheckOutside,
    /// The answer does not wait for the commit.
    AckBeforeCommit,
    /// A commit that fails leaves its first rows behind.
    TornCommit,
    /// Nobody looks whether charges wait that no alarm stands for.
    NoWatchdog,
}

/// A mistake of this world.
pub(crate) type Mistake = mistakes::Mistake<Mutant, Switch>;

impl Mistake {
    pub(crate) const ALL: &[(&str, Self)] = &[
        ("overwrite on refresh", Self::Core(Mutant::Overwrite)),
        ("refreshed less what is pending now", Self::Core(Mutant::PendingNow)),
        ("refresh out of order", Self::Core(Mutant::OutOfOrder)),
        ("new key on retry", Self::Shell(Switch::NewKeyOnRetry)),
        ("dropped on timeout", Self::Core(Mutant::DropOnTimeout)),
        ("resent after the window", Self::Core(Mutant::ResendAfterWindow)),
        ("409 is applied", Self::Core(Mutant::ConflictIsApplied)),
        ("key checked outside the step", Self::Shell(Switch::KeyCheckOutside)),
        ("answered before the commit", Self::Shell(Switch::AckBeforeCommit)),
        ("half a commit", Self::Shell(Switch::TornCommit)),
        ("no watchdog", Self::Shell(Switch::NoWatchdog)),
        ("armed only where no alarm is", Self::Core(Mutant::RearmOnlyIfNull)),
        ("lease without expiry", Self::Core(Mutant::LeaseWithoutExpiry)),
        ("ordered by the clock", Self::Core(Mutant::WallClock)),
        ("a replay's balance is a snapshot", Self::Core(Mutant::ReplayIsSnapshot)),
        ("refusal of a lost lease counts", Self::Core(Mutant::LostRefusalCounts)),
        ("a hold is settled twice", Self::Core(Mutant::HoldSettledTwice)),
        ("an expired hold costs nothing", Self::Core(Mutant::ExpiryIsFree)),
        ("a refresh frees what is held", Self::Core(Mutant::MergeFreesHolds)),
        ("captured under the caller's key", Self::Core(Mutant::CaptureByCallersKey)),
        ("no alarm looks at holds", Self::Core(Mutant::AlarmForgetsHolds)),
    ];
}
