//! Usage signals: what callers report, the shell that takes them, and what the auditor says they come to.
//!
//! Their laws are those of the core's usage (U1 to U4), and U5: the sums of a day are those of the
//! signals that were taken on it. Keys are repeated after prices have changed, runs are completed twice.

use core::mem;
use std::collections::BTreeMap;

use edge_credits_core::idempotency::{IdempotencyKey, Operation, Scope};
use edge_credits_core::ids::{Owner, TransactionId, Unit};
use edge_credits_core::ledger::{Account, EntryKind};
use edge_credits_core::pricing::{CachedTokens, Tokens};
use edge_credits_core::time::Timestamp;
use edge_credits_core::usage::{DaySums, Judged, Signal, SignalType, day_of, judge, lookups};
use edge_credits_core::wire::errors::Code;

use super::asked::{Answer, Asked, Cause};
use super::auditor::Auditor;
use super::books::{Books, Charged, Line};
use super::faults::{Edge, Fault, Point};
use super::mutants::Switch;
use super::object::Gone;
use super::requests::{No, minor};
use super::tariff::{CREDIT_TYPE, Cost, MODEL, OUTCOME, STEPS, Tariff};
use super::world::World;

const DAY: i64 = 24 * 3_600_000;

/// What a signal comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Taken {
    /// A line of its own, of so much.
    New(i128),
    /// What the entry with this id was answered with.
    Again(TransactionId),
    /// It would be one of so much.
    Dry(i128),
}

/// A run of an outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct RunBook {
    unnamed: bool,
    complete: bool,
    steps: u64,
    /// What it is billed, and what its steps cost, as it was opened.
    price: i128,
    step: i128,
}

/// What the auditor keeps of signals.
#[derive(Clone, Debug, Default)]
pub(super) struct UsageBook {
    /// By id: the caller's, or that of the first step.
    runs: BTreeMap<String, RunBook>,
    /// Signals, tokens of three kinds, cost to the owner and to the customer.
    days: BTreeMap<(i64, SignalType), [i128; 6]>,
}

impl World {
    /// One signal or some, in one request.
    pub(super) fn signals(&mut self, customer: usize) -> Asked {
        let count = self.random.pick(&[1, 1, 1, 2, 5]);
        let signals = (0..count).map(|_| self.signal(customer)).collect();
        Asked::Signals(signals)
    }

    fn signal(&mut self, customer: usize) -> Signal {
        let sent = &self.known[customer].signals;
        if !sent.is_empty() && self.random.hit(150) {
            let mut again = self.random.pick(&(0..sent.len()).collect::<Vec<_>>());
            again = again.max(sent.len().saturating_sub(10));
            let mut signal = self.known[customer].signals[again].clone();
            if self.random.hit(300) {
                signal.tokens.output += 1;
            }
            return signal;
        }
        let kind = self.random.pick(&SignalType::ALL);
        let key = match kind {
            SignalType::Wallet => None,
            SignalType::Credit => Some(CREDIT_TYPE),
            SignalType::Outcome => Some(self.random.pick(&STEPS)),
        };
        let is_step = kind == SignalType::Outcome;
        let run = (is_step && self.random.hit(700)).then(|| self.random.range(0, 5).to_string());
        let input = self.random.span(1, 2_000);
        let inside = self.random.hit(300);
        let tokens = Tokens {
            input,
            output: self.random.span(1, 1_000),
            cache: self.random.range(0, input),
        };
        self.keys_made += 1;
        let signal = Signal {
            customer: self.objects[customer].owner.customer.clone(),
            kind,
            model: MODEL.to_owned(),
            key: key.map(|key| Unit::parse(key).expect("a key")),
            tokens,
            cached: inside.then_some(CachedTokens::Inside),
            run,
            complete: is_step && self.random.hit(350),
            member: None,
            custom: None,
            metrics: Vec::new(),
            idempotency_key: IdempotencyKey::parse(&format!("s{}", self.keys_made)).expect("a key"),
            dry_run: self.random.hit(100),
        };
        if !signal.dry_run {
            self.known[customer].signals.push(signal.clone());
        }
        signal
    }

    /// The owner changes prices, between any two requests.
    pub(super) fn may_change_prices(&mut self) {
        if self.strike(Fault::PricesChange) {
            self.sells = 1 - self.sells;
        }
    }

