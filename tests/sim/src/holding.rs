//! Holds through the cache: what callers ask of them, and what they are answered.
//!
//! A caller places a hold, tells of it while the work goes on, and ends it, or forgets to; it repeats
//! a call whose answer it has not heard, and now and then asks for another end.

use core::time::Duration;

use edge_credits_core::cache::{HoldRefusal, Keeper, Step, TookHold, Waited};
use edge_credits_core::credits::Credits;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::{
    Adjust, CallDetails, Capture, Command, Hold, HoldState, OnExpiry, Place, Rejection, Release,
};

use crate::answers::Judged;
use crate::disk::{Disk, DiskError};
use crate::faults::Point;
use crate::object::At;
use crate::plan::{HOUR, MINUTE, SECOND};
use crate::world::{Event, World};

/// What is asked of a hold.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Place(Place),
    /// Progress, or a longer life.
    Adjust(TransactionId, Adjust),
    /// Capture or release.
    End(Command),
}

/// A hold that a caller has in mind, once it has been placed for certain.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    id: TransactionId,
    unit: Unit,
    amount: i64,
}

impl Asked {
    /// Runs the step of the core.
    pub(crate) fn step(
        &self,
        keeper: &mut Keeper<Disk>,
        at: &At<'_>,
        waited: Waited,
    ) -> Result<Step<Judged>, edge_credits_core::cache::Fault<DiskError>> {
        let took = |step: Step<TookHold>| match step {
            Step::Done { answer, pending, notices, refresh } => {
                Step::Done { answer: Judged::Hold(Box::new(answer)), pending, notices, refresh }
            }
            Step::ReadFirst => Step::ReadFirst,
            Step::Refused(refusal) => Step::Refused(refusal),
        };
        match self {
            Self::Place(place) => {
                keeper.place(at.owner, at.now, place, waited, at.config).map(took)
            }
            Self::End(command) => {
                keeper.end_hold(at.owner, at.now, command, waited, at.config).map(took)
            }
            Self::Adjust(id, change) => {
                let adjusted = keeper.adjust_hold(at.owner, at.now, (id, change))?;
                let answer = Judged::Adjusted(Box::new(adjusted));
                Ok(Step::Done { answer, pending: 0, notices: Vec::new(), refresh: false })
            }
        }
    }

    /// The hold that is asked about; `None` where one is placed.
    pub(crate) fn hold(&self) -> Option<&TransactionId> {
        match self {
            Self::Place(_) => None,
            Self::Adjust(id, _) => Some(id),
            Self::End(Command::Capture(capture)) => Some(&capture.hold),
            Self::End(Command::Release(release)) => Some(&release.hold),
            Self::End(_) => None,
        }
    }
}

impl World {
    /// Ends the holds whose time is over. Returns whether charges wait; `None` when the object is not
    /// what it was.
    pub(crate) fn end_due_holds(&mut self, customer: usize) -> Option<bool> {
        let open = self.auditor.holds.open(customer).count();
        let waits = self.step(customer, |keeper, at| keeper.end_due_holds(at.owner, at.now))?;
        let ended = self.auditor.holds.open(customer).count() < open;
        (!ended || !self.dies(customer, Point::HoldsEnded)).then_some(waits)
    }

    /// A caller wants a hold.
    pub(crate) fn place_hold(&mut self, customer: usize, unit: &Unit) {
        let call = self.hold_call("h", customer);
        let amount = self.random.span(1, self.plan.largest * 1_000_000).max(1) as i64;
        let ttl = match self.random.range(0, 9) {
            0 => SECOND,
            1..=3 => self.random.range(SECOND, MINUTE),
            4..=7 => self.random.range(MINUTE, 10 * MINUTE),
            _ => self.random.range(HOUR, 24 * HOUR),
        };
        let rules = [OnExpiry::CaptureProgress, OnExpiry::Release, OnExpiry::CaptureAll];
        let place = Place {
            call,
            unit: unit.clone(),
            amount: minor(amount),
            ttl: Duration::from_millis(ttl),
            on_expiry: self.random.pick(&rules),
        };
        self.start_hold(customer, unit.clone(), Asked::Place(place));
    }

    fn hold_call(&mut self, kind: &str, customer: usize) -> CallDetails {
        let key = format!("{kind}{customer}-{}", self.operations.len());
        let description = self.random.hit(200).then(|| "AI: \"chat\"".to_owned());
        CallDetails {
            key: IdempotencyKey::parse(&key).expect("a key"),
            description,
            metadata: None,
        }
    }

    /// A hold was granted, and its caller knows: what it will ask of it, at which times.
    pub(crate) fn work_on(&mut self, customer: usize, hold: &Hold) {
        if self.script.is_some() {
            return;
        }
        let amount = hold.amount.minor_units();
        let known = Known { id: hold.id.clone(), unit: hold.unit.clone(), amount };
        let life = hold.ttl.as_millis() as u64;
        // Some ends come after the time is over.
        let longest = life.min(HOUR) * self.random.range(5, 14) / 10;
        let mut at = 0;
        let mut used = 0;
        for _ in 0..self.random.range(0, 4) {
            at = self.random.range(at, longest);
            used = self.random.range(used as u64, amount as u64) as i64;
            // One that comes late tells less.
            let told = if self.random.hit(150) { used / 2 } else { used };
            let unit = known.unit.clone();
            let asked =
                Asked::Adjust(known.id.clone(), Adjust::Progress { unit, used: minor(told) });
            self.later(at, Event::AskOfHold { customer, unit: known.unit.clone(), asked });
        }
        if self.random.hit(150) {
            let ttl = Duration::from_millis(self.random.range(SECOND, 20 * MINUTE));
            let asked = Asked::Adjust(known.id.clone(), Adjust::Extend { ttl });
            let at = self.random.range(0, longest);
            self.later(at, Event::AskOfHold { customer, unit: known.unit.clone(), asked });
        }
        let ends = match self.random.range(0, 9) {
            // Forgotten: it ends by its rule.
            0..=2 => 0,
            3..=7 => 1,
            _ => 2,
        };
        for _ in 0..ends {
            let at = self.random.range(at, longest.max(at));
            let asked = Asked::End(self.end_of(customer, &known));
            self.later(at, Event::AskOfHold { customer, unit: known.unit.clone(), asked });
        }
    }

