//! What a client makes of an answer: which error it is, whether another attempt may help, and what
//! it says about the customer's credits.
//!
//! [`judge`] is the client's side of the status table in [`crate::wire::errors`]. It decides from
//! one answer alone; what earlier attempts leave open is the exchange's to weigh.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};

use serde::Deserialize;

use crate::credits::{Credits, Scale, whole_number};
use crate::error::Effect;
use crate::ids::Unit;
use crate::wire::errors::Code;
use crate::wire::fields::Members;

/// The class of the public API that a status belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 2xx.
    Success,
    /// 402
    InsufficientCredits,
    /// 429
    RateLimit,
    /// 401
    Authentication,
    /// Any other refusal or failure.
    Other,
    /// Not an answer of this API: a redirect, or a status that HTTP does not have.
    Protocol,
}

/// What one answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The class.
    pub kind: Kind,
    /// Whether the same call may succeed when sent again.
    pub retry: bool,
    /// What the answer says about a call that changes a ledger.
    pub effect: Effect,
}

/// The code of a 409 that says: the call of this key is running.
pub const KEY_IN_USE: &str = "idempotency_key_in_use";

/// Judges a status, with the answer's error code where its body has one.
///
/// * A refusal (4xx) changed nothing, but for 408, which the server sent because it stopped waiting
///   and not because it stopped working, and for 409 `idempotency_key_in_use`, whose call may still
///   be carried out.
/// * 425 and 429 are sent before any work; so is a 503 that carries a code of the API. Any other
///   503 may be a proxy's, which cannot know: unknown, as are 500, 502, 504 and 520–530.
/// * 503 for a missing setting does not pass by waiting. 501 neither.
#[must_use]
pub fn judge(status: u16, code: Option<&str>) -> Judgement {
    use Effect::{Applied, NotApplied, Unknown};
    let judgement = |kind, retry, effect| Judgement { kind, retry, effect };
    let setting = matches!(code, Some("not_configured" | "topup_not_configured"));
    let waits = matches!(code, Some("upstream_unavailable" | "stale_balance" | "outbox_full"));
    let coded = if setting || waits { NotApplied } else { Unknown };
    match status {
        200..=299 => judgement(Kind::Success, false, Applied),
        401 => judgement(Kind::Authentication, false, NotApplied),
        402 => judgement(Kind::InsufficientCredits, false, NotApplied),
        408 => judgement(Kind::Other, true, Unknown),
        409 if code == Some(KEY_IN_USE) => judgement(Kind::Other, true, Unknown),
        425 => judgement(Kind::Other, true, NotApplied),
        429 => judgement(Kind::RateLimit, true, NotApplied),
        400..=499 => judgement(Kind::Other, false, NotApplied),
        501 => judgement(Kind::Other, false, coded),
        503 => judgement(Kind::Other, !setting, coded),
        500 | 502 | 504 | 520..=530 => judgement(Kind::Other, true, Unknown),
        500..=599 => judgement(Kind::Other, false, Unknown),
        _ => judgement(Kind::Protocol, false, Unknown),
    }
}

/// The code of an answer whose body names none.
#[must_use]
pub const fn default_code(status: u16) -> &'static str {
    match status {
        401 => Code::InvalidApiKey.as_str(),
        402 => Code::InsufficientCredits.as_str(),
        404 => Code::NotFound.as_str(),
        405 => Code::MethodNotAllowed.as_str(),
        413 => Code::BodyTooLarge.as_str(),
        415 => Code::UnsupportedMediaType.as_str(),
        429 => "rate_limited",
        500 => Code::InternalError.as_str(),
        502..=504 | 520..=530 => "upstream_unavailable",
        _ => "http_error",
    }
}