    /// Takes signals, all that they write in one transaction.
    pub(super) fn take_signals(
        &mut self,
        customer: usize,
        (account, now): (Account, Timestamp),
        signals: &[Signal],
    ) -> Result<Answer, Gone> {
        let prices = self.prices[self.sells].clone();
        let refs: Vec<&Signal> = signals.iter().collect();
        let wanted = lookups(account.owner(), &refs, &prices.catalog);
        let day = day_of(&account, now);
        let rows = self.objects[customer].disk.usage_rows(&wanted, day)?;
        let mut decision = match judge(&account, rows, now, &refs, &prices.catalog) {
            Ok(decision) => decision,
            Err(no) => {
                self.auditor.fail("L8", format!("{customer}: {signals:?} are answered {no:?}"));
                return Err(Gone::Dead);
            }
        };
        let clock = now.as_millis();
        self.auditor.judged(customer, (signals, clock), &decision.outcomes, &prices.tariff);
        self.may_die(customer, Point::Decided)?;
        if self.has(Switch::RunsLost) {
            decision.runs.clear();
        }
        let apart = self.has(Switch::SumsApart);
        let disk = &mut self.objects[customer].disk;
        if apart {
            disk.keep_days(&mem::take(&mut decision.days));
        }
        disk.beside = Some(decision.clone());
        let cause = Cause::Signals(signals, &prices.tariff);
        let result = self.commit(customer, account, cause, (&decision.writes, now));
        self.objects[customer].disk.beside = None;
        result?;
        self.may_die(customer, Point::Committed)?;
        let outcomes = &decision.outcomes;
        self.trace.note(self.now, format_args!("{customer} signals: {outcomes:?}"));
        Ok(Answer::Done)
    }
}

impl Auditor {
    /// Signals have been judged: each must be answered what the books say it comes to.
    fn judged(
        &mut self,
        customer: usize,
        (signals, clock): (&[Signal], i64),
        outcomes: &[Judged],
        tariff: &Tariff,
    ) {
        let audited = &self.customers[customer];
        let mut books = audited.books.clone();
        let expected = books.take_signals(&audited.owner, clock, signals, tariff);
        let mut met = Vec::new();
        for ((signal, outcome), taken) in signals.iter().zip(outcomes).zip(&expected) {
            let right = match (outcome, taken) {
                (Ok(logged), Ok(Taken::New(amount))) => {
                    let version = format!(r#""catalogVersion":"{}""#, tariff.version);
                    let notes = logged.entry.metadata.as_deref().unwrap_or_default();
                    let is = (logged.duplicate, logged.dry_run, -minor(logged.entry.amount));
                    met.push(if *amount > 0 { Edge::SignalTaken } else { Edge::SignalFree });
                    (is == (false, false, *amount)).then_some(notes.contains(&version))
                }
                (Ok(logged), Ok(Taken::Dry(amount))) => {
                    met.push(Edge::SignalDry);
                    let is = (logged.duplicate, logged.dry_run, -minor(logged.entry.amount));
                    (is == (false, true, *amount)).then_some(true)
                }
                (Ok(logged), Ok(Taken::Again(id))) => {
                    met.push(Edge::SignalAgain);
                    let first = audited.first_signals.get(id);
                    // Within one request it is not kept yet.
                    let same = first.is_none_or(|first| *first == logged.entry);
                    (logged.duplicate && same && logged.entry.id == *id).then_some(true)
                }
                (Err(error), Err(no)) => {
                    met.push(Edge::SignalRefused);
                    (code_of(no) == Some(error.code)).then_some(true)
                }
                _ => None,
            };
            let law = match (right, taken) {
                (Some(true), _) => continue,
                (Some(false), _) => "U4",
                (None, Ok(Taken::Again(_))) => "U1",
                (None, Ok(_)) if signal.kind == SignalType::Outcome => "U3",
                (None, _) => "U2",
            };
            let what =
                format!("{customer}: {signal:?} is answered {outcome:?} instead of {taken:?}");
            return self.fail(law, what);
        }
        met.into_iter().for_each(|edge| self.met(edge));
    }
}

fn code_of(no: &No) -> Option<Code> {
    Some(match no {
        No::KeyReused => Code::IdempotencyKeyReused,
        No::Short { .. } => Code::InsufficientCredits,
        No::Closed => Code::CustomerClosed,
        _ => return None,
    })
}

impl Books {
    /// Takes signals in order; one that is refused, or not to be kept, leaves nothing.
    fn take_signals(
        &mut self,
        owner: &Owner,
        clock: i64,
        signals: &[Signal],
        tariff: &Tariff,
    ) -> Vec<Result<Taken, No>> {
        let mut all = Vec::new();
        for signal in signals {
            let mut next = self.clone();
            let taken = next.take_signal(owner, clock, signal, tariff);
            if let Ok(Taken::New(_)) = taken {
                *self = next;
            }
            all.push(taken);
        }
        all
    }

    /// The same of signals that were kept.
    pub(super) fn keep_signals(
        &mut self,
        owner: &Owner,
        clock: i64,
        signals: &[Signal],
        tariff: &Tariff,
    ) {
        self.take_signals(owner, clock, signals, tariff);
    }

