//! The ledger's "no": a closed list, in the order in which reasons are looked for.

use alloc::boxed::Box;
use alloc::string::String;

use crate::credits::Credits;
use crate::ids::Unit;
use crate::ledger::entry::Receipt;
use crate::ledger::hold::HoldState;

/// Why a command was refused. A refusal changes nothing and is not remembered: the same key is
/// judged afresh the next time (L4). Variants stand in order of precedence: where several apply,
/// the first is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The key already stands for a call with other content.
    KeyReused {
        /// The first field that differs.
        field: String,
        /// What the first call was answered.
        first: Box<Receipt>,
    },
    /// The customer was taken away; what was done before is still answered by its key.
    Closed,
    /// The grant would end before, or when, it comes into effect.
    ExpiryPassed,
    /// This customer has no such charge.
    UnknownCharge,
    /// This customer has no such grant.
    UnknownGrant,
    /// This customer has no such hold.
    UnknownHold,
    /// The refund names another unit than the charge.
    OtherUnit {
        /// The charge's unit.
        unit: Unit,
    },
    /// The amount is in another unit than the hold.
    OtherHoldUnit {
        /// The hold's unit.
        unit: Unit,
    },
    /// Nothing is left of the grant to void.
    GrantEnded,
    /// The hold has ended, otherwise than is asked for now.
    HoldEnded {
        /// How: not open.
        state: HoldState,
        /// The hold's unit.
        unit: Unit,
        /// What was captured of it.
        captured: Credits,
    },
    /// More than is left to refund of the charge.
    RefundExceedsCharge {
        /// The unit of the charge.
        unit: Unit,
        /// What can still be refunded.
        refundable: Credits,
    },
    /// More than the hold reserves.
    CaptureExceedsHold {
        /// The hold's unit.
        unit: Unit,
        /// What it reserves.
        held: Credits,
    },
    /// The customer would have more than [`super::MAX_OPEN_GRANTS`] open grants.
    TooManyGrants,
    /// The customer would have more than [`super::MAX_OPEN_HOLDS`] open holds.
    TooManyHolds,
    /// The balance does not cover the amount (for plain usage: nor does the overdraft limit).
    InsufficientCredits {
        /// What the amounts count.
        unit: Unit,
        /// Available, as of the decision.
        available: Credits,
        /// The amount asked for.
        requested: Credits,
    },
    /// A balance would leave the range of amounts.
    Overflow,
    /// The customer would have more than [`super::MAX_UNITS`] units.
    TooManyUnits,
    /// The account contradicts itself: a fault of ours, answered without touching anything.
    Inconsistent,
}
