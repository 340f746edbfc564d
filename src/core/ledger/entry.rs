//! Ledger entries: the append-only, signed facts that a balance is the sum of.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::credits::Credits;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::ids::{Product, TransactionId, Unit};
use crate::ledger::hold::Hold;
use crate::time::Timestamp;

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// Usage.
    Consumption,
    /// A grant that was bought or given.
    Topup,
    /// A correction, up (a grant) or down (a debit).
    Adjustment,
    /// Credits given back.
    Refund,
    /// What was left of a grant when its time ended.
    Expiry,
    /// What was left of a grant when it was voided.
    Void,
    /// A grant that comes into effect later; amount zero until then.
    Scheduled,
    /// Credits are reserved for work in flight; amount zero.
    Hold,
    /// What was reserved is free again, all of it, or so much of a captured hold as pays overage;
    /// amount zero.
    Release,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Consumption,
        Self::Topup,
        Self::Adjustment,
        Self::Refund,
        Self::Expiry,
        Self::Void,
        Self::Scheduled,
        Self::Hold,
        Self::Release,
    ];

    /// The word on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consumption => "consumption",
            Self::Topup => "topup",
            Self::Adjustment => "adjustment",
            Self::Refund => "refund",
            Self::Expiry => "expiry",
            Self::Void => "void",
            Self::Scheduled => "scheduled",
            Self::Hold => "hold",
            Self::Release => "release",
        }
    }

    /// Reads [`EntryKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What an entry took from one grant, or gave back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The grant, by the sequence number of the entry that made it.
    pub grant: u64,
    /// Taken where positive, given back where negative; never zero.
    pub amount: Credits,
}

/// The caller's key of an entry and the content it stands for: the idempotency record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub key: IdempotencyKey,
    /// What it stands for.
    pub fingerprint: Fingerprint,
}

/// One immutable fact. Sequence numbers start at 1 and have no gaps (L5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position in this customer's ledger.
    pub sequence: u64,
    /// Derived from the idempotency key, so that the entry is the key's record.
    pub id: TransactionId,
    /// What it records.
    pub kind: EntryKind,
    /// What it counts.
    pub unit: Unit,
    /// Signed change of posted.
    pub amount: Credits,
    /// Posted of the unit after this entry.
    pub balance_after: Credits,
    /// Held of the unit after this entry.
    pub held_after: Credits,
    /// Ledger time.
    pub time: Timestamp,
    /// Which grants it drew on, in burn order; a refund first lists what it gave back, last drawn
    /// first, and then what of that has paid other overage.
    pub draws: Vec<Draw>,
    /// For a person.
    pub description: Option<String>,
    /// The caller's JSON object, as text.
    pub metadata: Option<String>,
    /// The product of the grant that it made, began or ended.
    pub product: Option<Product>,
    /// The charge that it gives back.
    pub refund_of: Option<TransactionId>,
    /// The hold that it placed or ended.
    pub hold: Option<TransactionId>,
    /// Absent where the ledger itself wrote the entry (a grant's or a hold's time came or ended).
    pub record: Option<KeyRecord>,
    /// The account after this entry: the last entry is the account's state.
    pub totals: Totals,
}

impl Entry {
    /// Available after this entry: what the wire calls `balance`.
    #[must_use]
    pub fn available_after(&self) -> Option<Credits> {
        self.balance_after.checked_sub(self.held_after)
    }
}

/// What a command is answered: the entry that it made, now or the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The entry.
    pub entry: Entry,
    /// Whether an earlier call with this key had made it.
    pub replayed: bool,
    /// The hold that the command placed or ended, as it was after that.
    pub hold: Option<Hold>,
}

/// Per unit, what is not in the grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(pub BTreeMap<Unit, UnitTotals>);

/// One unit's share of [`Totals`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitTotals {
    /// Usage that no grant covered; the next grant pays it first.
    pub overage: Credits,
    /// Entries per kind: how long each filtered list is.
    pub counts: BTreeMap<EntryKind, u64>,
}

impl Totals {
    /// A unit's overage.
    #[must_use]
    pub fn overage(&self, unit: &Unit) -> Credits {
        self.0.get(unit).map_or(Credits::ZERO, |totals| totals.overage)
    }

    /// How many entries a unit has, of one kind or of all.
    #[must_use]
    pub fn count(&self, unit: &Unit, kind: Option<EntryKind>) -> u64 {
        let Some(totals) = self.0.get(unit) else { return 0 };
        match kind {
            Some(kind) => totals.counts.get(&kind).copied().unwrap_or(0),
            None => totals.counts.values().sum(),
        }
    }
}
