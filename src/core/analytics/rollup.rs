//! Sums per day, kept so that a question reads days and never entries.
//!
//! The directory keeps them for an environment, and a ledger for its customer. Decides what lines are
//! added to which rows; how many actions one day tells apart, because an action is a caller's text and
//! may be another one each time.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use crate::analytics::day::Day;
use crate::analytics::tally::{Lines, Name, Tally};
use crate::ids::Unit;
use crate::ledger::EntryKind;

/// Most pairs of action and kind that a day of a unit tells apart: enough for any chart, and the
/// actions of 90 days are then below 20,000 rows. What comes beyond is counted under [`OTHER`].
pub const MAX_ACTIONS_A_DAY: usize = 200;

/// The action of what is not told apart.
pub const OTHER: &str = "(other)";

/// The actions that each (unit, day) has rows of, with their kinds: what a store looks up for
/// [`fold`].
pub type Known = BTreeMap<(Unit, Day), BTreeSet<(String, EntryKind)>>;

/// What a store must add to its rows; a row that is not there begins at zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    /// Sums of a unit and day.
    pub days: BTreeMap<(Unit, Day), Tally>,
    /// Sums of a unit, day, action and kind.
    pub actions: Lines,
}

/// The unit and day of each line: what [`Known`] must be looked up for.
#[must_use]
pub fn lookups(lines: &Lines) -> BTreeSet<(Unit, Day)> {
    let mut lookups = BTreeSet::new();
    for name in lines.keys() {
        lookups.insert((name.unit.clone(), name.day));
    }
    lookups
}

/// Works lines into rows.
#[must_use]
pub fn fold(lines: &Lines, mut known: Known) -> Rollup {
    let mut rollup = Rollup::default();
    for (name, tally) in lines {
        let day = rollup.days.entry((name.unit.clone(), name.day)).or_default();
        *day = day.plus(*tally);
        let told_apart = known.entry((name.unit.clone(), name.day)).or_default();
        let name = Name { action: admitted(told_apart, &name.action, name.kind), ..name.clone() };
        let action = rollup.actions.entry(name).or_default();
        *action = action.plus(*tally);
    }
    rollup
}

/// The action under which a line is counted.
fn admitted(
    told_apart: &mut BTreeSet<(String, EntryKind)>,
    action: &str,
    kind: EntryKind,
) -> String {
    let pair = (action.to_owned(), kind);
    if told_apart.contains(&pair) {
        return pair.0;
    }
    let count = told_apart.iter().filter(|(action, _)| action != OTHER).count();
    let action = if count < MAX_ACTIONS_A_DAY { pair.0 } else { OTHER.to_owned() };
    told_apart.insert((action.clone(), kind));
    action
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn name(action: &str, kind: EntryKind) -> Name {
        let day = Day::from_number(20_000).unwrap();
        Name { day, unit: Unit::credits(), action: action.to_owned(), kind }
    }

    #[test]
    fn lines_of_a_day_are_added_up() {
        let one = Tally { consumed: 5, transactions: 1, ..Tally::default() };
        let two = Tally { added: 7, transactions: 2, ..Tally::default() };
        let usage = name("chat", EntryKind::Consumption);
        let lines = Lines::from([(usage.clone(), one), (name("chat", EntryKind::Refund), two)]);
        let rollup = fold(&lines, Known::new());
        assert_eq!(rollup.actions, lines);
        assert_eq!(rollup.days[&(usage.unit, usage.day)], one.plus(two));
    }

    #[test]
    fn what_is_beyond_a_days_actions_is_counted_together() {
        let one = Tally { consumed: 1, transactions: 1, ..Tally::default() };
        let mut known = Known::new();
        let mut total = Rollup::default();
        for number in 0..MAX_ACTIONS_A_DAY + 50 {
            let action = name(&format!("action {number:04}"), EntryKind::Consumption);
            let rollup = fold(&Lines::from([(action.clone(), one)]), known.clone());
            for (name, tally) in rollup.actions {
                let pair = (name.action.clone(), name.kind);
                known.entry((name.unit.clone(), name.day)).or_default().insert(pair);
                let sum = total.actions.entry(name).or_default();
                *sum = sum.plus(tally);
            }
        }
        assert_eq!(total.actions.len(), MAX_ACTIONS_A_DAY + 1);
        assert_eq!(total.actions[&name(OTHER, EntryKind::Consumption)].consumed, 50);
        // One that has its row keeps it.
        let first = name("action 0000", EntryKind::Consumption);
        let rollup = fold(&Lines::from([(first.clone(), one)]), known);
        assert_eq!(rollup.actions.keys().next(), Some(&first));
    }
}
