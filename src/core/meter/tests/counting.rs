//! Counts, prices and sizes.

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::{micro, opened, priced};
use crate::credits::{Credits, MAX_MINOR_UNITS};
use crate::meter::{ABSENT, MAX_TOKENS, Meter, PRESUMED_OUTPUT, Report};

const NO: i64 = ABSENT;

/// What providers report (input, cache read, cache write, output, reasoning, total, cache beside,
/// reasoning beside), bytes seen since, and what it comes to with an input of 7 that is presumed.
#[test]
fn every_token_counts_once_however_it_is_told() {
    let table: [(&str, Report, [i64; 2], [i64; 5]); 11] = [
        (
            "OpenAI: cached is part of the prompt, reasoning of the completion",
            [1000, 600, NO, 300, 200, 1300, 0, 0],
            [0, 0],
            [400, 600, 0, 100, 200],
        ),
        (
            "Anthropic: the cache is beside the input",
            [25, 1000, 50, 15, NO, NO, 1, 0],
            [0, 0],
            [25, 1000, 50, 15, 0],
        ),
        (
            "Google: cached is within, thoughts are beside",
            [100, 40, NO, 30, 70, 200, 0, 1],
            [0, 0],
            [60, 40, 0, 30, 70],
        ),
        (
            "compatible: what the total has beyond its parts was put out too",
            [10, NO, NO, 5, NO, 100, 0, 0],
            [0, 0],
            [10, 0, 0, 90, 0],
        ),
        ("embeddings: there is no output", [8, NO, NO, NO, NO, 8, 0, 0], [0, 0], [8, 0, 0, 0, 0]),
        (
            "text since the last report is estimated on top of it",
            [25, NO, NO, 1, NO, NO, 1, 0],
            [41, 3],
            [25, 0, 0, 12, 1],
        ),
        (
            "nothing told: the input that was presumed, and the text",
            [NO; 8],
            [9, 0],
            [7, 0, 0, 3, 0],
        ),
        ("nothing told, nothing seen: it was called", [NO; 8], [0, 0], [7, 0, 0, 1, 0]),
        (
            "more cached than there was input: no count goes below zero",
            [10, 90, NO, 0, NO, NO, 0, 0],
            [0, 0],
            [0, 90, 0, 0, 0],
        ),
        (
            "more reasoning than there was output",
            [1, NO, NO, 3, 9, NO, 0, 0],
            [0, 0],
            [1, 0, 0, 0, 9],
        ),
        (
            "a total that is less than its parts says nothing",
            [10, NO, NO, 5, NO, 3, 0, 0],
            [0, 0],
            [10, 0, 0, 5, 0],
        ),
    ];
    for (name, report, [output, reasoning], expected) in table {
        let amounts = [("price.input", "1"), ("price.output", "1"), ("hold", "1")];
        let (mut meter, _) = opened(&amounts, [7, NO, 0, 0]);
        meter.report(&report);
        meter.see(output, reasoning);
        assert_eq!(meter.tokens(), expected, "{name}");
        assert_eq!(meter.is_estimated(), report[0] < 0 || output + reasoning > 0, "{name}");
    }
}

#[test]
fn a_later_report_replaces_what_it_has() {
    let mut meter = priced(["1", "", "", "1", ""]);
    meter.report(&[25, 100, NO, 1, NO, NO, 1, 0]);
    meter.see(400, 400);
    meter.report(&[NO, NO, NO, 40, NO, NO, 0, 0]);
    assert_eq!(meter.tokens(), [25, 100, 0, 40, 0], "the cache stays beside, the text is counted");
    meter.report(&[NO, NO, NO, 15, NO, NO, 0, 0]);
    assert_eq!(meter.tokens()[3], 15, "also where it is less");
    meter.report(&[i64::MAX, NO, NO, NO, NO, NO, 1, 0]);
    assert_eq!(meter.tokens()[0], MAX_TOKENS);
    meter.see(i64::MAX, 0);
    assert_eq!(meter.tokens()[3], MAX_TOKENS + 15);
}

/// Prices of a million tokens, tokens, and micro-credits worked out by hand.
#[test]
fn a_call_is_rounded_once() {
    let meter = priced(["3", "0.3", "3.75", "15", ""]);
    let table = [
        ([0, 0, 0, 0, 0], 0),
        ([1, 0, 0, 0, 0], 3),
        // 0.3 micro-credits; one of each kind of cache is 4.05.
        ([0, 1, 0, 0, 0], 0),
        ([0, 1, 1, 0, 0], 4),
        // 0.6 rounds up.
        ([0, 2, 0, 0, 0], 1),
        ([1000, 10_000, 400, 200, 300], 3000 + 3000 + 1500 + 3000 + 4500),
    ];
    for (tokens, expected) in table {
        assert_eq!(meter.cost(&tokens), micro(expected), "{tokens:?}");
    }
    // Half a micro-credit rounds up.
    assert_eq!(priced(["0.5", "", "", "0", ""]).cost(&[1, 0, 0, 0, 0]), micro(1));
    // What is not priced is priced as input, or as output.
    assert_eq!(priced(["1", "", "", "7", ""]).cost(&[0, 1, 1, 0, 1]), micro(9));
    let dear = priced(["8000000000", "", "", "0", ""]);
    assert_eq!(dear.cost(&[MAX_TOKENS, MAX_TOKENS, MAX_TOKENS, 0, 0]), Credits::MAX);
}

