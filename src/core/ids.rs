//! Names of things: customers, units, products, entries and objects.
//!
//! Decides which text is a valid id, once, at the edge; after that the newtypes carry the proof.
//! Ids are compared byte for byte: no case folding, no Unicode normalisation.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::credits::Scale;

/// Longest customer id, in bytes. A percent-encoded id triples at most, and a path of 384 bytes
/// passes every proxy; an object name stays far below Cloudflare's 1,024-byte limit.
pub const MAX_CUSTOMER_ID_BYTES: usize = 128;

/// Longest unit or product name, in bytes: names of a price list, not free text.
pub const MAX_NAME_BYTES: usize = 64;

/// Why text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// No characters.
    Empty,
    /// More bytes than allowed.
    TooLong,
    /// A control character, white space at an end, or one outside the permitted set.
    Character,
    /// `.` or `..`: URL parsers swallow them.
    DotSegment,
}

impl IdError {
    /// The rule that was broken, as the end of a sentence: "the customer id …".
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::TooLong => "is too long",
            Self::Character => "holds a character that is not allowed",
            Self::DotSegment => "is . or .., which URLs cannot carry",
        }
    }
}

/// Which data a key reaches: live, or the sandbox. The two never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Environment {
    /// Real customers.
    Live,
    /// The sandbox.
    Test,
}

impl Environment {
    /// The word on the wire and in object names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The name of the object that knows all customers of this environment.
    ///
    /// ```
    /// use edge_credits_core::ids::Environment;
    /// assert_eq!(Environment::Live.object_name(), "4:live0:");
    /// ```
    #[must_use]
    pub fn object_name(self) -> String {
        Owner::everybody(self).object_name()
    }

