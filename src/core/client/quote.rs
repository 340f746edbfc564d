//! What a model call will cost, before it is made: from a price list, without asking anybody.
//!
//! Decides the two ends between which the credits will be: the low one if the model writes nothing, the
//! high one if it writes as much as it may. Prices come from the caller's own list, or else from the
//! [public one](crate::catalog::seed). What is charged in the end is the server's to say, by its catalog.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use crate::catalog::seed;
use crate::client::checks;
use crate::client::error::ClientError;
use crate::credits::{AmountError, Credits, Scale};
use crate::meter::Rates;
use crate::pricing::{
    CachedTokens, Charge, CreditTerms, MAX_TOKENS, Margin, Price, PriceError, Prices, PricingError,
    Tokens,
};
use crate::wire::members::Members;
use crate::wire::reading::JsonObject;

type Checked<T> = Result<T, Box<ClientError>>;

/// Answers a quote: `{"model", "low", "high", …}` as JSON text. `models` is the caller's list, which
/// then is the only one.
///
/// # Errors
/// `invalid_request`, `invalid_amount` naming the option; `unknown_model`.
pub fn quote<J: JsonObject>(asked: &J, models: Option<&[J]>) -> Checked<String> {
    let found = find(asked, models)?;
    let cached = match text(asked, "cachedTokens")? {
        None => found.cached,
        Some(word) => CachedTokens::parse(&word)
            .ok_or_else(|| refused("cachedTokens", "is neither \"beside\" nor \"inside\""))?,
    };
    let terms = terms(asked, None)?;
    let input = count(asked, "inputTokens")?.unwrap_or_default();
    let most = count(asked, "maxOutputTokens")?
        .ok_or_else(|| refused("maxOutputTokens", "is missing: how much the model may write"))?;
    let cache = count(asked, "cacheTokens")?.unwrap_or_default();
    let charge = |output| -> Checked<Charge> {
        let cost = found.prices.cost(&Tokens { input, output, cache }, cached);
        cost.and_then(|cost| terms.charge(cost)).map_err(no_charge)
    };
    let (low, high) = (charge(0)?, charge(most)?);
    let credits = |amount: Credits| Some(amount.decimal(Scale::CREDITS));
    let usd = |amount: Credits| Some(amount.decimal(Scale::USD));
    Ok(Members::new()
        .text("model", Some(&found.id))
        .display("low", credits(low.credits_used))
        .display("high", credits(high.credits_used))
        .display("lowUsd", usd(low.customer_cost))
        .display("highUsd", usd(high.customer_cost))
        .nullable_text("listDate", models.is_none().then_some(seed::SEED_DATE))
        .finish())
}

/// What a million tokens of each kind cost in that unit, and what each call does, by the model that is asked
/// for: the prices and terms of [`quote`].
///
/// # Errors
/// As [`quote`].
pub fn rates<J: JsonObject>(asked: &J, models: Option<&[J]>, unit: Option<&str>) -> Checked<Rates> {
    let scale = checks::unit(unit)?;
    let prices = find(asked, models)?.prices;
    // Of `usd` a credit is one.
    let one = (scale == Scale::USD).then(|| Price::parse("1").unwrap_or_default());
    let terms = terms(asked, one)?;
    let rate = |price| terms.rate(price, scale).map_err(no_charge);
    let (input, output) = (rate(prices.input)?, rate(prices.output)?);
    let base = terms.base(scale).map_err(no_charge)?;
    Ok(Rates { kinds: [input, rate(prices.cache)?, input, output, output], base })
}

/// What a credit is worth and what is added, by the options.
fn terms<J: JsonObject>(asked: &J, worth: Option<Price>) -> Checked<CreditTerms> {
    let base_price = price(asked, "basePrice")?.unwrap_or_default();
    let margin = match figure(asked, "marginPercent")? {
        None => Margin::NONE,
        Some(text) => Margin::parse(&text).map_err(|error| no_price("marginPercent", error))?,
    };
    let price_per_credit = price(asked, "pricePerCredit")?
        .or(worth)
        .ok_or_else(|| refused("pricePerCredit", "is missing: what a credit is worth in USD"))?;
    Ok(CreditTerms { base_price, margin, price_per_credit })
}

