//! A catalog's entries as JSON, read: what a caller may put in, and what a store has kept.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::catalog::edit::{Entry, Section};
use crate::catalog::{Catalog, CreditType, MAX_STEPS, Model, Outcome, Step, label};
use crate::credits::AmountError;
use crate::ids::Unit;
use crate::pricing::{CachedTokens, CreditTerms, Margin, Price, PriceError, Prices};
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error, id_error, missing};

/// Reads one entry of a section.
///
/// # Errors
/// What a body's fields are refused for: `invalid_type`, `invalid_request`, `invalid_id`,
/// `amount_precision`, `amount_negative`, `amount_too_large`, `unknown_field`.
///
/// ```
/// use edge_credits_core::catalog::{Entry, Section, parse_entry};
/// let body = r#"{"modelId": "my-model", "inputPrice": 0.5, "outputPrice": "1.5"}"#;
/// let Entry::Model(model) = parse_entry(Section::Models, body).unwrap() else { panic!() };
/// assert_eq!(model.prices.cache.nano_usd(), 500_000_000);
/// ```
pub fn parse_entry(section: Section, body: &str) -> Result<Entry, ApiError> {
    let mut fields = Fields::parse(body)?;
    let entry = match section {
        Section::Models => Entry::Model(model(&mut fields)?),
        Section::CreditTypes => Entry::CreditType(credit_type(&mut fields)?),
        Section::Outcomes => Entry::Outcome(outcome(&mut fields)?),
    };
    fields.finish()?;
    Ok(entry)
}

fn model(fields: &mut Fields<'_>) -> Result<Model, ApiError> {
    let input = price(fields, "inputPrice")?.ok_or_else(|| missing("inputPrice"))?;
    let output = price(fields, "outputPrice")?.ok_or_else(|| missing("outputPrice"))?;
    let cache = price(fields, "cachePrice")?.unwrap_or(input);
    Ok(Model {
        id: name(fields, "modelId")?,
        prices: Prices { input, output, cache },
        cached: cached_tokens(fields)?.unwrap_or_default(),
    })
}

/// How tokens from the cache are counted, where the body says it.
pub(crate) fn cached_tokens(fields: &mut Fields<'_>) -> Result<Option<CachedTokens>, ApiError> {
    const NAME: &str = "cachedTokens";
    let Some(text) = fields.text(NAME)? else { return Ok(None) };
    let problem = "is neither \"beside\" nor \"inside\"";
    let word = CachedTokens::parse(&text);
    word.map(Some).ok_or_else(|| field_error(Code::InvalidRequest, NAME, problem))
}

fn credit_type(fields: &mut Fields<'_>) -> Result<CreditType, ApiError> {
    let key = agent_key(fields)?;
    if matches!(key.as_str(), Unit::CREDITS | Unit::USD) {
        let problem = "is reserved: credits and usd are units of their own";
        return Err(field_error(Code::InvalidRequest, "agentKey", problem));
    }
    let base_price = price(fields, "basePrice")?.unwrap_or_default();
    let margin = match fields.take("marginPercent")? {
        None => Margin::NONE,
        Some(value) => margin(value.get())?,
    };
    let price_per_credit =
        price(fields, "pricePerCredit")?.ok_or_else(|| missing("pricePerCredit"))?;
    if price_per_credit.is_zero() {
        return Err(field_error(Code::AmountZero, "pricePerCredit", "is zero"));
    }
    let terms = CreditTerms { base_price, margin, price_per_credit };
    Ok(CreditType { name: name(fields, "name")?, key, terms })
}

