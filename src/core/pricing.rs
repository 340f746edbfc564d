//! What model usage costs: token counts and prices in, USD and credits out, in whole numbers.
//!
//! Decides the arithmetic and its one rounding. A price is USD per 1 000 000 tokens, so the cost of
//! a call is known exactly in units of 10^-15 USD ([`Cost`]), and stays exact through base price and
//! margin; it is rounded once, half away from zero, when it becomes an amount that a ledger moves.
//! Which model has which price is the [catalog](crate::catalog)'s business, and who pays is the
//! ledger's. Read [`Prices::cost`], then [`CreditTerms::charge`].

use crate::credits::{AmountError, Credits, Decimal, Scale};

/// Largest count of tokens of one kind: the largest whole number that JavaScript has for sure.
pub const MAX_TOKENS: u64 = (1 << 53) - 1;

/// Largest margin, in percent: ten thousand times the cost. Beyond it a decimal point has slipped.
pub const MAX_MARGIN_PERCENT: i64 = 1_000_000;

/// A [`Cost`] counts so many parts of the minor unit of `usd`: prices are per 1 000 000 tokens.
const COST_PARTS: i128 = 1_000_000;

/// A [`Rate`] has so many parts of a minor unit.
const RATE_PARTS: i128 = 1_000_000;

/// 100 % in the minor units of a [`Margin`], which has six decimals.
const WHOLE: i128 = 100_000_000;

/// Why a price or a margin is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceError {
    /// Not an amount of USD with at most nine decimals, or of percent with at most six.
    Amount(AmountError),
    /// Below zero (a margin: below -100 %, which would pay the customer).
    Negative,
    /// A margin beyond [`MAX_MARGIN_PERCENT`].
    TooLarge,
}

impl From<AmountError> for PriceError {
    fn from(error: AmountError) -> Self {
        Self::Amount(error)
    }
}

/// USD, not negative, with nine decimals: a price list's figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(Credits);

impl Price {
    /// For nothing.
    pub const ZERO: Self = Self(Credits::ZERO);

    /// Reads decimal text or a JSON number's text.
    ///
    /// # Errors
    /// [`PriceError`].
    ///
    /// ```
    /// use edge_credits_core::pricing::{Price, PriceError};
    /// assert_eq!(Price::parse("0.15").unwrap().nano_usd(), 150_000_000);
    /// assert_eq!(Price::parse("-1"), Err(PriceError::Negative));
    /// ```
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        Self::from_amount(Credits::from_number_text(text, Scale::USD)?).ok_or(PriceError::Negative)
    }

    /// An amount of `usd` as a price; `None` below zero.
    #[must_use]
    pub const fn from_amount(amount: Credits) -> Option<Self> {
        if amount.is_negative() { None } else { Some(Self(amount)) }
    }

    /// In 10^-9 USD.
    #[must_use]
    pub const fn nano_usd(self) -> i64 {
        self.0.minor_units()
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// As an amount of `usd`.
    #[must_use]
    pub const fn amount(self) -> Credits {
        self.0
    }

    /// As exact decimal text.
    #[must_use]
    pub const fn decimal(self) -> Decimal {
        self.0.decimal(Scale::USD)
    }
}

/// What is added to the cost, in percent with six decimals: from -100 (the model is free) up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Margin(Credits);

impl Margin {
    /// The customer pays what the model costs.
    pub const NONE: Self = Self(Credits::ZERO);

    /// Reads percent as decimal text or a JSON number's text.
    ///
    /// # Errors
    /// [`PriceError`].
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let percent = Credits::from_number_text(text, Scale::CREDITS)?;
        let whole = i64::try_from(WHOLE).unwrap_or(i64::MAX);
        if percent.minor_units() < -whole {
            return Err(PriceError::Negative);
        }
        if percent.minor_units() > MAX_MARGIN_PERCENT * 1_000_000 {
            return Err(PriceError::TooLarge);
        }
        Ok(Self(percent))
    }

    /// As exact decimal text, in percent.
    #[must_use]
    pub const fn decimal(self) -> Decimal {
        self.0.decimal(Scale::CREDITS)
    }
}

/// How many tokens a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Read by the model.
    pub input: u64,
    /// Written by it.
    pub output: u64,
    /// Read from the provider's prompt cache.
    pub cache: u64,
}

