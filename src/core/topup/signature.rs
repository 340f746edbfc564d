//! Whether a webhook was sent by Stripe, and now: its header `Stripe-Signature`.
//!
//! The header is `t=…,v1=…`: when it was signed, and HMAC-SHA256 of `t.body` in hexadecimal, once for
//! each secret in force; other schemes mean nothing. Decides on the bytes as they came, before anything
//! looks into them. Every failure is one answer, which does not say what was wrong.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::ids::Environment;
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};

/// How far the time of signing may be from ours, either way, in seconds: Stripe's own tolerance.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Longest header that is read, in bytes: two secrets in force make 180.
const MAX_HEADER_BYTES: usize = 4_096;

/// Most signatures of a header that are compared: one for each secret in force.
const MAX_SIGNATURES: usize = 16;

/// Most secrets of a setting: one for each endpoint, and a second while it is rotated.
pub const MAX_SECRETS: usize = 16;

/// Shortest secret, in bytes. Stripe's have 38; what is shorter than this was mistyped.
const MIN_SECRET_BYTES: usize = 8;

/// A webhook endpoint's signing secret. It has neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    /// The environment that it speaks for.
    environment: Environment,
}

impl Secret {
    /// Reads a setting: one secret, several with commas or white space between, or a JSON list.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that the setting's name begins.
    pub fn list(setting: &str, environment: Environment) -> Result<Vec<Self>, &'static str> {
        let texts: Vec<String> = if setting.trim_start().starts_with('[') {
            let listed = serde_json::from_str(setting);
            listed.map_err(|_| "is not a JSON list of secrets")?
        } else {
            let separator = |character: char| character == ',' || character.is_whitespace();
            let texts = setting.split(separator).filter(|text| !text.is_empty());
            texts.map(String::from).collect()
        };
        if !(1..=MAX_SECRETS).contains(&texts.len()) {
            return Err("does not hold 1 to 16 secrets");
        }
        let usable = |text: &String| {
            text.len() >= MIN_SECRET_BYTES && text.bytes().all(|b| b.is_ascii_graphic())
        };
        if !texts.iter().all(usable) {
            return Err("holds something that is no signing secret such as whsec_…");
        }
        Ok(texts.into_iter().map(|text| Self { text, environment }).collect())
    }

    /// Whether it may speak for an environment.
    #[must_use]
    pub fn speaks_for(&self, environment: Environment) -> bool {
        self.environment == environment
    }

    fn mac(&self) -> Option<Hmac<Sha256>> {
        // A key of any length will do.
        Hmac::new_from_slice(self.text.as_bytes()).ok()
    }
}

/// The header's parts that count.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    /// When, as it is written.
    time: &'a str,
    seconds: i64,
    signatures: Vec<[u8; 32]>,
}

impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({}, {} signatures)", self.time, self.signatures.len())
    }
}

impl<'a> Signed<'a> {
    /// Reads the header. `None` unless it names one time and has a signature of the scheme `v1`.
    #[must_use]
    pub fn parse(header: &'a str) -> Option<Self> {
        if header.len() > MAX_HEADER_BYTES {
            return None;
        }
        let mut time = None;
        let mut signatures = Vec::new();
        for part in header.split(',') {
            let (name, value) = part.trim_matches([' ', '\t']).split_once('=')?;
            match name {
                "t" if time.is_some() => return None,
                "t" => time = Some(value),
                "v1" if signatures.len() < MAX_SIGNATURES => signatures.extend(unhex(value)),
                _ => {}
            }
        }
        let time = time?;
        // Twelve digits reach the year 33658.
        let digits = (1..=12).contains(&time.len()) && time.bytes().all(|b| b.is_ascii_digit());
        let seconds = time.parse().ok().filter(|_| digits)?;
        if signatures.is_empty() { None } else { Some(Self { time, seconds, signatures }) }
    }

    /// The secrets that have signed `body`. Each is compared in constant time, and all are.
    fn signers<'s>(&self, body: &[u8], secrets: &'s [Secret]) -> Vec<&'s Secret> {
        let signed = |secret: &&Secret| {
            let Some(mut mac) = secret.mac() else { return false };
            mac.update(self.time.as_bytes());
            mac.update(b".");
            mac.update(body);
            let same = |one: &[u8; 32]| mac.clone().verify_slice(one).is_ok();
            self.signatures.iter().fold(false, |found, one| same(one) | found)
        };
        secrets.iter().filter(signed).collect()
    }
}

/// The secrets that have signed a body, according to the header, within the tolerance of `now`.
///
/// # Errors
/// `invalid_signature`: one answer for a header that is missing or malformed, a signature of nobody
/// known, and a time too far from now.
pub fn verify<'s>(
    header: Option<&str>,
    body: &[u8],
    secrets: &'s [Secret],
    now: Timestamp,
) -> Result<Vec<&'s Secret>, ApiError> {
    let Some(signed) = header.and_then(Signed::parse) else { return Err(invalid()) };
    let signers = signed.signers(body, secrets);
    // Whole seconds, as the header has them: the fraction of ours is cut off.
    let distance = now.as_millis().div_euclid(1_000) - signed.seconds;
    if signers.is_empty() || distance.abs() > TOLERANCE_SECONDS {
        return Err(invalid());
    }
    Ok(signers)
}

/// The one answer to whatever is not signed as it must be.
#[must_use]
pub fn invalid() -> ApiError {
    let message = "The Stripe-Signature header does not sign this body. Nothing was changed.";
    ApiError::new(Code::InvalidSignature, message)
}

/// 64 hexadecimal digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    if pairs.len() != 32 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |of: u8| char::from(of).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}
