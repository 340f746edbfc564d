//! What `POST /v1/topup/sessions` asks for: whose credits, which pack, and where the buyer goes next.

use alloc::format;
use alloc::string::String;

use crate::config::UrlParts;
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, Unit};
use crate::topup::packs::{Wanted, is_price};
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error};
use crate::wire::requests::{KeySource, parse_customer, read_key};

/// A checkout session that a caller wants opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whose credits.
    pub customer: CustomerId,
    /// Which pack.
    pub wanted: Wanted,
    /// Where a buyer goes who has paid; `{CHECKOUT_SESSION_ID}` in it becomes the session's id.
    pub success_url: String,
    /// Where a buyer goes who has not.
    pub cancel_url: String,
    /// The caller's key, or the one made for the call.
    pub key: IdempotencyKey,
}

impl Order {
    /// Reads the body. `url` takes a URL apart.
    ///
    /// # Errors
    /// Any 400 of the tables for bodies, ids and keys; `invalid_url`.
    pub fn parse(
        body: &str,
        key: &KeySource<'_>,
        url: impl Fn(&str) -> UrlParts,
    ) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let customer = parse_customer(&fields.required_text("customer_id")?)?;
        let success_url = return_url(&mut fields, "success_url", &url)?;
        let cancel_url = return_url(&mut fields, "cancel_url", &url)?;
        let wanted = wanted(&mut fields)?;
        let key = read_key(fields.text("idempotency_key")?, key)?;
        fields.finish()?;
        Ok(Self { customer, wanted, success_url, cancel_url, key })
    }
}

/// Reads no more of such a body than whose credits it is about.
///
/// # Errors
/// As [`Order::parse`].
pub fn parse_whose(body: &str) -> Result<CustomerId, ApiError> {
    parse_customer(&Fields::parse(body)?.required_text("customer_id")?)
}

fn wanted(fields: &mut Fields<'_>) -> Result<Wanted, ApiError> {
    let price = fields.text("price_id")?;
    // A number or decimal text, in whole and parts of `credits`; a pack of another unit goes by its
    // price.
    let credits = fields.optional_amount("credits", &Unit::credits())?;
    match (price, credits) {
        (None, None) => Ok(Wanted::Default),
        (Some(_), Some(_)) => {
            let problem = "excludes price_id: name the pack by one of them";
            Err(field_error(Code::InvalidRequest, "credits", problem))
        }
        (Some(price), None) if is_price(&price) => Ok(Wanted::Price(price)),
        (Some(_), None) => {
            let problem = "is not a price id such as price_1AbC";
            Err(field_error(Code::InvalidRequest, "price_id", problem))
        }
        (None, Some(credits)) => positive(credits).map(Wanted::Credits),
    }
}

fn positive(credits: Credits) -> Result<Credits, ApiError> {
    let (code, problem) = match credits {
        positive if positive.is_positive() => return Ok(positive),
        zero if zero.is_zero() => (Code::AmountZero, "is zero: no pack is"),
        _ => (Code::AmountNegative, "is negative: a pack adds credits"),
    };
    Err(field_error(code, "credits", problem))
}

fn return_url(
    fields: &mut Fields<'_>,
    name: &'static str,
    url: impl Fn(&str) -> UrlParts,
) -> Result<String, ApiError> {
    let text = fields.required_text(name)?;
    match url(&text).check_return(&text) {
        Ok(()) => Ok(text),
        Err(problem) => {
            let message = format!("The field {name} {problem}. Nothing was changed.");
            Err(ApiError::about(Code::InvalidUrl, name, &message))
        }
    }
}