/// Where the tokens that came from the provider's cache are counted besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachedTokens {
    /// Beside the input, which does not contain them (Anthropic's `cache_read_input_tokens`).
    #[default]
    Beside,
    /// Inside of the input, of which they are a part (OpenAI's `cached_tokens`, Google's
    /// `cachedContentTokenCount`): they are taken off it before it is priced.
    Inside,
}

impl CachedTokens {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beside => "beside",
            Self::Inside => "inside",
        }
    }

    /// Reads [`CachedTokens::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Beside, Self::Inside].into_iter().find(|word| word.as_str() == text)
    }
}

/// Why usage has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PricingError {
    /// More tokens from the cache than input, which is said to contain them.
    CacheExceedsInput,
    /// Beyond the largest amount of `usd`, or of the credits.
    TooLarge,
    /// A credit costs nothing: no number of them is worth the usage.
    FreeCredit,
}

/// A model's prices, in USD per 1 000 000 tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of a token that the model reads.
    pub input: Price,
    /// Of one that it writes.
    pub output: Price,
    /// Of one that it reads from the provider's cache.
    pub cache: Price,
}

impl Prices {
    /// What these tokens cost: Σ tokens × price / 10^6, exactly.
    ///
    /// # Errors
    /// [`PricingError::CacheExceedsInput`]; [`PricingError::TooLarge`] beyond 8 million USD.
    pub fn cost(&self, tokens: &Tokens, cached: CachedTokens) -> Result<Cost, PricingError> {
        let input = match cached {
            CachedTokens::Beside => tokens.input,
            CachedTokens::Inside => {
                tokens.input.checked_sub(tokens.cache).ok_or(PricingError::CacheExceedsInput)?
            }
        };
        let kinds = [(input, self.input), (tokens.output, self.output), (tokens.cache, self.cache)];
        let mut sum = 0_i128;
        for (count, price) in kinds {
            let part = i128::from(count).checked_mul(i128::from(price.nano_usd()));
            sum = part.and_then(|part| sum.checked_add(part)).ok_or(PricingError::TooLarge)?;
        }
        Cost(sum).bounded()
    }
}

/// A cost in USD, exact: in 10^-15 USD, not negative, at most 8 million USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(i128);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The cost with a fixed price added.
    ///
    /// # Errors
    /// [`PricingError::TooLarge`] beyond 8 million USD.
    pub fn plus(self, price: Price) -> Result<Self, PricingError> {
        Self(self.0 + i128::from(price.nano_usd()) * COST_PARTS).bounded()
    }

    /// As an amount of `usd`, rounded to its nine decimals, half away from zero.
    ///
    /// # Errors
    /// [`PricingError::TooLarge`] beyond the largest amount.
    pub fn usd(self) -> Result<Credits, PricingError> {
        rounded(self.0, COST_PARTS)
    }

    fn bounded(self) -> Result<Self, PricingError> {
        self.usd().map(|_| self)
    }
}

/// What a credit type asks for usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditTerms {
    /// Of every signal, whatever it used.
    pub base_price: Price,
    /// On the model's cost, not on the base price.
    pub margin: Margin,
    /// What one credit is worth; not zero.
    pub price_per_credit: Price,
}

/// An amount with six more decimals than its scale has, so that what is summed from it is rounded once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Whole minor units.
    pub minor_units: i64,
    /// And millionths of one.
    pub millionths: i64,
}

/// What a customer pays for usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// In `usd`, for the books.
    pub customer_cost: Credits,
    /// In credits of the type, to be taken.
    pub credits_used: Credits,
}

impl CreditTerms {
    /// What 1 000 000 tokens of that price come to, the margin included, in credits of that scale.
    ///
    /// # Errors
    /// [`PricingError::TooLarge`], [`PricingError::FreeCredit`].
    pub fn rate(&self, price: Price, scale: Scale) -> Result<Rate, PricingError> {
        let margin = WHOLE + i128::from(self.margin.0.minor_units());
        self.fine(i128::from(price.nano_usd()) * margin, scale)
    }

