//! What each method of the face asks: verb, path, query, and which part of the answer is the result.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::client::checks::Checked;
use crate::client::clocknext::signal::required;
use crate::client::error::ClientError;
use crate::http::{Method, Target, encode_component};

/// A call as a shell hands it over.
#[derive(Clone, Debug, Default)]
pub struct AskInput {
    /// The method's name on the `ClockNext` class, such as `customers.get`.
    pub method: String,
    /// Whose.
    pub customer_id: Option<String>,
    /// The JSON body, where the method has one.
    pub body: Option<String>,
    /// The signal's idempotency key, where it is one that is sent.
    pub key: Option<String>,
    /// Rows of a page, as text of a whole number.
    pub limit: Option<String>,
    /// Words that a list is searched for.
    pub q: Option<String>,
    /// Where a page begins.
    pub cursor: Option<String>,
    /// A span of days, such as `30d`.
    pub range: Option<String>,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The verb.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The JSON body.
    pub body: Option<String>,
    /// The signal's idempotency key.
    pub key: Option<String>,
    /// Whether it may be sent again when nothing is known of it: reads, deletions, and what has an
    /// idempotency key. Creating a customer twice makes two.
    pub repeatable: bool,
    /// Whether it changes anything.
    pub changes: bool,
    /// Whether it is several signals at once, which can go one by one as well.
    pub batch: bool,
}

impl Ask {
    /// Finds the path and checks what stands in it.
    ///
    /// # Errors
    /// `invalid_id` for a customer that a path cannot name, `invalid_request` for an unknown method.
    pub fn new(input: &AskInput) -> Checked<Self> {
        let (method, place) = match input.method.as_str() {
            "signal" | "verify" => (Method::Post, Place::At("usage")),
            "batch" => (Method::Post, Place::At("usage/batch")),
            "list" => (Method::Get, Place::At("usage")),
            "customers.create" => (Method::Post, Place::At("customers")),
            "customers.list" => (Method::Get, Place::At("customers")),
            "customers.get" => (Method::Get, Place::Customer("")),
            "customers.update" => (Method::Patch, Place::Customer("")),
            "customers.delete" => (Method::Delete, Place::Customer("")),
            "customers.usage" => (Method::Get, Place::Customer("/usage")),
            "customers.balances" => (Method::Get, Place::Customer("/balances")),
            "customers.plan" => (Method::Get, Place::Customer("/plan")),
            "customers.revenue" => (Method::Get, Place::Customer("/revenue")),
            "portal.createToken" => (Method::Post, Place::At("portal/token")),
            _ => return Err(ClientError::local("invalid_request", "there is no such method")),
        };
        let mut path = "/api/v1/".to_owned();
        let mut asked = input.customer_id.as_deref();
        match place {
            Place::At(rest) => path.push_str(rest),
            Place::Customer(rest) => {
                path.push_str("customers/");
                path.push_str(&encode_component(customer(asked.take())?));
                path.push_str(rest);
            }
        }
        let mut target = Target::new(path);
        target
            .text("customerId", given(asked))
            .text("limit", given(input.limit.as_deref()))
            .text("q", given(input.q.as_deref()))
            .text("cursor", given(input.cursor.as_deref()))
            .text("range", given(input.range.as_deref()));
        let batch = input.method == "batch";
        Ok(Self {
            method,
            target: target.finish(),
            body: input.body.clone(),
            key: input.key.clone(),
            repeatable: matches!(method, Method::Get | Method::Delete)
                || batch
                || matches!(input.method.as_str(), "signal" | "verify"),
            changes: method != Method::Get && input.method != "verify",
            batch,
        })
    }
}

enum Place {
    /// A path of its own.
    At(&'static str),
    /// Below a customer's.
    Customer(&'static str),
}

/// A customer that a path can name: URL parsers take `.` and `..` for directions.
fn customer(id: Option<&str>) -> Checked<&str> {
    let id = required("customerId", "invalid_id", id)?;
    if matches!(id, "." | "..") {
        return Err(ClientError::argument("invalid_id", "customerId", "cannot stand in a path"));
    }
    Ok(id)
}

/// Empty parameters are left out.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
