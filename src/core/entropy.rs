//! Randomness handed in by a shell, and what the core makes of it.
//!
//! Decides the form of generated keys and the sequence of jitter values. It never draws randomness
//! itself: a shell fills [`Entropy`] from `crypto.getRandomValues` (a test from a fixed seed).

use alloc::string::String;
use core::fmt::Write as _;

/// Sixteen unpredictable bytes, used for one logical call.
#[derive(Clone, Copy)]
pub struct Entropy([u8; 16]);

impl Entropy {
    /// Wraps bytes that the shell drew from a cryptographic source.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A UUID version 4 (RFC 9562 §5.4) of these bytes, in lower-case text.
    ///
    /// ```
    /// use edge_credits_core::entropy::Entropy;
    /// assert_eq!(Entropy::new([0xff; 16]).uuid(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    /// ```
    #[must_use]
    pub fn uuid(&self) -> String {
        let mut text = String::with_capacity(36);
        for (index, byte) in self.0.iter().enumerate() {
            let byte = match index {
                6 => (byte & 0x0f) | 0x40,
                8 => (byte & 0x3f) | 0x80,
                _ => *byte,
            };
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// A jitter source of its own, independent of the UUID's visible digits.
    #[must_use]
    pub fn jitter(&self) -> Jitter {
        let (low, high) = self.0.split_at(8);
        let word =
            |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
        Jitter { state: word(low) ^ word(high).rotate_left(29) }
    }
}

/// A stream of uniform values that spreads retries out; not for keys or secrets.
#[derive(Clone, Debug)]
pub struct Jitter {
    state: u64,
}

impl Jitter {
    /// A uniform value in `0..=max` (SplitMix64, scaled by multiplication).
    pub fn up_to(&mut self, max: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        let scaled = u128::from(word) * (u128::from(max) + 1);
        // The product's upper half is at most `max`, so it fits.
        (scaled >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_in_range_and_covers_it() {
        let mut jitter = Entropy::new(*b"sixteen bytes!!!").jitter();
        let mut seen = [0_u32; 8];
        for _ in 0..8_000 {
            seen[usize::try_from(jitter.up_to(7)).unwrap()] += 1;
        }
        // Each of eight bins expects 1,000; χ² with 7 degrees of freedom stays below 24.3 (p = 0.001).
        let chi_squared: u32 =
            seen.iter().map(|count| count.abs_diff(1_000).pow(2)).sum::<u32>() / 1_000;
        assert!(chi_squared < 25, "{seen:?}");
        assert_eq!(jitter.up_to(0), 0);
    }

    #[test]
    fn uuids_have_version_and_variant() {
        let uuid = Entropy::new([0; 16]).uuid();
        assert_eq!(uuid, "00000000-0000-4000-8000-000000000000");
    }
}
