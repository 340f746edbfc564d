//! Whether an answer is what the books say, and what has been said before.

use edge_credits_core::ids::TransactionId;
use edge_credits_core::ledger::{
    Adjust, Balance, Capture, Command, Hold, HoldState, Receipt, Rejection, Release,
};

use super::asked::{Answer, Asked};
use super::auditor::{Auditor, law_of};
use super::books::Books;
use super::faults::Edge;
use super::requests::{Comes, No, minor};

impl Auditor {
    /// An answer has left the object. `kept` is whether something of the request itself was written
    /// for it just now.
    pub(super) fn answered(
        &mut self,
        customer: usize,
        (asked, clock): (&Asked, i64),
        answer: &Answer,
        kept: bool,
    ) {
        let books = &self.customers[customer].books;
        let wrong = match (asked, answer) {
            (_, Answer::Refused(rejection)) => self.refused(customer, asked, clock, rejection),
            (Asked::Command(command), Answer::Receipt(receipt)) => {
                self.receipt(customer, (command, clock), receipt, kept)
            }
            (Asked::Adjust(id, change), Answer::Adjusted(hold)) => {
                adjusted(books, clock, (id, change), hold)
            }
            (Asked::Balance(_), Answer::Balance(balance)) => balance_differs(books, clock, balance),
            (Asked::Hold(id), Answer::Hold(hold)) => hold_differs(books, clock, id, hold),
            (Asked::Holds, Answer::Holds(holds)) => holds_differ(books, clock, holds),
            _ => Some(("L4", "no answer to what was asked".to_owned())),
        };
        if let Some((law, what)) = wrong {
            let what = format!("{customer}: {asked:?} is answered {answer:?}: {what}");
            return self.fail(law, what);
        }
        self.stands(customer, (asked, clock), answer);
        for edge in self.answer_edges(asked, answer, kept) {
            self.met(edge);
        }
        if let Some((id, end)) = said(asked, answer) {
            self.tell(customer, id, end);
        }
    }

    /// Whatever is answered, a period's grants are there (G2), and who was taken away is (C1, C2).
    pub(super) fn stands(
        &mut self,
        customer: usize,
        (asked, clock): (&Asked, i64),
        answer: &Answer,
    ) {
        let books = &self.customers[customer].books;
        if let Some(gift) = books.not_given(clock) {
            return self.fail("G2", format!("{customer}: {asked:?} is answered without {gift}"));
        }
        if let (Asked::Close, Answer::Done) = (asked, answer) {
            let (closed, holds) = (books.closed, books.holds_beyond(clock));
            if !closed || holds {
                let law = if closed { "C2" } else { "C1" };
                self.fail(law, format!("{customer}: closed {closed}, held {holds}"));
            }
        }
    }

    /// Somebody has been told that a hold is open (`None`), or how it has ended.
    fn tell(&mut self, customer: usize, id: TransactionId, end: Option<(HoldState, i128)>) {
        let told = &mut self.customers[customer].told;
        match (told.get(&id).copied(), end) {
            (None, Some(end)) => {
                told.insert(id, end);
            }
            (Some(before), end) if end != Some(before) => {
                let what = format!("{customer}: {id:?} is said to be {end:?}, after {before:?}");
                self.fail("L3", what);
            }
            _ => {}
        }
    }

    fn refused(
        &self,
        customer: usize,
        asked: &Asked,
        clock: i64,
        rejection: &Rejection,
    ) -> Option<(&'static str, String)> {
        let audited = &self.customers[customer];
        let mut books = audited.books.clone();
        let comes = match asked {
            Asked::Command(command) => {
                books.perform(&audited.owner, clock, command).map(|comes| format!("{comes:?}"))
            }
            Asked::Adjust(id, change) => {
                books.adjust(clock, id, change).map(|_| "a change".to_owned())
            }
            Asked::Hold(id) => books.placed(id).map(|_| "a hold".to_owned()),
            Asked::Balance(_) | Asked::Holds => Ok("a reading".to_owned()),
            Asked::Signals(_) | Asked::SetPlan(_) | Asked::Close => Err(No::Closed),
        };
        match comes {
            Ok(comes) => {
                let law = no_of(rejection).map_or("L4", |no| law_of(&no));
                Some((law, format!("instead of {comes}")))
            }
            Err(no) if no_of(rejection).as_ref() == Some(&no) => None,
            Err(no) => Some((law_of(&no), format!("instead of {no:?}"))),
        }
    }

    fn receipt(
        &self,
        customer: usize,
        (command, clock): (&Command, i64),
        receipt: &Receipt,
        kept: bool,
    ) -> Option<(&'static str, String)> {
        let audited = &self.customers[customer];
        let Some(first) = audited.firsts.get(&receipt.entry.id) else {
            return Some(("L4", "nothing of it was kept".to_owned()));
        };
        let is = Receipt { replayed: false, ..receipt.clone() };
        if is != *first {
            return Some(("L4", format!("instead of {first:?}")));
        }
        if receipt.replayed == kept {
            return Some(("L4", format!("written: {kept}, replayed: {}", receipt.replayed)));
        }
        let mut books = audited.books.clone();
        match books.perform(&audited.owner, clock, command) {
            Ok(Comes::Again(id)) if id == receipt.entry.id => None,
            other => Some(("L4", format!("instead of {other:?}"))),
        }
    }

