//! Strict reading of a JSON object: every field once, every field known, nothing too deep.
//!
//! serde alone would take the last of two equal fields or name no field in its errors; on money
//! operations either is an ambiguity, so the object is split into named raw values here and each is
//! read by the type that its name asks for.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::credits::{AmountError, Credits};
use crate::ids::{IdError, Unit};
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};

/// Deepest nesting of a body. Beyond it a recursive reader would be an attack surface, and no
/// caller's metadata comes near.
pub const MAX_DEPTH: usize = 16;

/// Longest text of a description or reason, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 1_024;

/// Longest metadata, in bytes of its JSON text.
pub const MAX_METADATA_BYTES: usize = 8_192;

/// What every refusal of a body means for the caller's credits.
const NOTHING_CHANGED: &str = "Nothing was changed.";

/// The fields of one JSON object that have not been read yet.
pub struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Splits a body into its fields.
    ///
    /// # Errors
    /// `json_too_deep`, `invalid_json`, `invalid_request` (not an object) or `duplicate_field`.
    pub fn parse(body: &'a str) -> Result<Self, ApiError> {
        if nests_deeper_than(body, MAX_DEPTH) {
            let message =
                format!("The body nests deeper than {MAX_DEPTH} levels. {NOTHING_CHANGED}");
            return Err(ApiError::new(Code::JsonTooDeep, &message));
        }
        let fields = Self::split(body)?;
        match fields.0.iter().find_map(|(_, value)| duplicate_in(value.get())) {
            Some(name) => Err(duplicate(&name)),
            None => Ok(fields),
        }
    }

    /// Splits a body into its fields and looks into none of them: for an envelope whose parts are
    /// judged one by one. However deep they nest, nothing here recurses.
    ///
    /// # Errors
    /// `invalid_json`, `invalid_request` (not an object) or `duplicate_field`.
    pub(crate) fn split(body: &'a str) -> Result<Self, ApiError> {
        let value: &RawValue = serde_json::from_str(body).map_err(|_| {
            let message = format!("The body is not valid JSON. {NOTHING_CHANGED}");
            ApiError::new(Code::InvalidJson, &message)
        })?;
        if !value.get().starts_with('{') {
            let message = format!("The body is not a JSON object. {NOTHING_CHANGED}");
            return Err(ApiError::about(Code::InvalidRequest, "body", &message));
        }
        let fields: Members<'_> = serde_json::from_str(value.get()).map_err(|_| {
            let message =
                "The body holds a field name that is not valid text. Nothing was changed.";
            ApiError::new(Code::InvalidJson, message)
        })?;
        match fields.repeated() {
            Some(name) => Err(duplicate(name)),
            None => Ok(Self(fields.0)),
        }
    }

    /// Takes a field out; JSON `null` is refused, since absence says the same without doubt.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Option<&'a RawValue>, ApiError> {
        let Some(index) = self.0.iter().position(|(field, _)| field == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.swap_remove(index);
        if value.get() == "null" {
            let problem = "is null: leave it out instead";
            return Err(field_error(Code::InvalidRequest, name, problem));
        }
        Ok(Some(value))
    }

    /// Takes a field out that is JSON `null`; whether it was. For bodies in which null clears a field.
    pub(crate) fn take_null(&mut self, name: &str) -> bool {
        let index = self.0.iter().position(|(field, value)| field == name && value.get() == "null");
        index.map(|index| self.0.swap_remove(index)).is_some()
    }

    /// A string.
    ///
    /// # Errors
    /// `invalid_type` for anything else, `invalid_request` for null.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        let Some(value) = self.take(name)? else { return Ok(None) };
        let text = serde_json::from_str(value.get());
        text.map(Some).map_err(|_| field_error(Code::InvalidType, name, "is not a string"))
    }

    /// A string that is required.
    ///
    /// # Errors
    /// As [`Fields::text`], and `invalid_request` when it is missing.
    pub fn required_text(&mut self, name: &'static str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// Free text for a person, bounded.
    ///
    /// # Errors
    /// `invalid_request` beyond [`MAX_DESCRIPTION_BYTES`] or with NUL in it.
    pub fn description(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        let text = self.text(name)?;
        match text.as_deref() {
            Some(text) if text.len() > MAX_DESCRIPTION_BYTES => {
                let problem = format!("is longer than {MAX_DESCRIPTION_BYTES} bytes");
                Err(field_error(Code::InvalidRequest, name, &problem))
            }
            Some(text) if text.contains('\0') => {
                Err(field_error(Code::InvalidRequest, name, "holds a NUL character"))
            }
            _ => Ok(text),
        }
    }

    /// The caller's own JSON object, kept as text.
    ///
    /// # Errors
    /// `metadata_too_large` beyond [`MAX_METADATA_BYTES`]; `invalid_type` when it is no object.
    pub fn metadata(&mut self) -> Result<Option<String>, ApiError> {
        let Some(value) = self.take("metadata")? else { return Ok(None) };
        if !value.get().starts_with('{') {
            return Err(field_error(Code::InvalidType, "metadata", "is not an object"));
        }
        if value.get().len() > MAX_METADATA_BYTES {
            let problem = format!("is larger than {MAX_METADATA_BYTES} bytes of JSON");
            return Err(field_error(Code::MetadataTooLarge, "metadata", &problem));
        }
        Ok(Some(value.get().to_owned()))
    }

    /// The unit, `credits` where none is named.
    ///
    /// # Errors
    /// `invalid_id` when the name breaks the rules for units.
    pub fn unit(&mut self) -> Result<Unit, ApiError> {
        let Some(name) = self.text("unit")? else { return Ok(Unit::credits()) };
        Unit::parse(&name).map_err(|error| id_error("unit", error))
    }

    /// A required amount, a JSON number or a decimal string, with its sign.
    ///
    /// # Errors
    /// `invalid_type`, `amount_precision`, `amount_too_large`, `amount_negative` (minus zero) or
    /// `amount_zero`.
    pub fn amount(&mut self, unit: &Unit) -> Result<Credits, ApiError> {
        let amount = self.optional_amount("amount", unit)?.ok_or_else(|| missing("amount"))?;
        if amount.is_zero() {
            return Err(field_error(Code::AmountZero, "amount", "is zero"));
        }
        Ok(amount)
    }

    /// An amount that may be zero, or missing; read as [`Fields::amount`].
    ///
    /// # Errors
    /// `invalid_type`, `amount_precision`, `amount_too_large` or `amount_negative` (minus zero).
    pub fn optional_amount(
        &mut self,
        name: &'static str,
        unit: &Unit,
    ) -> Result<Option<Credits>, ApiError> {
        let Some(value) = self.take_amount(name) else { return Ok(None) };
        let read = match value.as_bytes().first() {
            Some(b'"') => match serde_json::from_str::<String>(value) {
                Ok(text) => Credits::from_decimal_text(&text, unit.scale()),
                Err(_) => Err(AmountError::NotANumber),
            },
            Some(b'-' | b'0'..=b'9') => Credits::from_number_text(value, unit.scale()),
            _ => Err(AmountError::NotANumber),
        };
        let (code, problem) = match read {
            Ok(amount) => return Ok(Some(amount)),
            Err(AmountError::NotANumber) => {
                (Code::InvalidType, "is neither a number nor a decimal string such as \"12.5\"")
            }
            Err(AmountError::NegativeZero) => (Code::AmountNegative, "is minus zero"),
            Err(AmountError::Precision) => {
                (Code::AmountPrecision, "has more decimals than its unit")
            }
            Err(AmountError::TooLarge) => (Code::AmountTooLarge, "is beyond the largest amount"),
        };
        Err(field_error(code, name, problem))
    }

    /// The raw amount. Unlike other fields a null here is of the wrong type, as any non-number is.
    fn take_amount(&mut self, name: &str) -> Option<&'a str> {
        let index = self.0.iter().position(|(field, _)| field == name)?;
        Some(self.0.swap_remove(index).1.get())
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// `invalid_type` when it is no whole number, `invalid_request` outside the bounds.
    pub fn integer(&mut self, name: &'static str, most: u16) -> Result<Option<u16>, ApiError> {
        let Some(value) = self.take(name)? else { return Ok(None) };
        let number: i64 = serde_json::from_str(value.get())
            .map_err(|_| field_error(Code::InvalidType, name, "is not a whole number"))?;
        match u16::try_from(number) {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => {
                let problem = format!("is not between 0 and {most}");
                Err(field_error(Code::InvalidRequest, name, &problem))
            }
        }
    }

    /// An RFC 3339 instant.
    ///
    /// # Errors
    /// `invalid_type` when it is no string, `invalid_request` when it is no instant.
    pub fn instant(&mut self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let problem = "is not an RFC 3339 instant such as 2026-12-31T23:59:59Z";
        let instant = Timestamp::parse(&text);
        instant.map(Some).ok_or_else(|| field_error(Code::InvalidRequest, name, problem))
    }

    /// Ends the reading of fields whose names are the caller's: those that were not asked for.
    pub(crate) fn rest(self) -> Vec<(String, &'a RawValue)> {
        self.0
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `unknown_field` when something was not asked for: a misspelled option must not pass unseen.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let message = "The body has a field that this operation does not know.";
                let message = format!("{message} {NOTHING_CHANGED} Put free data into metadata.");
                Err(ApiError::about(Code::UnknownField, &shorten(name), &message))
            }
        }
    }
}

