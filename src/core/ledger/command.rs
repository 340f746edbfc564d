//! What a ledger can be asked to do, and what a store must look up before it is judged.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::credits::Credits;
use crate::idempotency::{Fingerprint, IdempotencyKey, Operation, Scope};
use crate::ids::{Owner, Product, TransactionId, Unit};
use crate::ledger::entry::Entry;
use crate::ledger::grant::{Grant, Source};
use crate::ledger::hold::draft::end_id;
use crate::ledger::hold::{Capture, Hold, OnExpiry, Place, Release};
use crate::time::Timestamp;

/// What every command carries besides its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallDetails {
    /// The caller's key, or the one made for the call.
    pub key: IdempotencyKey,
    /// For a person.
    pub description: Option<String>,
    /// The caller's JSON object, as text.
    pub metadata: Option<String>,
}

/// What happens when credits are short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenShort {
    /// The usage has happened: record it, as overage where no grant covers it (`consume`).
    Allow,
    /// Refuse, and change nothing (`consumeOrFail`).
    Reject,
}

/// Decrease now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consume {
    /// Key and notes.
    pub call: CallDetails,
    /// What to take from.
    pub unit: Unit,
    /// How much: positive.
    pub amount: Credits,
    /// What happens when credits are short. Not part of the fingerprint.
    pub when_short: WhenShort,
}

/// Record usage that has been priced: a gate, which is written even where it is for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Key and notes.
    pub call: CallDetails,
    /// What to take from.
    pub unit: Unit,
    /// How much: not negative.
    pub amount: Credits,
    /// What the key stands for: the report as it was made, before it had a price.
    pub fingerprint: Fingerprint,
}

/// Make a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantCredits {
    /// Key and notes.
    pub call: CallDetails,
    /// What to grant.
    pub unit: Unit,
    /// How much: positive.
    pub amount: Credits,
    /// Why.
    pub source: Source,
    /// What it is for.
    pub product: Option<Product>,
    /// Its place in the burn order.
    pub priority: u16,
    /// From when it pays; `None` now.
    pub effective_at: Option<Timestamp>,
    /// From when it no longer pays; `None` never.
    pub expires_at: Option<Timestamp>,
}

/// Correct downwards: taken like usage, overage included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debit {
    /// Key and notes.
    pub call: CallDetails,
    /// What to take from.
    pub unit: Unit,
    /// How much: positive.
    pub amount: Credits,
}

/// Give back part or all of a charge, to the grants that it drew on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Key and notes.
    pub call: CallDetails,
    /// The charge's unit.
    pub unit: Unit,
    /// How much: positive.
    pub amount: Credits,
    /// The charge.
    pub refund_of: TransactionId,
}

/// End a grant now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Void {
    /// Key and notes; the description is the reason.
    pub call: CallDetails,
    /// The grant, by the id of the entry that made it.
    pub grant: TransactionId,
}

/// One change that a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// consume and consumeOrFail
    Consume(Consume),
    /// A usage signal.
    Usage(Usage),
    /// add
    Grant(GrantCredits),
    /// add: a negative adjustment
    Debit(Debit),
    /// add: a refund of one charge
    Refund(Refund),
    /// voidGrant
    Void(Void),
    /// hold
    Hold(Place),
    /// capture
    Capture(Capture),
    /// release
    Release(Release),
}

/// The rows that a store must hand to [`super::decide`] besides the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookups {
    /// The entry that this call's key names, if it was ever applied; of a hold that is to end, the
    /// entry of its end.
    pub record: TransactionId,
    /// The charge to refund, its earlier refunds, and the grants it drew on.
    pub charge: Option<TransactionId>,
    /// The grant to void.
    pub grant: Option<TransactionId>,
    /// The hold that the call places or ends.
    pub hold: Option<TransactionId>,
}

/// The rows that the store found for a command's [`Lookups`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The entry that the key names, or that ended the hold.
    pub record: Option<Entry>,
    /// The charge to refund.
    pub charge: Option<Entry>,
    /// Its refunds so far.
    pub refunds: Vec<Entry>,
    /// The grants that the charge drew on; of a reversal, that of its payment besides; or the grant to void, open or not.
    pub grants: Vec<Grant>,
    /// The hold, open or not.
    pub hold: Option<Hold>,
}

