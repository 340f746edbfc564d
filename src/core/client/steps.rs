//! What passes between an exchange and its driver: steps to perform, events to report.

use alloc::boxed::Box;
use alloc::string::String;

use crate::client::error::ClientError;
use crate::http::{Request, Response};
use crate::time::Timestamp;
use crate::wire::reading::Said;

/// Largest response body that a shell reads before it reports [`Failure::Oversized`]. A page of 100
/// transactions has at most about 2.5 MB: metadata, the action repeated from it, and a description
/// whose characters are all escaped.
pub const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// What a driver does next.
pub enum Step {
    /// Send the request; when `deadline` passes before the last byte of the answer's body, abort
    /// and report [`Failure::Timeout`]. Redirects are not followed.
    Send {
        /// The same on every attempt. Holds a secret.
        request: Request,
        /// When this attempt is given up.
        deadline: Timestamp,
    },
    /// Wait, then report [`Event::Woke`].
    Sleep {
        /// When to wake.
        until: Timestamp,
    },
    /// The call has ended.
    Done(Outcome),
}

/// What a driver reports.
#[derive(Clone, Debug)]
pub enum Event {
    /// An answer, its body read to the end, and what the body says.
    Response(Response, Box<Said>),
    /// No usable answer.
    Failed {
        /// Whether anything may have left this machine. When in doubt: true.
        sent: bool,
        /// What went wrong.
        failure: Failure,
    },
    /// The sleep is over. (A caller may also abort it: then [`Failure::Aborted`], not sent.)
    Woke,
}

/// Why there is no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The attempt's deadline passed.
    Timeout,
    /// No connection, or it broke.
    Network,
    /// The caller ended the call.
    Aborted,
    /// The body exceeds [`MAX_RESPONSE_BYTES`].
    Oversized,
    /// The customer's object has more calls waiting than it takes, and asks not to be sent more.
    Overloaded,
}

/// A call that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// The body's JSON text, as it came.
    pub body: String,
    /// The key that the call went under; `None` for reads.
    pub idempotency_key: Option<String>,
    /// How many times it was sent.
    pub attempts: u32,
    /// Whether the server answered from its record of an earlier call under the key.
    pub replayed: bool,
    /// Whether that earlier call had other content: possible only under a key that was derived
    /// from the request being handled, whose repeat gets the first answer whatever it asks for.
    pub mismatch: bool,
    /// The server's name of the answer.
    pub request_id: Option<String>,
    /// What the server's answer says, where it is no replay: a balance that holds now.
    pub said: Option<Box<Said>>,
}

/// How a call ended.
pub type Outcome = Result<Success, Box<ClientError>>;
