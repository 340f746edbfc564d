//! The retry budget: how many retries a client may add to its calls, so that an API that is down
//! is not also flooded.
//!
//! A token bucket in hundredths of a retry: a call earns `percent`, a retry costs a hundred, and no
//! more than `burst` retries are saved up. Over any span of calls,
//! retries ≤ percent/100 · calls + burst. Charges that were accepted while the API was away do not draw
//! on it: they take [`Turns`], which are bounded by themselves.

use crate::client::waiting::Turns;
use crate::config::BudgetLimits;

/// What one retry costs.
const RETRY: u32 = 100;

/// The bucket. Plain data that the calls of one isolate share.
///
/// Share it per API, not per client object: on the edge a client often lives for one request, and
/// a fresh bucket each time would bound nothing.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    limits: Option<BudgetLimits>,
    saved: u32,
    turns: Turns,
}

impl RetryBudget {
    /// A full bucket; without limits it never refuses.
    #[must_use]
    pub const fn new(limits: Option<BudgetLimits>) -> Self {
        let saved = match limits {
            Some(limits) => limits.burst.saturating_mul(RETRY),
            None => 0,
        };
        Self { limits, saved, turns: Turns::new() }
    }

    /// What those share who wait for the API.
    pub(crate) const fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    /// Likewise, where what they may do is bounded.
    pub(crate) const fn bounded_turns(&mut self) -> Option<&mut Turns> {
        if self.limits.is_some() { Some(&mut self.turns) } else { None }
    }

    /// Counts a call that begins.
    pub fn earn(&mut self) {
        if let Some(limits) = self.limits {
            let full = limits.burst.saturating_mul(RETRY);
            self.saved = self.saved.saturating_add(limits.percent).min(full);
        }
    }

    /// Takes one retry; false when there is none left, and nothing is taken.
    #[must_use]
    pub fn spend(&mut self) -> bool {
        if self.limits.is_none() {
            return true;
        }
        match self.saved.checked_sub(RETRY) {
            Some(left) => {
                self.saved = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const TENTH: BudgetLimits = BudgetLimits { percent: 10, burst: 10 };

    #[test]
    fn a_burst_then_one_retry_for_every_ten_calls() {
        let mut budget = RetryBudget::new(Some(TENTH));
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10);
        for _ in 0..9 {
            budget.earn();
        }
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend());
        assert!(!budget.spend());
    }

    #[test]
    fn nothing_is_saved_beyond_the_burst() {
        let mut budget = RetryBudget::new(Some(TENTH));
        for _ in 0..1_000 {
            budget.earn();
        }
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
    }

    #[test]
    fn without_limits_it_never_refuses() {
        let mut budget = RetryBudget::new(None);
        assert!((0..1_000).all(|_| budget.spend()));
    }

    proptest::proptest! {
        /// C5, for every span of calls and whatever the order of calls and retries.
        #[test]
        fn retries_stay_within_the_bound(
            percent in 0_u32..=100,
            burst in 0_u32..20,
            calls in proptest::collection::vec(proptest::bool::ANY, 0..120),
        ) {
            let mut budget = RetryBudget::new(Some(BudgetLimits { percent, burst }));
            let events: Vec<(u32, u32)> = calls
                .into_iter()
                .map(|call| {
                    if call {
                        budget.earn();
                        (1, 0)
                    } else {
                        (0, u32::from(budget.spend()))
                    }
                })
                .collect();
            for start in 0..events.len() {
                let (mut calls, mut retries) = (0, 0);
                for (call, retry) in &events[start..] {
                    calls += call;
                    retries += retry;
                    proptest::prop_assert!(retries * 100 <= percent * calls + burst * 100);
                }
            }
        }
    }
}