fn outcome(fields: &mut Fields<'_>) -> Result<Outcome, ApiError> {
    let list = fields.take("steps")?.ok_or_else(|| missing("steps"))?;
    let items: Vec<&RawValue> = serde_json::from_str(list.get())
        .map_err(|_| field_error(Code::InvalidType, "steps", "is not a list"))?;
    if !(1..=MAX_STEPS).contains(&items.len()) {
        let problem = format!("does not hold 1 to {MAX_STEPS} steps");
        return Err(field_error(Code::InvalidRequest, "steps", &problem));
    }
    let mut steps: Vec<Step> = Vec::with_capacity(items.len());
    for item in items {
        let mut fields = Fields::parse(item.get())?;
        let key = agent_key(&mut fields)?;
        if steps.iter().any(|step| step.key == key) {
            return Err(field_error(Code::InvalidRequest, "steps", "names a key twice"));
        }
        let base_price = price(&mut fields, "basePrice")?.unwrap_or_default();
        steps.push(Step { name: name(&mut fields, "name")?, key, base_price });
        fields.finish()?;
    }
    let price = price(fields, "pricePerOutcome")?.ok_or_else(|| missing("pricePerOutcome"))?;
    Ok(Outcome { name: name(fields, "name")?, price, steps })
}

fn agent_key(fields: &mut Fields<'_>) -> Result<Unit, ApiError> {
    let key = fields.required_text("agentKey")?;
    Unit::parse(&key).map_err(|error| id_error("agentKey", error))
}

fn name(fields: &mut Fields<'_>, field: &'static str) -> Result<String, ApiError> {
    let text = fields.required_text(field)?;
    let problem =
        "is not 1 to 128 bytes of text without control characters or white space around it";
    label(&text).ok_or_else(|| field_error(Code::InvalidId, field, problem))
}

/// A price in USD; `None` where the field is not there.
fn price(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<Price>, ApiError> {
    let usd = Unit::usd();
    let Some(amount) = fields.optional_amount(name, &usd)? else { return Ok(None) };
    let negative = || field_error(Code::AmountNegative, name, "is negative");
    Price::from_amount(amount).map(Some).ok_or_else(negative)
}

/// Percent, a JSON number or decimal text.
fn margin(json: &str) -> Result<Margin, ApiError> {
    const NAME: &str = "marginPercent";
    let text: Option<String> = match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).ok(),
        Some(b'-' | b'0'..=b'9') => Some(json.to_owned()),
        _ => None,
    };
    let read = text.map_or(Err(AmountError::NotANumber.into()), |text| Margin::parse(&text));
    read.map_err(|error| match error {
        PriceError::Amount(AmountError::NotANumber | AmountError::NegativeZero) => {
            field_error(Code::InvalidType, NAME, "is neither a number nor a decimal string")
        }
        PriceError::Amount(AmountError::Precision) => {
            field_error(Code::AmountPrecision, NAME, "has more than six decimals")
        }
        PriceError::Amount(AmountError::TooLarge) | PriceError::TooLarge => {
            field_error(Code::InvalidRequest, NAME, "is more than 1000000 percent")
        }
        PriceError::Negative => field_error(Code::AmountNegative, NAME, "is below -100 percent"),
    })
}

/// A catalog as [`Catalog::to_json`] writes it.
#[derive(Deserialize)]
struct Whole<'a> {
    version: String,
    #[serde(rename = "listDate")]
    began: String,
    edits: u64,
    #[serde(borrow)]
    models: Vec<&'a RawValue>,
    #[serde(borrow, rename = "creditTypes")]
    credit_types: Vec<&'a RawValue>,
    #[serde(borrow)]
    outcomes: Vec<&'a RawValue>,
}

impl Catalog {
    /// Reads [`Catalog::to_json`] back.
    ///
    /// # Errors
    /// The first entry that makes no sense; `invalid_json` where the whole does not.
    pub fn from_json(text: &str) -> Result<Self, ApiError> {
        let whole: Whole<'_> = serde_json::from_str(text).map_err(|_| {
            ApiError::new(Code::InvalidJson, "This is no catalog. Nothing was changed.")
        })?;
        let sections = [
            (Section::Models, whole.models),
            (Section::CreditTypes, whole.credit_types),
            (Section::Outcomes, whole.outcomes),
        ];
        let mut entries = Vec::new();
        for (section, items) in sections {
            for item in items {
                entries.push(parse_entry(section, item.get())?);
            }
        }
        let catalog = Self::of(&whole.began, whole.edits, entries);
        // Of an earlier release: what its content is called follows from it.
        let Some((_, digest)) = whole.version.split_once('.') else { return Ok(catalog) };
        Ok(catalog.known_as(digest))
    }
}