/// Longest code: the API's own have at most 24 characters.
const MAX_CODE_BYTES: usize = 64;
/// Longest message taken from an answer, in characters: a paragraph.
const MAX_MESSAGE_CHARS: usize = 500;
/// Longest request id: a UUID has 36 characters, trace ids up to 128.
const MAX_REQUEST_ID_BYTES: usize = 128;
/// Longest text of a number that is kept: a double's exact decimals seldom need half of it.
const MAX_NUMBER_BYTES: usize = 64;
/// Largest position: the last that JavaScript tells from its neighbour.
const MAX_SEQUENCE: u64 = (1 << 53) - 1;
/// Longest name of credits.
const MAX_NAME_CHARS: usize = 64;
/// Largest details kept on an error: twice the largest metadata.
const MAX_DETAILS_BYTES: usize = 16 * 1024;

/// A JSON object as a library has read it: the host's `JSON.parse` in wasm, serde_json elsewhere
/// ([`Said::read`]). The client brings no JSON reader of its own, because its host has one.
pub trait JsonObject: Sized {
    /// A member that is a string.
    fn text(&self, name: &str) -> Option<String>;
    /// A member that is a boolean.
    fn flag(&self, name: &str) -> Option<bool>;
    /// A member that is a number, as its text.
    fn number(&self, name: &str) -> Option<String>;
    /// A member that is an object.
    fn object(&self, name: &str) -> Option<Self>;
    /// Whether there is such a member.
    fn has(&self, name: &str) -> bool;
    /// The object as JSON text.
    fn to_json(&self) -> String;
}

/// What an answer's body says, each part absent where it is missing or malformed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Whether the body is a JSON object at all.
    pub is_object: bool,
    /// Whether it has `data`, as an answer of the analytics must.
    pub has_data: bool,
    /// Whether it is the envelope of `/api/v1` that has a `statusDetail`; its payload is `result`.
    pub enveloped: bool,
    /// Whether it says that the call was not carried out, whatever its status.
    pub declined: bool,
    /// Whether a success says that it is a replay.
    pub replayed: bool,
    /// A success's balance, a number's text as it came: it may have more decimals than its unit.
    pub balance: Option<String>,
    /// The ledger's position that it stands for.
    pub sequence: Option<u64>,
    /// The ledger's name of the charge.
    pub transaction_id: Option<String>,
    /// What the API calls its credits.
    pub credit_name: Option<String>,
    /// An error's stable code.
    pub code: Option<String>,
    /// An error's words, for a person.
    pub message: Option<String>,
    /// An error's details, as JSON text of an object.
    pub details: Option<String>,
    /// The server's name of the answer.
    pub request_id: Option<String>,
    /// In the details of a 402: what was available, as decimal text.
    pub current_balance: Option<String>,
    /// In the details of a 402: what was asked for, as decimal text.
    pub requested: Option<String>,
    /// In the details of a reused key: the first call's receipt, as JSON text.
    pub first: Option<String>,
}

impl Said {
    /// Takes what matters out of a body; `None` is a body that is no JSON object.
    ///
    /// An error is `{"error": {"code", "message", "details", "request_id"}}`, `{"code", "message",
    /// …}` or `{"error": "text", "code", "details"}`.
    #[must_use]
    pub fn of<J: JsonObject>(body: Option<&J>) -> Self {
        let Some(outer) = body else { return Self::default() };
        let replayed = outer.flag("replayed").unwrap_or(false);
        let inner = outer.object("error");
        let said = Self::of_error(inner.as_ref().unwrap_or(outer));
        let words = outer.text("error").map(|words| message(&words));
        let said = Self { message: words.unwrap_or(said.message), ..said };
        let name = |name| outer.text(name).and_then(|text| request_id(&text));
        Self {
            is_object: true,
            has_data: outer.has("data"),
            replayed,
            balance: outer
                .number("balance")
                .or_else(|| outer.text("balance"))
                .filter(|text| text.len() <= MAX_NUMBER_BYTES),
            sequence: outer
                .number("sequence")
                .and_then(|text| whole_number(&text))
                .filter(|sequence| *sequence <= MAX_SEQUENCE),
            transaction_id: name("transaction_id"),
            credit_name: outer.text("credit_name").and_then(|text| short(&text)),
            ..said
        }
    }

