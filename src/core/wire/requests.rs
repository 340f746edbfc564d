//! Requests of the Credit Engine API as the server reads them: bodies to commands, queries to views.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::entropy::Entropy;
use crate::http::parse_query;
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, Product, TransactionId, Unit};
use crate::ledger::{
    CallDetails, Command, Consume, DEFAULT_PRIORITY, Debit, EntryKind, GrantCredits, MAX_PRIORITY,
    Refund, Source, Void, WhenShort,
};
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error, id_error};

/// Most items of a page, and how many one has that names no limit (as the SDK documents them).
pub const MAX_PAGE_ITEMS: u32 = 100;
/// Items of a page whose request names no limit.
pub const DEFAULT_PAGE_ITEMS: u32 = 20;
/// Furthest offset: deeper paging reads every row before it, and goes by `before_sequence` instead.
pub const MAX_OFFSET: u32 = 100_000;

/// A request's key material: its `Idempotency-Key` header, and entropy for a key of our own making
/// when it names none.
pub struct KeySource<'a> {
    /// The header's value.
    pub header: Option<&'a str>,
    /// For a fresh key.
    pub entropy: &'a Entropy,
}

/// Reads a customer id out of a path segment that has been percent-decoded.
///
/// # Errors
/// `invalid_id`.
pub fn parse_customer(segment: &str) -> Result<CustomerId, ApiError> {
    CustomerId::parse(segment).map_err(|error| {
        let message = format!("The customer id {}. Nothing was changed.", error.reason());
        ApiError::about(Code::InvalidId, "customer_id", &message)
    })
}

/// Reads `POST …/consume`.
///
/// # Errors
/// Any 400 or 422 of the tables for bodies, amounts, ids and keys.
pub fn parse_consume(body: &str, key: &KeySource<'_>) -> Result<Command, ApiError> {
    read_consume(body, Some(key)).map(Command::Consume)
}

/// Reads a consume body whose key must stand in it: an item of a batch. A key made for it could not
/// be told to a caller who loses the answer, and the repeat would be charged again.
pub(super) fn parse_keyed_consume(body: &str) -> Result<Consume, ApiError> {
    read_consume(body, None)
}

/// Without a source of keys, the body must name one.
fn read_consume(body: &str, key: Option<&KeySource<'_>>) -> Result<Consume, ApiError> {
    let mut fields = Fields::parse(body)?;
    let unit = fields.unit()?;
    let amount = fields.amount(&unit)?;
    if amount.is_negative() {
        return Err(negative_amount());
    }
    let when_short = match fields.text("on_insufficient")?.as_deref() {
        None | Some("allow") => WhenShort::Allow,
        Some("reject") => WhenShort::Reject,
        Some(_) => {
            let problem = "is neither \"allow\" nor \"reject\"";
            return Err(field_error(Code::InvalidRequest, "on_insufficient", problem));
        }
    };
    let call = read_call(&mut fields, key, "description")?;
    fields.finish()?;
    Ok(Consume { call, unit, amount, when_short })
}

/// Reads `POST …/add`: a grant, a negative adjustment, or the refund of a charge.
///
/// # Errors
/// Any 400 or 422 of the tables for bodies, amounts, ids and keys.
pub fn parse_add(body: &str, key: &KeySource<'_>) -> Result<Command, ApiError> {
    let mut fields = Fields::parse(body)?;
    let unit = fields.unit()?;
    let amount = fields.amount(&unit)?;
    let source = Source::parse(&fields.required_text("type")?).ok_or_else(|| {
        let problem = "is none of topup, adjustment and refund";
        field_error(Code::InvalidRequest, "type", problem)
    })?;
    let refund_of = fields.text("refund_of")?;
    let call = read_call(&mut fields, Some(key), "description")?;
    if amount.is_negative() && source != Source::Adjustment {
        return Err(negative_amount());
    }
    if refund_of.is_some() && source != Source::Refund {
        let problem = "goes with type refund only";
        return Err(field_error(Code::InvalidRequest, "refund_of", problem));
    }
    // A debit and the refund of a charge make no grant of their own: terms of a grant would be lost
    // on them, so they are left unread and refused as unknown.
    if amount.is_negative() {
        fields.finish()?;
        return Ok(Command::Debit(Debit { call, unit, amount: amount.negated() }));
    }
    if let Some(refund_of) = refund_of {
        fields.finish()?;
        let refund_of =
            TransactionId::parse(&refund_of).map_err(|error| id_error("refund_of", error))?;
        return Ok(Command::Refund(Refund { call, unit, amount, refund_of }));
    }
    let product = fields.text("product")?.map(|name| Product::parse(&name)).transpose();
    let grant = GrantCredits {
        call,
        unit,
        amount,
        source,
        product: product.map_err(|error| id_error("product", error))?,
        priority: fields.integer("priority", MAX_PRIORITY)?.unwrap_or(DEFAULT_PRIORITY),
        effective_at: fields.instant("effective_at")?,
        expires_at: fields.instant("expires_at")?,
    };
    fields.finish()?;
    Ok(Command::Grant(grant))
}

