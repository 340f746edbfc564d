//! What goes wrong around a ledger, the points at which its object may die, and what must be met for
//! a run to count.

use crate::faults::kinds;
use crate::tally::Each;

kinds! {
    /// What goes wrong, or is done to the ledger by those who call it.
    Fault {
        CallLost = "N1 call lost",
        ReplyLost = "N2 reply lost",
        CallTwice = "N3 call delivered twice",
        CopyLater = "N3 copy delivered minutes later",
        CallDelayed = "N4 call delayed, overtaken by the next",
        Crash = "K1 crash between two steps",
        Eviction = "K2 eviction",
        CommitLost = "K3 commit failed",
        CommitKept = "K3 commit failed and was kept",
        ReadFails = "K3 read failed",
        AlarmLate = "A1 alarm late",
        AlarmEarly = "A1 alarm early",
        AlarmTwice = "A1 alarm twice",
        AlarmLost = "A2 alarm lost",
        ClockStep = "T1 clock steps",
        ClockBack = "T1 clock steps back after an expiry was told",
        SameKey = "U1 same key again",
        OtherContent = "U1 same key, other content",
        Parallel = "U1 two ends of one hold at once",
        AtTheInstant = "U1 end at the instant of expiry",
        TooLate = "U1 end of a hold that has ended",
        PricesChange = "B2 prices change between signals",
        StreamDies = "K4 isolate dies mid-stream",
    }
}

kinds! {
    /// Between which steps an object dies.
    Point {
        Received = "S1 call received",
        Loaded = "S2 account loaded",
        Decided = "S3 decided, nothing written",
        Committed = "S5 committed, not answered",
        Answered = "S7 answered",
        AlarmEntered = "A1 alarm entered",
        PlanBetween = "P1 between a plan's grants and that they were given",
        AlarmSettled = "A8 due written",
    }
}

kinds! {
    /// What must happen to holds somewhere in a run that counts.
    Edge {
        Placed = "placed",
        PlacedOnMany = "placed on several grants",
        Short = "refused: credits short",
        Extended = "extended",
        NotShortened = "extended to sooner: stays",
        Progress = "progress reported",
        ProgressStale = "progress that came late: ignored",
        CapturedPart = "captured, a part",
        CapturedAll = "captured, all",
        CapturedProgress = "captured, what was reported",
        CapturedZero = "captured, nothing: released",
        Released = "released",
        ExpiredProgress = "expired: what was reported",
        ExpiredUnreported = "expired: nothing was reported",
        ExpiredRelease = "expired: released",
        ExpiredAll = "expired: all of it",
        Exceeds = "refused: more than is held",
        EndedOtherwise = "refused: ended otherwise",
        LostRace = "refused: at or after the instant of expiry",
        SameEnd = "same end again: answered as at first",
        PlacedAgain = "placed again: answered as at first",
        IntoEnded = "came back to a grant that had ended",
        PaidOverage = "came back and paid overage",
        GrantOutlived = "outlived a grant that it reserves",
        RefundOfCapture = "a captured hold refunded",
        WrittenByAlarm = "expiry written by the alarm",
        WrittenByCall = "expiry written by a call",
        StreamSettled = "a stream charged exactly what it used",
        StreamDied = "a dead stream charged what it had reported",
        StreamHeldMore = "a stream held more",
        SignalTaken = "a signal charged",
        SignalFree = "a signal that costs nothing: a step, a run billed before",
        SignalDry = "a signal that is only asked about",
        SignalAgain = "a signal again: answered as at first",
        SignalRefused = "a signal refused",
        PlanGiven = "a plan's period given",
        Closed = "a customer taken away",
        ReleasedByClosing = "a hold released with its customer",
        StreamWaited = "a stream's part waited until the ledger knew of those before",
        StreamMadeGood = "a stream's hold expired, and was made good",
    }
}

/// The faults of a seed: how many times in a thousand each strikes where it can; 0 is never.
pub(super) type Rates = Each<Fault>;
