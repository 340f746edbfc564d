//! Where each method is: the path table and its overrides.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::client::error::ClientError;
use crate::http::encode_component;

/// The `paths` option: templates that replace the API's own. `{id}` stands for the customer id,
/// `{grant_id}` for the grant's, `{topic}` for what the analytics are asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Deserialize), serde(rename_all = "camelCase", default))]
pub struct PathOptions {
    /// `/v1/customers/{id}/balance`
    pub balance: Option<String>,
    /// `/v1/customers/{id}/consume`
    pub consume: Option<String>,
    /// `/v1/customers/{id}/add`
    pub add: Option<String>,
    /// `/v1/customers/{id}/transactions`
    pub transactions: Option<String>,
    /// `/v1/customers/{id}/grants/{grant_id}/void`
    pub void_grant: Option<String>,
    /// `/v1/analytics/{topic}`
    pub analytics: Option<String>,
    /// `/v1/topup/sessions`
    pub top_up_sessions: Option<String>,
}

/// The checked path table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub(crate) balance: Template,
    pub(crate) consume: Template,
    pub(crate) batch: Template,
    pub(crate) add: Template,
    pub(crate) transactions: Template,
    pub(crate) void_grant: Template,
    pub(crate) holds: Template,
    pub(crate) hold: Template,
    pub(crate) analytics: Template,
    pub(crate) top_up_sessions: Template,
}

/// A path with its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(String);

impl Paths {
    /// Fills in the API's own paths and checks the others.
    pub(crate) fn new(options: &PathOptions) -> Result<Self, Box<ClientError>> {
        let path = |given: &Option<String>, default: &str| {
            Template::parse(given.as_deref().unwrap_or(default), default)
        };
        Ok(Self {
            balance: path(&options.balance, "/v1/customers/{id}/balance")?,
            consume: path(&options.consume, "/v1/customers/{id}/consume")?,
            // Ours alone, so it is where ours is.
            batch: path(&None, "/v1/customers/{id}/batch")?,
            add: path(&options.add, "/v1/customers/{id}/add")?,
            transactions: path(&options.transactions, "/v1/customers/{id}/transactions")?,
            void_grant: path(&options.void_grant, "/v1/customers/{id}/grants/{grant_id}/void")?,
            holds: path(&None, "/v1/customers/{id}/holds")?,
            hold: path(&None, "/v1/customers/{id}/holds/{hold_id}")?,
            analytics: path(&options.analytics, "/v1/analytics/{topic}")?,
            top_up_sessions: path(&options.top_up_sessions, "/v1/topup/sessions")?,
        })
    }
}

impl Template {
    /// A template is a path of printable ASCII that names what the default names, each once: a
    /// forgotten `{id}` would send every customer's calls to one place.
    fn parse(text: &str, default: &str) -> Result<Self, Box<ClientError>> {
        let character = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\');
        let valid = text.starts_with('/')
            && !text.starts_with("//")
            && text.bytes().all(character)
            && !text.split('/').any(|segment| matches!(segment, "." | ".."))
            && same_placeholders(text, default);
        if valid {
            return Ok(Self(text.to_owned()));
        }
        let mut message =
            "paths: each is a path with the placeholders of the original, here ".to_owned();
        message.push_str(default);
        Err(ClientError::config(&message))
    }

    /// The path for a customer, and for the grant, the hold or the topic where the template names one.
    pub(crate) fn fill(&self, customer: &str, other: &str) -> String {
        let mut path = String::with_capacity(self.0.len() + customer.len() + other.len());
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            path.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            path.push_str(&encode_component(if name == "id" { customer } else { other }));
            rest = after;
        }
        path.push_str(rest);
        path
    }
}

/// Whether two templates name the same things, each once.
fn same_placeholders(text: &str, default: &str) -> bool {
    let (Some(given), Some(expected)) = (placeholders(text), placeholders(default)) else {
        return false;
    };
    let once = |name| given.iter().filter(|other| *other == name).count() == 1;
    given.len() == expected.len() && expected.iter().all(once)
}

/// The names in braces; `None` when the braces do not pair up.
fn placeholders(path: &str) -> Option<Vec<&str>> {
    let mut parts = path.split('{');
    let outside = |part: &str| !part.contains('}');
    if !outside(parts.next()?) {
        return None;
    }
    let name = |part: &'_ str| -> Option<usize> {
        let (name, after) = part.split_once('}')?;
        outside(after).then_some(name.len())
    };
    parts.map(|part| part.get(..name(part)?)).collect()
}
