//! The retry budget: how many retries a client may add to its calls, so that an API that is down
//! is not also flooded.
//!
//! A token bucket in hundredths of a retry: a call earns `percent`, a retry costs a hundred, and no
//! more than `burst` retries are saved up. Over any span of calls,
//! retries ≤ percent/100 · calls + burst.

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
}

impl RetryBudget {
    /// A full bucket; without limits it never refuses.
    #[must_use]
    pub const fn new(limits: Option<BudgetLimits>) -> Self {
        let saved = match limits {
            Some(limits) => limits.burst.saturating_mul(RETRY),
            None => 0,
        };
        Self { limits, saved }
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
