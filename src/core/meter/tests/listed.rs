//! Calls that are priced by a model of a list: the same as its quote.

use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::micro;
use crate::client::quote::{quote, rates};
use crate::meter::{KINDS, Meter, Rates};
use crate::pricing::Rate;
use crate::wire::reading::RawObject;

fn listed(asked: &str, models: Option<&[&str]>, unit: Option<&str>) -> Result<Rates, String> {
    let models: Option<Vec<RawObject<'_>>> =
        models.map(|models| models.iter().map(|text| RawObject::read(text).unwrap()).collect());
    rates(&RawObject::read(asked).unwrap(), models.as_deref(), unit).map_err(|error| error.code)
}

fn meter(asked: &str, unit: Option<&str>) -> Meter {
    let rates = listed(asked, None, unit).unwrap();
    Meter::open(unit, Some(rates), &mut |_| None, [0, -1, 0, 0]).ok().unwrap().0
}

/// Input, cache read, cache write, output, reasoning; and minor units of the unit.
#[test]
fn the_price_table_by_hand() {
    let table: [(&str, Option<&str>, [i64; KINDS], i64); 8] = [
        // 2.5, 10 and 1.25 USD, half as much again, at a cent: 375, 1 500 and 187.5 credits for a million;
        // 0.75 + 1.5 + 0.75, and a tenth of a credit for the call.
        (
            r#"{"model":"gpt-4o","pricePerCredit":"0.01","marginPercent":50,"basePrice":0.001}"#,
            None,
            [2000, 8000, 0, 400, 100],
            3_100_000,
        ),
        (
            r#"{"model":"GPT-4o","pricePerCredit":0.01,"basePrice":0.001}"#,
            None,
            [0; KINDS],
            100_000,
        ),
        // 3, 15 and 0.3 at 0.007: what is put into the cache is priced as input. 7 000 000 · 3 / 7 000.
        (
            r#"{"model":"claude-sonnet-4-5","pricePerCredit":0.007}"#,
            None,
            [4_000_000, 0, 3_000_000, 0, 0],
            3_000_000_000,
        ),
        // 7 000 · 0.3 / 7 000 = 0.3; 70 · 15 / 7 000 = 0.15.
        (
            r#"{"model":"claude-sonnet-4-5","pricePerCredit":0.007}"#,
            None,
            [0, 7000, 0, 70, 0],
            450_000,
        ),
        // One token of 0.05 USD a million, at a dollar: five hundredths of a micro-credit, and ten: half.
        (r#"{"model":"gpt-5-nano","pricePerCredit":1}"#, None, [9, 0, 0, 0, 0], 0),
        (r#"{"model":"gpt-5-nano","pricePerCredit":1}"#, None, [10, 0, 0, 0, 0], 1),
        // A model that is given away.
        (
            r#"{"model":"gpt-4o","pricePerCredit":1,"marginPercent":-100}"#,
            None,
            [1_000_000, 0, 0, 1_000_000, 0],
            0,
        ),
        // The wallet is USD, nine decimals: 2 000 · 2.5 + 500 · 10.
        (r#"{"model":"gpt-4o"}"#, Some("usd"), [2000, 0, 0, 500, 0], 10_000_000),
    ];
    for (asked, unit, tokens, cost) in table {
        assert_eq!(meter(asked, unit).cost(&tokens).minor_units(), cost, "{asked}");
    }
}

#[test]
fn what_is_held_and_told_goes_by_the_list() {
    let asked = r#"{"model":"gpt-4o","pricePerCredit":"0.01","basePrice":"0.5"}"#;
    let rates = listed(asked, None, None).unwrap();
    let (mut meter, held) =
        Meter::open(None, Some(rates), &mut |_| None, [1000, 500, 0, 0]).ok().unwrap();
    // 250 and 1 000 credits for a million: 0.25 + 0.5, and 50 for the call.
    assert_eq!(held, Some(micro(50_750_000)));
    meter.report(&[1000, -1, -1, 500, -1, -1, 0, 0]);
    assert_eq!(meter.used(), micro(50_750_000), "no more than is held");
}

#[test]
fn what_has_no_price_is_refused() {
    let own = r#"{"modelId":"mine","inputPrice":1,"outputPrice":2}"#;
    let asked = r#"{"model":"mine","pricePerCredit":1}"#;
    let rate = |minor_units| Rate { minor_units, millionths: 0 };
    let by_own = listed(asked, Some(&[own]), None).unwrap();
    assert_eq!(by_own.kinds, [1, 1, 1, 2, 2].map(|credits| rate(credits * 1_000_000)));
    for (asked, models, code) in [
        (asked, None, "unknown_model"),
        (r#"{"model":"gpt-4o","pricePerCredit":1}"#, Some(&[own][..]), "unknown_model"),
        (r#"{"model":"gpt-4o"}"#, None, "invalid_request"),
        (r#"{"pricePerCredit":1}"#, None, "invalid_request"),
        (r#"{"model":"gpt-4o","pricePerCredit":0}"#, None, "invalid_request"),
        (
            r#"{"model":"gpt-4o","pricePerCredit":"0.000000001","basePrice":8}"#,
            None,
            "invalid_request",
        ),
        (r#"{"model":"gpt-4o","pricePerCredit":-1}"#, None, "invalid_amount"),
    ] {
        assert_eq!(listed(asked, models, None).err().as_deref(), Some(code), "{asked}");
    }
}

proptest! {
    /// A call that uses what its quote supposed costs what that said; where a credit is worth no round
    /// number of USD, the last decimal may differ.
    #[test]
    fn a_call_costs_its_quote(
        input in 0..10_000_000_i64,
        output in 0..1_000_000_i64,
        worth in prop_oneof![Just("0.01"), Just("0.0005"), Just("1"), Just("0.007"), Just("0.03")],
        margin in -100..1000_i64,
        base in 0..100_i64,
    ) {
        let terms = std::format!(
            r#""model":"claude-sonnet-4-5","pricePerCredit":{worth},"marginPercent":"{margin}.5","basePrice":"0.{base}""#
        );
        prop_assume!(margin >= -99);
        let asked = std::format!(r#"{{{terms},"inputTokens":{input},"maxOutputTokens":{output}}}"#);
        let told = quote::<RawObject<'_>>(&RawObject::read(&asked).unwrap(), None).ok().unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let used = meter(&std::format!("{{{terms}}}"), None).cost(&[input, 0, 0, output, 0]);
        let high = crate::credits::Credits::from_number_text(
            &told["high"].to_string(),
            crate::credits::Scale::CREDITS,
        );
        let off = used.minor_units() - high.unwrap().minor_units();
        let allowed = i64::from(["0.007", "0.03"].contains(&worth));
        prop_assert!(off.abs() <= allowed, "{off}");
    }
}
