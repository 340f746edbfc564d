//! The retry budgets of this isolate, one per API.
//!
//! In stateless mode they are all that outlives a call. On the edge a client object often lives for
//! one request; a budget of its own would bound nothing.

use core::cell::RefCell;

use edge_credits_core::client::budget::RetryBudget;
use edge_credits_core::config::{BudgetLimits, ClientConfig};

/// APIs and limits that one isolate keeps budgets for. A deployment has one or two; beyond that
/// the oldest starts afresh.
const MAX_BUDGETS: usize = 16;

struct Entry {
    base_url: String,
    limits: Option<BudgetLimits>,
    budget: RetryBudget,
}

thread_local! {
    static BUDGETS: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// Lends the budget of a configuration to a step of the core. The step must not call back here.
pub(crate) fn with_budget<T>(config: &ClientConfig, step: impl FnOnce(&mut RetryBudget) -> T) -> T {
    let same =
        |entry: &Entry| entry.base_url == config.base_url && entry.limits == config.retry_budget;
    BUDGETS.with_borrow_mut(|entries| {
        if let Some(entry) = entries.iter_mut().find(|entry| same(entry)) {
            return step(&mut entry.budget);
        }
        if entries.len() >= MAX_BUDGETS {
            entries.remove(0);
        }
        let mut budget = RetryBudget::new(config.retry_budget);
        let output = step(&mut budget);
        let base_url = config.base_url.clone();
        entries.push(Entry { base_url, limits: config.retry_budget, budget });
        output
    })
}
