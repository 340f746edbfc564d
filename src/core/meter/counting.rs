//! How many tokens a call has used, and what they cost: what its provider reported, and an estimate of
//! what it has not.
//!
//! Providers count the same things differently. Cached input is part of the input for most and beside
//! it for Anthropic; reasoning is part of the output for most and beside it for Google. Here every token
//! counts once.

use crate::credits::{Credits, MAX_MINOR_UNITS};
use crate::meter::numbers::{ABSENT, KINDS, Meter, at, credits};

/// Bytes of UTF-8 for which one token is estimated: English has about four letters to a token, Cyrillic
/// two of two bytes each, Chinese a little more than one of three.
pub const BYTES_PER_TOKEN: i64 = 4;

/// More tokens of a kind than this are taken for this many, so that what they cost stays within 64 bits.
/// No call has them.
pub const MAX_TOKENS: i64 = 1_000_000_000;

/// How many tokens a rate is for.
const TOKENS_PER_RATE: i64 = 1_000_000;

/// What a provider has reported of the whole call so far, in its own way of counting: input, cache read,
/// cache write, output, reasoning, total; and above 0 where the cache is not part of the input, and
/// where reasoning is not part of the output. Below 0 is what it has not reported.
pub type Report = [i64; 8];

/// So many of its numbers are counts.
const COUNTS: usize = 6;
/// The parts of a report: of what is said of the input, and of the output.
const INPUT: usize = 0;
const OUTPUT: usize = 3;
const CACHE_BESIDE: usize = 6;
const REASONING_BESIDE: usize = 7;

impl Meter {
    /// The provider has reported what was used in all so far: what it has replaces what was known.
    pub fn report(&mut self, later: &Report) {
        for (index, count) in later.iter().enumerate().filter(|(_, count)| **count >= 0) {
            // How a report counts goes with what it counts: some bring the output alone.
            let is_about = match index {
                CACHE_BESIDE => later.iter().take(OUTPUT).any(|count| *count >= 0),
                REASONING_BESIDE => later.iter().skip(OUTPUT).take(2).any(|count| *count >= 0),
                _ => true,
            };
            if is_about {
                self.set(at::REPORTED + index, (*count).min(MAX_TOKENS));
            }
            // Nobody counts the output without the text that came before.
            if index == OUTPUT {
                self.set(at::SEEN, 0);
                self.set(at::SEEN + 1, 0);
            }
        }
    }

    /// So many bytes of text and of reasoning went by.
    pub fn see(&mut self, output: i64, reasoning: i64) {
        for (place, bytes) in [(at::SEEN, output), (at::SEEN + 1, reasoning)] {
            let seen = self.get(place).saturating_add(bytes.max(0));
            self.set(place, seen.min(MAX_TOKENS * BYTES_PER_TOKEN));
        }
    }

    /// Whether some of the tokens are an estimate.
    #[must_use]
    pub fn is_estimated(&self) -> bool {
        self.reported(INPUT) == ABSENT || self.get(at::SEEN) + self.get(at::SEEN + 1) > 0
    }

    /// The tokens so far by their kinds, each counted once.
    #[must_use]
    pub fn tokens(&self) -> [i64; KINDS] {
        let [told_input, cache_read, cache_write, told_output, reasoning, total] =
            core::array::from_fn::<i64, COUNTS, _>(|index| self.reported(index));
        let known = |count: i64| count.max(0);
        let [cache_read, cache_write, reasoning] = [cache_read, cache_write, reasoning].map(known);
        let is_beside = |index| self.reported(index) > 0;
        let presumed = self.get(at::PRESUMED);
        let input = if told_input < 0 { presumed } else { told_input };
        let cache_within = if is_beside(CACHE_BESIDE) { 0 } else { cache_read + cache_write };
        let input = known(input - cache_within);
        let reasoning_within = if is_beside(REASONING_BESIDE) { 0 } else { reasoning };
        let mut output = known(known(told_output) - reasoning_within);
        // A total that says more is how some report thinking that they leave out of the output.
        if told_input >= 0 && told_output >= 0 {
            output += known(total - input - cache_read - cache_write - output - reasoning);
        }
        let estimate = |place| (self.get(place) + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
        output += estimate(at::SEEN);
        let reasoning = reasoning + estimate(at::SEEN + 1);
        // Of a call that was made, and of which nothing is known, this much has happened.
        if told_input < 0 && output + reasoning == 0 {
            output = 1;
        }
        [input, cache_read, cache_write, output, reasoning]
    }

    /// What the tokens so far cost.
    #[must_use]
    pub fn used(&self) -> Credits {
        self.cost(&self.tokens())
    }

    /// What tokens cost together: exact, and then rounded once to the nearest minor unit, the half up.
    /// What exceeds the largest amount is the largest amount.
    #[must_use]
    pub fn cost(&self, tokens: &[i64; KINDS]) -> Credits {
        // A rate in whole minor units per token, and the millionths of one that are left: with rates up
        // to 8 · 10^15 and 10^9 tokens below 8 · 10^18, and 10^15. Tokens may be three times as many
        // where reports contradict each other, so the whole is bounded.
        let (mut whole, mut millionths) = (0_i64, TOKENS_PER_RATE / 2);
        for (index, count) in tokens.iter().enumerate() {
            let rate = self.get(at::RATES + index);
            let count = (*count).min(MAX_TOKENS);
            whole = whole.saturating_add(count * (rate / TOKENS_PER_RATE));
            millionths += count * (rate % TOKENS_PER_RATE);
        }
        credits(whole.saturating_add(millionths / TOKENS_PER_RATE).min(MAX_MINOR_UNITS))
    }

    fn reported(&self, index: usize) -> i64 {
        self.get(at::REPORTED + index)
    }
}
