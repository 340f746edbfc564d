//! How many tokens a call has used, and what they cost: what its provider reported, and an estimate of
//! what it has not.
//!
//! Providers count the same things differently. Cached input is part of the input for most and beside
//! it for Anthropic; reasoning is part of the output for most and beside it for Google. Here every token
//! counts once.

use crate::credits::{Credits, MAX_MINOR_UNITS};
use crate::meter::numbers::{ABSENT, KINDS, Meter, at, credits};
use crate::pricing::Rate;

/// Bytes of UTF-8 for which one token is estimated: English has about four letters to a token, Cyrillic
/// two of two bytes each, Chinese a little more than one of three.
pub const BYTES_PER_TOKEN: i64 = 4;

/// More tokens of a kind than this are taken for this many, so that what they cost stays within 64 bits.
/// No call has them.
pub const MAX_TOKENS: i64 = 1_000_000_000;

/// How many tokens a rate is for.
pub(super) const TOKENS_PER_RATE: i64 = 1_000_000;

/// What a provider has reported of the whole call so far, in its own way of counting: input, cache read,
/// cache write, output, reasoning, total; and above 0 where the cache is not part of the input, and
/// where reasoning is not part of the output. Below 0 is what it has not reported.
pub type Report = [i64; 8];

/// So many of its numbers are counts.
const COUNTS: usize = 6;
/// The parts of a report: of what is said of the input, and of the output.
const INPUT: usize = 0;
const OUTPUT: usize = 3;
const REASONING: usize = 4;
const CACHE_BESIDE: usize = 6;
const REASONING_BESIDE: usize = 7;

impl Meter {
    /// The provider has reported what was used in all so far: what it has replaces what was known.
    pub fn report(&mut self, later: &Report) {
        // Some send zeros with every part until they know: that is no news.
        let is_news = later.iter().take(COUNTS).any(|count| *count > 0);
        for (index, count) in later.iter().enumerate() {
            // How a report counts goes with what it counts: some bring the output alone.
            let is_about = match index {
                CACHE_BESIDE => later.iter().take(OUTPUT).any(|count| *count >= 0),
                REASONING_BESIDE => later.iter().skip(OUTPUT).take(2).any(|count| *count >= 0),
                _ => true,
            };
            if *count < 0 || !is_about || !is_news {
                continue;
            }
            let (known, count) = (self.reported(index), (*count).min(MAX_TOKENS));
            self.set(at::REPORTED + index, count);
            // A count that has moved has in it the text that came before.
            if count != known.max(0) {
                if index == OUTPUT {
                    self.set(at::SEEN, 0);
                }
                if index == OUTPUT || index == REASONING {
                    self.set(at::SEEN + 1, 0);
                }
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
        let (cache_read, cache_write) = (known(cache_read), known(cache_write));
        let reasoning = known(reasoning);
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

    /// What the call has cost with so many tokens, by the rate of their kind.
    #[must_use]
    pub fn cost(&self, tokens: &[i64; KINDS]) -> Credits {
        let mut parts = [(0, Rate::default()); KINDS];
        for (index, (part, count)) in parts.iter_mut().zip(tokens).enumerate() {
            *part = (*count, self.rate(index));
        }
        self.price(&parts)
    }

    /// What tokens cost together with the call, each count by its rate: exact, and then rounded once to the
    /// nearest minor unit, the half up. What exceeds the largest amount is the largest amount.
    pub(super) fn price(&self, parts: &[(i64, Rate)]) -> Credits {
        let base = Rate { minor_units: self.get(at::BASE), millionths: self.get(at::FINE + KINDS) };
        // A rate in whole minor units per token, the millionths of one that are left, and of those again:
        // with rates up to 8 · 10^15 and 10^9 tokens below 8 · 10^18, and twice 10^16.
        let (mut whole, mut millionths, mut fine) = (0_i64, TOKENS_PER_RATE / 2, 0_i64);
        for (count, rate) in parts.iter().chain(&[(TOKENS_PER_RATE, base)]) {
            let count = (*count).min(MAX_TOKENS);
            whole = whole.saturating_add(count * (rate.minor_units / TOKENS_PER_RATE));
            millionths += count * (rate.minor_units % TOKENS_PER_RATE);
            fine += count * rate.millionths;
        }
        let carry = (millionths + fine / TOKENS_PER_RATE) / TOKENS_PER_RATE;
        credits(whole.saturating_add(carry).min(MAX_MINOR_UNITS))
    }

    /// What a million tokens of a kind cost.
    pub(super) fn rate(&self, kind: usize) -> Rate {
        Rate { minor_units: self.get(at::RATES + kind), millionths: self.get(at::FINE + kind) }
    }

    fn reported(&self, index: usize) -> i64 {
        self.get(at::REPORTED + index)
    }
}
