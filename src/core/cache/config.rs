//! What a deployment sets of the cache, and the bounds that it cannot.

use core::time::Duration;

use crate::config::{MAX_STALENESS_MS, SYNC_INTERVAL_MS};
use crate::ledger::MAX_HOLD_TTL;

/// Most charges of one customer that wait or are quarantined. At 200 charges a second it is the best
/// part of a minute with the upstream away; beyond, charges are refused with `outbox_full`.
pub const MAX_OPEN_CHARGES: u64 = 10_000;

/// Most bytes of their bodies: what a shell in memory can hold of a 128 MB isolate beside its work.
pub const MAX_OPEN_BYTES: u64 = 16 * 1024 * 1024;

/// Most units of one customer, as in the ledger.
pub const MAX_UNITS: usize = crate::ledger::MAX_UNITS;

/// How long a record answers repeats of its key, at least: 30 days.
pub const RECORD_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Items of one batch: what the ledger takes.
pub(super) const MAX_BATCH_ROWS: usize = crate::wire::batch::MAX_BATCH_ITEMS;

/// Bytes of one batch: the ledger takes 1 MB, and the frame around the items needs little.
pub(super) const MAX_BATCH_BYTES: usize = 900 * 1024;

/// Sends at once to an API without batches: the connections that a Durable Object may have open.
pub(super) const MAX_SINGLE_ROWS: usize = 6;

/// The first pause after a failure upstream.
pub(super) const BACKOFF_BASE: Duration = Duration::from_secs(1);

/// The longest pause, so the longest time until a healthy upstream is noticed.
pub const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// How long after the last attempt of unknown outcome that attempt may still arrive upstream: a
/// refusal before then does not prove that the charge was not applied. Proxies and sockets give up
/// after minutes.
pub(super) const FLIGHT_LIFE: Duration = Duration::from_secs(600);

/// How precisely it is known when a hold was last placed upstream: what is noted anew with each hold
/// would be a row written for each.
pub(super) const PLACED_GRAIN: Duration = Duration::from_secs(3600);

/// How long after that a hold that is not known here is looked for there: until none that was placed
/// there lasts, unless it was extended.
pub(super) const PLACED_LIFE: Duration = MAX_HOLD_TTL.saturating_add(PLACED_GRAIN);

/// How late the alarm may be that watches over an accepted charge: the send starts at once, and the
/// alarm is for the case that the process ends before it does.
pub(super) const WATCH: Duration = Duration::from_secs(10);

/// How the cache works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// The age at which a snapshot is refreshed in the background.
    pub sync_interval: Duration,
    /// The age at which a gate refreshes it first, and refuses when it cannot unless
    /// `graceful_degradation`.
    pub max_staleness: Duration,
    /// Whether gates go on up to the last known balance while the upstream is away.
    pub graceful_degradation: bool,
    /// How long the upstream remembers idempotency keys. A charge whose fate is unknown is not sent
    /// again near the end of it.
    pub dedupe_window: Duration,
    /// How long one conversation with the upstream may take, its timeout included; then another may
    /// begin.
    pub lease: Duration,
    /// Which key is shown to the upstream: a digest of it, by which a new one is noticed after the
    /// upstream has refused the old.
    pub authority: u64,
    /// Who keeps holds.
    pub holds: HoldsAt,
}

/// Who keeps holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoldsAt {
    /// The upstream where it is known to have them, which is our own worker's doing; else the cache.
    /// It is known by what the last balance came with: our header, or a position.
    #[default]
    Auto,
    /// The cache: a hold is bounded by its snapshot.
    Cache,
    /// The upstream: a hold is what others cannot spend either.
    Upstream,
}

impl HoldsAt {
    /// The word in a setting.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cache => "cache",
            Self::Upstream => "upstream",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Auto, Self::Cache, Self::Upstream].into_iter().find(|h| h.as_str() == text)
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            sync_interval: Duration::from_millis(SYNC_INTERVAL_MS.default),
            max_staleness: Duration::from_millis(MAX_STALENESS_MS.default),
            graceful_degradation: true,
            dedupe_window: Duration::from_secs(24 * 3600),
            lease: Duration::from_secs(30),
            authority: 0,
            holds: HoldsAt::Auto,
        }
    }
}

impl CacheConfig {
    /// The age of a first attempt from which the charge is not sent again: the window less its tenth
    /// or an hour, whichever is more, for clocks that disagree.
    pub(super) fn resend_limit(&self) -> Duration {
        let margin = (self.dedupe_window / 10).max(Duration::from_secs(3600));
        self.dedupe_window.saturating_sub(margin)
    }
}