    fn answer_edges(&self, asked: &Asked, answer: &Answer, kept: bool) -> Vec<Edge> {
        match (asked, answer) {
            (Asked::Adjust(_, Adjust::Extend { .. }), Answer::Adjusted(_)) => {
                vec![if kept { Edge::Extended } else { Edge::NotShortened }]
            }
            (Asked::Adjust(_, Adjust::Progress { .. }), Answer::Adjusted(_)) => {
                vec![if kept { Edge::Progress } else { Edge::ProgressStale }]
            }
            (
                Asked::Command(Command::Hold(_)),
                Answer::Refused(Rejection::InsufficientCredits { .. }),
            ) => vec![Edge::Short],
            (Asked::Command(command), Answer::Receipt(receipt)) if receipt.replayed => {
                match command {
                    Command::Hold(_) => vec![Edge::PlacedAgain],
                    Command::Capture(_) | Command::Release(_) => vec![Edge::SameEnd],
                    _ => vec![],
                }
            }
            (_, Answer::Refused(Rejection::CaptureExceedsHold { .. })) => vec![Edge::Exceeds],
            (_, Answer::Refused(Rejection::HoldEnded { state: HoldState::Expired, .. })) => {
                vec![Edge::LostRace]
            }
            (_, Answer::Refused(Rejection::HoldEnded { .. })) => vec![Edge::EndedOtherwise],
            _ => vec![],
        }
    }
}

/// Of which holds an answer says what has become of them. A repeated placing is answered with the
/// hold as it was placed, and says nothing of now.
pub(super) fn said(
    asked: &Asked,
    answer: &Answer,
) -> Option<(TransactionId, Option<(HoldState, i128)>)> {
    let of = |hold: &Hold| {
        let end = (hold.state != HoldState::Open).then(|| (hold.state, minor(hold.captured)));
        (hold.id.clone(), end)
    };
    match answer {
        Answer::Adjusted(hold) | Answer::Hold(hold) => Some(of(hold)),
        Answer::Receipt(receipt) => {
            let placing = matches!(asked, Asked::Command(Command::Hold(_)));
            let hold = receipt.hold.as_ref().filter(|_| !(receipt.replayed && placing));
            hold.map(of)
        }
        Answer::Refused(Rejection::HoldEnded { state, captured, .. }) => {
            Some((named(asked)?.clone(), Some((*state, minor(*captured)))))
        }
        _ => None,
    }
}

/// The hold that a request names.
fn named(asked: &Asked) -> Option<&TransactionId> {
    match asked {
        Asked::Adjust(id, _) | Asked::Hold(id) => Some(id),
        Asked::Command(Command::Capture(Capture { hold, .. })) => Some(hold),
        Asked::Command(Command::Release(Release { hold, .. })) => Some(hold),
        _ => None,
    }
}

fn no_of(rejection: &Rejection) -> Option<No> {
    Some(match rejection {
        Rejection::KeyReused { .. } => No::KeyReused,
        Rejection::Closed => No::Closed,
        Rejection::ExpiryPassed => No::ExpiryPassed,
        Rejection::UnknownCharge => No::UnknownCharge,
        Rejection::UnknownGrant => No::UnknownGrant,
        Rejection::UnknownHold => No::UnknownHold,
        Rejection::OtherUnit { .. } | Rejection::OtherHoldUnit { .. } => No::OtherUnit,
        Rejection::GrantEnded => No::GrantEnded,
        Rejection::HoldEnded { state, captured, .. } => No::Ended(*state, minor(*captured)),
        Rejection::RefundExceedsCharge { refundable, .. } => {
            No::MoreThanCharged(minor(*refundable))
        }
        Rejection::CaptureExceedsHold { held, .. } => No::MoreThanHeld(minor(*held)),
        Rejection::InsufficientCredits { available, requested, .. } => {
            No::Short { available: minor(*available), requested: minor(*requested) }
        }
        _ => return None,
    })
}

type Wrong = Option<(&'static str, String)>;

/// The books as they would be at a reading of the clock.
fn at(books: &Books, clock: i64) -> (Books, i64) {
    let (mut then, now) = (books.clone(), books.ledger_time(clock));
    then.advance(now);
    (then, now)
}

fn adjusted(
    books: &Books,
    clock: i64,
    (id, change): (&TransactionId, &Adjust),
    hold: &Hold,
) -> Wrong {
    // Once more comes to the same, unless the clock has gone on.
    let mut then = books.clone();
    match then.adjust(clock, id, change) {
        Ok(sequence) if then.holds[&sequence].is(hold) => None,
        other => Some(("L3", format!("instead of {other:?}"))),
    }
}

fn balance_differs(books: &Books, clock: i64, is: &Balance) -> Wrong {
    let (then, now) = at(books, clock);
    let said = [minor(is.posted), minor(is.held), minor(is.available)];
    let unit = &is.unit;
    let right = [then.posted(unit), then.held(unit), then.available(unit)];
    let places = (is.sequence, is.as_of.as_millis());
    let same = said == right && places == (books.sequence, now);
    (!same).then(|| ("L1", format!("instead of {right:?} at {}, {now}", books.sequence)))
}

fn hold_differs(books: &Books, clock: i64, id: &TransactionId, is: &Hold) -> Wrong {
    let (then, _) = at(books, clock);
    match then.placed(id) {
        Ok(sequence) if then.holds[&sequence].is(is) => None,
        Ok(sequence) => Some(("L3", format!("instead of {:?}", then.holds[&sequence]))),
        Err(no) => Some(("L3", format!("instead of {no:?}"))),
    }
}

fn holds_differ(books: &Books, clock: i64, is: &[TransactionId]) -> Wrong {
    let (then, _) = at(books, clock);
    let open = then.holds.iter().rev().filter(|(_, hold)| hold.ended.is_none());
    let right: Vec<u64> = open.map(|(sequence, _)| *sequence).collect();
    let said: Vec<Option<u64>> = is.iter().map(|id| then.ids.get(id).copied()).collect();
    let same = said == right.iter().copied().map(Some).collect::<Vec<_>>();
    (!same).then(|| ("L9", format!("instead of {right:?}")))
}