    fn end_of(&mut self, customer: usize, known: &Known) -> Command {
        let (call, hold) = (self.hold_call("e", customer), known.id.clone());
        let used = match self.random.range(0, 9) {
            0 | 1 => return Command::Release(Release { call, hold }),
            2 | 3 => None,
            4 => Some(known.amount),
            5 => Some(known.amount + 1),
            6 => Some(0),
            _ => Some(self.random.range(0, known.amount as u64) as i64),
        };
        let used = used.map(|used| (known.unit.clone(), minor(used)));
        Command::Capture(Capture { call, hold, used })
    }

    /// Checks an answer about a hold, and names it.
    pub(crate) fn check_hold(
        &mut self,
        customer: usize,
        asked: &Asked,
        took: &TookHold,
    ) -> &'static str {
        let receipt = match took {
            Ok(receipt) => receipt,
            Err(HoldRefusal::KeyReused { first, .. }) => {
                let Asked::Place(place) = asked else {
                    self.auditor.fail("H1", format!("{customer}: an end is told of a key"));
                    return "?";
                };
                if place.amount == first.hold.amount && place.ttl == first.hold.ttl {
                    self.auditor.fail("D3", format!("{customer}: {place:?} is not reused"));
                }
                return "hold: key reused";
            }
            Err(HoldRefusal::Rule(rejection)) => {
                return self.check_rule(customer, asked, rejection);
            }
        };
        let id = &receipt.hold.id;
        let kept = self.objects[customer].disk().holds.values().find(|l| l.hold.id == *id).cloned();
        let (mine, ended) = match (asked, &kept) {
            (_, None) => (false, false),
            (Asked::Place(place), Some(kept)) => {
                let same = kept.hold.as_placed() == receipt.hold && kept.placed == receipt.told;
                (same && place.amount == receipt.hold.amount, false)
            }
            (_, Some(kept)) => {
                let told = kept.ended.as_ref().and_then(|ended| ended.told.as_ref());
                (kept.hold == receipt.hold && told == Some(&receipt.told), true)
            }
        };
        if !mine {
            self.auditor
                .fail("D2", format!("{customer}: {receipt:?} is answered, {kept:?} stored"));
        }
        let now = self.auditor.holds.changed.as_ref() == Some(id);
        if now == receipt.replayed {
            self.auditor.fail("D3", format!("{customer}: {id} is answered anew: {now}"));
        }
        match (ended, receipt.replayed, receipt.hold.state) {
            (false, true, _) => "hold: placed before",
            (false, false, _) => "hold: placed",
            (true, true, _) => "hold: ended so before",
            (true, false, HoldState::Released) => "hold: released",
            (true, false, _) => "hold: captured",
        }
    }

    /// Checks the answer to progress and extensions, and names it.
    pub(crate) fn check_adjusted(
        &mut self,
        customer: usize,
        asked: &Asked,
        adjusted: &Result<Hold, Rejection>,
    ) -> &'static str {
        let hold = match adjusted {
            Ok(hold) => hold,
            Err(rejection) => return self.check_rule(customer, asked, rejection),
        };
        let mut kept = self.objects[customer].disk().holds.values();
        if !kept.any(|local| local.hold == *hold) {
            self.auditor.fail("D2", format!("{customer}: {hold:?} is answered and not stored"));
        }
        "hold: told"
    }

    /// Whether a rule of holds is right to refuse.
    fn check_rule(
        &mut self,
        customer: usize,
        asked: &Asked,
        rejection: &Rejection,
    ) -> &'static str {
        if self.auditor.kept {
            self.auditor.fail("H1", format!("{customer}: a refusal has kept something"));
        }
        let now = self.clock(customer);
        let book = asked.hold().and_then(|id| self.auditor.holds.of(customer, id));
        let (word, right) = match (rejection, book) {
            (Rejection::UnknownHold, None) => ("hold: unknown", true),
            (Rejection::HoldEnded { state, captured, .. }, Some(book)) => {
                let told = (*state, i128::from(captured.minor_units()));
                ("hold: ended otherwise", book.end_at(now) == Some(told))
            }
            (Rejection::CaptureExceedsHold { held, .. }, Some(book)) => {
                let told = i128::from(held.minor_units());
                ("hold: too much", told == book.amount && book.end_at(now).is_none())
            }
            _ => ("hold: refused", false),
        };
        if !right {
            let what = format!("{customer}: {rejection:?} to {asked:?} is not so");
            self.auditor.fail("H1", what);
        }
        word
    }
}

fn minor(units: i64) -> Credits {
    Credits::from_minor_units(units).expect("an amount")
}
