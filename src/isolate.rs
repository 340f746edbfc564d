//! What the calls of one isolate share, for each API and key: the retry budget, and what is known of
//! the customers for when the API is away.
//!
//! In stateless mode it is all that outlives a call. On the edge a client object often lives for one
//! request; a budget or a limit of its own would bound nothing. Plain data: nothing in it belongs to
//! a request.

use core::cell::RefCell;
use std::rc::Rc;

use edge_credits_core::client::budget::RetryBudget;
use edge_credits_core::client::degraded::Standing;
use edge_credits_core::config::ClientConfig;

/// APIs and keys that one isolate remembers. A deployment has one or two; beyond that the oldest
/// starts afresh.
const MAX_SHARED: usize = 16;

/// What is shared.
pub(crate) struct Shared {
    config: Rc<ClientConfig>,
    pub(crate) budget: RetryBudget,
    pub(crate) standing: Standing,
}

thread_local! {
    static SHARED: RefCell<Vec<Shared>> = const { RefCell::new(Vec::new()) };
}

/// Lends what clients of this configuration share to a step of the core. The step must not call back
/// here.
pub(crate) fn with_shared<T>(config: &Rc<ClientConfig>, step: impl FnOnce(&mut Shared) -> T) -> T {
    SHARED.with_borrow_mut(|all| step(find(all, config)))
}

#[inline(never)]
fn find<'a>(all: &'a mut Vec<Shared>, config: &Rc<ClientConfig>) -> &'a mut Shared {
    let at = match all.iter().position(|shared| shared.config.shares_with(config)) {
        Some(at) => at,
        None => {
            if all.len() >= MAX_SHARED {
                all.remove(0);
            }
            let budget = RetryBudget::new(config.retry_budget);
            all.push(Shared { config: Rc::clone(config), budget, standing: Standing::default() });
            all.len() - 1
        }
    };
    // It was found, or has been pushed.
    #[expect(clippy::indexing_slicing)]
    &mut all[at]
}
