//! What the calls of one isolate share, for each API and key: the retry budget, and what is known of
//! the customers for when the API is away.
//!
//! In stateless mode it is all that outlives a call. On the edge a client object often lives for one
//! request; a budget or a limit of its own would bound nothing. Plain data: nothing in it belongs to
//! a request. Charges that wait and limits that have been drawn on are never forgotten: where there is
//! no room, newcomers share one budget and nothing is accepted for them.

use core::cell::RefCell;
use std::rc::Rc;

use edge_credits_core::client::budget::RetryBudget;
use edge_credits_core::client::degraded::Standing;
use edge_credits_core::config::ClientConfig;

/// APIs and keys that one isolate remembers: a deployment has one or two, the tests of one have one for
/// each ledger. A few hundred bytes each while nothing waits.
const MAX_SHARED: usize = 64;

/// What is shared.
pub(crate) struct Shared {
    config: Rc<ClientConfig>,
    pub(crate) budget: RetryBudget,
    pub(crate) standing: Standing,
}

/// All that is shared.
#[derive(Default)]
struct Isolate {
    /// Used last, last.
    known: Vec<Shared>,
    /// For whom there is no room.
    others: Option<Shared>,
}

thread_local! {
    static ISOLATE: RefCell<Isolate> = RefCell::default();
}

/// Lends what clients of this configuration share to a step of the core. The step must not call back
/// here.
pub(crate) fn with_shared<T>(config: &Rc<ClientConfig>, step: impl FnOnce(&mut Shared) -> T) -> T {
    ISOLATE.with_borrow_mut(|isolate| step(isolate.find(config)))
}

impl Shared {
    fn new(config: &Rc<ClientConfig>, standing: Standing) -> Self {
        let budget = RetryBudget::new(config.retry_budget);
        Self { config: Rc::clone(config), budget, standing }
    }
}

impl Isolate {
    #[inline(never)]
    fn find(&mut self, config: &Rc<ClientConfig>) -> &mut Shared {
        let known = self.known.iter().rposition(|shared| shared.config.shares_with(config));
        let found = match known {
            Some(at) => self.known.remove(at),
            None if self.has_room() => Shared::new(config, Standing::default()),
            None => {
                let others = self.others.take();
                let same =
                    others.filter(|others| others.config.retry_budget == config.retry_budget);
                let others = same.unwrap_or_else(|| Shared::new(config, Standing::closed()));
                return self.others.insert(others);
            }
        };
        self.known.push(found);
        let last = self.known.len() - 1;
        // It has just been pushed.
        #[expect(clippy::indexing_slicing)]
        &mut self.known[last]
    }

    /// Whether there is room for another; of those with nothing to keep, the one is forgotten for it
    /// that was used longest ago.
    fn has_room(&mut self) -> bool {
        if self.known.len() >= MAX_SHARED
            && let Some(idle) = self.known.iter().position(|shared| shared.standing.is_idle())
        {
            self.known.remove(idle);
        }
        self.known.len() < MAX_SHARED
    }
}
