//! The mistakes that this world must find: those built into the core, and those of a shell.

use edge_credits_core::ledger::mutants::Mutant;

use crate::mistakes;

/// A mistake of a shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// The answer does not wait for the commit.
    AckBeforeCommit,
    /// A commit that fails leaves its entries behind.
    TornCommit,
    /// Memory is brought up to date before the commit.
    AppliedFirst,
    /// Nobody looks whether the alarm stands when an account is loaded.
    NoWatchdog,
    /// A caller is told that a hold has ended, and it is not written.
    SaidAndNotWritten,
    /// Progress is answered, and not written.
    ProgressDropped,
    /// A capture without an answer is taken for one that did nothing.
    CapturedAndCharged,
    /// A report without an answer is taken for one that the ledger knows.
    LostIsHeard,
    /// The runs that signals belong to are not written.
    RunsLost,
    /// The sums of a day are written before the signals, in a transaction of their own.
    SumsApart,
    /// That a period was given is written before what it brings.
    PlanKeptFirst,
    /// That a customer was taken away is not written.
    ClosedInMemory,
    /// A customer is taken away while credits are held.
    ClosedOverHolds,
    /// What a hold that expired has left of a call is nobody's.
    NotMadeGood,
}

/// A mistake of this world.
pub(crate) type Mistake = mistakes::Mistake<Mutant, Switch>;

impl Mistake {
    pub(crate) const ALL: &[(&str, Self)] = &[
        ("hold: settled twice", Self::Core(Mutant::SettledTwice)),
        ("hold: captured at the instant of expiry", Self::Core(Mutant::ExpiryRace)),
        ("hold: remainder lost", Self::Core(Mutant::RemainderLost)),
        ("hold: placing draws no grants", Self::Core(Mutant::NothingReserved)),
        ("hold: release revives an ended grant", Self::Core(Mutant::ReleaseRevives)),
        ("hold: the last progress counts", Self::Core(Mutant::LastProgress)),
        ("hold: extending shortens", Self::Core(Mutant::ExtendShortens)),
        ("hold: expiry captures all", Self::Core(Mutant::ExpiryCapturesAll)),
        ("ledger: answered before the commit", Self::Shell(Switch::AckBeforeCommit)),
        ("ledger: half a commit", Self::Shell(Switch::TornCommit)),
        ("ledger: applied before the commit", Self::Shell(Switch::AppliedFirst)),
        ("ledger: no watchdog", Self::Shell(Switch::NoWatchdog)),
        ("ledger: end said and not written", Self::Shell(Switch::SaidAndNotWritten)),
        ("stream: progress answered and not written", Self::Shell(Switch::ProgressDropped)),
        ("stream: unanswered capture charged besides", Self::Shell(Switch::CapturedAndCharged)),
        ("stream: a lost report counts as known", Self::Shell(Switch::LostIsHeard)),
        ("signal: runs are not written", Self::Shell(Switch::RunsLost)),
        ("signal: sums written apart", Self::Shell(Switch::SumsApart)),
        ("plan: kept before its grants", Self::Shell(Switch::PlanKeptFirst)),
        ("customer: closed in memory", Self::Shell(Switch::ClosedInMemory)),
        ("customer: closed over open holds", Self::Shell(Switch::ClosedOverHolds)),
        ("stream: expired hold not made good", Self::Shell(Switch::NotMadeGood)),
    ];
}