    fn take_signal(
        &mut self,
        owner: &Owner,
        clock: i64,
        signal: &Signal,
        tariff: &Tariff,
    ) -> Result<Taken, No> {
        let operation = Operation::Signal;
        let text = signal.idempotency_key.as_str();
        let key = (operation, text.to_owned());
        if let Some(id) = self.keys.get(&key) {
            let same = self.contents.get(id) == Some(&content(signal));
            return if same { Ok(Taken::Again(id.clone())) } else { Err(No::KeyReused) };
        }
        if self.closed {
            return Err(No::Closed);
        }
        let id = Scope { owner, operation }.transaction_id(text);
        let now = self.ledger_time(clock);
        let cost = match signal.kind {
            SignalType::Outcome => self.step(signal, &id, tariff),
            _ => tariff.cost(signal),
        };
        let unit = match signal.kind {
            SignalType::Credit => Unit::parse(CREDIT_TYPE).expect("a unit"),
            _ => Unit::usd(),
        };
        self.advance(now);
        let available = self.available(&unit);
        if cost.amount > 0 && available < cost.amount {
            return Err(No::Short { available, requested: cost.amount });
        }
        if signal.dry_run {
            return Ok(Taken::Dry(cost.amount));
        }
        self.add_to_day(now, signal, cost);
        let draws = self.take(&unit, cost.amount, now);
        let kind = EntryKind::Consumption;
        self.write(Line { draws: draws.clone(), ..Line::new(kind, &unit, -cost.amount, now) });
        let charge = Charged { unit, covered: draws, uncovered: 0, hold: None };
        self.charges.insert(self.sequence, charge);
        self.keys.insert(key, id.clone());
        self.contents.insert(id, content(signal));
        Ok(Taken::New(cost.amount))
    }

    /// A step of a run, which is billed once, when it is completed, as it was opened.
    fn step(&mut self, signal: &Signal, id: &TransactionId, tariff: &Tariff) -> Cost {
        let last = signal.key.as_ref().map(Unit::as_str) == Some(STEPS[1]);
        let unnamed = signal.run.is_none();
        let open = self.usage.runs.iter().find(|(_, run)| run.unnamed && !run.complete);
        let name = match &signal.run {
            Some(name) => name.clone(),
            None => open.map_or_else(|| id.as_str().to_owned(), |(name, _)| name.clone()),
        };
        let (price, step) = (tariff.outcome, tariff.step);
        let new = RunBook { unnamed, price, step, ..RunBook::default() };
        let run = self.usage.runs.entry(name).or_insert(new);
        run.steps += 1;
        let completes = !run.complete && (signal.complete || (unnamed && last));
        run.complete |= completes;
        let amount = if completes { run.price } else { 0 };
        Cost { amount, customer: amount, provided: tariff.with_step(signal, run.step) }
    }

    fn add_to_day(&mut self, now: i64, signal: &Signal, cost: Cost) {
        let Tokens { input, output, cache } = signal.tokens;
        let more = [1, input.into(), output.into(), cache.into(), cost.provided, cost.customer];
        let sums = self.usage.days.entry((now.div_euclid(DAY), signal.kind)).or_default();
        sums.iter_mut().zip(more).for_each(|(sum, more): (&mut i128, i128)| *sum += more);
    }

    /// U3 and U5 of the rows: every run and every day is there as it is here.
    pub(super) fn usage_differs(
        &self,
        runs: impl Iterator<Item = (bool, bool, u64)>,
        counts: (u64, u64),
        days: impl Iterator<Item = DaySums>,
    ) -> Option<String> {
        let state = |run: &RunBook| (run.unnamed, run.complete, run.steps);
        let mut right: Vec<_> = self.usage.runs.values().map(state).collect();
        let mut there: Vec<_> = runs.collect();
        right.sort_unstable();
        there.sort_unstable();
        if right != there {
            return Some(format!("runs of {OUTCOME}: {there:?} instead of {right:?}"));
        }
        let sums = |sums: DaySums| {
            let DaySums { signals, input, output, cache, provided_cost, customer_cost, .. } = sums;
            let all = [signals, input, output, cache, provided_cost, customer_cost];
            ((i64::from(sums.day.number()), sums.kind), all.map(i128::from))
        };
        let there: BTreeMap<_, _> = days.map(sums).collect();
        let complete = self.usage.runs.values().filter(|run| run.complete).count() as u64;
        if counts != (self.usage.runs.len() as u64, complete) {
            return Some(format!("{counts:?} runs are counted"));
        }
        (there != self.usage.days).then(|| format!("{there:?} instead of {:?}", self.usage.days))
    }
}

/// What a signal's key stands for, spelled out.
fn content(signal: &Signal) -> String {
    let Signal { kind, key, tokens, cached, run, complete, .. } = signal;
    format!("{kind:?} {key:?} {tokens:?} {cached:?} {run:?} {complete}")
}
