//! The merge rule: what a balance that was read upstream means for what is available here.
//!
//! available = snapshot − every charge that the snapshot may not contain − open holds, of which no
//! snapshot knows. A charge is in the
//! snapshot for certain if it was acknowledged, and either its position upstream is not above the
//! snapshot's, or (where positions are not told) it was acknowledged before the read began, by the
//! counter of conversations. "The refreshed balance overwrites" and "refreshed less what is pending
//! now" both overdraw; the simulator keeps showing that.

use crate::cache::mutants::{self, Mutant};
use crate::cache::state::{Acknowledged, Snapshot, UnitState};

impl UnitState {
    /// Takes a reading over as the snapshot, unless it is older than the one there is. Returns
    /// whether it was taken.
    pub(super) fn merge(&mut self, reading: Snapshot) -> bool {
        if self.snapshot.as_ref().is_some_and(|known| !is_newer(&reading, known)) {
            return false;
        }
        let reading = mutants::overwrite(reading, self.owed, self.held);
        self.acknowledged.retain(|charge| !contains(&reading, charge));
        let name = self.snapshot.take().and_then(|known| known.credit_name);
        self.snapshot =
            Some(Snapshot { credit_name: reading.credit_name.clone().or(name), ..reading });
        true
    }

    /// Counts an acknowledged charge, unless the snapshot has it for certain.
    pub(super) fn acknowledge(&mut self, charge: Acknowledged) {
        if self.snapshot.as_ref().is_some_and(|snapshot| contains(snapshot, &charge)) {
            return;
        }
        // Without positions only the mark tells them apart, so that there are few sums at a time.
        let same = |other: &&mut Acknowledged| {
            other.mark == charge.mark && other.sequence.is_none() && charge.sequence.is_none()
        };
        if let Some(other) = self.acknowledged.iter_mut().find(same)
            && let Some(sum) = other.amount.checked_add(charge.amount)
        {
            other.amount = sum;
            return;
        }
        self.acknowledged.push(charge);
        self.crowd();
    }

    /// Keeps the list short: the two oldest of a kind become one, which counts as contained only
    /// when both are.
    fn crowd(&mut self) {
        if self.acknowledged.len() <= MAX_ACKNOWLEDGED {
            return;
        }
        let first = self.acknowledged.remove(0);
        let alike =
            |other: &&mut Acknowledged| other.sequence.is_some() == first.sequence.is_some();
        let next = self.acknowledged.iter_mut().find(alike);
        match next.and_then(|next| Some((next.amount.checked_add(first.amount)?, next))) {
            Some((amount, next)) => {
                *next = Acknowledged {
                    sequence: next.sequence.max(first.sequence),
                    mark: next.mark.max(first.mark),
                    amount,
                };
            }
            None => self.acknowledged.insert(0, first),
        }
    }
}

/// Most sums of acknowledged charges that are kept apart: they are stored with every charge.
const MAX_ACKNOWLEDGED: usize = 32;

/// Whether the snapshot contains an acknowledged charge for certain.
fn contains(snapshot: &Snapshot, charge: &Acknowledged) -> bool {
    match (snapshot.sequence, charge.sequence) {
        _ if mutants::is(Mutant::PendingNow) => true,
        (Some(reached), Some(position)) => position <= reached,
        _ if mutants::is(Mutant::WallClock) => charge.mark < mutants::millis(snapshot.as_of),
        _ => charge.mark < snapshot.read,
    }
}

/// Whether a reading is newer than the snapshot. Conversations follow one another, so a later one
/// that shows an earlier position was answered by a replica that lags: it is not taken. (No clock can
/// tell that from an upstream that was restored: one that has stepped would say so too soon.)
fn is_newer(reading: &Snapshot, known: &Snapshot) -> bool {
    match (reading.sequence, known.sequence) {
        _ if mutants::is(Mutant::OutOfOrder) => true,
        (Some(new), Some(old)) if new != old => new > old,
        _ => reading.read >= known.read,
    }
}
