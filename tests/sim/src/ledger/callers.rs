//! What callers want of a ledger: grants, usage, holds and what becomes of them, and corrections.
//!
//! Whoever is answered that a hold was placed goes on to report, extend and end it, or forgets it. Some
//! end it twice, in two ways, too late, or at the very instant at which its time is over.

use core::time::Duration;

use edge_credits_core::credits::Credits;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{TransactionId, Unit};
use edge_credits_core::ledger::{
    Adjust, CallDetails, Capture, Command, Consume, DEFAULT_PRIORITY, Debit, GrantCredits, Hold,
    HoldState, OnExpiry, Place, Receipt, Refund, Release, Source, Void, WhenShort,
};
use edge_credits_core::usage::Signal;

use super::answers::said;
use super::asked::{Answer, Asked};
use super::faults::Fault;
use super::world::{Event, World};
use crate::plan::{HOUR, SECOND};

/// The ledger's longest time to live.
const DAY: u64 = 24 * HOUR;

/// What a customer's callers remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    grants: Vec<TransactionId>,
    charges: Vec<(Unit, TransactionId)>,
    holds: Vec<(Unit, TransactionId)>,
    sent: Vec<Command>,
    pub(super) signals: Vec<Signal>,
}

impl World {
    pub(super) fn call(&mut self) -> CallDetails {
        self.keys_made += 1;
        let key = IdempotencyKey::parse(&format!("k{}", self.keys_made)).expect("a key");
        CallDetails { key, description: None, metadata: None }
    }

    pub(super) fn unit(&mut self) -> Unit {
        let index = self.random.range(0, self.units.len() as u64 - 1);
        self.units[index as usize].clone()
    }

    pub(super) fn amount(&mut self, most: u64) -> Credits {
        let amount = self.random.span(1, most.max(2)) as i64;
        Credits::from_minor_units(amount).expect("an amount in range")
    }

    /// The first grants.
    pub(super) fn open_account(&mut self, customer: usize) {
        for _ in 0..self.random.range(1, 4) {
            let grant = self.grant(customer);
            self.send_command(customer, grant);
        }
    }

    fn send_command(&mut self, customer: usize, command: Command) {
        self.known[customer].sent.push(command.clone());
        self.ask(customer, Asked::Command(command));
    }

    pub(super) fn operate(&mut self, customer: usize) {
        let pause = self.random.range(1, (2 * self.plan.span / self.plan.calls).max(2));
        self.later(pause, Event::Operate(customer));
        if self.strike_at_known(customer) {
            return;
        }
        if self.random.hit(self.plan.streams) {
            return self.begin_stream(customer);
        }
        if self.random.hit(self.plan.signals) {
            let signals = self.signals(customer);
            return self.ask(customer, signals);
        }
        if self.random.hit(self.plan.plans) {
            let plan = self.some_plan(customer);
            return self.ask(customer, plan);
        }
        let command = match self.random.range(0, 99) {
            0..30 => self.place(),
            30..45 => self.usage(WhenShort::Allow),
            45..60 => self.usage(WhenShort::Reject),
            60..75 => self.grant(customer),
            75..78 => {
                let (call, unit) = (self.call(), self.unit());
                let amount = self.amount(self.plan.charge);
                Command::Debit(Debit { call, unit, amount })
            }
            78..86 => self.refund(customer),
            86..90 => self.void(customer),
            other => return self.read(customer, other),
        };
        self.send_command(customer, command);
    }

    /// Misuse of what is known, if it strikes.
    fn strike_at_known(&mut self, customer: usize) -> bool {
        let Known { sent, holds, .. } = self.known[customer].clone();
        if !sent.is_empty() && self.strike(Fault::SameKey) {
            let index = self.random.range(0, sent.len() as u64 - 1);
            self.ask(customer, Asked::Command(sent[index as usize].clone()));
            return true;
        }
        if !sent.is_empty() && self.strike(Fault::OtherContent) {
            let index = self.random.range(0, sent.len() as u64 - 1);
            let mut other = sent[index as usize].clone();
            let more = self.amount(self.plan.charge);
            match &mut other {
                Command::Consume(it) => it.amount = more,
                Command::Grant(it) => it.amount = more,
                Command::Hold(it) => it.amount = more,
                Command::Debit(it) => it.amount = more,
                Command::Refund(it) => it.amount = more,
                _ => {}
            }
            self.ask(customer, Asked::Command(other));
            return true;
        }
        if !holds.is_empty() && self.strike(Fault::TooLate) {
            // Mostly one of the last.
            let back = self.random.span(1, holds.len() as u64) as usize;
            let (unit, id) = holds[holds.len() - back].clone();
            let end = self.end(&unit, &id, self.plan.charge);
            self.ask(customer, end);
            return true;
        }
        false
    }

