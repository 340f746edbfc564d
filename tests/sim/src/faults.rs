//! The kinds of faults, and the points at which an object may die.

use crate::tally::Each;

/// One of a few that are counted apart.
pub(crate) trait Kind: Copy + 'static {
    /// All of them, in their order.
    const ALL: &'static [Self];

    /// Its place among them.
    fn place(self) -> usize;

    /// What a report calls it.
    fn text(self) -> &'static str;
}

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$kind_doc:meta])* $kind:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$kind_doc])* $kind,)* }

        impl $crate::faults::Kind for $name {
            const ALL: &'static [Self] = &[$(Self::$kind,)*];

            fn place(self) -> usize {
                self as usize
            }

            fn text(self) -> &'static str {
                match self { $(Self::$kind => $text,)* }
            }
        }
    };
}

pub(crate) use kinds;

kinds! {
    /// What goes wrong, or is done to the cache that it cannot know of.
    Fault {
        CallLost = "N1 call lost",
        CallTwice = "N3 call delivered twice",
        CallDelayed = "N4 call delayed",
        ReplyLost = "N2 reply lost",
        RequestLost = "N1 request lost",
        AnswerLost = "N2 applied, answer lost",
        RequestTwice = "N3 request delivered twice",
        CopyLater = "N3 copy delivered minutes later",
        RequestDelayed = "N4 request delayed beyond its timeout",
        Storm = "N5 failing status",
        HalfDone = "N5 failing status, applied",
        Garbage = "N6 garbage for an answer",
        Outage = "N7 upstream away",
        Forgotten = "N8 key forgotten upstream",
        Conflict = "N8 409",
        Lag = "N9 read lags",
        TopUp = "B1 top-up elsewhere",
        Deduction = "B1 deduction elsewhere",
        Shortage = "B1 402 for an accepted charge",
        Skew = "B1 400, 404, 413 or 422 for a charge",
        KeyRefused = "D17 401 or 403",
        Rotation = "D17 key rotated",
        Crash = "K1 crash between two steps",
        Eviction = "K2 eviction",
        CommitLost = "K3 commit failed",
        CommitKept = "K3 commit failed and was kept",
        Stall = "K5 process stalls, lease lost",
        AlarmLate = "A1 alarm late",
        AlarmEarly = "A1 alarm early",
        AlarmTwice = "A1 alarm twice",
        AlarmLost = "A2 alarm lost",
        ClockStep = "T1 clock steps",
        ClocksDiffer = "T1 clocks differ",
        SameKey = "U1 same key again",
        OtherContent = "U1 same key, other content",
        Parallel = "U1 same key in parallel",
    }
}

kinds! {
    /// Between which steps an object dies.
    Point {
        Received = "S1 call received",
        Arrived = "S2 counted in",
        Committed = "S5 committed, not answered",
        Answered = "S7 answered",
        HoldsEnded = "H1 due holds ended, nothing sent",
        AlarmEntered = "A1 alarm entered",
        AlarmArmed = "A2 alarm armed",
        Leased = "A3 leased, not sent",
        Sent = "A4 sent",
        AnswerReceived = "A6 answers received",
        Settled = "A8 settled",
        ReadLeased = "R1 read leased",
        ReadSent = "R1 read sent",
        ReadReceived = "R2 read received",
        Merged = "R3 merged",
    }
}

/// The faults of a seed: how many times in a thousand each strikes where it can; 0 is never.
pub(crate) type Rates = Each<Fault>;
