//! Which operation a method and a path name.
//!
//! Decides 404 and 405, and nothing else: ids stay as they stand in the path until the caller has
//! been authenticated. There is no HEAD, no OPTIONS and no CORS: the API's keys are secrets, which
//! no browser may hold.

use edge_credits_core::analytics::question::Topic;
use edge_credits_core::topup::event::MAX_EVENT_BYTES;
use edge_credits_core::wire::batch::MAX_BATCH_BYTES;
use edge_credits_core::wire::errors::{ApiError, Code};

use crate::clocknext::routes::{Ask, find};
use crate::portal::Step;
use crate::respond::Failure;

/// Largest body of a call, in bytes: 8 KB of metadata in its widest spelling (`\u00xx` for each
/// byte), and the other fields. A batch has its own limit.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// What a request asks for. Ids are still percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// Is the worker up, and configured?
    Health,
    /// An operation on one customer's ledger.
    Customer {
        /// The path's segment.
        id: &'a str,
        /// What to do there.
        action: Action<'a>,
    },
    /// A question about all customers, or by its query about one.
    Analytics(Topic),
    /// Something of the ClockNext API.
    ClockNext(Ask<'a>),
    /// Something about a top-up, whose customer does not stand in the path.
    TopUp(TopUpAction<'a>),
    /// A step of the portal, whose customer stands in its token.
    Portal(Step),
}

/// A step of a top-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopUpAction<'a> {
    /// createTopUpSession
    Open,
    /// An event of Stripe's.
    Webhook,
    /// The page of a test checkout.
    Page {
        /// The path's segment.
        session: &'a str,
    },
    /// Its button that pays.
    Pay {
        /// The path's segment.
        session: &'a str,
    },
    /// Its button that does not.
    Cancel {
        /// The path's segment.
        session: &'a str,
    },
}

impl TopUpAction<'_> {
    /// Largest body, in bytes; 0 where none is read.
    pub(crate) const fn max_body_bytes(self) -> usize {
        match self {
            Self::Open => MAX_BODY_BYTES,
            Self::Webhook => MAX_EVENT_BYTES,
            Self::Page { .. } | Self::Pay { .. } | Self::Cancel { .. } => 0,
        }
    }
}

/// An operation on one customer's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    /// getBalance
    Balance,
    /// getTransactions
    Transactions,
    /// consume and consumeOrFail
    Consume,
    /// Many of these, each with its own key.
    Batch,
    /// add
    Add,
    /// voidGrant
    Void {
        /// The path's segment.
        grant: &'a str,
    },
    /// hold
    Hold,
    /// The open holds.
    Holds,
    /// One hold, open or not.
    HoldState {
        /// The path's segment.
        hold: &'a str,
    },
    /// Something that is to happen to a hold.
    HoldChange {
        /// The path's segment.
        hold: &'a str,
        /// What.
        change: HoldChange,
    },
    /// What waits in a cached balance's outbox.
    Outbox,
    /// An operator's decision on a quarantined charge: send it again.
    Retry {
        /// The path's segment.
        transaction: &'a str,
    },
    /// The other decision: it is and will not be applied.
    WriteOff {
        /// The path's segment.
        transaction: &'a str,
    },
    /// A question of the analytics about this customer.
    Ask(Topic),
}

/// What can be asked of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HoldChange {
    /// extend
    Extend,
    /// progress
    Progress,
    /// capture
    Capture,
    /// release
    Release,
}

impl HoldChange {
    fn parse(segment: &str) -> Option<Self> {
        match segment {
            "extend" => Some(Self::Extend),
            "progress" => Some(Self::Progress),
            "capture" => Some(Self::Capture),
            "release" => Some(Self::Release),
            _ => None,
        }
    }
}

impl Action<'_> {
    /// Whether the request carries a body: those that say what to change do.
    pub(crate) const fn has_body(self) -> bool {
        match self {
            Self::Consume | Self::Batch | Self::Add | Self::Void { .. } => true,
            Self::Hold | Self::HoldChange { .. } => true,
            Self::Balance | Self::Transactions | Self::Ask(_) => false,
            Self::Holds | Self::HoldState { .. } => false,
            Self::Outbox | Self::Retry { .. } | Self::WriteOff { .. } => false,
        }
    }

    /// Largest body, in bytes.
    pub(crate) const fn max_body_bytes(self) -> usize {
        match self {
            Self::Batch => MAX_BATCH_BYTES,
            _ => MAX_BODY_BYTES,
        }
    }
}

