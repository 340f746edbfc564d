//! What an owner enters by hand: `GET/POST …/customers/{id}/wallet` and `POST …/credits/adjust`.
//!
//! The wallet is the unit `usd`; credits are a credit type's key. A positive amount is a grant, a
//! negative one is taken like usage; both are commands of the ledger like any other, and show on both
//! faces of the API.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::catalog::Catalog;
use crate::credits::Credits;
use crate::http::parse_query;
use crate::ids::{CustomerId, TransactionId, Unit};
use crate::ledger::{
    Balance, CallDetails, Command, DEFAULT_PRIORITY, Debit, Entry, GrantCredits, Receipt, Source,
};
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error, id_error};
use crate::wire::members::Members;
use crate::wire::requests::{
    DEFAULT_PAGE_ITEMS, KeySource, MAX_PAGE_ITEMS, PageQuery, parse_number, parse_sequence,
    read_key,
};

/// Reads a wallet entry: `amount` in USD, positive for money that came in, negative for a correction;
/// `type` `topup` (the default) or `adjustment` (the default of a negative one), `description`,
/// `metadata`, `expiresAt`, `idempotencyKey`.
///
/// # Errors
/// The 400 and 422 of the tables for bodies, amounts and keys.
pub fn parse_wallet_entry(body: &str, key: &KeySource<'_>) -> Result<Command, ApiError> {
    let mut fields = Fields::parse(body)?;
    let unit = Unit::usd();
    let amount = fields.amount(&unit)?;
    let source = match fields.text("type")?.as_deref() {
        None if amount.is_negative() => Source::Adjustment,
        None | Some("topup") => Source::Topup,
        Some("adjustment") => Source::Adjustment,
        Some(_) => {
            let problem = "is neither \"topup\" nor \"adjustment\"";
            return Err(field_error(Code::InvalidRequest, "type", problem));
        }
    };
    read_entry(fields, (unit, amount, source), key)
}

/// Reads a correction of credits: `agentKey` (or `key`) names them, `credits` where neither is there;
/// `amount` is signed.
///
/// # Errors
/// As [`parse_wallet_entry`].
pub fn parse_credit_adjustment(body: &str, key: &KeySource<'_>) -> Result<Command, ApiError> {
    let mut fields = Fields::parse(body)?;
    let (new, old) = (fields.text("agentKey")?, fields.text("key")?);
    if new.is_some() && old.is_some() {
        return Err(field_error(
            Code::InvalidRequest,
            "agentKey",
            "and key are the same: send one",
        ));
    }
    let named = new.or(old).map(|name| Unit::parse(&name)).transpose();
    let unit = named.map_err(|error| id_error("agentKey", error))?.unwrap_or_else(Unit::credits);
    if unit.as_str() == Unit::USD {
        let problem = "is the wallet's: POST …/wallet";
        return Err(field_error(Code::InvalidRequest, "agentKey", problem));
    }
    let amount = fields.amount(&unit)?;
    read_entry(fields, (unit, amount, Source::Adjustment), key)
}

/// The unit that a correction names, unless it is one that is there for everybody.
#[must_use]
pub fn named_credits(command: &Command) -> Option<&Unit> {
    let unit = match command {
        Command::Grant(grant) => &grant.unit,
        Command::Debit(debit) => &debit.unit,
        _ => return None,
    };
    Some(unit).filter(|unit| !matches!(unit.as_str(), Unit::CREDITS | Unit::USD))
}

/// Why nothing is given under a key that is surely a slip: it is a step's, or nearly that of credits that
/// the catalog has. Any other is a unit of the owner's own, of which the catalog need know nothing.
#[must_use]
pub fn mistyped(unit: &Unit, catalog: &Catalog) -> Option<ApiError> {
    #[derive(Serialize)]
    struct Details<'a> {
        param: &'static str,
        known: Vec<&'a str>,
    }
    if catalog.credit_type(unit.as_str()).is_some() {
        return None;
    }
    let known = || catalog.credit_types().map(|known| known.key.as_str());
    let key = unit.as_str().to_ascii_lowercase();
    let from = |known: &str| distance(&known.to_ascii_lowercase(), &key);
    let nearest = known().min_by_key(|known| from(known));
    // A letter or two, of a word that has more than twice as many.
    let is_near = |known: &&str| from(known) <= 2 && from(known) * 2 < key.len();
    let hint = if catalog.step(unit.as_str()).is_some() {
        "It is a step of an outcome, which is paid from the wallet.".to_owned()
    } else {
        format!("Credits of the catalog are called {:?}.", nearest.filter(is_near)?)
    };
    let message = format!(
        "The catalog has no credits with the key {:?}, and this customer has never had any. {hint} \
         Nothing was changed; if it is what you mean, POST /v1/customers/{{id}}/add gives any unit.",
        unit.as_str()
    );
    let details = Details { param: "agentKey", known: known().collect() };
    Some(ApiError::new(Code::UnknownKey, &message).with_details(&details))
}

