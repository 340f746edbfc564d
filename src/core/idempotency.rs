//! What makes two calls one: the caller's key, its scope, and the content it stands for.
//!
//! Decides which keys are valid, how a key names its ledger entry, and whether a repeat is the same
//! call. What a repeat answers is the ledger's business. Read [`IdempotencyKey`], then [`Scope`],
//! then [`Fingerprint`].

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::entropy::Entropy;
use crate::ids::{Owner, TransactionId};

/// Longest key, in characters: the limit that payment APIs share.
pub const MAX_KEY_LENGTH: usize = 255;

/// The caller's name of one logical call: 1 to 255 visible ASCII characters, no comma.
///
/// A comma is refused because repeated headers arrive joined by one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

/// The text is not a valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKey;

impl IdempotencyKey {
    /// The key of a charge that another transaction makes: that one's id, which is a key's text.
    #[must_use]
    pub(crate) fn of(transaction: &TransactionId) -> Self {
        Self(transaction.as_str().to_owned())
    }

    /// Checks a key as a body or an option carries it.
    ///
    /// # Errors
    /// [`InvalidKey`] when empty, too long, or not visible ASCII without a comma.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b',';
        let fits = (1..=MAX_KEY_LENGTH).contains(&text.len());
        if fits && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(InvalidKey) }
    }

    /// Reads an `Idempotency-Key` header: bare, or quoted as RFC 8941 §3.3.3 says. Both forms of
    /// the same key are the same key.
    ///
    /// # Errors
    /// [`InvalidKey`], bad quoting included.
    ///
    /// ```
    /// use edge_credits_core::idempotency::IdempotencyKey;
    /// let bare = IdempotencyKey::parse_header("req_1").unwrap();
    /// assert_eq!(IdempotencyKey::parse_header("\"req_1\"").unwrap(), bare);
    /// assert!(IdempotencyKey::parse_header("req_1, req_2").is_err());
    /// ```
    pub fn parse_header(value: &str) -> Result<Self, InvalidKey> {
        let value = value.trim_matches([' ', '\t']);
        let Some(rest) = value.strip_prefix('"') else { return Self::parse(value) };
        let quoted = rest.strip_suffix('"').ok_or(InvalidKey)?;
        let mut key = String::with_capacity(quoted.len());
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => return Err(InvalidKey),
                '\\' => match characters.next() {
                    Some(escaped @ ('"' | '\\')) => key.push(escaped),
                    _ => return Err(InvalidKey),
                },
                other => key.push(other),
            }
        }
        Self::parse(&key)
    }

    /// The header's value for this key: bare, unless that could be read as a quoted one.
    #[must_use]
    pub fn to_header(&self) -> String {
        if !self.0.starts_with('"') {
            return self.0.clone();
        }
        let mut quoted = String::from('"');
        for character in self.0.chars() {
            if matches!(character, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        quoted.push('"');
        quoted
    }

    /// A fresh key: a UUID version 4.
    #[must_use]
    pub fn generate(entropy: &Entropy) -> Self {
        Self(entropy.uuid())
    }

    /// The key of one call inside a request whose own name is `base`.
    ///
    /// Two calls of a request differ by method, customer, or label; the label of an unnamed call is
    /// its number among its like. A repeated request therefore makes the same keys again.
    #[must_use]
    pub fn derive(base: &str, method: &str, customer: &str, label: &str) -> Self {
        let digest = digest(&["request-key", base, method, customer, label]);
        let mut first_half = [0; 16];
        first_half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(Entropy::new(first_half).uuid())
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The operations that change a ledger. `consumeOrFail` is `Consume`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// consume, consumeOrFail
    Consume,
    /// A usage signal.
    Signal,
    /// add
    Add,
    /// voidGrant
    Void,
    /// hold
    Hold,
    /// The end of a hold: captured, released, or by its own rule. Its key is the hold's id.
    Settle,
    /// A payment that has bought credits, by its own name: callers' keys are others.
    TopUp,
    /// What a payment that was paid back takes back.
    Reversal,
    /// The ledger's own: a grant comes into effect.
    Activate,
    /// The ledger's own: a grant ends by time.
    Expire,
}

impl Operation {
    /// The word in ids, records and fingerprints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Signal => "signal",
            Self::Add => "add",
            Self::Void => "void",
            Self::Hold => "hold",
            Self::Settle => "settle",
            Self::TopUp => "top-up",
            Self::Reversal => "reversal",
            Self::Activate => "activate",
            Self::Expire => "expire",
        }
    }
}

/// Where a key is unique: one operation on one customer in one environment.
pub struct Scope<'a> {
    /// Whose ledger.
    pub owner: &'a Owner,
    /// Which operation.
    pub operation: Operation,
}

impl Scope<'_> {
    /// The id of the entry that this key makes in this scope: the same wherever it is computed, so
    /// that a cache and the ledger name one charge alike, and the entry itself is the record.
    #[must_use]
    pub fn transaction_id(&self, key: &str) -> TransactionId {
        let environment = self.owner.environment.as_str();
        let customer = self.owner.customer.as_str();
        let digest = digest(&["transaction", environment, customer, self.operation.as_str(), key]);
        TransactionId::from_digest(&digest)
    }
}

