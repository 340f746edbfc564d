//! Calls that are metered while they run: the core's own meter, in an isolate that may die at any chunk.
//!
//! A stream holds credits, reports what is used, holds more when that is not enough, and settles when it
//! ends. What it may have been charged then, [`super::stream_laws`] says.

use core::mem;
use core::time::Duration;

use edge_credits_core::client::arguments::RawAmount;
use edge_credits_core::credits::{Credits, Scale};
use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::{
    Adjust, Capture, Command, Consume, OnExpiry, Place, Rejection, Release, WhenShort,
};
use edge_credits_core::meter::{ABSENT, AMOUNTS, Due, MAX_HOLDS, Meter, Settlement};

use super::asked::{Answer, Asked};
use super::faults::{Edge, Fault};
use super::mutants::Switch;
use super::requests::minor;
use super::world::{Event, World};
use crate::plan::SECOND;

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Running,
    /// Its isolate is gone: nobody hears or says anything any more.
    Dead,
    /// The holds before this one are settled.
    Settling(usize),
    /// Every part was answered.
    Settled,
    /// Something was not answered, or refused: what it came to is open.
    Open,
}

/// A hold of a stream.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) id: TransactionId,
    /// The most that was reported of it, heard or not.
    pub(super) told: i128,
    /// The most that was answered to have been written.
    pub(super) heard: i128,
}

/// A metered call.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) customer: usize,
    unit: Unit,
    meter: Meter,
    /// Those it knows to have been granted, in their order.
    pub(super) parts: Vec<Part>,
    /// Those that were asked for, and may have been granted.
    pub(super) asked: Vec<TransactionId>,
    ttl: Duration,
    /// Chunks to come.
    left: u64,
    /// Whether it waits to hear of a report or of another hold: one at a time.
    asking: bool,
    /// Whether a part waits to be passed on, until the ledger knows enough of those before it.
    waits: bool,
    /// How far behind the ledger may be, as the caller has it.
    step: i128,
    /// What was used with all that was passed on, and how much of that may be unknown to the ledger.
    pub(super) passed: i128,
    pub(super) ahead: i128,
    /// Whether the last part was passed on because the ledger knew enough.
    pub(super) is_sure: bool,
    /// Whether no more could be held.
    exhausted: bool,
    /// The most that was ever counted as used.
    pub(super) most: i128,
    pub(super) at: At,
    /// Charges besides the holds, asked for.
    pub(super) besides: Vec<TransactionId>,
}

impl Stream {
    pub(super) fn used(&self) -> i128 {
        minor(self.meter.used())
    }
}

impl World {
    /// Somebody makes a call, for which much too little may be held.
    pub(super) fn begin_stream(&mut self, customer: usize) {
        let unit = self.unit();
        let rate = self.amount((self.plan.charge / 50).max(1));
        let hold = self.amount(self.plan.charge);
        let step = self.amount((hold.minor_units() as u64 / 2).max(1));
        let ttl = Duration::from_millis(self.random.span(SECOND, self.plan.longest));
        let text = |amount: Credits| amount.decimal(Scale::CREDITS).to_string();
        // A million tokens cost so many whole credits: a token costs as many minor units.
        let named =
            [("price.input", "0".to_owned()), ("price.output", rate.minor_units().to_string())];
        let named: Vec<_> = named
            .into_iter()
            .chain([("hold", text(hold)), ("progressEvery", text(step))])
            .collect();
        let mut amounts = |index: usize| {
            let (_, text) = named.iter().find(|(name, _)| *name == AMOUNTS[index])?;
            Some(RawAmount { kind: "string".to_owned(), text: text.clone() })
        };
        let (meter, _) = Meter::open(None, None, &mut amounts, [0; 4]).expect("a meter");
        let left = self.random.range(1, 30);
        let stream = Stream {
            customer,
            unit,
            meter,
            parts: Vec::new(),
            asked: Vec::new(),
            ttl,
            left,
            asking: false,
            waits: false,
            step: minor(step),
            passed: 0,
            ahead: 0,
            is_sure: true,
            exhausted: false,
            most: 0,
            at: At::Running,
            besides: Vec::new(),
        };
        self.streams.push(stream);
        self.hold_for(self.streams.len() - 1, hold);
    }

    fn hold_for(&mut self, stream: usize, amount: Credits) {
        let call = self.call();
        let Stream { customer, unit, ttl, .. } = self.streams[stream].clone();
        let on_expiry = OnExpiry::CaptureProgress;
        let place = Command::Hold(Place { call, unit, amount, ttl, on_expiry });
        let id = place.lookups(&self.objects[customer].owner).hold.expect("a hold's id");
        self.streams[stream].asked.push(id);
        self.streams[stream].asking = true;
        self.ask_for(stream, Asked::Command(place));
    }

