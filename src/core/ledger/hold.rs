//! Holds: credits reserved for work whose cost is not known yet.
//!
//! Placing is a gate: it reserves on grants, in burn order, so that neither other usage nor the end
//! of a grant can take what is reserved (L3). A hold ends once: captured, released, or by its own
//! rule when its time is over. Its end is one entry whose id follows from the hold's, so that the
//! entry is the record of the end, whoever asked for it and under whatever key.
//!
//! Nothing is decided here: [`judge`] judges, [`draft`] knows the mechanics. Read [`Hold`] first.

pub(super) mod draft;
pub(super) mod judge;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::credits::Credits;
use crate::ids::{TransactionId, Unit};
use crate::ledger::command::CallDetails;
use crate::ledger::entry::Draw;
use crate::time::Timestamp;

/// Most open holds of one customer.
///
/// A step may have to settle all of them at once, and each is a row that an account loads: with
/// 1,000 that stays in the order of milliseconds, and a customer with as many calls in flight is one
/// who has lost track of them.
pub const MAX_OPEN_HOLDS: usize = 1_000;

/// Shortest time to live. Below it a hold ends before an answer has travelled.
pub const MIN_HOLD_TTL: Duration = Duration::from_secs(1);

/// Longest time to live, from when the hold is placed or extended: what is forgotten must not bind
/// credits for longer.
pub const MAX_HOLD_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The time to live of a hold that names none: longer than a model's answer takes.
pub const DEFAULT_HOLD_TTL: Duration = Duration::from_secs(15 * 60);

/// Declares the words of an enum once: variant, text on the wire and in storage.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word on the wire and in storage.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads the word back.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// What becomes of a hold that nobody has ended when its time is over.
    OnExpiry {
        /// What was reported as used is captured, the rest is released.
        CaptureProgress = "capture_progress",
        /// All of it is released.
        Release = "release",
        /// All of it is captured.
        CaptureAll = "capture_all",
    }
}

words! {
    /// Where a hold is in its life. Every state but the first is final.
    HoldState {
        /// Its credits are reserved.
        Open = "open",
        /// It was captured: some or all of it was used.
        Captured = "captured",
        /// It was released: nothing of it was used.
        Released = "released",
        /// Its time was over, and it ended by its own rule.
        Expired = "expired",
    }
}

/// One hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The sequence number of the entry that placed it.
    pub sequence: u64,
    /// That entry's id, by which callers name the hold.
    pub id: TransactionId,
    /// What it counts.
    pub unit: Unit,
    /// What is held while it is open: positive.
    pub amount: Credits,
    /// What it reserves of which grants, in burn order; adds up to `amount`.
    pub reserves: Vec<Draw>,
    /// How much of it has been used, as far as was reported; `None` where nothing ever was.
    pub progress: Option<Credits>,
    /// How it ends if nobody ends it.
    pub on_expiry: OnExpiry,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// The time to live that it was placed with.
    pub ttl: Duration,
    /// From when it is over; later than `placed_at + ttl` once it was extended.
    pub expires_at: Timestamp,
    /// Where it is in its life.
    pub state: HoldState,
    /// What was captured of it; zero while it is open.
    pub captured: Credits,
    /// What was noted when it was placed. Shared, because every step copies the account.
    pub notes: Arc<Notes>,
}

/// Description and metadata of a hold, for the entry that ends it where that has none of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// For a person.
    pub description: Option<String>,
    /// The caller's JSON object, as text.
    pub metadata: Option<String>,
}

impl Hold {
    /// Whether its credits are reserved.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == HoldState::Open
    }

    /// What its own rule captures when its time is over.
    #[must_use]
    pub fn captured_on_expiry(&self) -> Credits {
        match self.on_expiry {
            OnExpiry::CaptureProgress => self.progress.unwrap_or(Credits::ZERO),
            OnExpiry::Release => Credits::ZERO,
            OnExpiry::CaptureAll => self.amount,
        }
    }

    /// The hold as it was when it had just been placed: what the call that placed it was answered.
    #[must_use]
    pub fn as_placed(&self) -> Self {
        Self {
            progress: None,
            expires_at: self.placed_at.plus(self.ttl),
            state: HoldState::Open,
            captured: Credits::ZERO,
            ..self.clone()
        }
    }
}

/// Reserve credits for work in flight, if the balance covers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Key and notes.
    pub call: CallDetails,
    /// What to hold.
    pub unit: Unit,
    /// How much: positive.
    pub amount: Credits,
    /// How long, from [`MIN_HOLD_TTL`] to [`MAX_HOLD_TTL`].
    pub ttl: Duration,
    /// What happens then.
    pub on_expiry: OnExpiry,
}

/// End a hold: take what was used, and release the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Notes, and a key that names nothing: the hold itself does.
    pub call: CallDetails,
    /// The hold.
    pub hold: TransactionId,
    /// How much was used, and in which unit; `None` for what was last reported as used, or for all
    /// of it where nothing was. Of zero, the hold is released.
    pub used: Option<(Unit, Credits)>,
}

/// End a hold of which nothing was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Notes, and a key that names nothing: the hold itself does.
    pub call: CallDetails,
    /// The hold.
    pub hold: TransactionId,
}

/// A change of an open hold that moves no credits, and so makes no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adjust {
    /// Let it last until so long from now, unless it lasts longer already.
    Extend {
        /// From [`MIN_HOLD_TTL`] to [`MAX_HOLD_TTL`].
        ttl: Duration,
    },
    /// So much of it has been used by now, in all. A smaller number than one reported before comes
    /// late and is ignored, so repeats and reordering do no harm.
    Progress {
        /// The hold's unit.
        unit: Unit,
        /// Zero or more.
        used: Credits,
    },
}