/// Reads `POST …/grants/{grant_id}/void`; `grant_id` is the decoded path segment.
///
/// # Errors
/// Any 400 of the tables for bodies, ids and keys.
pub fn parse_void(grant_id: &str, body: &str, key: &KeySource<'_>) -> Result<Command, ApiError> {
    let grant = TransactionId::parse(grant_id).map_err(|error| id_error("grant_id", error))?;
    let mut fields = Fields::parse(body)?;
    let call = read_call(&mut fields, Some(key), "reason")?;
    fields.finish()?;
    Ok(Command::Void(Void { call, grant }))
}

/// Reads no more than the key of a call whose body somebody else judges.
///
/// # Errors
/// `invalid_json` and the like for what is no object, and the 400 of the table for keys.
pub fn parse_key(body: &str, key: &KeySource<'_>) -> Result<IdempotencyKey, ApiError> {
    read_key(Fields::parse(body)?.text("idempotency_key")?, key)
}

pub(super) fn negative_amount() -> ApiError {
    let problem = "is negative; only an adjustment takes credits away by a negative amount";
    field_error(Code::AmountNegative, "amount", problem)
}

pub(super) fn read_call(
    fields: &mut Fields<'_>,
    source: Option<&KeySource<'_>>,
    description: &'static str,
) -> Result<CallDetails, ApiError> {
    let description = fields.description(description)?;
    let metadata = fields.metadata()?;
    let key = match source {
        Some(source) => read_key(fields.text("idempotency_key")?, source)?,
        None => read_own_key(&fields.required_text("idempotency_key")?)?,
    };
    Ok(CallDetails { key, description, metadata })
}

/// The key of header and body, which must agree; a fresh one where neither names it.
pub(crate) fn read_key(
    body: Option<String>,
    source: &KeySource<'_>,
) -> Result<IdempotencyKey, ApiError> {
    // Repeated headers arrive joined so; no key holds a space.
    if source.header.is_some_and(|value| value.contains(", ")) {
        let message = "The Idempotency-Key header was sent more than once. Nothing was changed.";
        return Err(ApiError::about(Code::DuplicateHeader, "idempotency_key", message));
    }
    let header =
        source.header.map(IdempotencyKey::parse_header).transpose().map_err(|_| invalid_key())?;
    let body = body.as_deref().map(read_own_key).transpose()?;
    match (header, body) {
        (Some(header), Some(body)) if header != body => {
            let message = "The Idempotency-Key header and the field idempotency_key name different \
                           keys. Nothing was changed; send one key, or the same in both.";
            Err(ApiError::about(Code::IdempotencyKeyConflict, "idempotency_key", message))
        }
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => Ok(IdempotencyKey::generate(source.entropy)),
    }
}

/// The key of the header alone; none where there is none.
///
/// # Errors
/// `duplicate_header`, `invalid_idempotency_key`.
pub fn read_header(source: &KeySource<'_>) -> Result<Option<IdempotencyKey>, ApiError> {
    source.header.map(|_| read_key(None, source)).transpose()
}

pub(crate) fn read_own_key(text: &str) -> Result<IdempotencyKey, ApiError> {
    IdempotencyKey::parse(text).map_err(|_| invalid_key())
}

fn invalid_key() -> ApiError {
    let message = "The idempotency key is not 1 to 255 visible ASCII characters without a comma. \
                   Nothing was changed.";
    ApiError::about(Code::InvalidIdempotencyKey, "idempotency_key", message)
}

