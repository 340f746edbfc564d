//! The customers who fit several beginnings at once, newest first.
//!
//! The index gives, for one beginning, the newest customer up to a place. Asking the beginnings in turn,
//! each from where the last one stands, skips whatever some beginning does not have: the cost follows the
//! rarest of them and not the most common. A search that has looked long enough stops where it is,
//! and the list goes on from there: a page is then shorter than it might be, and never late.

use alloc::string::String;

/// Most look-ups of one page: some milliseconds.
pub const MAX_SEEKS: u32 = 1_000;

/// Where a search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The newest customer that fits all.
    At(u64),
    /// None does.
    Nothing,
    /// Too long for one page: it goes on below this place.
    Later(u64),
}

/// Finds the newest customer below `before` that all of `lookups` have. `seek` tells the newest
/// customer who has a beginning, below a place; `budget` is used up by one for each.
///
/// # Errors
/// Those of `seek`.
pub fn newest<E>(
    lookups: &[String],
    before: u64,
    budget: &mut u32,
    mut seek: impl FnMut(&str, u64) -> Result<Option<u64>, E>,
) -> Result<Found, E> {
    let mut below = before;
    let (mut agreed, mut candidate) = (0, None);
    for lookup in lookups.iter().cycle() {
        if agreed == lookups.len() {
            break;
        }
        let Some(left) = budget.checked_sub(1) else { return Ok(Found::Later(below)) };
        *budget = left;
        let Some(found) = seek(lookup, below)? else { return Ok(Found::Nothing) };
        if candidate == Some(found) {
            agreed += 1;
        } else {
            (agreed, candidate) = (1, Some(found));
        }
        // The next one may have this very customer.
        below = found + 1;
    }
    Ok(candidate.map_or(Found::Nothing, Found::At))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned as _;
    use alloc::collections::BTreeSet;
    use alloc::string::ToString as _;
    use alloc::vec::Vec;
    use core::convert::Infallible;

    fn all(lists: &[BTreeSet<u64>], budget: u32) -> (Vec<u64>, u32) {
        let names: Vec<String> = (0..lists.len()).map(|index| index.to_string()).collect();
        let (mut found, mut below, mut pages) = (Vec::new(), u64::MAX, 1);
        let mut left = budget;
        loop {
            let step = newest(&names, below, &mut left, |name, below| {
                let list = &lists[name.parse::<usize>().unwrap()];
                Ok::<_, Infallible>(list.range(..below).next_back().copied())
            });
            match step.unwrap() {
                Found::At(place) => {
                    found.push(place);
                    below = place;
                }
                Found::Nothing => return (found, pages),
                Found::Later(place) => {
                    assert!(place <= below);
                    (below, left, pages) = (place, budget, pages + 1);
                }
            }
        }
    }

    #[test]
    fn a_rare_word_beside_a_common_one_is_cheap() {
        let common: BTreeSet<u64> = (1..10_000).collect();
        let rare = BTreeSet::from([17, 4_000, 9_000]);
        let (found, pages) = all(&[common, rare], 20);
        assert_eq!((found, pages), (Vec::from([9_000, 4_000, 17]), 1));
    }

    #[test]
    fn nothing_is_looked_up_for_nobody() {
        let mut budget = 9;
        let none = newest(&[], 5, &mut budget, |_, _| Ok::<_, Infallible>(Some(1)));
        assert_eq!((none.unwrap(), budget), (Found::Nothing, 9));
        let names = ["a".to_owned()];
        let later = newest(&names, 5, &mut 0, |_, _| Ok::<_, Infallible>(Some(1)));
        assert_eq!(later.unwrap(), Found::Later(5));
    }

    proptest::proptest! {
        /// Whatever the budget, the pages together are the intersection, each customer once.
        #[test]
        fn pages_are_the_intersection(
            lists in proptest::collection::vec(proptest::collection::btree_set(1_u64..60, 0..50), 1..4),
            budget in 4_u32..30,
        ) {
            let expected: Vec<u64> = (1..60)
                .rev()
                .filter(|place| lists.iter().all(|list| list.contains(place)))
                .collect();
            proptest::prop_assert_eq!(all(&lists, budget).0, expected);
        }
    }
}
