//! A price list worked out by hand, and the laws that hold for any other.

use super::*;

fn price(text: &str) -> Price {
    Price::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn prices(input: &str, output: &str, cache: &str) -> Prices {
    Prices { input: price(input), output: price(output), cache: price(cache) }
}

fn terms(base: &str, margin: &str, per_credit: &str) -> CreditTerms {
    let margin = Margin::parse(margin).unwrap();
    CreditTerms { base_price: price(base), margin, price_per_credit: price(per_credit) }
}

fn tokens([input, output, cache]: [u64; 3]) -> Tokens {
    Tokens { input, output, cache }
}

fn usd(amount: Credits) -> String {
    use std::string::ToString as _;
    amount.decimal(Scale::USD).to_string()
}

use std::string::String;

/// Like a statement: prices per million, the counts, the cost in USD. Each worked out on paper; the
/// sum before the division stands behind it.
#[test]
fn costs_by_the_table() {
    use CachedTokens::{Beside, Inside};
    type Line = ([&'static str; 3], [u64; 3], CachedTokens, &'static str);
    let table: [Line; 17] = [
        // 1 200 × 0.59 = 708; 340 × 0.79 = 268.6; together 976.6 of a millionth.
        (["0.59", "0.79", "0.59"], [1_200, 340, 0], Beside, "0.0009766"),
        // 800 × 0.15 = 120; 5 000 × 0.60 = 3 000.
        (["0.15", "0.60", "0.075"], [800, 5_000, 0], Beside, "0.00312"),
        // One token of the cheapest kinds: nothing of it is lost.
        (["0.15", "0.60", "0.075"], [1, 0, 0], Beside, "0.00000015"),
        (["0.15", "0.60", "0.075"], [0, 0, 1], Beside, "0.000000075"),
        (["0.05", "0.08", "0.05"], [1, 1, 0], Beside, "0.00000013"),
        (["0.001", "0", "0"], [1, 0, 0], Beside, "0.000000001"),
        // Half of the last decimal goes up, less than half goes down, and only the sum is rounded.
        (["0.0005", "0", "0"], [1, 0, 0], Beside, "0.000000001"),
        (["0.0004", "0", "0"], [1, 0, 0], Beside, "0"),
        (["0.0004", "0.0004", "0.0004"], [1, 1, 1], Beside, "0.000000001"),
        (["0.0015", "0", "0"], [1, 0, 0], Beside, "0.000000002"),
        // 10 000 read, 8 000 of them from the cache, 500 written, at 2.50, 10 and 1.25. Inside:
        // 2 000 × 2.5 + 500 × 10 + 8 000 × 1.25 = 5 000 + 5 000 + 10 000.
        (["2.50", "10", "1.25"], [10_000, 500, 8_000], Inside, "0.02"),
        // The same call as a provider reports it that counts them beside.
        (["2.50", "10", "1.25"], [2_000, 500, 8_000], Beside, "0.02"),
        // Taken for beside by mistake it would be 25 000 + 5 000 + 10 000: twice as much.
        (["2.50", "10", "1.25"], [10_000, 500, 8_000], Beside, "0.04"),
        // Everything came from the cache. 4 096 × 0.3 = 1 228.8; 1 × 15 = 15.
        (["3", "15", "0.30"], [4_096, 1, 4_096], Inside, "0.0012438"),
        // A million of each: the price list itself.
        (["3", "15", "0.30"], [1_000_000, 1_000_000, 1_000_000], Beside, "18.3"),
        (["3", "15", "0.30"], [0, 0, 0], Beside, "0"),
        // A free model.
        (["0", "0", "0"], [123_456, 7_890, 42], Beside, "0"),
    ];
    for ([input, output, cache], counts, cached, expected) in table {
        let cost = prices(input, output, cache).cost(&tokens(counts), cached).unwrap();
        assert_eq!(usd(cost.usd().unwrap()), expected, "{counts:?} at {input}, {output}, {cache}");
    }
}

/// Base price, margin, price per credit; the model's cost in USD; what the customer pays in USD and
/// in credits.
#[test]
fn charges_by_the_table() {
    use std::string::ToString as _;
    let table = [
        // Cost is 0.0009766 (the first line above). 0.0009766 × 1.3 + 0.001 = 0.00226958.
        ("0.001", "30", "0.01", 976_600, "0.00226958", "0.226958"),
        // No margin, no base: what it costs, at a cent a credit.
        ("0", "0", "0.01", 3_120_000, "0.00312", "0.312"),
        // 0.02 × 3.5 = 0.07; at 0.002 a credit, 35 credits.
        ("0", "250", "0.002", 20_000_000, "0.07", "35"),
        // 0.02 × 1.125 = 0.0225; by 0.03 = 0.75.
        ("0", "12.5", "0.03", 20_000_000, "0.0225", "0.75"),
        // A third: 0.01 / 0.03 = 0.333…, cut at six decimals; two thirds go up.
        ("0.01", "0", "0.03", 0, "0.01", "0.333333"),
        ("0.02", "0", "0.03", 0, "0.02", "0.666667"),
        // Exactly half of a millionth of a credit: 0.0000005 at 1 USD a credit.
        ("0.0000005", "0", "1", 0, "0.0000005", "0.000001"),
        ("0.000000499", "0", "1", 0, "0.000000499", "0"),
        // The base price takes no margin: 0.5 + 0.1 × 2 = 0.7.
        ("0.5", "100", "0.1", 100_000_000, "0.7", "7"),
        // At -100 % the model is free and the base price stays; at -50 % it is half.
        ("0.5", "-100", "0.1", 100_000_000, "0.5", "5"),
        ("0", "-50", "0.1", 100_000_000, "0.05", "0.5"),
        // 0.000000001 × 1.5 = 0.0000000015: USD goes to …002, but credits at 10^-9 USD each are 1.5.
        ("0", "50", "0.000000001", 1, "0.000000002", "1.5"),
        ("0", "0", "0.01", 0, "0", "0"),
    ];
    for (base, margin, per_credit, nano, customer, credits) in table {
        let cost = Cost(i128::from(nano) * COST_PARTS);
        let charge = terms(base, margin, per_credit).charge(cost).unwrap();
        let used = charge.credits_used.decimal(Scale::CREDITS).to_string();
        let line = (usd(charge.customer_cost), used);
        assert_eq!(line, (customer.to_string(), credits.to_string()), "{base} {margin} {nano}");
    }
}

/// Rounding happens once: the cost of one token of 0.0004 USD per million is 4·10^-10 USD, which is
/// nothing in `usd`, and still four tenths of a credit of 10^-9 USD.
#[test]
fn what_usd_cannot_show_still_counts_in_credits() {
    let cost = prices("0.0004", "0", "0").cost(&tokens([1, 0, 0]), CachedTokens::Beside).unwrap();
    assert!(cost.usd().unwrap().is_zero());
    let charge = terms("0", "0", "0.000000001").charge(cost).unwrap();
    assert_eq!(charge.credits_used.minor_units(), 400_000);
}

#[test]
fn bounds_are_refused_and_never_wrap() {
    let top = tokens([MAX_TOKENS, MAX_TOKENS, MAX_TOKENS]);
    let dearest = prices("8000000", "8000000", "8000000");
    assert_eq!(dearest.cost(&top, CachedTokens::Beside), Err(PricingError::TooLarge));
    // 8 million USD are the most: 10^12 tokens at 8 USD per million, and one token more.
    let edge = prices("8", "8", "8");
    let at = |input| edge.cost(&tokens([input, 0, 0]), CachedTokens::Beside);
    assert_eq!(usd(at(1_000_000_000_000).unwrap().usd().unwrap()), "8000000");
    assert_eq!(at(1_000_000_000_001), Err(PricingError::TooLarge));
    let all = at(1_000_000_000_000).unwrap();
    assert_eq!(all.plus(price("0.000000001")), Err(PricingError::TooLarge));
    assert_eq!(terms("0", "1000000", "8000000").charge(all), Err(PricingError::TooLarge));
    // 8·10^15 credits are too many, though their USD are not.
    assert_eq!(terms("0", "0", "0.0000001").charge(all), Err(PricingError::TooLarge));
    assert_eq!(terms("1", "0", "0").charge(Cost::ZERO), Err(PricingError::FreeCredit));
    let few = tokens([10, 0, 11]);
    assert_eq!(edge.cost(&few, CachedTokens::Inside), Err(PricingError::CacheExceedsInput));
    assert!(edge.cost(&few, CachedTokens::Beside).is_ok());
}

#[test]
fn prices_and_margins_that_are_none() {
    let refused = [
        ("-0.1", PriceError::Negative),
        ("-0", PriceError::Amount(AmountError::NegativeZero)),
        ("", PriceError::Amount(AmountError::NotANumber)),
        ("NaN", PriceError::Amount(AmountError::NotANumber)),
        ("1,5", PriceError::Amount(AmountError::NotANumber)),
        ("0.0000000001", PriceError::Amount(AmountError::Precision)),
        ("8000001", PriceError::Amount(AmountError::TooLarge)),
    ];
    for (text, error) in refused {
        assert_eq!(Price::parse(text), Err(error), "{text:?}");
    }
    assert_eq!(Price::parse("2.5e-1").unwrap(), price("0.25"));
    assert_eq!(Margin::parse("-100.000001"), Err(PriceError::Negative));
    assert_eq!(Margin::parse("1000000.000001"), Err(PriceError::TooLarge));
    assert!(Margin::parse("-100").is_ok() && Margin::parse("1000000").is_ok());
}

proptest::proptest! {
    /// The cost of many calls is the cost of all their tokens: exact costs add up, whatever rounding
    /// the single amounts would need.
    #[test]
    fn exact_costs_add_up(
        figures in proptest::array::uniform3(0_i64..100_000_000_000),
        one in proptest::array::uniform3(0_u64..1_000_000),
        other in proptest::array::uniform3(0_u64..1_000_000),
    ) {
        let at = |nano| Price(Credits::from_minor_units(nano).unwrap());
        let [input, output, cache] = figures.map(at);
        let prices = Prices { input, output, cache };
        let both = tokens([one[0] + other[0], one[1] + other[1], one[2] + other[2]]);
        let cost = |counts: &Tokens| prices.cost(counts, CachedTokens::Beside).unwrap();
        proptest::prop_assert_eq!(
            cost(&tokens(one)).0 + cost(&tokens(other)).0,
            cost(&both).0
        );
    }

    /// The two conventions are two spellings of one call.
    #[test]
    fn inside_is_beside_with_the_cached_taken_off(
        input in 0_u64..1_000_000, output in 0_u64..1_000_000, cache in 0_u64..1_000_000,
    ) {
        let prices = prices("2.5", "10", "0.125");
        let inside = prices.cost(&tokens([input + cache, output, cache]), CachedTokens::Inside);
        let beside = prices.cost(&tokens([input, output, cache]), CachedTokens::Beside);
        proptest::prop_assert_eq!(inside, beside);
    }

    /// A rounded quotient is off by half at most, and an exact half goes away from zero.
    #[test]
    fn rounding_is_off_by_half_at_most(dividend in -1_000_000_i128..1_000_000, divisor in 1_i128..1_000) {
        let quotient = i128::from(rounded(dividend, divisor).unwrap().minor_units());
        let off = quotient * divisor - dividend;
        proptest::prop_assert!(off.abs() * 2 <= divisor);
        if off.abs() * 2 == divisor {
            proptest::prop_assert!(quotient.abs() * divisor > dividend.abs());
        }
    }

    /// More usage never costs less, in USD and in credits.
    #[test]
    fn charges_grow_with_usage(less in 0_u64..1_000_000_000, more in 0_u64..1_000_000_000) {
        let prices = prices("0.59", "0.79", "0.59");
        let terms = terms("0.001", "-99.5", "0.01");
        let charge = |output| {
            let cost = prices.cost(&tokens([0, output, 0]), CachedTokens::Beside).unwrap();
            terms.charge(cost).unwrap()
        };
        let (one, other) = (charge(less.min(more)), charge(less.max(more)));
        proptest::prop_assert!(one.credits_used <= other.credits_used);
        proptest::prop_assert!(one.customer_cost <= other.customer_cost);
    }
}
