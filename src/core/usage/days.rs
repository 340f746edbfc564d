//! Sums of signals per UTC day and type: what totals and revenue are read from.

use crate::analytics::day::Day;
use crate::credits::Credits;
use crate::pricing::Tokens;
use crate::usage::signal::SignalType;

/// Largest sum of a day: the largest whole number that JavaScript has for sure, through which SQL
/// numbers pass. In USD it is nine million a day and type. A sum that would be larger stays there: it
/// is a statistic, for which no signal is refused.
pub const MAX_SUM: u64 = (1 << 53) - 1;

/// The signals of one type on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaySums {
    /// The day, by ledger time.
    pub day: Day,
    /// The type.
    pub kind: SignalType,
    /// How many.
    pub signals: u64,
    /// Σ tokens read by models.
    pub input: u64,
    /// Σ tokens written.
    pub output: u64,
    /// Σ tokens from caches.
    pub cache: u64,
    /// Σ cost to the owner, in 10^-9 USD.
    pub provided_cost: u64,
    /// Σ price to the customer, in 10^-9 USD.
    pub customer_cost: u64,
}

impl DaySums {
    /// A day and type without signals.
    #[must_use]
    pub const fn none(day: Day, kind: SignalType) -> Self {
        Self {
            day,
            kind,
            signals: 0,
            input: 0,
            output: 0,
            cache: 0,
            provided_cost: 0,
            customer_cost: 0,
        }
    }

    /// The sums with one more signal, each at most [`MAX_SUM`].
    #[must_use]
    pub fn with(self, tokens: &Tokens, (provided, customer): (Credits, Credits)) -> Self {
        let sum = |one: u64, other: u64| one.saturating_add(other).min(MAX_SUM);
        // No cost is below zero.
        let cost = |one, other: Credits| sum(one, u64::try_from(other.minor_units()).unwrap_or(0));
        Self {
            signals: sum(self.signals, 1),
            input: sum(self.input, tokens.input),
            output: sum(self.output, tokens.output),
            cache: sum(self.cache, tokens.cache),
            provided_cost: cost(self.provided_cost, provided),
            customer_cost: cost(self.customer_cost, customer),
            ..self
        }
    }
}