    /// What the base price comes to, likewise.
    ///
    /// # Errors
    /// As [`CreditTerms::rate`].
    pub fn base(&self, scale: Scale) -> Result<Rate, PricingError> {
        self.fine(i128::from(self.base_price.nano_usd()) * WHOLE, scale)
    }

    /// 10^-17 USD in credits.
    fn fine(&self, exact: i128, scale: Scale) -> Result<Rate, PricingError> {
        // A millionth of a minor unit is 10^-6 of 10^-6 (or 10^-9); a credit's price is in 10^-9 USD.
        let factor = if scale == Scale::USD { 10_000_000 } else { 10_000 };
        let price = i128::from(self.price_per_credit.nano_usd());
        let fine = (exact * factor + price / 2).checked_div(price);
        let fine = fine.ok_or(PricingError::FreeCredit)?;
        let minor_units = i64::try_from(fine / RATE_PARTS).ok();
        let minor_units = minor_units.and_then(Credits::from_minor_units);
        let minor_units = minor_units.ok_or(PricingError::TooLarge)?.minor_units();
        let millionths = i64::try_from(fine % RATE_PARTS).map_err(|_| PricingError::TooLarge)?;
        Ok(Rate { minor_units, millionths })
    }

    /// The charge for a cost: `base price + cost × (1 + margin / 100)`, and that in credits. Each of
    /// the two is rounded once, from the exact figure: the credits do not follow the rounded USD.
    ///
    /// # Errors
    /// [`PricingError::TooLarge`], [`PricingError::FreeCredit`].
    ///
    /// ```
    /// use edge_credits_core::pricing::{CachedTokens, CreditTerms, Margin, Price, Prices, Tokens};
    /// let price = |text| Price::parse(text).unwrap();
    /// let prices = Prices { input: price("0.59"), output: price("0.79"), cache: price("0.59") };
    /// let terms = CreditTerms {
    ///     base_price: price("0.001"),
    ///     margin: Margin::parse("30").unwrap(),
    ///     price_per_credit: price("0.01"),
    /// };
    /// let tokens = Tokens { input: 1_200, output: 340, cache: 0 };
    /// let cost = prices.cost(&tokens, CachedTokens::Beside).unwrap();
    /// // 1 200 × 0.59 + 340 × 0.79 = 976.6 per million; × 1.3 + 0.001 = 0.00226958 USD.
    /// let charge = terms.charge(cost).unwrap();
    /// assert_eq!(charge.customer_cost.minor_units(), 2_269_580);
    /// assert_eq!(charge.credits_used.minor_units(), 226_958);
    /// ```
    pub fn charge(&self, cost: Cost) -> Result<Charge, PricingError> {
        if self.price_per_credit.is_zero() {
            return Err(PricingError::FreeCredit);
        }
        // In 10^-23 USD: the cost's parts of a minor unit, times the margin's of the whole.
        let base = i128::from(self.base_price.nano_usd()) * COST_PARTS * WHOLE;
        let margin = WHOLE + i128::from(self.margin.0.minor_units());
        let with_margin = cost.0.checked_mul(margin).ok_or(PricingError::TooLarge)?;
        let exact = base.checked_add(with_margin).ok_or(PricingError::TooLarge)?;
        // Minor units of credits are 10^-6, of a credit's price 10^-9 USD: 10^-23 / 10^-15 = 10^-8.
        let per_credit = i128::from(self.price_per_credit.nano_usd()) * WHOLE;
        Ok(Charge {
            customer_cost: rounded(exact, COST_PARTS * WHOLE)?,
            credits_used: rounded(exact, per_credit)?,
        })
    }
}

/// The quotient as an amount, rounded half away from zero. The divisor is positive.
fn rounded(dividend: i128, divisor: i128) -> Result<Credits, PricingError> {
    let quotient = dividend.checked_div(divisor).ok_or(PricingError::TooLarge)?;
    let rest = dividend.checked_rem(divisor).ok_or(PricingError::TooLarge)?;
    // A rest is smaller than its divisor, and a divisor here far smaller than half the range.
    let up = if rest.abs() * 2 >= divisor { dividend.signum() } else { 0 };
    let minor_units = i64::try_from(quotient + up).ok();
    minor_units.and_then(Credits::from_minor_units).ok_or(PricingError::TooLarge)
}

#[cfg(test)]
mod tests;