/// Finds the route of a method and of the path of a URL (without its query).
///
/// # Errors
/// `not_found`; `method_not_allowed` with the method that is.
pub(crate) fn route<'a>(method: &str, path: &'a str) -> Result<Route<'a>, Failure> {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let (allow, route) = match *segments.as_slice() {
        ["health"] => ("GET", Route::Health),
        ["v1", "customers", id, ref rest @ ..] => {
            let (allow, action) = match *rest {
                ["balance"] => ("GET", Action::Balance),
                ["transactions"] => ("GET", Action::Transactions),
                ["consume"] => ("POST", Action::Consume),
                ["batch"] => ("POST", Action::Batch),
                ["add"] => ("POST", Action::Add),
                ["grants", grant, "void"] => ("POST", Action::Void { grant }),
                ["holds"] if method == "POST" => ("POST", Action::Hold),
                ["holds"] if method == "GET" => ("GET", Action::Holds),
                ["holds"] => ("GET, POST", Action::Holds),
                ["holds", hold] => ("GET", Action::HoldState { hold }),
                ["holds", hold, change] => {
                    let change = HoldChange::parse(change).ok_or_else(not_found)?;
                    ("POST", Action::HoldChange { hold, change })
                }
                ["outbox"] => ("GET", Action::Outbox),
                ["outbox", transaction, "retry"] => ("POST", Action::Retry { transaction }),
                ["outbox", transaction, "write-off"] => ("POST", Action::WriteOff { transaction }),
                _ => return Err(not_found().into()),
            };
            (allow, Route::Customer { id, action })
        }
        ["v1", "analytics", topic] => match Topic::parse(topic) {
            Some(topic) => ("GET", Route::Analytics(topic)),
            None => return Err(not_found().into()),
        },
        ["api", "v1", ref rest @ ..] => return find(method, rest).map(Route::ClockNext),
        ["v1", "topup", "sessions"] => ("POST", Route::TopUp(TopUpAction::Open)),
        ["v1", "webhooks", "stripe"] => ("POST", Route::TopUp(TopUpAction::Webhook)),
        ["checkout", "test", session] => ("GET", Route::TopUp(TopUpAction::Page { session })),
        ["checkout", "test", session, "pay"] => {
            ("POST", Route::TopUp(TopUpAction::Pay { session }))
        }
        ["checkout", "test", session, "cancel"] => {
            ("POST", Route::TopUp(TopUpAction::Cancel { session }))
        }
        ["portal", step] => {
            let (method, step) = Step::find(step).ok_or_else(not_found)?;
            (method, Route::Portal(step))
        }
        _ => return Err(not_found().into()),
    };
    if method == allow { Ok(route) } else { Err(method_not_allowed(allow)) }
}

/// The answer where no route is.
pub(crate) fn not_found() -> ApiError {
    ApiError::new(
        Code::NotFound,
        "There is no such path, nothing was changed: is there a part of one too many in baseUrl? The \
         README lists the routes.",
    )
}

pub(crate) fn method_not_allowed(allow: &'static str) -> Failure {
    let message = format!("This path answers {allow} only.");
    Failure { allow: Some(allow), ..ApiError::new(Code::MethodNotAllowed, &message).into() }
}

