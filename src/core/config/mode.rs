//! How a client works: which mode its options and its host come to.
//!
//! Decides from facts alone; finding out about the host is the shell's.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;

use crate::client::error::ClientError;
use crate::config::options::ConfigOptions;

/// How the client works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One round trip per call, nothing shared.
    Stateless,
    /// Persistent, elsewhere: calls go one by one to what keeps the cache, the customer's object
    /// or a cache worker, which answers at once and sends later.
    Remote,
    /// Persistent, here: the cache is this process's memory.
    Memory,
}

impl Mode {
    /// The word by which a shell is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stateless => "stateless",
            Self::Remote => "remote",
            Self::Memory => "memory",
        }
    }
}

/// The mode that options and host come to.
///
/// `auto` keeps balances in memory only where a process lives long enough to send what it has
/// accepted. A host that ends or copies its processes at will would lose charges, and overspend.
pub(super) fn resolve(options: &ConfigOptions) -> Result<Mode, Box<ClientError>> {
    let short_lived = options.edge_host || options.platform_variable.is_some();
    match options.mode.as_deref() {
        None | Some("auto") if options.balance_cache => Ok(Mode::Remote),
        None | Some("auto") if options.ledger || short_lived => Ok(Mode::Stateless),
        None | Some("auto") => Ok(Mode::Memory),
        Some("stateless") if options.balance_cache => Err(ClientError::config(
            "mode \"stateless\" and balanceCache exclude each other: pass ledger or baseUrl to ask \
             the authority on every call",
        )),
        Some("stateless") => Ok(Mode::Stateless),
        Some("persistent") if options.ledger => Err(ClientError::config(
            "mode \"persistent\" and ledger exclude each other: the ledger's object is the \
             authority already, and a cache in front of it would be slower. Leave mode out",
        )),
        Some("persistent") if options.balance_cache => Ok(Mode::Remote),
        Some("persistent") if !short_lived => Ok(Mode::Memory),
        Some("persistent") if options.base_url.is_some() || options.fetcher => Ok(Mode::Remote),
        Some("persistent") => Err(no_place(options)),
        Some(_) => {
            Err(ClientError::config("mode must be \"auto\", \"stateless\" or \"persistent\""))
        }
    }
}

/// There is neither memory that lasts nor a cache to call.
fn no_place(options: &ConfigOptions) -> Box<ClientError> {
    let mut message = "mode \"persistent\" cannot keep balances in memory ".to_owned();
    match options.platform_variable.as_deref() {
        Some(name) if !options.edge_host => {
            message.push_str("where ");
            message.push_str(name);
            message.push_str(" is set");
        }
        _ => message.push_str("on an edge host"),
    }
    message.push_str(
        ": its processes end and multiply at will, so charges would be lost and balances \
         overspent. Pass balanceCache (the namespace of BalanceCacheObject), or baseUrl of a worker \
         that is deployed with UPSTREAM_URL, or use \"auto\" or \"stateless\"",
    );
    ClientError::config(&message)
}