impl Command {
    /// Key and notes.
    #[must_use]
    pub fn call(&self) -> &CallDetails {
        match self {
            Self::Consume(command) => &command.call,
            Self::Usage(command) => &command.call,
            Self::Grant(command) => &command.call,
            Self::Debit(command) => &command.call,
            Self::Refund(command) => &command.call,
            Self::Void(command) => &command.call,
            Self::Hold(command) => &command.call,
            Self::Capture(command) => &command.call,
            Self::Release(command) => &command.call,
        }
    }

    /// The operation whose keys this command's key is unique among.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Consume(_) => Operation::Consume,
            Self::Usage(_) => Operation::Signal,
            Self::Grant(_) | Self::Debit(_) | Self::Refund(_) => Operation::Add,
            Self::Void(_) => Operation::Void,
            Self::Hold(_) => Operation::Hold,
            Self::Capture(_) | Self::Release(_) => Operation::Settle,
        }
    }

    /// What the store must look up.
    #[must_use]
    pub fn lookups(&self, owner: &Owner) -> Lookups {
        let scope = Scope { owner, operation: self.operation() };
        let by_key = || scope.transaction_id(self.call().key.as_str());
        let (record, hold) = match self {
            // Its end is the hold's own, whoever asks for it and under whatever key.
            Self::Capture(Capture { hold, .. }) | Self::Release(Release { hold, .. }) => {
                (end_id(owner, hold), Some(hold.clone()))
            }
            Self::Hold(_) => (by_key(), Some(by_key())),
            _ => (by_key(), None),
        };
        Lookups {
            record,
            hold,
            charge: match self {
                Self::Refund(refund) => Some(refund.refund_of.clone()),
                _ => None,
            },
            grant: match self {
                Self::Void(void) => Some(void.grant.clone()),
                _ => None,
            },
        }
    }

    /// What this call's key stands for: the fields that move money, spelled canonically.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let decimal = |amount: Credits, unit: &Unit| amount.decimal(unit.scale()).to_string();
        match self {
            Self::Consume(Consume { unit, amount, .. }) => Fingerprint::of([
                ("unit", Some(unit.as_str())),
                ("amount", Some(&*decimal(*amount, unit))),
            ]),
            Self::Usage(usage) => usage.fingerprint.clone(),
            Self::Grant(grant) => grant_fingerprint(grant, &decimal(grant.amount, &grant.unit)),
            Self::Debit(Debit { unit, amount, .. }) => Fingerprint::of([
                ("unit", Some(unit.as_str())),
                ("amount", Some(&*decimal(amount.negated(), unit))),
                ("type", Some(Source::Adjustment.as_str())),
            ]),
            Self::Refund(Refund { unit, amount, refund_of, .. }) => Fingerprint::of([
                ("unit", Some(unit.as_str())),
                ("amount", Some(&*decimal(*amount, unit))),
                ("type", Some(Source::Refund.as_str())),
                ("refund_of", Some(refund_of.as_str())),
            ]),
            Self::Void(void) => Fingerprint::of([("grant_id", Some(void.grant.as_str()))]),
            Self::Hold(Place { unit, amount, ttl, on_expiry, .. }) => {
                hold_fingerprint(unit, *amount, *ttl, *on_expiry)
            }
            Self::Capture(Capture { hold, .. }) | Self::Release(Release { hold, .. }) => {
                Fingerprint::of([("hold_id", Some(hold.as_str()))])
            }
        }
    }
}

/// What the key of a call stands for that places such a hold.
pub(crate) fn hold_fingerprint(
    unit: &Unit,
    amount: Credits,
    ttl: Duration,
    on_expiry: OnExpiry,
) -> Fingerprint {
    let amount = amount.decimal(unit.scale()).to_string();
    Fingerprint::of([
        ("unit", Some(unit.as_str())),
        ("amount", Some(&*amount)),
        ("ttl_ms", Some(&*format!("{}", ttl.as_millis()))),
        ("on_expiry", Some(on_expiry.as_str())),
    ])
}

fn grant_fingerprint(grant: &GrantCredits, amount: &str) -> Fingerprint {
    let priority = format!("{}", grant.priority);
    let instant = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let (effective_at, expires_at) = (instant(grant.effective_at), instant(grant.expires_at));
    Fingerprint::of([
        ("unit", Some(grant.unit.as_str())),
        ("amount", Some(amount)),
        ("type", Some(grant.source.as_str())),
        ("product", grant.product.as_ref().map(Product::as_str)),
        ("priority", Some(&*priority)),
        ("effective_at", effective_at.as_deref()),
        ("expires_at", expires_at.as_deref()),
    ])
}