    fn read(&mut self, customer: usize, which: u64) {
        let holds = &self.known[customer].holds;
        let asked = match which {
            90..93 => Asked::Holds,
            93..97 if !holds.is_empty() => {
                let index = self.random.range(0, holds.len() as u64 - 1);
                Asked::Hold(self.known[customer].holds[index as usize].1.clone())
            }
            _ => Asked::Balance(self.unit()),
        };
        self.ask(customer, asked);
    }

    fn usage(&mut self, when_short: WhenShort) -> Command {
        let (call, unit) = (self.call(), self.unit());
        let amount = self.amount(self.plan.charge);
        Command::Consume(Consume { call, unit, amount, when_short })
    }

    /// Many end while holds that reserve on them are open.
    fn grant(&mut self, customer: usize) -> Command {
        let (call, unit) = (self.call(), self.unit());
        let amount = self.amount(self.plan.grant);
        let begin = self.clock(customer).plus(Duration::from_millis(self.random.span(1, 4 * HOUR)));
        let effective_at = self.random.hit(200).then_some(begin);
        let life = Duration::from_millis(self.random.span(SECOND, 12 * HOUR));
        let from = effective_at.unwrap_or(self.clock(customer));
        let expires_at = self.random.hit(600).then_some(from.plus(life));
        let priority = self.random.pick(&[DEFAULT_PRIORITY, DEFAULT_PRIORITY, 0, 7]);
        let source = self.random.pick(&[Source::Topup, Source::Topup, Source::Adjustment]);
        let product = None;
        Command::Grant(GrantCredits {
            call,
            unit,
            amount,
            source,
            product,
            priority,
            effective_at,
            expires_at,
        })
    }

    fn refund(&mut self, customer: usize) -> Command {
        let Known { charges, .. } = self.known[customer].clone();
        if charges.is_empty() {
            return self.place();
        }
        let index = self.random.range(0, charges.len() as u64 - 1);
        let (unit, refund_of) = charges[index as usize].clone();
        let amount = self.amount(self.plan.charge);
        let call = self.call();
        Command::Refund(Refund { call, unit, amount, refund_of })
    }

    fn void(&mut self, customer: usize) -> Command {
        let Known { grants, .. } = self.known[customer].clone();
        if grants.is_empty() {
            return self.place();
        }
        let index = self.random.range(0, grants.len() as u64 - 1);
        let call = self.call();
        Command::Void(Void { call, grant: grants[index as usize].clone() })
    }

    fn place(&mut self) -> Command {
        let (call, unit) = (self.call(), self.unit());
        let amount = self.amount(self.plan.charge);
        let ttl = Duration::from_millis(self.random.span(SECOND, self.plan.longest));
        let on_expiry =
            self.random.pick(&[OnExpiry::CaptureProgress, OnExpiry::Release, OnExpiry::CaptureAll]);
        Command::Hold(Place { call, unit, amount, ttl, on_expiry })
    }

    /// An end of a hold of so much: mostly a possible one.
    fn end(&mut self, unit: &Unit, hold: &TransactionId, amount: u64) -> Asked {
        let (call, hold) = (self.call(), hold.clone());
        let used = match self.random.range(0, 99) {
            0..40 => self.random.range(1, amount.max(1)),
            40..50 => amount,
            50..55 => 0,
            55..60 => amount + 1,
            60..75 => return Asked::Command(Command::Capture(Capture { call, hold, used: None })),
            _ => return Asked::Command(Command::Release(Release { call, hold })),
        };
        let used = Credits::from_minor_units(used as i64).expect("an amount in range");
        let used = Some((unit.clone(), used));
        Asked::Command(Command::Capture(Capture { call, hold, used }))
    }