    fn ask_for(&mut self, stream: usize, asked: Asked) {
        let customer = self.streams[stream].customer;
        self.ask_by(customer, asked, Some(stream));
    }

    /// The next part of the answer comes by, or the isolate dies.
    pub(super) fn chunk(&mut self, stream: usize) {
        if self.streams[stream].at != At::Running {
            return;
        }
        if self.strike(Fault::StreamDies) {
            return self.dies_mid_stream(stream);
        }
        let bytes = self.random.range(1, 400) as i64;
        let reports = self.random.hit(150).then(|| self.random.range(50, 100) as i64);
        let running = &mut self.streams[stream];
        running.meter.see(bytes, 0);
        if let Some(percent) = reports {
            // The provider counts, and less than was estimated.
            let [.., output, reasoning] = running.meter.tokens();
            let counted = ((output + reasoning) * percent / 100).max(1);
            running.most = running.most.max(running.used());
            running.meter.report(&[0, ABSENT, ABSENT, counted, ABSENT, ABSENT, 0, 0]);
        }
        running.most = running.most.max(running.used());
        running.left -= 1;
        let last = running.parts.last().cloned();
        if let Some(Part { id, .. }) = last
            && self.random.hit(100)
        {
            let extend = Adjust::Extend { ttl: self.streams[stream].ttl };
            self.ask_for(stream, Asked::Adjust(id, extend));
        }
        self.tell_what_is_due(stream);
        self.pass(stream, false);
    }

    /// A part that waits has waited long enough.
    pub(super) fn part_is_late(&mut self, stream: usize, left: u64) {
        let Stream { at, waits, left: now, .. } = self.streams[stream];
        if at == At::Running && waits && now == left {
            self.pass(stream, true);
        }
    }

    /// Passes the last part on, if the ledger knows enough; then the next one may come.
    fn pass(&mut self, stream: usize, is_late: bool) {
        let passing = &mut self.streams[stream];
        let held: i64 = (0..MAX_HOLDS).map(|index| passing.meter.hold(index)).sum();
        let knows = passing.meter.clone().pass(false);
        if !passing.meter.pass(is_late || !passing.asking) {
            passing.waits = true;
            self.auditor.met(Edge::StreamWaited);
            let left = self.streams[stream].left;
            return self.later(self.plan.timeout, Event::Late(stream, left));
        }
        let used = passing.used();
        passing.ahead = passing.step.max(i128::from(held / 100)).max(used - passing.passed);
        passing.passed = used;
        passing.is_sure = knows && !passing.exhausted && passing.parts.len() < MAX_HOLDS;
        passing.waits = false;
        if passing.left > 0 {
            let pause = self.random.span(10, 2 * self.plan.longest / 30 + 20);
            self.later(pause, Event::Chunk(stream));
        } else if !passing.asking {
            self.settle_stream(stream, 0);
        }
    }

    /// A report or a hold has been answered, or never will be.
    fn goes_on(&mut self, stream: usize) {
        let running = &mut self.streams[stream];
        running.asking = false;
        if running.at != At::Running {
            return;
        }
        let over = running.left == 0 && !running.waits;
        self.tell_what_is_due(stream);
        if self.streams[stream].waits {
            self.pass_if_it_may(stream);
        } else if over && !self.streams[stream].asking {
            self.settle_stream(stream, 0);
        }
    }

    fn pass_if_it_may(&mut self, stream: usize) {
        let Stream { mut meter, asking, .. } = self.streams[stream].clone();
        if meter.pass(!asking) {
            self.pass(stream, false);
        }
    }

    pub(super) fn dies_mid_stream(&mut self, stream: usize) {
        if self.streams[stream].at == At::Running {
            self.trace.note(self.now, format_args!("stream {stream} dies"));
            self.streams[stream].at = At::Dead;
        }
    }

    /// What the meter says is due, one thing at a time.
    fn tell_what_is_due(&mut self, stream: usize) {
        // Now and then nothing comes for a while, and all is told once.
        let mut is_pause = self.random.hit(100);
        while !self.streams[stream].asking {
            let running = &mut self.streams[stream];
            match (running.meter.due(mem::take(&mut is_pause)), running.parts.last_mut()) {
                (Some(Due::Progress(used)), Some(part)) => {
                    part.told = part.told.max(minor(used));
                    let (id, unit) = (part.id.clone(), running.unit.clone());
                    running.asking = true;
                    self.ask_for(stream, Asked::Adjust(id, Adjust::Progress { unit, used }));
                }
                (Some(Due::Hold(amount)), _) => self.hold_for(stream, amount),
                _ => return,
            }
        }
    }