    /// [`Said::of`] a body of `/api/v1`, whose envelopes say by themselves whether a call was carried out:
    /// `{"statusDetail": {"status", "message"}, "result"}`, or `{"ok", …}`.
    #[must_use]
    pub fn in_envelope<J: JsonObject>(body: Option<&J>) -> Self {
        let said = Self::of(body);
        let Some(outer) = body else { return said };
        if !outer.has("statusDetail") {
            return Self { declined: outer.flag("ok") == Some(false), ..said };
        }
        let text = |name| outer.object("statusDetail").and_then(|detail| detail.text(name));
        let message = text("message").and_then(|words| message(&words)).or(said.message);
        let declined = text("status").as_deref() != Some("SUCCESS");
        Self { enveloped: true, declined, message, ..said }
    }

    fn of_error<J: JsonObject>(error: &J) -> Self {
        let code = error.text("code").filter(|code| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            !code.is_empty() && code.len() <= MAX_CODE_BYTES && code.bytes().all(allowed)
        });
        let details = error.object("details");
        let amount = |name| details.as_ref().and_then(|details| amount_text(details, name));
        Self {
            code,
            message: error.text("message").and_then(|text| message(&text)),
            request_id: error.text("request_id").and_then(|id| request_id(&id)),
            current_balance: amount("current_balance"),
            requested: amount("requested"),
            first: details
                .as_ref()
                .and_then(|details| details.object("first"))
                .map(|o| o.to_json()),
            details: details
                .map(|details| details.to_json())
                .filter(|text| text.len() <= MAX_DETAILS_BYTES),
            ..Self::default()
        }
    }

    /// Whether it says that the customer was deleted, which is no word about the caller's key.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.code.as_deref() == Some(Code::CustomerClosed.as_str())
    }

    /// [`Said::of`] a body's text, read by serde_json: for shells without a JSON reader of their own.
    #[must_use]
    pub fn read(body: &str) -> Self {
        Self::of(RawObject::read(body).as_ref())
    }
}

/// A member of a body that is an object, as JSON text: for what is handed on and not judged.
#[must_use]
pub fn member<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    RawObject::read(body)?.0.get(name)
}

/// The unit that a body names.
#[must_use]
pub fn named_unit(body: &str) -> Option<Unit> {
    let text: String = RawObject::read(body)?.value("unit")?;
    Unit::parse(&text).ok()
}

/// A request id that may be shown: visible ASCII, not too long.
#[must_use]
pub fn request_id(text: &str) -> Option<String> {
    let fits = (1..=MAX_REQUEST_ID_BYTES).contains(&text.len());
    (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_string())
}

/// A name that may be shown, cut to the length of one.
fn short(text: &str) -> Option<String> {
    message(text).map(|name| name.chars().take(MAX_NAME_CHARS).collect())
}

/// A message without control characters, cut to a paragraph.
pub(crate) fn message(text: &str) -> Option<String> {
    let shown: String = text
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MAX_MESSAGE_CHARS)
        .collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_string())
}

/// An amount that the answer names, a number or a string that holds one, as decimal text.
pub(crate) fn amount_text<J: JsonObject>(object: &J, name: &str) -> Option<String> {
    let text = object.number(name).or_else(|| object.text(name))?;
    // The unit is not known here: credits reach further, the wallet is finer. The text is kept.
    let is_amount = |scale| Credits::from_number_text(&text, scale).is_ok();
    let known = is_amount(Scale::CREDITS) || is_amount(Scale::USD);
    known.then_some(text)
}

/// An object read by serde_json, its values as they are spelled.
pub(crate) struct RawObject<'a>(Members<'a>, &'a str);

impl<'a> RawObject<'a> {
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok().map(|members| Self(members, text))
    }

    fn value<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(|value| serde_json::from_str(value).ok())
    }
}

impl JsonObject for RawObject<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.value(name)
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.value(name)
    }

    fn number(&self, name: &str) -> Option<String> {
        let text = self.0.get(name)?;
        text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            .then(|| text.to_owned())
    }

    fn object(&self, name: &str) -> Option<Self> {
        Self::read(self.0.get(name)?)
    }

    fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    fn to_json(&self) -> String {
        self.1.to_owned()
    }
}

#[cfg(test)]
mod tests;
