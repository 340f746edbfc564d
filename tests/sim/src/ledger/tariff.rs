//! What signals cost, twice: as the catalog that the core prices by, and as the figures that the auditor
//! does. There are two price lists, and the owner changes from one to the other when it pleases.

use edge_credits_core::catalog::{Catalog, Edit, Entry, Section, parse_entry};
use edge_credits_core::pricing::CachedTokens;
use edge_credits_core::usage::{Signal, SignalType};

use crate::random::Random;

/// The model, the credit type, and the outcome with its steps, of which the last is the last.
pub(super) const MODEL: &str = "m";
pub(super) const CREDIT_TYPE: &str = "gpu";
pub(super) const OUTCOME: &str = "report";
pub(super) const STEPS: [&str; 2] = ["read", "write"];

/// A price list in figures: 10^-9 USD, for a million tokens or as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Tariff {
    input: i128,
    output: i128,
    cache: i128,
    base: i128,
    /// Percent.
    margin: i128,
    per_credit: i128,
    pub(super) step: i128,
    pub(super) outcome: i128,
    /// What entries name it by.
    pub(super) version: String,
}

/// A price list.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    pub(super) catalog: Catalog,
    pub(super) tariff: Tariff,
}

/// What a signal comes to, before its run is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// In its unit.
    pub(super) amount: i128,
    /// To the owner and to the customer, in 10^-9 USD.
    pub(super) provided: i128,
    pub(super) customer: i128,
}

/// Half away from zero, of what is not below zero.
fn rounded(dividend: i128, divisor: i128) -> i128 {
    (2 * dividend + divisor) / (2 * divisor)
}

/// So many 10^-9 USD as decimal text.
fn usd(nano: i128) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

impl Tariff {
    fn random(random: &mut Random, charge: u64) -> Self {
        // A thousand tokens cost a part of any charge, and a credit about a million minor units.
        let mut price = || i128::from(random.span(1, (charge / 5).max(2))) * 1_000 + 7;
        let (input, output, cache, step, outcome) = (price(), price(), price(), price(), price());
        Self {
            input,
            output,
            cache,
            base: step / 3_000,
            margin: i128::from(random.range(0, 300)),
            per_credit: i128::from(random.span(300_000, 30_000_000)),
            step: step / 1_000,
            outcome: outcome / 1_000,
            version: String::new(),
        }
    }

    fn entries(&self) -> [Entry; 3] {
        let (input, output, cache) = (usd(self.input), usd(self.output), usd(self.cache));
        let model = format!(
            r#"{{"modelId":"{MODEL}","inputPrice":"{input}","outputPrice":"{output}","cachePrice":"{cache}"}}"#
        );
        let (base, per_credit) = (usd(self.base), usd(self.per_credit));
        let credit_type = format!(
            r#"{{"name":"GPU","agentKey":"{CREDIT_TYPE}","basePrice":"{base}","marginPercent":{},"pricePerCredit":"{per_credit}"}}"#,
            self.margin
        );
        let step = |key| {
            format!(r#"{{"name":"{key}","agentKey":"{key}","basePrice":"{}"}}"#, usd(self.step))
        };
        let steps = STEPS.map(step).join(",");
        let outcome = format!(
            r#"{{"name":"{OUTCOME}","pricePerOutcome":"{}","steps":[{steps}]}}"#,
            usd(self.outcome)
        );
        [
            (Section::Models, model),
            (Section::CreditTypes, credit_type),
            (Section::Outcomes, outcome),
        ]
        .map(|(section, body)| {
            parse_entry(section, &body).unwrap_or_else(|error| panic!("{body}: {error:?}"))
        })
    }

    /// The exact cost of tokens, in 10^-15 USD.
    fn exact(&self, signal: &Signal) -> i128 {
        let [input, output, cache] =
            [signal.tokens.input, signal.tokens.output, signal.tokens.cache].map(i128::from);
        let within = signal.cached == Some(CachedTokens::Inside);
        let input = if within { input - cache } else { input };
        input * self.input + output * self.output + cache * self.cache
    }

    pub(super) fn cost(&self, signal: &Signal) -> Cost {
        const PARTS: i128 = 1_000_000;
        let exact = self.exact(signal);
        match signal.kind {
            SignalType::Wallet => {
                let amount = rounded(exact, PARTS);
                Cost { amount, provided: amount, customer: amount }
            }
            SignalType::Credit => {
                // In hundredths of 10^-15 USD, for the percent.
                let price = self.base * PARTS * 100 + exact * (100 + self.margin);
                let amount = rounded(price, self.per_credit * 100);
                let customer = rounded(price, PARTS * 100);
                Cost { amount, provided: rounded(exact, PARTS), customer }
            }
            SignalType::Outcome => panic!("a run says what its steps cost"),
        }
    }

    /// What a step costs its owner, where a step's own price is this.
    pub(super) fn with_step(&self, signal: &Signal, step: i128) -> i128 {
        rounded(self.exact(signal) + step * 1_000_000, 1_000_000)
    }
}

/// The price lists of a seed, the second an edit of the first.
pub(super) fn price_lists(random: &mut Random, charge: u64) -> [Prices; 2] {
    let [mut first, mut second] = [(); 2].map(|()| Tariff::random(random, charge));
    let catalog = Catalog::of("2026-01-01", 0, first.entries());
    first.version = catalog.version();
    let edit = |catalog: Catalog, entry| catalog.edited(&Edit::Put(entry)).expect("an edit");
    let later = second.entries().into_iter().fold(catalog.clone(), edit);
    second.version = later.version();
    [Prices { catalog, tariff: first }, Prices { catalog: later, tariff: second }]
}
