//! The one source of randomness of a seed.
//!
//! SplitMix64, written out: a seed that is kept must mean the same history with every version of
//! every crate.

/// A stream of uniform values.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed);
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A value in `low..=high`.
    pub(crate) fn range(&mut self, low: u64, high: u64) -> u64 {
        let width = u128::from(high - low) + 1;
        low + ((u128::from(self.next()) * width) >> 64) as u64
    }

    /// True so many times in a thousand.
    pub(crate) fn hit(&mut self, per_mille: u64) -> bool {
        per_mille > 0 && self.range(0, 999) < per_mille
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.range(0, from.len() as u64 - 1) as usize]
    }

    /// A length of time between `low` and `high`, short ones as likely as long ones: each doubling
    /// has the same chance.
    pub(crate) fn span(&mut self, low: u64, high: u64) -> u64 {
        let doublings = u64::from((high / low.max(1)).max(1).ilog2());
        let ceiling = low.max(1) << self.range(0, doublings);
        self.range(low, (ceiling * 2).min(high))
    }
}
