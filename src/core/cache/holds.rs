//! Holds that are local to the cache, for an upstream that has none.
//!
//! A hold promises credits as an accepted charge does, so it is subtracted like one: available =
//! snapshot − charges that the snapshot may not contain − open holds. What is captured becomes such
//! a charge: plain usage in the outbox, in the same commit, under a key that follows from the hold's
//! id, so that it arrives upstream once however often the end was asked for. The rules of a hold's
//! life are the ledger's own ([`crate::ledger::Hold`]); what stands behind it is not: no grant is
//! reserved, and what somebody else spends meanwhile the upstream does not keep from them.
//!
//! [`place`] and [`end`] judge. A hold whose time is over is ended by its rule before anything else
//! is decided ([`end::expire`], run by [`crate::cache::Keeper::end_due_holds`]).

mod change;
mod end;
mod place;

use alloc::boxed::Box;
use alloc::string::String;

pub(super) use change::{adjust, at};
pub(super) use end::{Asking, end, expire, key_for, next_due};
pub(super) use place::place;

use crate::cache::accept::{Judgement, length};
use crate::cache::rows::Source;
use crate::cache::state::{Cache, Head};
use crate::cache::{CacheConfig, HoldsAt};
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::TransactionId;
#[cfg(doc)]
use crate::ledger::Place;
use crate::ledger::{Hold, Rejection};
use crate::time::Timestamp;

/// A hold, with what the calls that placed and ended it were answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalHold {
    /// The hold. Its `sequence` counts the holds of this cache, and it reserves on no grant.
    pub hold: Hold,
    /// What the call that placed it was told.
    pub placed: Told,
    /// How it ended; `None` while it is open.
    pub ended: Option<Ended>,
    /// Whether it keeps the credits of a hold that is being placed upstream ([`Place::lease`]): its
    /// time is over only when a balance has been read that shows what became of that one.
    pub lease: bool,
}

/// What a call was told besides the hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// What was available afterwards.
    pub available: Option<Credits>,
    /// The snapshot's time.
    pub as_of: Option<Timestamp>,
    /// Where that came from.
    pub source: Source,
}

/// The end of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// The charge that was captured, where anything was.
    pub charge: Option<TransactionId>,
    /// What the call that ended it was told; `None` where its time was over.
    pub told: Option<Told>,
}

/// The answer to placing or ending a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldReceipt {
    /// The hold as answered.
    pub hold: Hold,
    /// What is told besides.
    pub told: Told,
    /// By which the call can be quoted: the hold's id where it was placed, that of the charge where
    /// something was captured.
    pub transaction: TransactionId,
    /// Whether an earlier call had done it.
    pub replayed: bool,
    /// Whether the snapshot is older than `sync_interval` now.
    pub stale: bool,
}

/// Why a hold is not placed or ended, besides a balance that does not cover it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldRefusal {
    /// The key stands for a hold with other content.
    KeyReused {
        /// The field that differs.
        field: String,
        /// The first call's answer.
        first: Box<HoldReceipt>,
    },
    /// A rule of holds, as the ledger would say it.
    Rule(Rejection),
}

/// What a call about a hold comes to.
pub type TookHold = Result<HoldReceipt, HoldRefusal>;

/// The same, judged and not yet kept.
pub(super) type Judged = Judgement<TookHold>;

pub(super) fn refused(rejection: Rejection) -> Judged {
    Judgement::Done(Err(HoldRefusal::Rule(rejection)), Box::default())
}

impl LocalHold {
    /// Bytes that the body of its capture may have when nobody says more: both notes at their
    /// longest spelling, and the frame around them.
    fn reserved_bytes(&self) -> u64 {
        const FRAME: u64 = 512;
        let longest = |text: Option<&str>| text.map_or(0, length).saturating_mul(6);
        let notes = &self.hold.notes;
        let metadata = notes.metadata.as_deref().map_or(0, length);
        longest(notes.description.as_deref()).saturating_add(metadata).saturating_add(FRAME)
    }
}

/// Room in the outbox that is kept for the captures of the open holds: the alarm, which makes some,
/// can refuse nothing.
pub(super) fn reserved_bytes(cache: &Cache) -> u64 {
    cache.holds.iter().map(LocalHold::reserved_bytes).fold(0, u64::saturating_add)
}

impl Cache {
    /// The open holds, oldest first, without those whose time is over at `now`, and without leases:
    /// the holds that these stand for are the upstream's.
    pub fn open_holds(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &Hold> {
        let callers = self.holds.iter().filter(|local| !local.lease);
        callers.map(|local| &local.hold).filter(move |hold| hold.expires_at > now)
    }

    /// An open hold by its id.
    pub(super) fn local_hold(&self, id: &TransactionId) -> Option<&LocalHold> {
        self.holds.iter().find(|local| local.hold.id == *id)
    }

    /// When the first open hold is over.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.holds.iter().map(|local| local.hold.expires_at).min()
    }

    /// The head with the first expiry as it is once one hold is as given: open, or none.
    fn head_with(&self, id: &TransactionId, expires_at: Option<Timestamp>) -> Head {
        let others = self.holds.iter().filter(|local| local.hold.id != *id);
        let hold_due = others.map(|local| local.hold.expires_at).chain(expires_at).min();
        Head { hold_due, ..self.head.clone() }
    }

    /// Who keeps this customer's holds; `None` where a balance must be read before that is known.
    #[must_use]
    pub fn holds_at(&self, config: &CacheConfig) -> Option<HoldsAt> {
        if config.holds != HoldsAt::Auto {
            return Some(config.holds);
        }
        let has = self.upstream_has_holds()?;
        Some(if has { HoldsAt::Upstream } else { HoldsAt::Cache })
    }

    /// Whether the upstream has holds of its own, as our worker does; `None` before a balance was read.
    pub(super) fn upstream_has_holds(&self) -> Option<bool> {
        let snapshots = self.units.iter().filter_map(|unit| unit.snapshot.as_ref());
        let last = snapshots.max_by_key(|snapshot| snapshot.read)?;
        Some(self.head.health.batches || last.sequence.is_some())
    }
}