/// What `GET …/balance` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceQuery {
    /// Which unit.
    pub unit: Unit,
    /// Whether to list the products.
    pub include_breakdown: bool,
}

/// What `GET …/transactions` asks for: newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// Which unit.
    pub unit: Unit,
    /// Only this kind.
    pub kind: Option<EntryKind>,
    /// Most items: 1 to [`MAX_PAGE_ITEMS`].
    pub limit: u32,
    /// Items to skip.
    pub offset: u32,
    /// Only entries before this sequence number: the page after a known entry, at the same cost
    /// however deep, and undisturbed by entries that are appended meanwhile.
    pub before_sequence: Option<u64>,
}

/// Reads the query of `GET …/balance`. Unknown parameters are ignored, as usual for reads.
///
/// # Errors
/// `invalid_request` or `invalid_id` naming the parameter.
pub fn parse_balance_query(query: &str) -> Result<BalanceQuery, ApiError> {
    let mut parsed = BalanceQuery { unit: Unit::credits(), include_breakdown: false };
    for (name, value) in parse_query(query) {
        match name.as_str() {
            "unit" => parsed.unit = parse_unit(&value)?,
            "include_breakdown" => {
                parsed.include_breakdown = match value.as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(parameter_error(&name, "is neither true nor false")),
                }
            }
            _ => {}
        }
    }
    Ok(parsed)
}

/// Reads the query of `GET …/transactions`. Unknown parameters are ignored, as usual for reads.
///
/// # Errors
/// `invalid_request` or `invalid_id` naming the parameter.
pub fn parse_page_query(query: &str) -> Result<PageQuery, ApiError> {
    let mut page = PageQuery {
        unit: Unit::credits(),
        kind: None,
        limit: DEFAULT_PAGE_ITEMS,
        offset: 0,
        before_sequence: None,
    };
    for (name, value) in parse_query(query) {
        match name.as_str() {
            "unit" => page.unit = parse_unit(&value)?,
            "type" => {
                let kind = EntryKind::parse(&value);
                page.kind = Some(kind.ok_or_else(|| parameter_error(&name, "is no entry type"))?);
            }
            "limit" => page.limit = parse_number(&name, &value, 1, MAX_PAGE_ITEMS)?,
            "offset" => page.offset = parse_number(&name, &value, 0, MAX_OFFSET)?,
            "before_sequence" => {
                page.before_sequence = Some(parse_sequence(&name, &value)?);
            }
            _ => {}
        }
    }
    Ok(page)
}

pub(crate) fn parse_unit(value: &str) -> Result<Unit, ApiError> {
    Unit::parse(value).map_err(|error| {
        ApiError::about(Code::InvalidId, "unit", &format!("The unit {}.", error.reason()))
    })
}

pub(crate) fn parse_sequence(name: &str, value: &str) -> Result<u64, ApiError> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let sequence = value.parse().ok().filter(|sequence: &u64| digits && *sequence < 1 << 53);
    sequence.ok_or_else(|| parameter_error(name, "is no sequence number"))
}

pub(crate) fn parse_number(
    name: &str,
    value: &str,
    least: u32,
    most: u32,
) -> Result<u32, ApiError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|number| digits && (least..=most).contains(number));
    number.ok_or_else(|| {
        parameter_error(name, &format!("is not a whole number from {least} to {most}"))
    })
}

pub(crate) fn parameter_error(name: &str, problem: &str) -> ApiError {
    let message = format!("The query parameter {name} {problem}.");
    ApiError::about(Code::InvalidRequest, name, &message)
}

impl PageQuery {
    /// How many rows the store must read: one more than the page, to know whether more follow.
    #[must_use]
    pub const fn rows_to_read(&self) -> u32 {
        self.limit + 1
    }
}

/// The text of a body that must be UTF-8.
///
/// # Errors
/// `invalid_json` when it is not.
pub fn body_text(bytes: &[u8]) -> Result<String, ApiError> {
    core::str::from_utf8(bytes).map(ToOwned::to_owned).map_err(|_| {
        ApiError::new(Code::InvalidJson, "The body is not valid UTF-8. Nothing was changed.")
    })
}