/// How many letters are to be added, left out or changed to come from one key to another.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (number, letter) in (1..).zip(one.bytes()) {
        let (mut diagonal, mut left) = (number - 1, number);
        for (place, against) in row.iter_mut().skip(1).zip(other.bytes()) {
            let changed = diagonal + usize::from(letter != against);
            diagonal = *place;
            left = changed.min(diagonal + 1).min(left + 1);
            *place = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

fn read_entry(
    mut fields: Fields<'_>,
    (unit, amount, source): (Unit, Credits, Source),
    key: &KeySource<'_>,
) -> Result<Command, ApiError> {
    if amount.is_negative() && source != Source::Adjustment {
        let problem = "is negative; only an adjustment takes away";
        return Err(field_error(Code::AmountNegative, "amount", problem));
    }
    let description = fields.description("description")?;
    let metadata = fields.metadata()?;
    let key = read_key(fields.text("idempotencyKey")?, key)?;
    let call = CallDetails { key, description, metadata };
    if amount.is_negative() {
        fields.finish()?;
        return Ok(Command::Debit(Debit { call, unit, amount: amount.negated() }));
    }
    let expires_at = fields.instant("expiresAt")?;
    fields.finish()?;
    Ok(Command::Grant(GrantCredits {
        call,
        unit,
        amount,
        source,
        product: None,
        priority: DEFAULT_PRIORITY,
        effective_at: None,
        expires_at,
    }))
}

/// Reads the query of `GET …/wallet`: `limit`, and `cursor` from the answer before.
///
/// # Errors
/// `invalid_request` naming the parameter.
pub fn parse_wallet_query(query: &str) -> Result<PageQuery, ApiError> {
    let mut page = PageQuery {
        unit: Unit::usd(),
        kind: None,
        limit: DEFAULT_PAGE_ITEMS,
        offset: 0,
        before_sequence: None,
    };
    for (name, value) in parse_query(query) {
        match name.as_str() {
            "limit" => page.limit = parse_number(&name, &value, 1, MAX_PAGE_ITEMS)?,
            "cursor" => page.before_sequence = Some(parse_sequence(&name, &value)?),
            _ => {}
        }
    }
    Ok(page)
}

/// The answer to a list: `{"walletBalanceUsd", "entries", "nextCursor"}`, newest first. `rows` are the
/// [`PageQuery::rows_to_read`] newest that match.
#[must_use]
pub fn wallet_body(balance: &Balance, rows: &[Entry], query: &PageQuery) -> String {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let shown: Vec<String> = rows.iter().take(limit).map(entry_json).collect();
    let more = rows.len() > limit;
    let last = rows.iter().take(limit).next_back().filter(|_| more);
    let cursor = last.map(|entry| format!("{}", entry.sequence));
    Members::new()
        .display("walletBalanceUsd", Some(balance.available.decimal(balance.unit.scale())))
        .display("entries", Some(format!("[{}]", shown.join(","))))
        .nullable_text("nextCursor", cursor.as_deref())
        .finish()
}

/// The answer to an entry made by hand: `{"entry", "customerId", "remaining", "duplicate"}`, and of the
/// wallet `walletBalanceUsd`.
#[must_use]
pub fn entered_body(receipt: &Receipt, customer: &CustomerId) -> String {
    let entry = &receipt.entry;
    let scale = entry.unit.scale();
    let remaining = entry.available_after().map(|amount| amount.decimal(scale));
    let is_wallet = entry.unit.as_str() == Unit::USD;
    Members::new()
        .display("entry", Some(entry_json(entry)))
        .text("customerId", Some(customer.as_str()))
        .display("remaining", remaining)
        .display("walletBalanceUsd", remaining.filter(|_| is_wallet))
        .display("duplicate", Some(receipt.replayed))
        .finish()
}

fn entry_json(entry: &Entry) -> String {
    let scale = entry.unit.scale();
    let mut members = Members::new();
    let json = |text: &&str| serde_json::from_str::<&RawValue>(text).is_ok();
    members
        .text("id", Some(entry.id.as_str()))
        .text("type", Some(entry.kind.as_str()))
        .text("agentKey", Some(entry.unit.as_str()))
        .display("amount", Some(entry.amount.decimal(scale)))
        .display("balanceAfter", entry.available_after().map(|amount| amount.decimal(scale)))
        .nullable_text("description", entry.description.as_deref())
        .nullable("metadata", entry.metadata.as_deref().filter(json))
        .nullable_text("refundOf", entry.refund_of.as_ref().map(TransactionId::as_str))
        .nullable_text("idempotencyKey", entry.record.as_ref().map(|record| record.key.as_str()))
        .display("sequence", Some(entry.sequence))
        .time("createdAt", entry.time);
    members.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Edit, Section, parse_entry};
    use crate::entropy::Entropy;

    fn key() -> KeySource<'static> {
        static ENTROPY: Entropy = Entropy::new([5; 16]);
        KeySource { header: None, entropy: &ENTROPY }
    }

    #[test]
    fn money_in_is_a_grant_and_money_out_is_taken() {
        let read = |body| parse_wallet_entry(body, &key());
        let Ok(Command::Grant(grant)) = read(r#"{"amount":"25.000000001"}"#) else { panic!() };
        assert_eq!((grant.amount.minor_units(), grant.source), (25_000_000_001, Source::Topup));
        let Ok(Command::Debit(debit)) = read(r#"{"amount":-1.5}"#) else { panic!() };
        assert_eq!((debit.unit.as_str(), debit.amount.minor_units()), ("usd", 1_500_000_000));
        for (body, code) in [
            (r#"{"amount":0}"#, Code::AmountZero),
            (r#"{"amount":-1,"type":"topup"}"#, Code::AmountNegative),
            (r#"{"amount":1,"type":"refund"}"#, Code::InvalidRequest),
            (r#"{"amount":1e-10}"#, Code::AmountPrecision),
            (r#"{"amount":1,"unit":"usd"}"#, Code::UnknownField),
            (r#"{"amount":-1,"expiresAt":"2100-01-01T00:00:00Z"}"#, Code::UnknownField),
            (r#"{}"#, Code::InvalidRequest),
        ] {
            assert_eq!(read(body).map_err(|error| error.code), Err(code), "{body}");
        }
    }

    #[test]
    fn credits_are_named_by_their_key() {
        let read = |body| parse_credit_adjustment(body, &key());
        let Ok(Command::Grant(grant)) = read(r#"{"amount":5,"agentKey":"api"}"#) else { panic!() };
        assert_eq!((grant.unit.as_str(), grant.source), ("api", Source::Adjustment));
        let Ok(Command::Debit(debit)) = read(r#"{"amount":-5,"key":"api"}"#) else { panic!() };
        assert_eq!(debit.amount.minor_units(), 5_000_000);
        let Ok(Command::Debit(debit)) = read(r#"{"amount":-5}"#) else { panic!() };
        assert_eq!(debit.unit.as_str(), "credits");
        for (body, code) in [
            (r#"{"amount":1,"agentKey":"usd"}"#, Code::InvalidRequest),
            (r#"{"amount":1,"agentKey":"a b"}"#, Code::InvalidId),
            (r#"{"amount":1,"agentKey":"a","key":"a"}"#, Code::InvalidRequest),
            (r#"{"amount":1,"type":"topup"}"#, Code::UnknownField),
        ] {
            assert_eq!(read(body).map_err(|error| error.code), Err(code), "{body}");
        }
    }

    #[test]
    fn slips_are_told_from_units_of_the_owners_own() {
        let mut catalog = Catalog::seed();
        let refused = |catalog: &Catalog, key| mistyped(&Unit::parse(key).unwrap(), catalog);
        // Who keeps no credits in the catalog has none to be near.
        assert!(refused(&catalog, "api_credit").is_none());
        for key in ["api_credit", "gpu", "a"] {
            let body = format!(r#"{{"name": "n", "agentKey": "{key}", "pricePerCredit": 1}}"#);
            let entry = parse_entry(Section::CreditTypes, &body).unwrap();
            catalog = catalog.edited(&Edit::Put(entry)).unwrap();
        }
        let steps =
            r#"{"name": "o", "pricePerOutcome": 1, "steps": [{"name": "s", "agentKey": "o.s"}]}"#;
        let entry = parse_entry(Section::Outcomes, steps).unwrap();
        catalog = catalog.edited(&Edit::Put(entry)).unwrap();
        for (key, is_slip) in [
            ("api_credit", false),
            ("api_credits", true),
            ("api-credit", true),
            ("API_CREDIT", true),
            ("apicredit", true),
            ("gpv", true),
            ("o.s", true),
            ("seats", false),
            ("tpu", true),
            ("cpus", false),
            ("b", false),
            ("api_calls", false),
        ] {
            let told = refused(&catalog, key);
            assert_eq!(told.is_some(), is_slip, "{key}");
            assert!(told.is_none_or(|error| error.message.contains("/add gives any unit")));
        }
    }
}
