//! The ledger's alarm: when it is set and at what cost, a directory that is away, and days that are
//! folded.

mod pauses;

use core::cell::{Cell, RefCell};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use edge_credits_core::analytics::question::{Topic, parse_question};
use edge_credits_core::analytics::report::{Report, applied_body};
use edge_credits_core::entropy::Jitter;

use super::*;

const REPORTING: PaceConfig = PaceConfig { directory: true, delay: Duration::from_secs(10) };

/// A directory as a ledger sees it.
struct Post {
    now: Cell<Timestamp>,
    /// What it has applied; `None` while it is away.
    applied: Cell<Option<u64>>,
    /// The spans of the reports that came.
    reports: RefCell<Vec<(u64, u64)>>,
    logged: Cell<u32>,
    /// The last line of the log.
    line: RefCell<String>,
    /// How long it lets the ledger wait.
    hangs: Cell<Duration>,
}

impl Post {
    fn new(now: Timestamp) -> Self {
        let (reports, logged, hangs) = (RefCell::default(), Cell::new(0), Cell::default());
        let (applied, line) = (Cell::new(Some(0)), RefCell::default());
        Self { now: Cell::new(now), applied, reports, logged, line, hangs }
    }
}

impl Outward for Post {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn jitter(&self) -> Jitter {
        Entropy::new([9; 16]).jitter()
    }

    async fn report(&self, report: &Report) -> Result<String, String> {
        self.now.set(self.now.get().plus(self.hangs.get()));
        self.reports.borrow_mut().push((report.after, report.through));
        let applied = self.applied.get().ok_or("it is away")?;
        let applied = if report.after == applied { report.through } else { applied };
        self.applied.set(Some(applied));
        Ok(applied_body(applied))
    }

    fn log(&self, line: &str) {
        *self.line.borrow_mut() = line.to_owned();
        self.logged.set(self.logged.get() + 1);
    }
}

/// Runs a future that waits for nothing.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn reporting_world() -> World {
    let mut world = World::new();
    world.ledger = Ledger::new(world.disk.clone(), REPORTING);
    world
}