    /// Reads `live` or `test`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "live" => Some(Self::Live),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

/// A customer's id, chosen by the caller: 1 to 128 bytes of any Unicode text without control
/// characters, without white space at its ends, and neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(String);

impl CustomerId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`IdError`] names the rule that the text breaks.
    ///
    /// ```
    /// use edge_credits_core::ids::{CustomerId, IdError};
    /// assert!(CustomerId::parse("org/42: café ☕").is_ok());
    /// assert_eq!(CustomerId::parse(".."), Err(IdError::DotSegment));
    /// ```
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > MAX_CUSTOMER_ID_BYTES {
            return Err(IdError::TooLong);
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err(IdError::Character);
        }
        if matches!(text, "." | "..") {
            return Err(IdError::DotSegment);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name from a price list (a unit or a product): 1 to 64 of `A–Z a–z 0–9 _ . : -`.
fn check_name(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(IdError::TooLong);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    if text.bytes().all(allowed) { Ok(()) } else { Err(IdError::Character) }
}

/// What a balance counts: `credits`, a credit type's key, or `usd` (the wallet).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit(String);

impl Unit {
    /// The default unit's name.
    pub const CREDITS: &'static str = "credits";
    /// The wallet's name.
    pub const USD: &'static str = "usd";

    /// The default unit.
    #[must_use]
    pub fn credits() -> Self {
        Self(Self::CREDITS.to_owned())
    }

    /// The wallet.
    #[must_use]
    pub fn usd() -> Self {
        Self(Self::USD.to_owned())
    }

    /// Checks a unit's name: 1 to 64 of `A–Z a–z 0–9 _ . : -`.
    ///
    /// # Errors
    /// [`IdError`] names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check_name(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many decimals its amounts have.
    #[must_use]
    pub fn scale(&self) -> Scale {
        if self.0 == Self::USD { Scale::USD } else { Scale::CREDITS }
    }
}

/// What a grant was for: a plan or pack of the caller's price list, 1 to 64 of `A–Z a–z 0–9 _ . : -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product(String);

impl Product {
    /// Checks a product's name.
    ///
    /// # Errors
    /// [`IdError`] names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check_name(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a ledger entry: `txn_` and 32 hexadecimal digits, derived from the idempotency key
/// (see [`crate::idempotency::Scope`]). A grant goes by the id of the entry that made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(String);

impl TransactionId {
    const PREFIX: &'static str = "txn_";

    /// Names an entry by the first 16 bytes of a digest.
    #[must_use]
    pub(crate) fn from_digest(digest: &[u8]) -> Self {
        use core::fmt::Write as _;
        let mut text = Self::PREFIX.to_owned();
        for byte in digest.iter().take(16) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// Checks an id's form.
    ///
    /// # Errors
    /// [`IdError`] names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix(Self::PREFIX).ok_or(IdError::Character)?;
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 32 {
            return Err(IdError::TooLong);
        }
        if !digits.bytes().all(hexadecimal) {
            return Err(IdError::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose ledger an object holds: one customer in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Live or test.
    pub environment: Environment,
    /// The customer.
    pub customer: CustomerId,
}

impl Owner {
    /// All customers of an environment, as the one who is asked: by the empty id, which no customer
    /// has.
    #[must_use]
    pub const fn everybody(environment: Environment) -> Self {
        Self { environment, customer: CustomerId(String::new()) }
    }

    /// The name of the owner's Durable Object.
    ///
    /// Each part is preceded by its length, so two owners never share a name, whatever their ids
    /// hold.
    ///
    /// ```
    /// use edge_credits_core::ids::{CustomerId, Environment, Owner};
    /// let owner = Owner { environment: Environment::Live, customer: CustomerId::parse("a:b").unwrap() };
    /// assert_eq!(owner.object_name(), "4:live3:a:b");
    /// ```
    #[must_use]
    pub fn object_name(&self) -> String {
        let (environment, customer) = (self.environment.as_str(), self.customer.as_str());
        format!("{}:{environment}{}:{customer}", environment.len(), customer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn customer_ids_by_the_table() {
        for valid in
            ["cus_1", "a/b", "a:b", "%2F", "a?b#c\\d", "🦀", "עברית", "...", "'; DROP TABLE x"]
        {
            assert_eq!(CustomerId::parse(valid).unwrap().as_str(), valid);
        }
        let refused = [
            ("", IdError::Empty),
            (".", IdError::DotSegment),
            ("..", IdError::DotSegment),
            (" a", IdError::Character),
            ("a\u{a0}", IdError::Character),
            ("a\0b", IdError::Character),
            ("a\nb", IdError::Character),
            ("a\u{85}b", IdError::Character),
        ];
        for (text, error) in refused {
            assert_eq!(CustomerId::parse(text), Err(error), "{text:?}");
        }
        assert!(CustomerId::parse(&"x".repeat(128)).is_ok());
        assert_eq!(CustomerId::parse(&"x".repeat(129)), Err(IdError::TooLong));
    }

    #[test]
    fn names_and_transaction_ids() {
        assert!(Unit::parse("api_credit").is_ok());
        assert_eq!(Unit::parse("api credit"), Err(IdError::Character));
        assert_eq!(Product::parse(&"x".repeat(65)), Err(IdError::TooLong));
        let id = TransactionId::from_digest(&[0xab; 32]);
        assert_eq!(TransactionId::parse(&id.to_string()), Ok(id));
        assert!(TransactionId::parse("txn_XYZ").is_err());
    }

    proptest::proptest! {
        #[test]
        fn object_names_are_injective(a in "[a:0-9]{1,6}", b in "[a:0-9]{1,6}") {
            let owner = |environment, id: &str| Owner { environment, customer: CustomerId::parse(id).unwrap() };
            let same = owner(Environment::Live, &a).object_name() == owner(Environment::Live, &b).object_name();
            proptest::prop_assert_eq!(same, a == b);
            proptest::prop_assert_ne!(
                owner(Environment::Live, &a).object_name(),
                owner(Environment::Test, &b).object_name()
            );
        }
    }
}
