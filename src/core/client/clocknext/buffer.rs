//! When signals that wait are sent, how many at once, and when one is not taken.
//!
//! Decides from counts and times alone. The signals, and whatever sends them, are the shell's: on the
//! edge each request has its own, because a promise belongs to the request that made it.

use crate::time::Timestamp;

/// Signals in one request of the batch route: the server's own limit.
pub const MAX_BATCH_SIGNALS: u64 = 100;
/// Bytes of signals in one request: below the server's limit of 1 MB for a body, with room for what is
/// around them.
pub const MAX_BATCH_BYTES: u64 = 1_000_000;

/// What is known of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// It has not answered yet.
    Unknown,
    /// It is ours, by an answer's `x-edge-credits`: it takes batches.
    Ours,
    /// The public API, which has no batch route.
    Other,
}

/// What waits and what is under way, of one request on the edge or of one process.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// Signals that wait.
    pub waiting: u64,
    /// Requests under way.
    pub sending: u64,
    /// Since the oldest waits.
    pub since: Timestamp,
    /// Whether a flush has begun: it goes on until nothing waits.
    pub flushing: bool,
    /// Whether the first request of this flush has been tried, with or without success.
    pub tried: bool,
    /// Until when it may go on: hosts end what goes on behind a response.
    pub deadline: Option<Timestamp>,
    /// What is known of the server.
    pub server: Server,
    /// See [`super::config::MAX_SIZE`].
    pub max_size: u64,
    /// See [`super::config::MAX_INTERVAL_MS`].
    pub max_interval_ms: u64,
    /// See [`super::config::MAX_CONCURRENCY`].
    pub max_concurrency: u64,
}

/// What a shell does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send so many in one request.
    Send(u64),
    /// Wait until a request ends or a signal comes, and at most until then.
    Wait(Option<Timestamp>),
    /// The time is over: what waits is dropped.
    Expire,
    /// Nothing waits and nothing is under way.
    Rest,
}

impl Backlog {
    /// What to do now.
    ///
    /// A server of which nothing is known gets one signal first: its answer says whether the others can
    /// go together. Should that first try fail they go one by one, as to the public API.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Next {
        let over = self.deadline.is_some_and(|deadline| now >= deadline);
        match (self.waiting, self.sending) {
            (0, 0) => return Next::Rest,
            (0, _) => return Next::Wait(None),
            // What is under way has the same deadline of its own.
            _ if over => return Next::Expire,
            _ => {}
        }
        let due = self.since.plus(core::time::Duration::from_millis(self.max_interval_ms));
        // A wall clock that steps back must not keep signals.
        let is_due = now >= due || now < self.since;
        if !self.flushing && self.waiting < self.max_size && !is_due {
            return Next::Wait(Some(self.deadline.map_or(due, |deadline| due.min(deadline))));
        }
        let alone = self.server == Server::Unknown && !self.tried;
        let most = if alone { 1 } else { self.max_concurrency };
        if self.sending >= most {
            return Next::Wait(self.deadline);
        }
        match self.server {
            Server::Ours => Next::Send(self.waiting.min(MAX_BATCH_SIGNALS)),
            Server::Unknown | Server::Other => Next::Send(1),
        }
    }
}

/// Why one more signal is not taken, where so many wait in the whole client.
#[must_use]
pub const fn refusal(waiting: u64, max_queue_size: u64) -> Option<&'static str> {
    if waiting >= max_queue_size { Some("queue_full") } else { None }
}