    /// Ends the holds from this one on, and charges what they do not cover.
    fn settle_stream(&mut self, stream: usize, index: usize) {
        let call = self.call();
        let settling = &mut self.streams[stream];
        settling.at = At::Settling(index);
        let unit = settling.unit.clone();
        let hold = settling.parts.get(index).map(|part| part.id.clone());
        let command = match (settling.meter.settle(index), hold) {
            (Some(Settlement::Capture(part)), Some(hold)) => {
                Command::Capture(Capture { call, hold, used: Some((unit, part)) })
            }
            (Some(Settlement::Release), Some(hold)) => Command::Release(Release { call, hold }),
            (Some(Settlement::Consume(amount)), _) => {
                let when_short = WhenShort::Allow;
                let charge = Command::Consume(Consume { call, unit, amount, when_short });
                let owner = &self.objects[settling.customer].owner;
                settling.besides.push(charge.lookups(owner).record);
                charge
            }
            _ => {
                settling.at = At::Settled;
                return;
            }
        };
        self.ask_for(stream, Asked::Command(command));
    }

    /// A stream hears of what it asked for.
    pub(super) fn stream_hears(&mut self, stream: usize, asked: &Asked, answer: &Answer) {
        let hears = &mut self.streams[stream];
        match (hears.at, asked, answer) {
            (At::Dead, ..) => {}
            (_, Asked::Command(Command::Hold(place)), answer) => {
                let granted = matches!(answer, Answer::Receipt(_)).then(|| place.amount);
                self.hears_of_hold(stream, granted);
            }
            (_, Asked::Adjust(id, Adjust::Progress { used, .. }), Answer::Adjusted(_)) => {
                let part = hears.parts.iter_mut().find(|part| part.id == *id).expect("its hold");
                part.heard = part.heard.max(minor(*used));
                hears.meter.acknowledged();
                self.goes_on(stream);
            }
            (_, Asked::Adjust(_, Adjust::Progress { .. }), _) => self.report_is_lost(stream),
            (At::Settling(index), Asked::Command(command), answer) => {
                let ended = match answer {
                    Answer::Refused(Rejection::HoldEnded { captured, .. }) => Some(*captured),
                    Answer::Receipt(_) => None,
                    _ => {
                        hears.at = At::Open;
                        return;
                    }
                };
                if let Some(captured) = ended {
                    self.makes_good(stream, index, captured);
                }
                if matches!(command, Command::Consume(_)) {
                    self.streams[stream].at = At::Settled;
                } else {
                    self.settle_stream(stream, index + 1);
                }
            }
            _ => {}
        }
    }

    fn makes_good(&mut self, stream: usize, index: usize, captured: Credits) {
        if !self.has(Switch::NotMadeGood) {
            self.streams[stream].meter.ended(index, captured.minor_units());
            self.auditor.met(Edge::StreamMadeGood);
        }
    }

    /// Another hold was granted or not, or nobody knows.
    fn hears_of_hold(&mut self, stream: usize, granted: Option<Credits>) {
        let hears = &mut self.streams[stream];
        let first = hears.parts.is_empty();
        if granted.is_some() {
            let id = hears.asked.last().cloned().expect("it was asked for");
            hears.parts.push(Part { id, told: 0, heard: 0 });
        }
        match (first, granted) {
            // Without its credits the call is not made.
            (true, None) => hears.at = At::Open,
            (true, Some(_)) => {
                hears.asking = false;
                self.tell_what_is_due(stream);
                self.later(1, Event::Chunk(stream));
            }
            (false, granted) => {
                hears.meter.held_more(granted.is_some());
                hears.exhausted |= granted.is_none();
                if granted.is_some() {
                    self.auditor.met(Edge::StreamHeldMore);
                }
                self.goes_on(stream);
            }
        }
    }

    fn report_is_lost(&mut self, stream: usize) {
        if self.has(Switch::LostIsHeard) {
            self.streams[stream].meter.acknowledged();
        }
        self.goes_on(stream);
    }

    /// Nobody has answered, however often it was asked.
    pub(super) fn stream_gives_up(&mut self, stream: usize, asked: &Asked) {
        match (self.streams[stream].at, asked) {
            (At::Dead, _) => {}
            (_, Asked::Command(Command::Hold(_))) => self.hears_of_hold(stream, None),
            (_, Asked::Adjust(_, Adjust::Progress { .. })) => self.report_is_lost(stream),
            (At::Settling(index), Asked::Command(Command::Capture(_)))
                if self.has(Switch::CapturedAndCharged) =>
            {
                self.streams[stream].meter.ended(index, 0);
                self.settle_stream(stream, index + 1);
            }
            (At::Settling(_), Asked::Command(_)) => self.streams[stream].at = At::Open,
            _ => {}
        }
    }

    pub(super) fn is_dead(&self, stream: usize) -> bool {
        self.streams[stream].at == At::Dead
    }

    /// When faults stop, whoever streams still dies.
    pub(super) fn end_streams(&mut self) {
        (0..self.streams.len()).for_each(|stream| self.dies_mid_stream(stream));
    }
}
