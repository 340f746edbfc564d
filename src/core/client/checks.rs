//! Whether one argument is acceptable, and the words of its refusal.
//!
//! Decides argument by argument, before anything is sent; which arguments a method needs is
//! [`crate::client::call`]'s decision. The limits are the ledger's own: what passes here is not
//! refused there for its form.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::time::Duration;

use crate::client::arguments::{RawAmount, ReturnUrl};
use crate::client::error::ClientError;
use crate::credits::{AmountError, Credits, Scale};
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, IdError, Product, TransactionId, Unit};
use crate::ledger::{MAX_HOLD_TTL, MAX_PRIORITY, MIN_HOLD_TTL, OnExpiry};
use crate::time::Timestamp;
use crate::topup::packs::is_price;
use crate::wire::fields::{
    MAX_DEPTH, MAX_DESCRIPTION_BYTES, MAX_METADATA_BYTES, nests_deeper_than,
};
use crate::wire::requests::MAX_PAGE_ITEMS;

/// What every check returns: the value, or the refusal.
pub(crate) type Checked<T> = Result<T, Box<ClientError>>;

/// Which signs an amount may have. Zero is one where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Above zero only.
    Positive,
    /// Zero too: a count of what was used.
    NotNegative,
    /// Either: a correction.
    Either,
}

/// An amount in minor units of a unit with this scale: a finite number or a decimal string, neither
/// zero nor minus zero, with no more decimals than the unit has and within the largest amount.
pub(crate) fn amount(raw: Option<&RawAmount>, scale: Scale, sign: Sign) -> Checked<Credits> {
    read_amount(raw, scale, sign)
        .map_err(|reason| ClientError::argument("invalid_amount", "amount", reason))
}

/// An amount that the caller knows by another name.
pub(crate) fn named_amount(
    name: &str,
    raw: &RawAmount,
    scale: Scale,
    sign: Sign,
) -> Checked<Credits> {
    read_amount(Some(raw), scale, sign)
        .map_err(|reason| ClientError::argument("invalid_amount", name, reason))
}

/// How many credits a pack has, where they are named.
pub(crate) fn credits(raw: Option<&RawAmount>) -> Checked<Option<Credits>> {
    if raw.is_none() {
        return Ok(None);
    }
    read_amount(raw, Scale::CREDITS, Sign::Positive)
        .map(Some)
        .map_err(|reason| ClientError::argument("invalid_amount", "credits", reason))
}

fn read_amount(raw: Option<&RawAmount>, scale: Scale, sign: Sign) -> Result<Credits, &'static str> {
    let Some(raw) = raw else { return Err("is missing") };
    let amount = match raw.kind.as_str() {
        "number" => Credits::from_number_text(&raw.text, scale),
        "string" => Credits::from_decimal_text(&raw.text, scale),
        "bigint" => return Err("is a BigInt: pass a number or a decimal string"),
        "undefined" | "null" => return Err("is missing"),
        _ => return Err("must be a number or a decimal string"),
    };
    let amount = amount.map_err(|error| reason(error, &raw.kind, scale))?;
    if amount.is_zero() && sign != Sign::NotNegative {
        return Err("is zero: there is nothing to do");
    }
    if amount.is_negative() && sign != Sign::Either {
        return Err("is negative: only an add of type adjustment may be");
    }
    Ok(amount)
}

fn reason(error: AmountError, kind: &str, scale: Scale) -> &'static str {
    match error {
        AmountError::NotANumber if kind == "number" => "is not a finite number",
        AmountError::NotANumber => "is not decimal text such as \"12.5\"",
        AmountError::NegativeZero => "is minus zero, which points to a sign error",
        AmountError::Precision if scale == Scale::USD => "has more than 9 decimals",
        AmountError::Precision => "has more than 6 decimals; round it first",
        AmountError::TooLarge => "is beyond the largest amount",
    }
}

/// A customer's id.
pub(crate) fn customer(text: &str) -> Checked<CustomerId> {
    CustomerId::parse(text).map_err(|error| refuse_id("customerId", error))
}

/// A unit's name, where one is given; how many decimals its amounts have.
pub(crate) fn unit(text: Option<&str>) -> Checked<Scale> {
    let Some(text) = text else { return Ok(Scale::CREDITS) };
    Unit::parse(text).map(|unit| unit.scale()).map_err(|error| refuse_id("unit", error))
}

/// A product's name, where one is given.
pub(crate) fn product(text: Option<&str>) -> Checked<()> {
    let Some(text) = text else { return Ok(()) };
    Product::parse(text).map(drop).map_err(|error| refuse_id("product", error))
}

/// The id of a ledger entry.
pub(crate) fn entry(name: &str, text: &str) -> Checked<()> {
    TransactionId::parse(text).map(drop).map_err(|error| refuse_id(name, error))
}

