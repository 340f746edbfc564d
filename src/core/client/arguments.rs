//! What a caller passed to a method, as a shell hands it over: read, not yet judged.
//!
//! Decides the names and types of arguments only. [`crate::client::call`] judges their content.

use alloc::boxed::Box;
use alloc::string::String;

use serde::Deserialize;

use crate::client::error::ClientError;
use crate::credits::{AmountError, Credits, Scale};

/// The methods of the Credit Engine API that the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiMethod {
    /// Reads a balance.
    GetBalance,
    /// Records usage, credits or not.
    Consume,
    /// Deducts, or refuses when credits are short.
    ConsumeOrFail,
    /// Makes a grant.
    Add,
    /// Reads a page of the ledger, newest first.
    GetTransactions,
    /// Ends a grant.
    VoidGrant,
}

impl ApiMethod {
    /// Every method.
    pub const ALL: [Self; 6] = [
        Self::GetBalance,
        Self::Consume,
        Self::ConsumeOrFail,
        Self::Add,
        Self::GetTransactions,
        Self::VoidGrant,
    ];

    /// The method's name on the `CreditEngine` class.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetBalance => "getBalance",
            Self::Consume => "consume",
            Self::ConsumeOrFail => "consumeOrFail",
            Self::Add => "add",
            Self::GetTransactions => "getTransactions",
            Self::VoidGrant => "voidGrant",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether the method changes a ledger, and so goes under an idempotency key.
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(self, Self::GetBalance | Self::GetTransactions)
    }
}

/// The arguments and options of every method in one flat object; a method reads those it knows.
///
/// One shape rather than one per method: each costs the wasm a decoder of its own. It has no
/// `Debug`: descriptions and metadata are the caller's data.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Arguments {
    /// Whose ledger. Every method.
    pub customer_id: String,
    /// How much. consume, consumeOrFail, add.
    pub amount: Option<RawAmount>,
    /// For a person. consume, consumeOrFail, add.
    pub description: Option<String>,
    /// A JSON object as text. consume, consumeOrFail, add.
    pub metadata: Option<String>,
    /// The caller's own key. consume, consumeOrFail, add, voidGrant.
    pub idempotency_key: Option<String>,
    /// Names this call among those of one request (see [`crate::client::request_keys`]).
    pub label: Option<String>,
    /// What the balance counts; `credits` when absent. All but voidGrant.
    pub unit: Option<String>,
    /// The kind: `topup`, `adjustment` or `refund` for add (`topup` when absent); a filter for
    /// getTransactions.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What the grant is for. add.
    pub product: Option<String>,
    /// RFC 3339: from when the grant pays. add.
    pub effective_at: Option<String>,
    /// RFC 3339: from when the grant no longer pays. add.
    pub expires_at: Option<String>,
    /// The grant's place in the burn order, lower first. add.
    pub priority: Option<u32>,
    /// The charge that a refund gives back, by its `transaction_id`. add.
    pub refund_of: Option<String>,
    /// Whether to list the balance per product. getBalance.
    pub include_breakdown: Option<bool>,
    /// Rows of a page, 1 to 100. getTransactions.
    pub limit: Option<u32>,
    /// Rows to skip. getTransactions.
    pub offset: Option<u64>,
    /// Only rows before this sequence number. getTransactions.
    pub before_sequence: Option<u64>,
    /// The grant, by the `transaction_id` of the add that made it. voidGrant.
    pub grant_id: Option<String>,
    /// For a person. voidGrant.
    pub reason: Option<String>,
}

/// An amount as the caller gave it: JavaScript's `typeof`, and the shortest text of the value.
///
/// A shell writes minus zero as `-0` (`String(-0)` loses the sign), and leaves `text` empty for
/// types other than `number` and `string`.
#[derive(Clone, Default, Deserialize)]
pub struct RawAmount {
    /// `typeof` of the value.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its text.
    pub text: String,
}

/// Which signs an amount may have. Zero never is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Above zero only.
    Positive,
    /// Either: a correction.
    Either,
}

impl RawAmount {
    /// The amount in minor units of a unit with this scale.
    ///
    /// # Errors
    /// `invalid_amount`: anything but a finite number or a decimal string, more decimals than the
    /// unit has, minus zero, zero, a sign that is not allowed, or beyond the largest amount.
    pub fn read(&self, scale: Scale, sign: Sign) -> Result<Credits, Box<ClientError>> {
        let amount = match self.kind.as_str() {
            "number" => Credits::from_number_text(&self.text, scale),
            "string" => Credits::from_decimal_text(&self.text, scale),
            "bigint" => return Err(refuse("is a BigInt: pass a number or a decimal string")),
            "undefined" | "null" => return Err(refuse("is missing")),
            _ => return Err(refuse("must be a number or a decimal string")),
        };
        let amount = amount.map_err(|error| refuse(reason(error, &self.kind, scale)))?;
        if amount.is_zero() {
            return Err(refuse("is zero: there is nothing to do"));
        }
        if amount.is_negative() && sign == Sign::Positive {
            return Err(refuse("is negative: only an add of type adjustment may be"));
        }
        Ok(amount)
    }
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

fn refuse(reason: &str) -> Box<ClientError> {
    ClientError::argument("invalid_amount", "amount", reason)
}