/// SHA-256 over parts, each preceded by its length so that no two lists collide.
pub(crate) fn digest(parts: &[&str]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_vec()
}

/// The canonical content of a call: what moves money, and nothing else.
///
/// Kept as one short digest per field rather than one for all, so that a refusal can name the
/// field that differs without storing its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(Vec<(String, String)>);

impl Fingerprint {
    /// Takes the fields that move money, in a fixed order. Absent ones are left out.
    #[must_use]
    pub fn of<'a>(fields: impl IntoIterator<Item = (&'static str, Option<&'a str>)>) -> Self {
        let present = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Self(present.map(|(name, value)| (name.to_owned(), short_digest(name, value))).collect())
    }

    /// The first field in which two calls differ; `None` when they are the same call.
    #[must_use]
    pub fn difference<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        let missing_from = |from: &'a Self, to: &Self| {
            from.0.iter().find(|field| !to.0.contains(field)).map(|(name, _)| name.as_str())
        };
        missing_from(self, other).or_else(|| missing_from(other, self))
    }

    /// The text kept with the entry: `name:digest`, space-separated.
    #[must_use]
    pub fn to_text(&self) -> String {
        let fields: Vec<String> =
            self.0.iter().map(|(name, digest)| format!("{name}:{digest}")).collect();
        fields.join(" ")
    }

    /// Reads [`Fingerprint::to_text`] back; `None` when the text is not one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let field = |part: &str| {
            part.split_once(':').map(|(name, digest)| (name.to_owned(), digest.to_owned()))
        };
        text.split(' ').filter(|part| !part.is_empty()).map(field).collect::<Option<_>>().map(Self)
    }
}

/// 64 bits of a field's digest: enough to tell a caller's two contents of one key apart (this is
/// no defence against a caller who forges a collision with their own earlier call).
fn short_digest(name: &str, value: &str) -> String {
    let digest = digest(&["fingerprint", name, value]);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CustomerId, Environment};

    #[test]
    fn header_forms() {
        let table = [
            ("abc", Ok("abc")),
            ("  abc\t", Ok("abc")),
            ("\"abc\"", Ok("abc")),
            ("\"a\\\"b\\\\c\"", Ok("a\"b\\c")),
            ("a\"b", Ok("a\"b")),
            ("\"abc", Err(InvalidKey)),
            ("\"a\"b\"", Err(InvalidKey)),
            ("\"a\\x\"", Err(InvalidKey)),
            ("\"\"", Err(InvalidKey)),
            ("\"", Err(InvalidKey)),
            ("", Err(InvalidKey)),
            ("a b", Err(InvalidKey)),
            ("a,b", Err(InvalidKey)),
            ("ключ", Err(InvalidKey)),
            ("a\u{7f}", Err(InvalidKey)),
        ];
        for (value, expected) in table {
            let read = IdempotencyKey::parse_header(value);
            assert_eq!(
                read.as_ref().map(IdempotencyKey::as_str),
                expected.as_ref().copied(),
                "{value:?}"
            );
        }
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
        assert!(IdempotencyKey::parse(&"k".repeat(256)).is_err());
    }

    #[test]
    fn scopes_do_not_share_keys() {
        let owner =
            |environment, id| Owner { environment, customer: CustomerId::parse(id).unwrap() };
        let live = owner(Environment::Live, "a");
        let test = owner(Environment::Test, "a");
        let other = owner(Environment::Live, "b");
        let id = |owner, operation| Scope { owner, operation }.transaction_id("k");
        let ids = [
            id(&live, Operation::Consume),
            id(&live, Operation::Add),
            id(&test, Operation::Consume),
            id(&other, Operation::Consume),
        ];
        for (index, one) in ids.iter().enumerate() {
            assert!(ids.iter().skip(index + 1).all(|another| another != one));
        }
        assert_eq!(id(&live, Operation::Consume), ids[0]);
    }

    #[test]
    fn fingerprints_name_the_field() {
        let of =
            |amount, product| Fingerprint::of([("amount", Some(amount)), ("product", product)]);
        let first = of("5", None);
        assert_eq!(first.difference(&of("5", None)), None);
        assert_eq!(first.difference(&of("6", None)), Some("amount"));
        assert_eq!(first.difference(&of("5", Some("pro"))), Some("product"));
        assert_eq!(of("5", Some("pro")).difference(&first), Some("product"));
        assert_eq!(Fingerprint::from_text(&first.to_text()), Some(first));
        assert_eq!(Fingerprint::from_text("nonsense"), None);
    }

    #[test]
    fn derived_keys_repeat_and_differ() {
        let key = IdempotencyKey::derive("req", "consume", "cus", "1");
        assert_eq!(key, IdempotencyKey::derive("req", "consume", "cus", "1"));
        assert_ne!(key, IdempotencyKey::derive("req", "consume", "cus", "2"));
        assert_ne!(key, IdempotencyKey::derive("req", "consume", "cu", "s1"));
        assert!(IdempotencyKey::parse(key.as_str()).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn headers_round_trip(text in "[!-~&&[^,]]{1,40}") {
            let key = IdempotencyKey::parse(&text).unwrap();
            proptest::prop_assert_eq!(IdempotencyKey::parse_header(&key.to_header()), Ok(key));
        }
    }
}
