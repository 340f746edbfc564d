//! Grants: immutable allocations of credits, and the order in which they pay.

use core::cmp::Ordering;

use crate::credits::Credits;
use crate::ids::{Product, TransactionId, Unit};
use crate::ledger::entry::EntryKind;
use crate::time::Timestamp;

/// The priority of a grant that names none: the middle of the range.
pub const DEFAULT_PRIORITY: u16 = 100;

/// The largest priority number, which burns last.
pub const MAX_PRIORITY: u16 = 1_000;

/// Why a grant is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Bought or given.
    Topup,
    /// A correction.
    Adjustment,
    /// Given back.
    Refund,
}

impl Source {
    /// The entry kind of a grant with this source.
    #[must_use]
    pub const fn kind(self) -> EntryKind {
        match self {
            Self::Topup => EntryKind::Topup,
            Self::Adjustment => EntryKind::Adjustment,
            Self::Refund => EntryKind::Refund,
        }
    }

    /// The word on the wire (`type`) and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.kind().as_str()
    }

    /// Reads [`Source::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Topup, Self::Adjustment, Self::Refund].into_iter().find(|s| s.as_str() == text)
    }
}

/// Where a grant is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// Comes into effect later; counts for nothing yet.
    Scheduled,
    /// In effect: pays while anything is left.
    Active,
    /// Ended by time.
    Expired,
    /// Ended by a void.
    Voided,
}

impl GrantState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Scheduled, Self::Active, Self::Expired, Self::Voided];

    /// The word in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Voided => "voided",
        }
    }

    /// Reads [`GrantState::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One grant and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The sequence number of the entry that made it.
    pub sequence: u64,
    /// That entry's id, by which callers name the grant.
    pub id: TransactionId,
    /// What it counts.
    pub unit: Unit,
    /// What was granted.
    pub amount: Credits,
    /// What is left, held credits included; zero while scheduled.
    pub remaining: Credits,
    /// The part of `remaining` that holds have reserved: neither spent nor expired by others.
    pub held: Credits,
    /// What reversals of its payment took elsewhere, since it was spent or held here. Of what comes
    /// back, so much has been taken already: it goes where it was taken, not to this grant.
    pub owed: Credits,
    /// Lower burns first.
    pub priority: u16,
    /// What it was for.
    pub product: Option<Product>,
    /// Why it was made.
    pub source: Source,
    /// From when it pays.
    pub effective_at: Timestamp,
    /// From when it no longer pays; `None` never.
    pub expires_at: Option<Timestamp>,
    /// Where it is in its life.
    pub state: GrantState,
}

/// Why the ledger itself has to act, on a grant or a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A grant's time ends. Before activations of the same instant: what ends pays nothing any more.
    Expire,
    /// A hold's time ends, and it ends by its own rule.
    Settle,
    /// A grant's time comes.
    Activate,
}

impl Grant {
    /// What a charge may take: what is left and not held, while the grant is in effect.
    #[must_use]
    pub fn free(&self) -> Credits {
        if self.state == GrantState::Active { self.unreserved() } else { Credits::ZERO }
    }

    /// What is left and not held, in whatever state.
    pub(crate) fn unreserved(&self) -> Credits {
        self.remaining.checked_sub(self.held).unwrap_or(Credits::ZERO)
    }

    /// The part of what comes back that is not this grant's any more: it is off what is owed from
    /// here on.
    pub(crate) fn take_owed(&mut self, back: Credits) -> Option<Credits> {
        let part = self.owed.min(back);
        self.owed = self.owed.checked_sub(part)?;
        Some(part)
    }

    /// Whether its amounts can be true together: not more is held than is left, not more is left than
    /// was granted, and not more is owed than can still come back. Others are neither read nor written.
    pub(crate) fn adds_up(&self) -> bool {
        // What can still come back: the part that is not there, and the part that is held.
        let gone =
            self.amount.checked_sub(self.remaining).and_then(|gone| gone.checked_add(self.held));
        !self.held.is_negative()
            && self.held <= self.remaining
            && self.remaining <= self.amount
            && !self.owed.is_negative()
            && gone.is_some_and(|gone| self.owed <= gone)
    }

    /// Whether the account must know it: it can still pay, or will.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == GrantState::Scheduled || self.remaining.is_positive()
    }

    /// The next instant at which the ledger has to act on it.
    pub(crate) fn due(&self) -> Option<(Timestamp, Due)> {
        match self.state {
            GrantState::Scheduled => Some((self.effective_at, Due::Activate)),
            GrantState::Active if self.free().is_positive() => {
                Some((self.expires_at?, Due::Expire))
            }
            _ => None,
        }
    }

    /// Burn order: lower priority number, then soonest expiry (none last), then age.
    pub(crate) fn burns_before(&self, other: &Self) -> Ordering {
        let key = |grant: &Self| {
            (grant.priority, grant.expires_at.unwrap_or(Timestamp::MAX), grant.sequence)
        };
        key(self).cmp(&key(other))
    }
}
