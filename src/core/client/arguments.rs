//! What a caller passed to a method, as a shell hands it over: read, not yet judged.
//!
//! Decides the names and types of arguments only. Their content is judged by
//! [`crate::client::call`].

use alloc::string::String;

use crate::analytics::question::Topic;
use crate::config::UrlParts;

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
    /// Reserves credits, or refuses when they are short.
    Hold,
    /// Lets a hold last longer.
    ExtendHold,
    /// Reports how much of a hold is used.
    ReportHold,
    /// Ends a hold, and takes what was used of it.
    CaptureHold,
    /// Ends a hold of which nothing was used.
    ReleaseHold,
    /// Reads one hold, open or not.
    GetHold,
    /// Reads a page of the open holds, newest first.
    GetHolds,
    /// Asks what was used when, or for what.
    GetUsageAnalytics,
    /// Asks who used most.
    GetTopConsumers,
    /// Asks what was used for what.
    GetActionBreakdown,
    /// Asks how fast credits go.
    GetBurnRate,
    /// Asks for a period and the one before it.
    GetAnalyticsSummary,
    /// Opens a checkout session, in which a customer buys credits.
    CreateTopUpSession,
}

impl ApiMethod {
    /// Every method.
    pub const ALL: [Self; 19] = [
        Self::GetBalance,
        Self::Consume,
        Self::ConsumeOrFail,
        Self::Add,
        Self::GetTransactions,
        Self::VoidGrant,
        Self::Hold,
        Self::ExtendHold,
        Self::ReportHold,
        Self::CaptureHold,
        Self::ReleaseHold,
        Self::GetHold,
        Self::GetHolds,
        Self::GetUsageAnalytics,
        Self::GetTopConsumers,
        Self::GetActionBreakdown,
        Self::GetBurnRate,
        Self::GetAnalyticsSummary,
        Self::CreateTopUpSession,
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
            Self::Hold => "hold",
            Self::ExtendHold => "extendHold",
            Self::ReportHold => "reportHold",
            Self::CaptureHold => "captureHold",
            Self::ReleaseHold => "releaseHold",
            Self::GetHold => "getHold",
            Self::GetHolds => "getHolds",
            Self::GetUsageAnalytics => "getUsageAnalytics",
            Self::GetTopConsumers => "getTopConsumers",
            Self::GetActionBreakdown => "getActionBreakdown",
            Self::GetBurnRate => "getBurnRate",
            Self::GetAnalyticsSummary => "getAnalyticsSummary",
            Self::CreateTopUpSession => "createTopUpSession",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether the method changes something, and so goes under an idempotency key.
    #[must_use]
    pub const fn changes(self) -> bool {
        self.moves_credits()
            || matches!(self, Self::CreateTopUpSession | Self::ExtendHold | Self::ReportHold)
    }

    /// What a method of the analytics asks about.
    #[must_use]
    pub const fn topic(self) -> Option<Topic> {
        Some(match self {
            Self::GetUsageAnalytics => Topic::Usage,
            Self::GetTopConsumers => Topic::TopConsumers,
            Self::GetActionBreakdown => Topic::Actions,
            Self::GetBurnRate => Topic::BurnRate,
            Self::GetAnalyticsSummary => Topic::Summary,
            _ => return None,
        })
    }

    /// Whether what it changes is a balance: a session that is opened is not yet paid, and a hold that
    /// lasts longer holds no more.
    #[must_use]
    pub const fn moves_credits(self) -> bool {
        let holds = matches!(self, Self::Hold | Self::CaptureHold | Self::ReleaseHold);
        holds || matches!(self, Self::Consume | Self::ConsumeOrFail | Self::Add | Self::VoidGrant)
    }
}

/// The arguments and options of every method in one flat object; a method reads those it knows.
///
/// One shape rather than one per method: each would cost the wasm a reader of its own. It has no
/// `Debug`: descriptions and metadata are the caller's data.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(serde::Deserialize), serde(rename_all = "camelCase", default))]
pub struct Arguments {
    /// Whose ledger. Every method.
    pub customer_id: String,
    /// Whether nobody was named, which of the analytics alone asks for all customers.
    pub everybody: bool,
    /// Which days. The analytics but for getBurnRate.
    pub period: Option<String>,
    /// By `day`, `week` or `action`. getUsageAnalytics.
    pub group_by: Option<String>,
    /// Over so many days. getBurnRate.
    pub days: Option<u32>,
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
    #[cfg_attr(test, serde(rename = "type"))]
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
    /// Rows of a page, or of a ranking, 1 to 100. getTransactions, getHolds, getTopConsumers.
    pub limit: Option<u32>,
    /// Rows to skip. getTransactions.
    pub offset: Option<u64>,
    /// Only rows before this sequence number. getTransactions, getHolds.
    pub before_sequence: Option<u64>,
    /// The grant, by the `transaction_id` of the add that made it. voidGrant.
    pub grant_id: Option<String>,
    /// The hold, by the `hold_id` of the call that placed it. The methods that read or change one.
    pub hold_id: Option<String>,
    /// Milliseconds from now. hold, extendHold.
    pub ttl_ms: Option<u64>,
    /// `capture_progress`, `release` or `capture_all`; the first when absent. hold.
    pub on_expiry: Option<String>,
    /// For a person. voidGrant.
    pub reason: Option<String>,
    /// Where a buyer goes who has paid. createTopUpSession.
    pub success_url: Option<ReturnUrl>,
    /// Where a buyer goes who has not. createTopUpSession.
    pub cancel_url: Option<ReturnUrl>,
    /// The pack of so many credits. createTopUpSession.
    pub credits: Option<RawAmount>,
    /// The pack of this price. createTopUpSession.
    pub price_id: Option<String>,
    /// Whether the call goes on after the response has been sent. consume.
    pub background: bool,
}

/// A URL as the caller gave it, and its pieces by the host's parser.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(serde::Deserialize), serde(default))]
pub struct ReturnUrl {
    /// As given: it is sent so, for a parser may spell its placeholder otherwise.
    pub text: String,
    /// Its pieces.
    pub parts: UrlParts,
}

/// An amount as the caller gave it: JavaScript's `typeof`, and the shortest text of the value.
///
/// A shell writes minus zero as `-0` (`String(-0)` loses the sign), and leaves `text` empty for
/// types other than `number` and `string`.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct RawAmount {
    /// `typeof` of the value.
    #[cfg_attr(test, serde(rename = "type"))]
    pub kind: String,
    /// Its text.
    pub text: String,
}
