//! What has been met of a hold's life, counted from what was kept: a run that has never seen one of
//! these has shown nothing of it.

use edge_credits_core::ledger::{Capture, Command, EntryKind, HoldState, OnExpiry};

use super::asked::{Asked, Cause};
use super::books::{Books, Held};
use super::faults::Edge;

/// What was met from one state of the books to the next.
pub(super) fn of(before: &Books, after: &Books, cause: Cause<'_>) -> Vec<Edge> {
    let mut met = Vec::new();
    for (sequence, hold) in &after.holds {
        let known = before.holds.get(sequence);
        if known.is_none() {
            met.push(if hold.parts.len() > 1 { Edge::PlacedOnMany } else { Edge::Placed });
        }
        if known.is_none_or(|known| known.ended.is_none())
            && let Some(ended) = hold.ended
        {
            met.push(end(hold, ended, cause));
            met.extend(written_by(ended.0, cause));
            met.extend(around(before, hold, ended.1));
        }
    }
    let pays =
        |line: &super::books::Line| line.kind == EntryKind::Release && !line.draws.is_empty();
    met.extend(after.lines.iter().filter(|line| pays(line)).map(|_| Edge::PaidOverage));
    if let Cause::Asked(Asked::Command(Command::Refund(refund))) = cause {
        let charge = before.ids.get(&refund.refund_of).and_then(|at| before.charges.get(at));
        met.extend(charge.and_then(|charge| charge.hold).map(|_| Edge::RefundOfCapture));
    }
    met
}

fn end(hold: &Held, (state, captured): (HoldState, i128), cause: Cause<'_>) -> Edge {
    let asked = match cause {
        Cause::Asked(Asked::Command(Command::Capture(Capture { used, .. }))) => Some(used),
        _ => None,
    };
    match (state, hold.rule, asked) {
        (HoldState::Expired, OnExpiry::CaptureAll, _) => Edge::ExpiredAll,
        (HoldState::Expired, OnExpiry::Release, _) => Edge::ExpiredRelease,
        (HoldState::Expired, OnExpiry::CaptureProgress, _) if hold.used.is_some() => {
            Edge::ExpiredProgress
        }
        (HoldState::Expired, ..) => Edge::ExpiredUnreported,
        (HoldState::Released, _, Some(_)) => Edge::CapturedZero,
        (HoldState::Released, ..) => Edge::Released,
        (_, _, Some(None)) if hold.used.is_some() => Edge::CapturedProgress,
        _ if captured == hold.amount => Edge::CapturedAll,
        _ => Edge::CapturedPart,
    }
}

fn written_by(state: HoldState, cause: Cause<'_>) -> Option<Edge> {
    let by = if matches!(cause, Cause::Alarm) { Edge::WrittenByAlarm } else { Edge::WrittenByCall };
    (state == HoldState::Expired).then_some(by)
}

/// What had become of its grants by then.
fn around(before: &Books, hold: &Held, captured: i128) -> Vec<Edge> {
    let ended = |part: &&(u64, i128)| {
        before.grants.contains_key(&part.0) && before.has_ended(part.0, before.time)
    };
    let mut met = Vec::new();
    if hold.parts.iter().any(|part| ended(&part)) {
        met.push(Edge::GrantOutlived);
    }
    // What is not captured is what was reserved last.
    if captured < hold.amount && hold.parts.last().is_some_and(|part| ended(&part)) {
        met.push(Edge::IntoEnded);
    }
    met
}
