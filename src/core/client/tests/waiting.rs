//! Charges that wait for the API together, in virtual time: all arrive if it comes back, and it is
//! asked little while it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec::Vec;

use core::time::Duration;

use super::*;
use crate::client::exchange::BACKGROUND_ALLOWANCE;

/// One charge, from its call to the end of its sending.
struct Charge {
    exchange: Exchange,
    /// Whether its own attempts are over.
    waits: bool,
    outcome: Option<Outcome>,
}

/// The clients of one isolate and the API, whose answers depend on the time.
struct Crowd {
    config: ClientConfig,
    budget: RetryBudget,
    charges: Vec<Charge>,
    /// What happens when, and to whom; the number keeps what happens at once in order.
    agenda: BTreeMap<(Timestamp, usize), (usize, Option<Event>)>,
    events: usize,
    /// When a charge that waits was sent, counted from the beginning.
    sent: Vec<Duration>,
    applied: BTreeSet<String>,
}

const START: Timestamp = Timestamp::from_millis(784_111_777_000);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Crowd {
    fn new(options: &str) -> Self {
        let config = config(options);
        let budget = RetryBudget::new(config.retry_budget);
        let (charges, agenda) = (Vec::new(), BTreeMap::new());
        let (sent, applied) = (Vec::new(), BTreeSet::new());
        Self { config, budget, charges, agenda, events: 0, sent, applied }
    }

    /// As many calls at such a time.
    fn call(&mut self, count: usize, after: Duration) {
        for _ in 0..count {
            let number = self.charges.len();
            let json = format!(r#"{{"customerId":"c","amount":1,"idempotencyKey":"k{number}"}}"#);
            let call = call(&self.config, ApiMethod::Consume, &json);
            let entropy = Entropy::new((number as u128 * 7_919).to_be_bytes());
            let exchange = Exchange::new(&self.config, call, &entropy);
            self.charges.push(Charge { exchange, waits: false, outcome: None });
            self.plan(START.plus(after), number, None);
        }
    }

    fn plan(&mut self, at: Timestamp, who: usize, event: Option<Event>) {
        self.events += 1;
        self.agenda.insert((at, self.events), (who, event));
    }

    /// Runs until nothing is left to do. The server says what comes of a request at a time, and how
    /// long that takes.
    fn run(&mut self, mut server: impl FnMut(Duration, &mut RetryBudget) -> (Duration, Event)) {
        while let Some(((now, _), (who, event))) = self.agenda.pop_first() {
            let charge = &mut self.charges[who];
            let mut step = match event {
                None => charge.exchange.start(now, &mut self.budget),
                Some(event) => charge.exchange.on(now, event, &mut self.budget),
            };
            if let Step::Done(Err(error)) = &step
                && !charge.waits
                && error.retryable
            {
                charge.waits = true;
                step = charge.exchange.go_on(now, &mut self.budget);
            }
            match step {
                Step::Sleep { until } => self.plan(until.max(now), who, Some(Event::Woke)),
                Step::Send { request, deadline } => {
                    let (latency, event) = server(now.since(START), &mut self.budget);
                    if self.charges[who].waits {
                        self.sent.push(now.since(START));
                    }
                    if matches!(event, Event::Response(..)) {
                        let key = &request.headers[2];
                        assert_eq!(key.0, "idempotency-key");
                        self.applied.insert(key.1.clone());
                    }
                    let arrives = now.plus(latency);
                    let event = if arrives < deadline { event } else { failed(Failure::Timeout) };
                    self.plan(arrives.min(deadline), who, Some(event));
                }
                Step::Done(outcome) => self.charges[who].outcome = Some(outcome),
            }
        }
    }

    fn delivered(&self) -> usize {
        self.charges.iter().filter(|charge| matches!(charge.outcome, Some(Ok(_)))).count()
    }
}

/// Nobody answers until then.
fn away_for(outage: Duration) -> impl FnMut(Duration, &mut RetryBudget) -> (Duration, Event) {
    move |at, _| (Duration::from_millis(20), if at < outage { network() } else { ok() })
}

#[test]
fn all_that_was_accepted_arrives_once_the_api_is_back_and_without_other_calls() {
    for count in [1, 3, 5, 12, 30, 200] {
        for outage in [1, 3, 10, 19] {
            for options in ["{}", r#"{"maxRetries":0}"#] {
                let mut crowd = Crowd::new(options);
                crowd.call(count, Duration::ZERO);
                crowd.run(away_for(seconds(outage)));
                let figures = format!("{count} charges, {outage} s, {options}");
                assert_eq!((crowd.delivered(), crowd.applied.len()), (count, count), "{figures}");
                let waits = crowd.charges.iter().filter(|charge| charge.waits).count();
                assert_eq!(waits, count, "{figures}");
                // Not by the last attempts alone: a probe found out, and freed the others.
                let last = *crowd.sent.iter().max().unwrap();
                let slack = seconds(outage) + seconds(10) + 2 * seconds(4);
                assert!(outage > 3 || last <= slack, "{figures}: {last:?}");
            }
        }
    }
}

/// C5, for what waits.
#[test]
fn an_api_that_stays_away_is_asked_nine_times_and_once_for_each_charge() {
    for count in [1, 5, 30, 300, 1_000] {
        let mut crowd = Crowd::new(r#"{"maxRetries":0}"#);
        crowd.call(count, Duration::ZERO);
        crowd.run(away_for(Duration::MAX));
        assert_eq!(crowd.delivered(), 0);
        let sent = crowd.sent.len();
        assert!((count..=count + 9).contains(&sent), "{count}: {sent}");
        let early = crowd.sent.iter().filter(|at| **at < BACKGROUND_ALLOWANCE - seconds(5));
        assert!((5..=9).contains(&early.count()), "{count}");
        for charge in &crowd.charges {
            let error = charge.outcome.as_ref().unwrap().as_ref().unwrap_err();
            assert!(error.attempts >= 2 && error.message.contains("come back"), "{error:?}");
        }
    }
}

/// C5, however long the outage and however many charges come meanwhile.
#[test]
fn a_long_outage_is_asked_once_in_five_seconds_and_once_for_each_charge() {
    let mut crowd = Crowd::new(r#"{"maxRetries":0}"#);
    for second in 0..300 {
        crowd.call(4, seconds(second));
    }
    crowd.run(away_for(Duration::MAX));
    let (sent, charges) = (crowd.sent.len(), 1_200);
    assert!((charges..=charges + 9 + 300 / 5).contains(&sent), "{sent}");
}

#[test]
fn those_that_an_answer_frees_come_fifty_a_second() {
    let mut crowd = Crowd::new(r#"{"maxRetries":0}"#);
    crowd.call(600, Duration::ZERO);
    crowd.run(away_for(seconds(4)));
    assert_eq!(crowd.delivered(), 600);
    let in_second = |second| {
        crowd.sent.iter().filter(|at| (seconds(second)..seconds(second + 1)).contains(*at)).count()
    };
    let most = (4..20).map(in_second).max().unwrap();
    assert!((40..=52).contains(&most), "{most}");
    let last = *crowd.sent.iter().max().unwrap();
    assert!(last < BACKGROUND_ALLOWANCE, "{last:?}");
}

#[test]
fn an_api_that_hangs_and_comes_back_gets_all_of_it() {
    let mut crowd = Crowd::new(r#"{"maxRetries":0,"timeoutMs":3000}"#);
    crowd.call(20, Duration::ZERO);
    // The calls' own attempts take 3 s.
    crowd.run(|at, _| match at < seconds(22) {
        true => (Duration::MAX, network()),
        false => (Duration::ZERO, ok()),
    });
    assert_eq!((crowd.delivered(), crowd.applied.len()), (20, 20));
}

#[test]
fn reads_that_are_answered_free_nothing() {
    let mut crowd = Crowd::new(r#"{"maxRetries":0}"#);
    crowd.call(50, Duration::ZERO);
    let config = config("{}");
    crowd.run(|at, budget| {
        // Between any two requests somebody reads.
        let read = call(&config, ApiMethod::GetBalance, r#"{"customerId":"c"}"#);
        let mut exchange = Exchange::new(&config, read, &ENTROPY);
        let _ = exchange.start(START, budget);
        assert!(matches!(exchange.on(START.plus(at), ok(), budget), Step::Done(Ok(_))));
        (Duration::ZERO, network())
    });
    assert!(crowd.sent.len() <= 50 + 9, "{}", crowd.sent.len());
}

#[test]
fn what_the_api_asks_for_is_waited_for_or_the_charge_given_up() {
    let asked = |seconds: u64, at: Duration| {
        let header = format!("{seconds}");
        let event = answer_with(503, &[("retry-after", &header)], "");
        (Duration::ZERO, if at < Duration::from_secs(seconds) { event } else { ok() })
    };
    let mut crowd = Crowd::new(r#"{"maxRetries":0}"#);
    crowd.call(1, Duration::ZERO);
    crowd.run(|at, _| asked(14, at));
    let mut sent = crowd.sent.iter();
    let first = *sent.next().unwrap();
    assert!(sent.all(|at| *at >= first + seconds(14)), "{:?}", crowd.sent);
    assert_eq!(crowd.delivered(), 1);
    let mut crowd = Crowd::new(r#"{"maxRetries":0}"#);
    crowd.call(1, Duration::ZERO);
    crowd.run(|at, _| asked(3_600, at));
    assert_eq!((crowd.sent.len(), crowd.delivered()), (1, 0));
}

#[test]
fn a_clock_that_is_set_back_holds_nobody_up() {
    let config = config(r#"{"maxRetries":0}"#);
    let mut budget = RetryBudget::new(config.retry_budget);
    let accepted = |budget: &mut RetryBudget, now: Timestamp| {
        let call = call(&config, ApiMethod::Consume, r#"{"customerId":"c","amount":1}"#);
        let mut exchange = Exchange::new(&config, call, &ENTROPY);
        let _ = exchange.start(now, budget);
        let _ = exchange.on(now, network(), budget);
        let Step::Sleep { until } = exchange.go_on(now, budget) else { panic!("no sleep") };
        (exchange, until)
    };
    let _ = accepted(&mut budget, START);
    let before = Timestamp::from_millis(START.as_millis() - 3_600_000);
    let (mut exchange, until) = accepted(&mut budget, before);
    let step = exchange.on(until, Event::Woke, &mut budget);
    assert!(matches!(step, Step::Send { .. }));
}