    /// A caller has an answer.
    pub(super) fn learn(&mut self, customer: usize, asked: &Asked, answer: &Answer) {
        let (Asked::Command(command), Answer::Receipt(receipt)) = (asked, answer) else { return };
        let Receipt { entry, hold, .. } = &**receipt;
        let (unit, id) = (entry.unit.clone(), entry.id.clone());
        let known = &mut self.known[customer];
        match command {
            Command::Grant(_) => known.grants.push(id),
            Command::Refund(_) if self.random.hit(300) => known.grants.push(id),
            Command::Consume(_) | Command::Debit(_) => known.charges.push((unit, id)),
            Command::Capture(_) => known.charges.push((unit, id)),
            Command::Hold(_) => {
                if let Some(hold) = hold
                    && self.lived.insert(id.clone())
                {
                    known.holds.push((unit, id));
                    self.live(customer, hold);
                }
            }
            _ => {}
        }
    }

    /// What becomes of a hold that was placed.
    fn live(&mut self, customer: usize, hold: &Hold) {
        let ttl = hold.ttl.as_millis() as u64;
        let amount = hold.amount.minor_units() as u64;
        let (unit, id) = (hold.unit.clone(), hold.id.clone());
        for _ in 0..self.random.range(0, 3) {
            let used = self.random.range(0, amount + amount / 20);
            let used = Credits::from_minor_units(used as i64).expect("an amount in range");
            let progress = Adjust::Progress { unit: unit.clone(), used };
            let at = self.random.range(1, ttl);
            self.later(at, Event::Ask(customer, Asked::Adjust(id.clone(), progress)));
        }
        if self.random.hit(250) {
            let longer = Duration::from_millis(self.random.span(SECOND, (2 * ttl).min(DAY)));
            let at = self.random.range(1, ttl);
            let extend = Asked::Adjust(id.clone(), Adjust::Extend { ttl: longer });
            self.later(at, Event::Ask(customer, extend));
        }
        if self.plan.has(Fault::AtTheInstant) {
            let wait = hold.expires_at.since(self.clock(customer)).as_millis() as u64;
            self.later(wait, Event::Instant(customer, id.clone()));
        }
        if self.random.hit(200) {
            // Somebody else looks at it, about when it ends.
            let at = self.random.range(ttl - ttl / 4, ttl + ttl / 4);
            self.later(at, Event::Ask(customer, Asked::Hold(id.clone())));
        }
        if self.random.hit(300) {
            // Its process has died.
            return;
        }
        let at = self.random.range(1, ttl + ttl / 4);
        let end = self.end(&unit, &id, amount);
        self.later(at, Event::Ask(customer, end));
        if self.strike(Fault::Parallel) {
            let other = self.end(&unit, &id, amount);
            let apart = self.random.range(0, 50);
            self.later(at + apart, Event::Ask(customer, other));
        }
    }

    /// Somebody has been told that a hold has expired. The clock steps back, to before that, and
    /// somebody else wants to end the hold.
    pub(super) fn step_back(&mut self, customer: usize, asked: &Asked, answer: &Answer) {
        let (Some((id, Some((HoldState::Expired, _)))), range) =
            (said(asked, answer), self.plan.clock_range)
        else {
            return;
        };
        let books = &self.auditor.customers[customer].books;
        let Some(hold) = books.placed(&id).ok().map(|placed| books.holds[&placed].clone()) else {
            return;
        };
        let (offset, least) = (self.objects[customer].offset, -(range as i64));
        let back = self.random.span(SECOND, range) as i64;
        if offset - back >= least && self.strike(Fault::ClockBack) {
            self.set_clock(customer, offset - back);
            let end = self.end(&hold.unit, &id, hold.amount as u64);
            self.ask(customer, end);
        }
    }

    /// At the instant of a hold's expiry somebody wants to end it, if it is still open and the clock
    /// says just that.
    pub(super) fn instant(&mut self, customer: usize, id: &TransactionId) {
        let clock = self.clock(customer).as_millis();
        let books = &self.auditor.customers[customer].books;
        let Ok(placed) = books.placed(id) else { return };
        let hold = &books.holds[&placed];
        let (until, amount, unit) = (hold.until, hold.amount as u64, hold.unit.clone());
        if hold.ended.is_some() || clock > until {
            return;
        }
        if clock < until {
            return self.later((until - clock) as u64, Event::Instant(customer, id.clone()));
        }
        if self.strike(Fault::AtTheInstant) {
            let end = self.end(&unit, id, amount);
            self.ask_now(customer, end);
        }
    }
}