fn charge(world: &World, number: u64) {
    world.consume(&format!(r#"{{"amount":1,"idempotency_key":"c{number}"}}"#)).unwrap();
}

fn usage(world: &World, query: &str) -> Value {
    let question = parse_question(Topic::Usage, query).unwrap();
    let answer = world.ledger.ask(&world.owner, world.now, &question).unwrap();
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn the_first_charge_sets_the_alarm_and_the_others_pay_nothing() {
    let mut world = reporting_world();
    charge(&world, 0);
    assert_eq!(world.disk.alarm(), Some(world.now.plus(REPORTING.delay)));
    world.disk.lose_alarm();
    world.disk.statements();
    for number in 1..20 {
        world.now = world.now.plus(Duration::from_secs(1));
        charge(&world, number);
    }
    let statements = world.disk.statements();
    // The lookup and the entry of each, and nothing else; nor was the alarm set again.
    assert_eq!(statements.len(), 38, "{statements:?}");
    assert_eq!(world.disk.alarm(), None);
    // A minute late it counts as lost.
    world.now = world.now.plus(Duration::from_secs(60));
    charge(&world, 20);
    assert_eq!(world.disk.alarm(), Some(world.now.plus(REPORTING.delay)));
}

#[test]
fn an_alarm_reports_all_and_rests() {
    let world = reporting_world();
    world.add(&EXPIRING.replace("\"amount\":5", "\"amount\":5000")).unwrap();
    for number in 0..1_201 {
        charge(&world, number);
    }
    let post = Post::new(world.now);
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!(*post.reports.borrow(), [(0, 500), (500, 1_000), (1_000, 1_202)]);
    assert_eq!(world.disk.alarm(), Some(hour(2)), "the expiry is what is left to wait for");
    world.disk.statements();
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!(post.reports.borrow().len(), 3, "there is nothing to tell");
    assert!(world.disk.statements().iter().all(|sql| sql.starts_with("SELECT")));
    // What expires is told as well.
    post.now.set(hour(3));
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!(post.reports.borrow().last(), Some(&(1_202, 1_203)));
}

#[test]
fn a_directory_that_is_away_delays_nothing_and_loses_nothing() {
    let mut world = reporting_world();
    charge(&world, 0);
    let post = Post::new(world.now);
    post.applied.set(None);
    let mut pauses = Vec::new();
    for number in 1..12 {
        finish(world.ledger.alarm(&post)).unwrap();
        let due = world.disk.alarm().unwrap();
        pauses.push(due.since(world.now));
        charge(&world, number);
        assert_eq!(world.disk.alarm(), Some(due), "a charge does not hurry it");
        world.now = due;
        post.now.set(due);
        if number % 3 == 0 {
            // The failures are remembered by the disk.
            world.ledger = Ledger::new(world.disk.clone(), REPORTING);
        }
    }
    assert!(pauses[0] <= Duration::from_secs(1), "{pauses:?}");
    let longest = Duration::from_secs(300);
    assert!(pauses[10] >= longest / 2 && pauses[10] <= longest, "{pauses:?}");
    assert_eq!(post.logged.get(), 11);
    post.applied.set(Some(0));
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!((post.applied.get(), world.disk.alarm()), (Some(12), None));
    // Restored to an earlier day, it gets again what it lost.
    post.applied.set(Some(4));
    charge(&world, 99);
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!(post.applied.get(), Some(4));
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!(post.applied.get(), Some(13));
}

#[test]
fn a_directory_that_knows_more_than_the_ledger_is_told_of() {
    let world = reporting_world();
    for number in 0..3 {
        charge(&world, number);
    }
    let post = Post::new(world.now);
    // What it had been told before the ledger was restored.
    post.applied.set(Some(1_000));
    finish(world.ledger.alarm(&post)).unwrap();
    let line = post.line.borrow().clone();
    assert_eq!(post.logged.get(), 1);
    assert!(line.contains("1000 entries") && line.contains("which has 3:"), "{line}");
    assert_eq!(world.disk.alarm(), None, "there is nothing to try again");
    // As much as it has is nothing to speak of: an answer was lost.
    charge(&world, 3);
    post.applied.set(Some(4));
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!((post.logged.get(), world.disk.alarm()), (1, None));
}

#[test]
fn a_wrong_answer_is_none() {
    struct Liar(Post);
    impl Outward for Liar {
        fn now(&self) -> Timestamp {
            self.0.now()
        }
        fn jitter(&self) -> Jitter {
            self.0.jitter()
        }
        async fn report(&self, _: &Report) -> Result<String, String> {
            Ok("<html>".to_owned())
        }
        fn log(&self, line: &str) {
            self.0.log(line);
        }
    }
    let world = reporting_world();
    charge(&world, 0);
    let liar = Liar(Post::new(world.now));
    finish(world.ledger.alarm(&liar)).unwrap();
    assert_eq!(liar.0.logged.get(), 1);
    finish(world.ledger.alarm(&liar.0)).unwrap();
    assert_eq!(liar.0.applied.get(), Some(1));
}

#[test]
fn a_ledger_that_was_there_before_begins_at_nothing() {
    let mut world = World::new();
    charge(&world, 0);
    charge(&world, 1);
    world.disk.raw(tables::BEFORE_ANALYTICS).unwrap();
    world.ledger = Ledger::new(world.disk.clone(), REPORTING);
    world.now = hour(1);
    assert_eq!(world.balance().unwrap(), "-2");
    let at_once = Some(world.now.plus(Duration::from_millis(1)));
    assert_eq!(world.disk.alarm(), at_once, "looking is enough");
    let post = Post::new(world.now);
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!(*post.reports.borrow(), [(0, 2)]);
}

#[test]
fn a_ledger_answers_for_its_customer_before_and_after_folding() {
    let mut world = World::new();
    world.now = hour(-24 * 100);
    for number in 0..1_500 {
        world.now = world.now.plus(Duration::from_secs(3_600));
        let body = format!(
            r#"{{"amount":2,"description":"a: {}","idempotency_key":"c{number}"}}"#,
            number % 7
        );
        world.consume(&body).unwrap();
    }
    world.now = hour(0);
    let asked = ["period=last_90_days", "period=last_7_days", "group_by=week", "group_by=action"];
    let before = asked.map(|query| usage(&world, query));
    let consumed = |body: &Value| -> i64 {
        body["data"].as_array().unwrap().iter().map(|row| row["consumed"].as_i64().unwrap()).sum()
    };
    assert_eq!(consumed(&before[1]), 0, "the charges ended 37 days ago");
    assert!(consumed(&before[0]) > 2_000);
    let post = Post::new(world.now);
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        finish(world.ledger.alarm(&post)).unwrap();
        assert_eq!(asked.map(|query| usage(&world, query)), before);
    }
    assert!(post.reports.borrow().is_empty(), "there is no directory");
    // Folded, a question reads days and the few entries since.
    world.disk.statements();
    usage(&world, "period=last_90_days");
    let read = world.disk.statements();
    assert!(read.iter().any(|sql| sql.contains("FROM days")), "{read:?}");
    assert!(read.len() <= 4, "{read:?}");
    for sql in read {
        let plan = world.disk.plan(&sql);
        assert!(!plan.contains("SCAN entries") && !plan.contains("SCAN days"), "{sql}\n{plan}");
    }
}

#[test]
fn a_failing_disk_folds_nothing_twice() {
    let mut failures = 0;
    for operations in 0.. {
        let mut world = World::new();
        for number in 0..=600 {
            charge(&world, number);
        }
        let post = Post::new(world.now);
        world.disk.fail_after(operations);
        let result = finish(world.ledger.alarm(&post));
        world.disk.heal();
        if operations % 2 == 0 {
            world.restart();
        }
        let data = usage(&world, "period=last_7_days")["data"].clone();
        assert_eq!(data[6]["consumed"], 601, "after {operations}");
        if result.is_ok() && post.logged.get() == 0 {
            break;
        }
        failures += 1;
    }
    assert!(failures > 5, "only {failures} places failed");
}