fn refuse_id(name: &str, error: IdError) -> Box<ClientError> {
    ClientError::argument("invalid_id", name, error.reason())
}

/// Where a buyer is sent back to.
pub(crate) fn return_url<'a>(name: &str, url: Option<&'a ReturnUrl>) -> Checked<&'a str> {
    let reason = match url {
        None => "is missing",
        Some(url) => match url.parts.check_return(&url.text) {
            Ok(()) => return Ok(&url.text),
            Err(reason) => reason,
        },
    };
    Err(ClientError::argument("invalid_url", name, reason))
}

/// The price of a pack, where one is named; a pack is not named twice.
pub(crate) fn price(text: Option<&str>, by_credits: bool) -> Checked<Option<&str>> {
    match text {
        Some(_) if by_credits => Err(refuse("priceId", "excludes credits")),
        Some(text) if !is_price(text) => {
            Err(refuse("priceId", "must be a price id such as price_1AbC"))
        }
        _ => Ok(text),
    }
}

/// The caller's own key.
pub(crate) fn own_key(text: &str) -> Checked<IdempotencyKey> {
    IdempotencyKey::parse(text).map_err(|_| {
        ClientError::argument(
            "invalid_idempotency_key",
            "idempotencyKey",
            "must be 1 to 255 visible ASCII characters without a comma",
        )
    })
}

/// An instant, where one is given, in the spelling that is sent.
pub(crate) fn instant(name: &str, text: Option<&str>) -> Checked<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let reason = "must be a Date, or an instant such as 2026-01-31T00:00:00Z";
    let instant = Timestamp::parse(text).map(|instant| instant.to_string());
    instant.map(Some).ok_or_else(|| refuse(name, reason))
}

/// A note for a person, where one is given.
pub(crate) fn note<'a>(name: &str, text: Option<&'a str>) -> Checked<Option<&'a str>> {
    match text {
        Some(text) if text.len() > MAX_DESCRIPTION_BYTES => {
            Err(refuse(name, &at_most("is longer than ", MAX_DESCRIPTION_BYTES, " bytes")))
        }
        Some(text) if text.contains('\0') => Err(refuse(name, "holds a NUL character")),
        _ => Ok(text),
    }
}

/// Metadata, where it is given: the text of a JSON object, which the shell's JSON library has written.
pub(crate) fn metadata(text: Option<&str>) -> Checked<Option<&str>> {
    let Some(text) = text else { return Ok(None) };
    let too_large = |reason: &str| ClientError::argument("metadata_too_large", "metadata", reason);
    if text.len() > MAX_METADATA_BYTES {
        return Err(too_large(&at_most("is larger than ", MAX_METADATA_BYTES, " bytes as JSON")));
    }
    // The body around it is one level.
    if nests_deeper_than(text, MAX_DEPTH - 1) {
        return Err(too_large(&at_most("nests deeper than ", MAX_DEPTH - 1, " levels")));
    }
    let object = Some(text).filter(|text| text.starts_with('{') && text.ends_with('}'));
    object.map(Some).ok_or_else(|| refuse("metadata", "must be an object that JSON can hold"))
}

/// A place in the burn order, where one is given.
pub(crate) fn priority(value: Option<u32>) -> Checked<Option<u32>> {
    let most = u32::from(MAX_PRIORITY);
    match value {
        Some(value) if value > most => {
            Err(refuse("priority", &at_most("must be from 0 to ", usize::from(MAX_PRIORITY), "")))
        }
        _ => Ok(value),
    }
}

/// A hold's time to live in milliseconds.
pub(crate) fn ttl(value: u64) -> Checked<u64> {
    if (MIN_HOLD_TTL..=MAX_HOLD_TTL).contains(&Duration::from_millis(value)) {
        return Ok(value);
    }
    Err(refuse("ttlMs", "must be from 1000 (a second) to 86400000 (a day)"))
}

/// What becomes of a hold when its time is over, where it is said.
pub(crate) fn on_expiry(text: Option<&str>) -> Checked<Option<&str>> {
    match text {
        Some(rule) if OnExpiry::parse(rule).is_none() => {
            let reason = "must be \"capture_progress\", \"release\" or \"capture_all\"";
            Err(refuse("onExpiry", reason))
        }
        _ => Ok(text),
    }
}

/// A page's length, where one is given.
pub(crate) fn page_limit(value: Option<u32>) -> Checked<Option<u32>> {
    match value {
        Some(value) if !(1..=MAX_PAGE_ITEMS).contains(&value) => {
            Err(refuse("limit", "must be from 1 to 100"))
        }
        _ => Ok(value),
    }
}

fn refuse(name: &str, reason: &str) -> Box<ClientError> {
    ClientError::argument("invalid_request", name, reason)
}

fn at_most(before: &str, limit: usize, after: &str) -> String {
    let mut text = before.to_owned();
    text.push_str(&limit.to_string());
    text.push_str(after);
    text
}
