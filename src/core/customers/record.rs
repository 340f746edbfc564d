//! One customer's record: its fields, their bounds, and how it is made and changed.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use crate::credits::Scale;
use crate::entropy::Entropy;
use crate::idempotency::{IdempotencyKey, digest};
use crate::ids::{CustomerId, Environment, Unit};
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error, missing};
use crate::wire::members::Members;
use crate::wire::reading::{JsonObject as _, RawObject};

/// The field that is an amount: what the owner means to allow, in credits. It is kept and shown, and
/// grants nothing.
const ALLOWANCE: &str = "creditAllowance";

/// What a field's text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One line.
    Line,
    /// Lines.
    Lines,
    /// Something at something.
    Email,
    /// `http` or `https`: a page may show it as a link or an image.
    Url,
    /// Three letters, as in ISO 4217.
    Currency,
}

/// A field's name, what its text must be, and its most bytes.
struct Text(&'static str, Kind, usize);

/// The fields that are text. The first two are required.
///
/// 200 bytes hold any company's name, 254 are the longest address of RFC 5321, 2,048 is what browsers
/// take for a URL; 4,096 of notes keep a record below 16 KB, and a page of 100 below 2 MB.
const TEXTS: &[Text] = &[
    Text("name", Kind::Line, 200),
    Text("email", Kind::Email, 254),
    Text("description", Kind::Lines, 2_048),
    Text("website", Kind::Url, 2_048),
    Text("phone", Kind::Line, 64),
    Text("legalName", Kind::Line, 200),
    Text("addressLine1", Kind::Line, 200),
    Text("addressLine2", Kind::Line, 200),
    Text("city", Kind::Line, 100),
    Text("state", Kind::Line, 100),
    Text("country", Kind::Line, 100),
    Text("pincode", Kind::Line, 32),
    Text("taxId", Kind::Line, 64),
    Text("notes", Kind::Lines, 4_096),
    Text("logoUrl", Kind::Url, 2_048),
    Text("currencyCode", Kind::Currency, 3),
];

const REQUIRED: [&str; 2] = ["name", "email"];

/// A customer's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who.
    pub id: CustomerId,
    /// Texts by the names of their fields; `creditAllowance` among them as decimal text.
    fields: BTreeMap<&'static str, String>,
    /// When it was made; of a customer who came by the ledger, when the first entry was.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a body says of the fields: a value, or that there is to be none. What it does not name
/// stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<&'static str, Option<String>>);

impl Changes {
    /// Reads `POST …/customers`: name and email are required.
    ///
    /// # Errors
    /// The 400 of the table for bodies; `invalid_request` for what is out of its bounds.
    pub fn parse_new(body: &str) -> Result<Self, ApiError> {
        let changes = Self::parse(body)?;
        match REQUIRED.iter().find(|name| !changes.0.contains_key(*name)) {
            Some(name) => Err(missing(name)),
            None => Ok(changes),
        }
    }

    /// Reads `PATCH …/customers/{id}`: `null` clears a field, and what is left out stays.
    ///
    /// # Errors
    /// As [`Changes::parse_new`].
    pub fn parse(body: &str) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let mut changes = BTreeMap::new();
        for text in TEXTS {
            let Text(name, ..) = *text;
            if fields.take_null(name) {
                if REQUIRED.contains(&name) {
                    return Err(field_error(Code::InvalidRequest, name, "is null and required"));
                }
                changes.insert(name, None);
            } else if let Some(value) = fields.text(name)? {
                text.check(&value)
                    .map_err(|problem| field_error(Code::InvalidRequest, name, &problem))?;
                changes.insert(name, Some(value));
            }
        }
        if fields.take_null(ALLOWANCE) {
            changes.insert(ALLOWANCE, None);
        } else if let Some(amount) = fields.optional_amount(ALLOWANCE, &Unit::credits())? {
            if amount.is_negative() {
                return Err(field_error(Code::AmountNegative, ALLOWANCE, "is negative"));
            }
            changes.insert(ALLOWANCE, Some(amount.decimal(Scale::CREDITS).to_string()));
        }
        fields.finish()?;
        Ok(Self(changes))
    }

    /// What tells a repeat of a creation from another one under its key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut text = Members::new();
        for (name, value) in &self.0 {
            text.text(name, value.as_deref());
        }
        hex(&digest(&["customer", &text.finish()]))
    }
}