/// The path and the query of an absolute URL as the runtime gives it: already normalized, so the
/// first `/` after the authority starts the path.
///
/// By hand, because a URL parser brings 46 KB (gzip) of Unicode tables for host names.
pub(crate) fn split_url(url: &str) -> (&str, &str) {
    let after_scheme = url.split_once(':').and_then(|(_, rest)| rest.strip_prefix("//"));
    let after_scheme = after_scheme.unwrap_or(url);
    let from_path = after_scheme.find('/').and_then(|start| after_scheme.get(start..));
    let target = from_path.unwrap_or("/");
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    target.split_once('?').unwrap_or((target, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_by_the_table() {
        let customer = |id, action| Route::Customer { id, action };
        let changed = |change| customer("c", Action::HoldChange { hold: "h", change });
        let table = [
            ("GET", "/health", Route::Health),
            ("GET", "/v1/analytics/usage", Route::Analytics(Topic::Usage)),
            ("GET", "/api/v1/me", Route::ClockNext(Ask::Me)),
            ("GET", "/v1/analytics/top-consumers", Route::Analytics(Topic::TopConsumers)),
            ("GET", "/v1/customers/cus_1/balance", customer("cus_1", Action::Balance)),
            ("GET", "/v1/customers/a%2Fb/transactions", customer("a%2Fb", Action::Transactions)),
            ("POST", "/v1/customers/balance/consume", customer("balance", Action::Consume)),
            ("POST", "/v1/customers//add", customer("", Action::Add)),
            ("POST", "/v1/customers/batch/batch", customer("batch", Action::Batch)),
            ("POST", "/v1/customers/c/grants/g/void", customer("c", Action::Void { grant: "g" })),
            ("POST", "/v1/customers/c/holds", customer("c", Action::Hold)),
            ("GET", "/v1/customers/c/holds", customer("c", Action::Holds)),
            ("GET", "/v1/customers/c/holds/h", customer("c", Action::HoldState { hold: "h" })),
            ("POST", "/v1/customers/c/holds/h/extend", changed(HoldChange::Extend)),
            ("POST", "/v1/customers/c/holds/h/progress", changed(HoldChange::Progress)),
            ("POST", "/v1/customers/c/holds/h/capture", changed(HoldChange::Capture)),
            ("POST", "/v1/customers/c/holds/h/release", changed(HoldChange::Release)),
            ("GET", "/v1/customers/c/outbox", customer("c", Action::Outbox)),
            (
                "POST",
                "/v1/customers/c/outbox/t/retry",
                customer("c", Action::Retry { transaction: "t" }),
            ),
            (
                "POST",
                "/v1/customers/c/outbox/t/write-off",
                customer("c", Action::WriteOff { transaction: "t" }),
            ),
            ("POST", "/v1/topup/sessions", Route::TopUp(TopUpAction::Open)),
            ("POST", "/v1/webhooks/stripe", Route::TopUp(TopUpAction::Webhook)),
            ("GET", "/portal/embed", Route::Portal(Step::Page)),
            ("POST", "/portal/data", Route::Portal(Step::Data)),
            ("POST", "/portal/topup", Route::Portal(Step::TopUp)),
            ("GET", "/portal/paid", Route::Portal(Step::Paid)),
            ("GET", "/portal/cancelled", Route::Portal(Step::Cancelled)),
            ("GET", "/checkout/test/t.m", Route::TopUp(TopUpAction::Page { session: "t.m" })),
            ("POST", "/checkout/test/t/pay", Route::TopUp(TopUpAction::Pay { session: "t" })),
            ("POST", "/checkout/test/t/cancel", Route::TopUp(TopUpAction::Cancel { session: "t" })),
        ];
        for (method, path, expected) in table {
            assert_eq!(route(method, path).unwrap(), expected, "{method} {path}");
        }
    }

    #[test]
    fn what_is_not_there() {
        for path in [
            "/",
            "",
            "/v1",
            "/v1/customers",
            "/v1/customers/c",
            "/v1/customers/c/",
            "/v1/customers/c/balance/",
            "/v1//customers/c/balance",
            "/V1/customers/c/balance",
            "/v1/customers/c/batch/x",
            "/v1/batch",
            "/v1/analytics",
            "/api",
            "/api/v1",
            "/api/v1/",
            "/api/v1/me/",
            "/api/v1/health",
            "/api/v1/customers/c/balance",
            "/v1/analytics/",
            "/v1/analytics/revenue",
            "/v1/analytics/usage/x",
            "/v1/customers/c/grants/void",
            "/v1/customers/c/outbox/t",
            "/v1/customers/c/outbox/t/forget",
            "/v1/customers/c/holds/h/keep",
            "/v1/customers/c/holds/h/capture/x",
            "/v1/customers/c/grants/g/void/x",
            "/health/",
            "/v1/topup/sessions/x",
            "/v1/webhooks",
            "/checkout/live/t",
            "/checkout/test/t/refund",
        ] {
            let failure = route("GET", path).unwrap_err();
            assert_eq!(failure.error.code, Code::NotFound, "{path}");
        }
    }

    #[test]
    fn other_methods_are_told_which_one() {
        let table = [
            ("POST", "/health", "GET"),
            ("POST", "/v1/analytics/summary", "GET"),
            ("HEAD", "/health", "GET"),
            ("POST", "/api/v1/me", "GET"),
            ("OPTIONS", "/v1/customers/c/consume", "POST"),
            ("get", "/v1/customers/c/balance", "GET"),
            ("PUT", "/v1/customers/c/add", "POST"),
            ("GET", "/v1/customers/c/batch", "POST"),
            ("GET", "/v1/customers/c/grants/g/void", "POST"),
            ("PUT", "/v1/customers/c/holds", "GET, POST"),
            ("DELETE", "/v1/customers/c/holds/h", "GET"),
            ("GET", "/v1/customers/c/holds/h/capture", "POST"),
            ("GET", "/v1/topup/sessions", "POST"),
            ("GET", "/v1/webhooks/stripe", "POST"),
            ("POST", "/checkout/test/t", "GET"),
            ("GET", "/checkout/test/t/pay", "POST"),
        ];
        for (method, path, allow) in table {
            let failure = route(method, path).unwrap_err();
            assert_eq!(failure.error.code, Code::MethodNotAllowed, "{method} {path}");
            assert_eq!(failure.allow, Some(allow));
        }
    }

    #[test]
    fn only_a_batch_may_be_large() {
        let grant = Action::Void { grant: "g" };
        for action in [Action::Balance, Action::Transactions, Action::Consume, Action::Add, grant] {
            assert_eq!(action.max_body_bytes(), 65_536, "{action:?}");
        }
        assert_eq!(Action::Batch.max_body_bytes(), 1_048_576);
        assert!(Action::Batch.has_body());
    }

    #[test]
    fn urls_are_split_without_parsing() {
        let table = [
            ("https://h.example/a/b?c=d", ("/a/b", "c=d")),
            ("https://h.example:8787/a", ("/a", "")),
            ("https://h.example", ("/", "")),
            ("https://u@[::1]:1/a?b?c#d?e", ("/a", "b?c")),
            ("http://h/a#b", ("/a", "")),
        ];
        for (url, expected) in table {
            assert_eq!(split_url(url), expected, "{url}");
        }
    }
}
