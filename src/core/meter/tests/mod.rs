//! The meter by tables that can be checked by hand, and by laws that hold for any call.

mod counting;
mod courses;
mod listed;

use crate::client::arguments::RawAmount;
use crate::credits::Credits;
use crate::meter::{AMOUNTS, Meter};

fn micro(minor_units: i64) -> Credits {
    Credits::from_minor_units(minor_units).unwrap()
}

/// A meter by the amounts that are named, and what is to be held.
fn opened(amounts: &[(&str, &str)], call: [i64; 4]) -> (Meter, Option<Credits>) {
    let mut amount = |index: usize| {
        let (_, text) = amounts.iter().find(|(name, _)| *name == AMOUNTS[index])?;
        Some(RawAmount { kind: "string".into(), text: (*text).into() })
    };
    Meter::open(None, None, &mut amount, call).ok().unwrap()
}

/// A meter with a hold of one credit.
fn priced(prices: [&str; 5]) -> Meter {
    let named = AMOUNTS.iter().copied().zip(prices).filter(|(_, price)| !price.is_empty());
    let mut amounts: std::vec::Vec<_> = named.collect();
    amounts.push(("hold", "1"));
    opened(&amounts, [0, -1, 0, 0]).0
}