/// A model of a list.
struct Found {
    id: String,
    prices: Prices,
    cached: CachedTokens,
}

fn find<J: JsonObject>(asked: &J, models: Option<&[J]>) -> Checked<Found> {
    let model = text(asked, "model")?.ok_or_else(|| refused("model", "is missing"))?;
    let Some(models) = models else {
        let line = seed::find(&model).ok_or_else(|| {
            let reason = format!(
                "is not in the list of public prices of {}: give your own as models",
                seed::SEED_DATE
            );
            ClientError::argument("unknown_model", "model", &reason)
        })?;
        return Ok(Found { id: line.model.into(), prices: line.prices, cached: line.cached });
    };
    let is_it =
        |entry: &&J| entry.text("modelId").is_some_and(|id| id.eq_ignore_ascii_case(&model));
    let entry = models.iter().find(is_it).ok_or_else(|| {
        ClientError::argument("unknown_model", "model", "is none of the models that were given")
    })?;
    let needed = |name| price(entry, name)?.ok_or_else(|| refused(name, "is missing"));
    let input = needed("inputPrice")?;
    let prices = Prices {
        input,
        output: needed("outputPrice")?,
        cache: price(entry, "cachePrice")?.unwrap_or(input),
    };
    let word = text(entry, "cachedTokens")?;
    let cached = word.map_or(Ok(CachedTokens::Beside), |word| {
        let reason = "is neither \"beside\" nor \"inside\"";
        CachedTokens::parse(&word).ok_or_else(|| refused("cachedTokens", reason))
    })?;
    Ok(Found { id: entry.text("modelId").unwrap_or_default(), prices, cached })
}

fn text<J: JsonObject>(from: &J, name: &str) -> Checked<Option<String>> {
    match from.text(name) {
        None if from.has(name) => Err(refused(name, "is not a string")),
        text => Ok(text),
    }
}

/// A number, or decimal text, as text.
fn figure<J: JsonObject>(from: &J, name: &str) -> Checked<Option<String>> {
    match from.number(name).or_else(|| from.text(name)) {
        None if from.has(name) => Err(no_price(name, AmountError::NotANumber.into())),
        text => Ok(text),
    }
}

fn price<J: JsonObject>(from: &J, name: &str) -> Checked<Option<Price>> {
    let text = figure(from, name)?;
    text.map(|text| Price::parse(&text)).transpose().map_err(|error| no_price(name, error))
}

fn count<J: JsonObject>(from: &J, name: &str) -> Checked<Option<u64>> {
    let count = from.number(name).and_then(|text| text.parse().ok());
    match count.filter(|count| *count <= MAX_TOKENS) {
        None if from.has(name) => Err(refused(name, "is not a whole number of tokens")),
        count => Ok(count),
    }
}

fn refused(name: &str, reason: &str) -> Box<ClientError> {
    ClientError::argument("invalid_request", name, reason)
}

fn no_price(name: &str, error: PriceError) -> Box<ClientError> {
    let reason = match error {
        PriceError::Amount(AmountError::Precision) => "has too many decimals",
        PriceError::Amount(AmountError::TooLarge) | PriceError::TooLarge => "is too large",
        PriceError::Negative => "is too far below zero",
        PriceError::Amount(_) => "is neither a number nor a decimal string",
    };
    ClientError::argument("invalid_amount", name, reason)
}

fn no_charge(error: PricingError) -> Box<ClientError> {
    match error {
        PricingError::CacheExceedsInput => {
            refused("cacheTokens", "are more than inputTokens, which are said to contain them")
        }
        PricingError::FreeCredit => refused("pricePerCredit", "is zero"),
        PricingError::TooLarge => refused("maxOutputTokens", "cost more than any amount holds"),
    }
}