impl Text {
    fn check(&self, value: &str) -> Result<(), String> {
        let Self(_, kind, most) = *self;
        if value.trim().is_empty() {
            return Err("is blank; null clears a field".to_owned());
        }
        if value.len() > most {
            return Err(format!("is longer than {most} bytes"));
        }
        let lines = matches!(kind, Kind::Lines);
        let allowed =
            |letter: char| !letter.is_control() || lines && matches!(letter, '\n' | '\r' | '\t');
        if !value.chars().all(allowed) {
            return Err("holds a control character".to_owned());
        }
        let well_formed = match kind {
            Kind::Line | Kind::Lines => return Ok(()),
            Kind::Email => is_email(value),
            Kind::Url => is_url(value),
            Kind::Currency => {
                value.len() == 3 && value.bytes().all(|byte| byte.is_ascii_alphabetic())
            }
        };
        let problem = match kind {
            Kind::Email => "is no email address",
            Kind::Url => "is no http or https URL",
            _ => "is no currency code such as USD",
        };
        if well_formed { Ok(()) } else { Err(problem.to_owned()) }
    }
}

/// Something at something, without a space: whether mail arrives there, no rule can tell.
fn is_email(text: &str) -> bool {
    let spaced = text.chars().any(char::is_whitespace);
    let parts = text.rsplit_once('@');
    !spaced && parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
}

fn is_url(text: &str) -> bool {
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let quiet = |letter: char| !letter.is_whitespace() && !matches!(letter, '"' | '<' | '>' | '\\');
    rest.is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_alphanumeric() || first == '[')
            && rest.chars().all(quiet)
    })
}

impl Record {
    /// A new customer's record.
    #[must_use]
    pub fn new(id: CustomerId, changes: &Changes, now: Timestamp) -> Self {
        let mut record = Self::unnamed(id, now);
        record.change(changes, now);
        record
    }

    /// The record of a customer who came by the ledger: nothing is known but the id.
    #[must_use]
    pub const fn unnamed(id: CustomerId, now: Timestamp) -> Self {
        Self { id, fields: BTreeMap::new(), created_at: now, updated_at: now }
    }

    /// Makes changes. Whether there was anything to change.
    pub fn change(&mut self, changes: &Changes, now: Timestamp) -> bool {
        let before = self.fields.clone();
        for (name, value) in &changes.0 {
            match value {
                Some(value) => self.fields.insert(name, value.clone()),
                None => self.fields.remove(name),
            };
        }
        let changed = self.fields != before;
        if changed {
            self.updated_at = now.max(self.updated_at);
        }
        changed
    }

    /// A field that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The fields as they are stored: [`Record::load`] reads them.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let mut members = Members::new();
        for (name, value) in &self.fields {
            members.text(name, Some(value));
        }
        members.finish()
    }

    /// A stored record. `None` where the text is not one that [`Record::to_stored`] has made.
    #[must_use]
    pub fn load(id: CustomerId, stored: &str, times: (Timestamp, Timestamp)) -> Option<Self> {
        let object = RawObject::read(stored)?;
        let names = TEXTS.iter().map(|Text(name, ..)| *name).chain([ALLOWANCE]);
        let fields = names.filter_map(|name| Some((name, object.text(name)?))).collect();
        Some(Self { id, fields, created_at: times.0, updated_at: times.1 })
    }

    /// The record as the API shows it: every field, null where there is nothing.
    #[must_use]
    pub fn to_body(&self) -> String {
        let mut members = Members::new();
        members.text("id", Some(self.id.as_str()));
        for Text(name, ..) in TEXTS {
            members.nullable_text(name, self.text(name));
        }
        // Decimal text, so it prints as a number.
        members.nullable(ALLOWANCE, self.text(ALLOWANCE));
        members.time("createdAt", self.created_at).time("updatedAt", self.updated_at).finish()
    }
}

/// The id of a new customer: of a caller's key, so that a repeat names the same customer, or of
/// randomness.
#[must_use]
pub fn new_id(environment: Environment, key: Option<&IdempotencyKey>, entropy: &Entropy) -> String {
    let random = entropy.uuid();
    let source = key.map_or(("random", random.as_str()), |key| ("key", key.as_str()));
    let digest = digest(&["customer", environment.as_str(), source.0, source.1]);
    let mut id = "cus_".to_owned();
    id.push_str(hex(&digest).get(..24).unwrap_or_default());
    id
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
