//! Changes of holds that move no credits, asked of both sides.

use core::time::Duration;

use edge_credits_core::credits::Credits;
use edge_credits_core::ledger::{Adjust, Hold, adjust};
use edge_credits_core::time::Timestamp;
use proptest::test_runner::TestCaseError;

use super::met::{count, rejected};
use super::{Pair, Tally};
use crate::script::{How, Target};
use crate::shelf::Shelf;

/// What both sides tell of a hold.
pub(super) fn told(hold: &Hold) -> (u64, Option<i128>, i64) {
    let minor = |amount: Credits| i128::from(amount.minor_units());
    (hold.sequence, hold.progress.map(minor), hold.expires_at.as_millis())
}

impl<S: Shelf> Pair<S> {
    pub(super) fn adjust(
        &mut self,
        hold: &Target,
        how: &How,
        tally: &mut Tally,
    ) -> Result<(), TestCaseError> {
        let (id, placed) = self.target(hold);
        let change = match how {
            How::Extend(ttl) => Adjust::Extend { ttl: Duration::from_millis(*ttl) },
            How::Progress { unit, used } => {
                let (unit, used) = self.used(used, *unit, placed);
                Adjust::Progress { unit, used }
            }
        };
        self.log.push(format!("at {}: {change:?} of {id}", self.clock));
        let now = Timestamp::from_millis(self.clock);
        let stored = self.shelf.hold(&id);
        let made = adjust(&self.account, stored.as_ref(), now, (&id, &change));
        let written = self.reference.facts.0.len();
        let expected = self.reference.adjust(self.clock, &id, &change);
        match (made, expected) {
            (Ok(made), Ok((used, until))) => {
                let (_, told_used, told_until) = told(&made.hold);
                if (told_used, told_until) != (used, until) {
                    let told = format!("{:?}, not used {used:?} until {until}", made.hold);
                    return Err(TestCaseError::fail(format!("{told}\n{}", self.log.join("\n"))));
                }
                count(tally, if made.writes.is_empty() { "adjusted already" } else { "adjusted" });
                self.compare_written(&made.writes.entries, written, tally)?;
                self.shelf.keep(&made.writes, now);
                self.account.apply(&made.writes);
                Ok(())
            }
            (Err(rejection), Err(no)) => {
                count(tally, &rejected(&rejection));
                self.compare_refusals(&rejection, &no)
            }
            (made, expected) => {
                let outcome = format!("core {made:?}, reference {expected:?}");
                Err(TestCaseError::fail(format!("{outcome}\n{}", self.log.join("\n"))))
            }
        }
    }
}
