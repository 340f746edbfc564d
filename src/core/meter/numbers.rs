//! What a meter is made of.
//!
//! Whole numbers in a row, each below 2^53 either way, so that a shell can keep them as plain data: there
//! is no handle to free, and none to lose when the module starts anew. (As a struct of types the same
//! costs the client two kilobytes of reading and writing them.) Counts are tokens, amounts are minor units.

use crate::credits::{Credits, Scale};

/// Kinds of tokens, in their order everywhere: input that was read anew, input found in the provider's
/// cache, input put there, output that can be seen, output that was thought.
pub const KINDS: usize = 5;

/// Most holds of one call. Each is as large as all before it, so the eighth makes it 128 times what was
/// held first: a call that needs more was sized by a mistake, and ends as plain usage.
pub const MAX_HOLDS: usize = 8;

/// How many numbers a meter is.
pub const NUMBERS: usize = 41 + MAX_HOLDS;

/// A count that is not known.
pub const ABSENT: i64 = -1;

/// Where each number stands.
pub(super) mod at {
    /// In front, what a shell tells and is told: ten numbers.
    pub(crate) const DESK: usize = 0;
    /// What a million tokens of each kind cost.
    pub(crate) const RATES: usize = 10;
    /// How far behind the ledger may be; zero where nobody has said.
    pub(crate) const STEP: usize = 15;
    /// How much of what is held the ledger has been told is used.
    pub(crate) const TOLD: usize = 16;
    /// What holds that ended by their own rule have left unpaid.
    pub(crate) const LOST: usize = 17;
    /// 1 where nothing more can be held: the customer has no more, or the call has enough holds.
    pub(crate) const EXHAUSTED: usize = 18;
    /// What the provider has reported: a [`Report`](crate::meter::Report).
    pub(crate) const REPORTED: usize = 19;
    /// What the input is taken for until it is reported, in tokens.
    pub(crate) const PRESUMED: usize = 27;
    /// Bytes of text, and then of reasoning, since the last report of output.
    pub(crate) const SEEN: usize = 28;
    /// The decimals of the unit.
    pub(crate) const DECIMALS: usize = 30;
    /// How much of what it was told the ledger has acknowledged.
    pub(crate) const ACKNOWLEDGED: usize = 31;
    /// What had been used when the last part was passed on.
    pub(crate) const PASSED: usize = 32;
    /// How often all was told that there was, because nothing more came.
    pub(crate) const PAUSES: usize = 33;
    /// What each call costs besides.
    pub(crate) const BASE: usize = 34;
    /// Millionths of a minor unit that are added to each of the rates, and to the base.
    pub(crate) const FINE: usize = 35;
    /// What is held, in the order in which it was: zero is no hold.
    pub(crate) const HOLDS: usize = 41;
}

/// A call that is metered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter(pub [i64; NUMBERS]);

impl Default for Meter {
    /// A call of which nothing is known, and that costs nothing.
    fn default() -> Self {
        let mut meter = Self([0; NUMBERS]);
        meter.set(at::DECIMALS, i64::from(Scale::CREDITS.decimals()));
        (at::REPORTED..at::PRESUMED).for_each(|place| meter.set(place, ABSENT));
        meter
    }
}

impl Meter {
    /// The scale of its amounts.
    #[must_use]
    pub fn scale(&self) -> Scale {
        if self.get(at::DECIMALS) == i64::from(Scale::USD.decimals()) {
            Scale::USD
        } else {
            Scale::CREDITS
        }
    }

    /// What is held, by the number of the hold; zero is no hold.
    #[must_use]
    pub fn hold(&self, index: usize) -> i64 {
        if index < MAX_HOLDS { self.get(at::HOLDS + index) } else { 0 }
    }

    // Not inlined: smaller by a kilobyte where size counts.
    #[inline(never)]
    pub(super) fn get(&self, place: usize) -> i64 {
        self.0.get(place).copied().unwrap_or(0)
    }

    #[inline(never)]
    pub(super) fn set(&mut self, place: usize, number: i64) {
        if let Some(found) = self.0.get_mut(place) {
            *found = number;
        }
    }
}

/// So many minor units, or the largest amount.
pub(super) fn credits(minor_units: i64) -> Credits {
    Credits::from_minor_units(minor_units).unwrap_or(Credits::MAX)
}
