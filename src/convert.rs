//! From JavaScript's values to the core's, and back.
//!
//! The facade has read every option once into plain objects of text, numbers and booleans; here
//! they get types.
//!
//! A success leaves as JSON text: the facade parses it once, with fields that this version does not
//! know.

use edge_credits_core::client::arguments::{Arguments, RawAmount, ReturnUrl};
use edge_credits_core::client::error::ClientError;
use edge_credits_core::client::exchange::Success;
use edge_credits_core::client::paging::{PageFacts, Position, Walk};
use edge_credits_core::client::request_keys::RequestName;
use edge_credits_core::config::{
    BudgetFigures, ClientConfig, ConfigOptions, PathOptions, RetryBudgetOption,
};
use js_sys::Array;
use wasm_bindgen::JsValue;

use crate::fields::{Fields, url_parts};

impl Fields {
    /// A whole number that the core bounds far below 32 bits; larger ones stay too large.
    #[inline(never)]
    fn small(&self, name: &str) -> Option<u32> {
        self.count(name).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    #[inline(never)]
    fn return_url(&self, name: &str) -> Option<ReturnUrl> {
        let url = self.object(name)?;
        Some(ReturnUrl { text: url.required("text"), parts: url_parts(&url) })
    }

    #[inline(never)]
    fn amount(&self, name: &str) -> Option<RawAmount> {
        self.object(name).map(|amount| raw_amount(&amount))
    }
}

/// A call as the facade hands it over.
pub(crate) struct CallRequest {
    /// The method's name on the `CreditEngine` class.
    pub(crate) method: String,
    /// Its arguments and options.
    pub(crate) arguments: Arguments,
    /// The request that it belongs to, under `forRequest`.
    pub(crate) request: Option<RequestName>,
}

/// Reads the options of a client.
pub(crate) fn config(options: JsValue) -> Result<ClientConfig, Box<ClientError>> {
    let options = Fields(options);
    ClientConfig::new(ConfigOptions {
        api_key: options.text("apiKey"),
        base_url: options.object("baseUrl").map(|url| url_parts(&url)),
        mode: options.text("mode"),
        environment: options.text("environment"),
        timeout_ms: options.count("timeoutMs"),
        max_retries: options.count("maxRetries"),
        deadline_ms: options.count("deadlineMs"),
        sync_interval_ms: options.count("syncIntervalMs"),
        max_staleness_ms: options.count("maxStalenessMs"),
        graceful_degradation: options.flag("gracefulDegradation"),
        degraded_limit: options.amount("degradedLimit"),
        retry_budget: retry_budget(&options),
        paths: options.object("paths").map(|paths| path_options(&paths)).unwrap_or_default(),
        ledger: options.flag("ledger").unwrap_or_default(),
        balance_cache: options.flag("balanceCache").unwrap_or_default(),
        fetcher: options.flag("fetcher").unwrap_or_default(),
        carrier: options.count("carrier"),
        // The module for the edge has no memory to offer, whatever its host looks like.
        edge_host: options.flag("edgeHost").unwrap_or_default() || !cfg!(feature = "memory"),
        platform_variable: options.text("platformVariable"),
    })
}

fn retry_budget(options: &Fields) -> Option<RetryBudgetOption> {
    if let Some(on) = options.flag("retryBudget") {
        return Some(RetryBudgetOption::Switch(on));
    }
    let figures = options.object("retryBudget")?;
    let (percent, burst) = (figures.count("percent"), figures.count("burst"));
    Some(RetryBudgetOption::Figures(BudgetFigures { percent, burst }))
}

fn path_options(paths: &Fields) -> PathOptions {
    PathOptions {
        balance: paths.text("balance"),
        consume: paths.text("consume"),
        add: paths.text("add"),
        transactions: paths.text("transactions"),
        void_grant: paths.text("voidGrant"),
        analytics: paths.text("analytics"),
        top_up_sessions: paths.text("topUpSessions"),
    }
}

/// Reads a call.
pub(crate) fn call(call: JsValue) -> CallRequest {
    let call = Fields(call);
    let given = call.object("arguments").unwrap_or(Fields(JsValue::UNDEFINED));
    let request = call.object("request");
    CallRequest {
        method: call.required("method"),
        arguments: arguments(&given),
        request: request.map(|request| RequestName {
            base: request.required("base"),
            earlier: request.count("earlier").unwrap_or_default(),
        }),
    }
}

fn arguments(given: &Fields) -> Arguments {
    Arguments {
        customer_id: given.required("customerId"),
        everybody: given.text("customerId").is_none(),
        period: given.text("period"),
        group_by: given.text("groupBy"),
        days: given.small("days"),
        amount: given.amount("amount"),
        description: given.text("description"),
        metadata: given.text("metadata"),
        idempotency_key: given.text("idempotencyKey"),
        label: given.text("label"),
        unit: given.text("unit"),
        kind: given.text("type"),
        product: given.text("product"),
        effective_at: given.text("effectiveAt"),
        expires_at: given.text("expiresAt"),
        priority: given.small("priority"),
        refund_of: given.text("refundOf"),
        include_breakdown: given.flag("includeBreakdown"),
        limit: given.small("limit"),
        offset: given.count("offset"),
        before_sequence: given.count("beforeSequence"),
        grant_id: given.text("grantId"),
        hold_id: given.text("holdId"),
        ttl_ms: given.count("ttlMs"),
        on_expiry: given.text("onExpiry"),
        reason: given.text("reason"),
        success_url: given.return_url("successUrl"),
        cancel_url: given.return_url("cancelUrl"),
        credits: given.amount("credits"),
        price_id: given.text("priceId"),
        background: given.flag("background").unwrap_or_default(),
    }
}

/// An amount that the facade has read; nothing where it found none.
pub(crate) fn amount(amount: JsValue) -> Option<RawAmount> {
    amount.is_object().then(|| raw_amount(&Fields(amount)))
}

fn raw_amount(amount: &Fields) -> RawAmount {
    RawAmount { kind: amount.required("type"), text: amount.required("text") }
}

/// Reads what the facade has seen of a page, and where that page began.
pub(crate) fn page(page: JsValue) -> (Walk, PageFacts) {
    let page = Fields(page);
    let walk = Walk::new(page.count("offset").unwrap_or_default(), page.count("beforeSequence"));
    let facts = PageFacts {
        rows: page.count("rows").unwrap_or_default(),
        last_sequence: page.count("lastSequence"),
        has_more: page.flag("hasMore").unwrap_or_default(),
    };
    (walk, facts)
}

/// A position as the option of getTransactions that asks for it.
pub(crate) fn position(position: Position) -> Array {
    let (option, value) = match position {
        Position::Offset(offset) => ("offset", offset),
        Position::BeforeSequence(sequence) => ("beforeSequence", sequence),
    };
    // Sequence numbers and offsets came from JavaScript's safe integers.
    Array::of2(&JsValue::from_str(option), &JsValue::from_f64(value as f64))
}

/// What a call resolves to: `[body, replayed, mismatch]`, the body as JSON text.
pub(crate) fn answer(success: &Success) -> Array {
    let body = JsValue::from_str(&success.body);
    Array::of3(&body, &success.replayed.into(), &success.mismatch.into())
}