#[test]
fn what_is_held_first() {
    let held = |named: &[(&str, &str)], call| {
        let prices = ["2", "1", "4", "10", "20"].into_iter().zip([
            "input",
            "cacheRead",
            "cacheWrite",
            "output",
            "reasoning",
        ]);
        let prices: Vec<_> =
            prices.map(|(price, kind)| (std::format!("price.{kind}"), price)).collect();
        let mut amounts: Vec<_> =
            prices.iter().map(|(name, price)| (name.as_str(), *price)).collect();
        amounts.extend_from_slice(named);
        opened(&amounts, call).1.map(Credits::minor_units)
    };
    // 1,000 at 4 and 500 at 20 for a million.
    let worst = 4000 + 10_000;
    let presumed = 4000 + 20 * PRESUMED_OUTPUT;
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], [i64; 4], Option<i64>);
    let table: [Row<'_>; 11] = [
        ("the worst case, at the dearest kind", &[], [1000, 500, 0, 0], Some(worst)),
        ("with an output that is presumed", &[], [1000, NO, 0, 0], Some(presumed)),
        ("no more than the cap", &[("hold.cap", "0.000007")], [1000, 500, 0, 0], Some(7)),
        ("half as much again as the dearest of three", &[], [1000, 500, 3, 4000], Some(6000)),
        ("two are not enough", &[], [1000, 500, 2, 4000], Some(worst)),
        ("not more than the worst case", &[], [1000, 500, 3, 1_000_000], Some(worst)),
        ("which nobody knows here", &[], [1000, NO, 3, 1_000_000], Some(1_500_000)),
        ("what was asked for", &[("hold.amount", "5")], [1000, 500, 9, 7], Some(5_000_000)),
        (
            "and no more than the cap of it",
            &[("hold.amount", "5"), ("hold.cap", "2")],
            [1000, 500, 9, 7],
            Some(2_000_000),
        ),
        ("never nothing", &[], [0, 0, 0, 0], Some(1)),
        ("what is held already", &[("hold", "3")], [1000, 500, 0, 0], None),
    ];
    for (name, amounts, call, expected) in table {
        assert_eq!(held(amounts, call), expected, "{name}");
    }
}

#[test]
fn options_that_make_no_meter() {
    let refused = |amounts: &[(&str, &str)]| {
        let mut amount = |index: usize| {
            let (_, text) =
                amounts.iter().find(|(name, _)| *name == crate::meter::AMOUNTS[index])?;
            Some(crate::client::arguments::RawAmount {
                kind: "string".into(),
                text: (*text).into(),
            })
        };
        let error = Meter::open(None, None, &mut amount, [0; 4]).err().unwrap();
        error.to_json()
    };
    let price = [("price.input", "1"), ("price.output", "1")];
    for (amounts, name) in [
        (&price[..1], "price"),
        (&[price[0], ("price.output", "-1")], "price.output"),
        (&[price[0], ("price.output", "1e3")], "price.output"),
        (&[price[0], price[1], ("hold.cap", "0")], "hold.cap"),
        (&[price[0], price[1], ("progressEvery", "0")], "progressEvery"),
    ] {
        let json = refused(amounts);
        assert!(json.contains(&std::format!(r#""param":"{name}""#)), "{json}");
        assert!(json.contains(r#""not_applied""#), "{json}");
    }
}

fn rates() -> impl Strategy<Value = [i64; 5]> {
    proptest::array::uniform5(0..=MAX_MINOR_UNITS)
}

proptest! {
    /// The cost is the exact sum, rounded: by arithmetic of 128 bits.
    #[test]
    fn cost_is_exact(rates in rates(), tokens in proptest::array::uniform5(0..=MAX_TOKENS)) {
        let texts = rates.map(|rate| {
            micro(rate).decimal(crate::credits::Scale::CREDITS).to_string()
        });
        let [input, cache_read, cache_write, output, reasoning] = &texts;
        let cost = priced([input, cache_read, cache_write, output, reasoning]).cost(&tokens);
        let products = rates.iter().zip(tokens).map(|(a, b)| i128::from(*a) * i128::from(b));
        let expected = ((products.sum::<i128>() + 500_000) / 1_000_000).min(i128::from(MAX_MINOR_UNITS));
        prop_assert_eq!(i128::from(cost.minor_units()), expected);
    }

    /// No report, however odd, makes a token count twice, be lost, or overflow.
    #[test]
    fn counts_add_up(
        counts in proptest::array::uniform6(prop_oneof![Just(NO), 0..MAX_TOKENS]),
        flags in (0..=1_i64, 0..=1_i64),
        seen in (0..MAX_TOKENS, 0..MAX_TOKENS),
    ) {
        let [input, cache_read, cache_write, output, reasoning, total] = counts;
        let mut meter = priced(["1", "", "", "1", ""]);
        meter.report(&[input, cache_read, cache_write, output, reasoning, total, flags.0, flags.1]);
        meter.see(seen.0, seen.1);
        let tokens = meter.tokens();
        prop_assert!(tokens.iter().all(|count| *count >= 0));
        let sum: i64 = tokens.iter().sum();
        let told: i64 = counts.iter().map(|count| (*count).max(0)).sum();
        prop_assert!(sum <= told + (seen.0 + seen.1) / 4 + 3);
        prop_assert!(sum >= input.max(output) + (seen.0 + seen.1) / 4);
        prop_assert!(meter.used() <= Credits::MAX);
    }
}
