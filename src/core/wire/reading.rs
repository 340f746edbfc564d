//! What a client makes of an answer: which error it is, whether another attempt may help, and what
//! it says about the customer's credits.
//!
//! [`judge`] is the client's side of the status table in [`crate::wire::errors`]. It decides from
//! one answer alone; what earlier attempts leave open is the exchange's to weigh.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};

use crate::error::Effect;
use crate::json::{self, Members};
use crate::wire::errors::Code;

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
/// * 425 and 429 are sent before any work; so is a 503 that carries a code of the API. A bare 503
///   is a proxy's, which cannot know: unknown, as are 500, 502, 504 and 520–530.
/// * 503 for a missing setting does not pass by waiting. 501 neither.
#[must_use]
pub fn judge(status: u16, code: Option<&str>) -> Judgement {
    use Effect::{Applied, NotApplied, Unknown};
    let judgement = |kind, retry, effect| Judgement { kind, retry, effect };
    let setting = matches!(code, Some("not_configured" | "topup_not_configured"));
    let coded = if code.is_some() { NotApplied } else { Unknown };
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
/// Largest details kept on an error: twice the largest metadata.
const MAX_DETAILS_BYTES: usize = 16 * 1024;

/// What an error body says, each part absent where it is missing or malformed.
#[derive(Clone, Debug, Default)]
pub struct ErrorBody {
    /// The stable code.
    pub code: Option<String>,
    /// For a person.
    pub message: Option<String>,
    /// More, as JSON text of an object.
    pub details: Option<String>,
    /// The server's name of the answer.
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// Reads `{"error": {"code", "message", "details", "request_id"}}`, `{"code", "message", …}` or
    /// `{"error": "text"}`. Anything else is an error body that says nothing.
    #[must_use]
    pub fn read(body: &str) -> Self {
        let Some(outer) = Members::read(body) else { return Self::default() };
        match outer.get("error") {
            Some(inner) if inner.starts_with('{') => {
                Members::read(inner).as_ref().map_or_else(Self::default, Self::from_members)
            }
            Some(words) => Self { message: message(words), ..Self::default() },
            None => Self::from_members(&outer),
        }
    }

    fn from_members(members: &Members<'_>) -> Self {
        let code = members.text("code").filter(|code| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            !code.is_empty() && code.len() <= MAX_CODE_BYTES && code.bytes().all(allowed)
        });
        let details = members.object("details");
        Self {
            code,
            message: members.get("message").and_then(message),
            details: details.filter(|text| text.len() <= MAX_DETAILS_BYTES).map(ToOwned::to_owned),
            request_id: members.text("request_id").and_then(|id| request_id(&id)),
        }
    }
}

/// A request id that may be shown: visible ASCII, not too long.
#[must_use]
pub fn request_id(text: &str) -> Option<String> {
    let fits = (1..=MAX_REQUEST_ID_BYTES).contains(&text.len());
    (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_string())
}

/// Whether a success body is a JSON object, and whether it says that it is a replay.
#[must_use]
pub fn read_success(body: &str) -> Option<bool> {
    Members::read(body).map(|members| members.get("replayed") == Some("true"))
}

/// The amounts of a 402, as decimal text.
#[must_use]
pub fn read_shortage(details: Option<&str>) -> (Option<String>, Option<String>) {
    let shortage = details.and_then(Members::read).unwrap_or_default();
    let amount = |name| shortage.get(name).and_then(decimal);
    (amount("current_balance"), amount("requested"))
}

/// A message without control characters, cut to a paragraph.
fn message(value: &str) -> Option<String> {
    let text = json::decode(value)?;
    let shown: String = text
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MAX_MESSAGE_CHARS)
        .collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_string())
}

/// A JSON number, or a string that holds one, as the number's text.
fn decimal(value: &str) -> Option<String> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    json::is_number(inner).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests;
