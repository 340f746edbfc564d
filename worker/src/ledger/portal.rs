//! What the portal shows of one customer's ledger, read for the core to choose from.

use edge_credits_core::analytics::answers::Source as _;
use edge_credits_core::analytics::day::Day;
use edge_credits_core::ids::Owner;
use edge_credits_core::ledger::stored::SqlValue;
use edge_credits_core::ledger::{Entry, EntryKind};
use edge_credits_core::portal::view::{LINES_TO_READ, LOOK_BACK, NO_ACTIVITY, View};
use edge_credits_core::time::Timestamp;

use super::questions::Mine;
use super::{Fault, Ledger};
use crate::respond::Failure;
use crate::storage::Storage;
use crate::store::{self, StoreError};

impl<S: Storage> Ledger<S> {
    /// The portal's view at `now`.
    ///
    /// # Errors
    /// As for [`Ledger::perform`]; nothing is changed.
    pub(crate) fn portal(&self, owner: &Owner, now: Timestamp) -> Result<View, Failure> {
        self.with(owner, now, |loaded| {
            self.touch(loaded)?;
            let storage = loaded.has_tables.then_some(&self.storage);
            let newest = match storage {
                Some(storage) => newest(storage, &NO_ACTIVITY, (LINES_TO_READ, LOOK_BACK))?,
                None => Vec::new(),
            };
            let tail = self.tail(loaded, Day::of(now))?;
            let mine = Mine { storage, tail, balance: 0 };
            View::of(&loaded.account, now, &newest, |unit, window| {
                mine.days(unit, window).map_err(Fault::Store)
            })
        })
    }
}

/// The newest entries, of all units, that are of none of these kinds: at most `count` of the last
/// `look_back`.
///
/// # Errors
/// [`StoreError`].
fn newest(
    storage: &dyn Storage,
    without: &[EntryKind],
    (count, look_back): (u32, u64),
) -> Result<Vec<Entry>, StoreError> {
    let kinds: Vec<String> = without.iter().map(|kind| format!("'{}'", kind.as_str())).collect();
    let condition = format!(
        "WHERE kind NOT IN ({}) AND sequence > (SELECT max(sequence) FROM entries) - ? \
         ORDER BY sequence DESC LIMIT ?",
        kinds.join(", ")
    );
    let look_back = SqlValue::Integer(i64::try_from(look_back).unwrap_or(i64::MAX));
    store::entries(storage, &condition, &[look_back, SqlValue::Integer(count.into())])
}