/// An error about one field, in one form: which field, what is wrong, what it means.
pub(crate) fn field_error(code: Code, name: &str, problem: &str) -> ApiError {
    ApiError::about(code, name, &format!("The field {name} {problem}. {NOTHING_CHANGED}"))
}

pub(crate) fn id_error(name: &str, error: IdError) -> ApiError {
    field_error(Code::InvalidId, name, error.reason())
}

pub(crate) fn missing(name: &str) -> ApiError {
    field_error(Code::InvalidRequest, name, "is missing")
}

fn duplicate(name: &str) -> ApiError {
    let message = "An object in the body names a field twice, so its meaning is ambiguous.";
    let message = format!("{message} {NOTHING_CHANGED}");
    ApiError::about(Code::DuplicateField, &shorten(name), &message)
}

/// At most 64 characters of a caller's text, for an error: enough to find it, no more.
fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Whether brackets outside strings nest deeper than `most`; reads bytes, never recurses.
pub(crate) fn nests_deeper_than(body: &str, most: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > most {
            return true;
        }
    }
    false
}

/// A field that some object of this value names twice. The depth has been bounded before.
fn duplicate_in(value: &str) -> Option<String> {
    match value.as_bytes().first()? {
        b'{' => {
            let fields: Members<'_> = serde_json::from_str(value).ok()?;
            let repeated = fields.repeated().map(ToOwned::to_owned);
            repeated.or_else(|| fields.0.iter().find_map(|(_, value)| duplicate_in(value.get())))
        }
        b'[' => {
            let Items(items) = serde_json::from_str(value).ok()?;
            items.iter().find_map(|item| duplicate_in(item.get()))
        }
        _ => None,
    }
}

/// An object's members as written, equal names included.
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// A member's text; of equal names the last counts, as in JavaScript.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().rev().find(|(member, _)| member == name);
        found.map(|(_, value)| value.get())
    }

    /// A name that is there twice.
    fn repeated(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// An array's items as written.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<&'de RawValue>()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Collect)
    }
}

#[cfg(test)]
mod tests;
