//! A cached balance on a disk, an upstream in memory, and time that passes when told to.

use core::cell::{Cell, RefCell};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::cache::CacheConfig;
use edge_credits_core::cache::upstream::Upstream;
use edge_credits_core::config::UrlParts;
use edge_credits_core::entropy::{Entropy, Jitter};
use edge_credits_core::http::{Request, Response};
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{CustomerId, Environment, Owner};
use edge_credits_core::ledger::Command;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::{KeySource, parse_balance_query, parse_consume, parse_key};
use serde_json::Value;

use super::api::Api;
use crate::cache::{AskedOfHolds, CachedBalance};
use crate::conversation::{Outside, Setup, Work};
use crate::passing::{Reply, Target};
use crate::respond::Failure;
use crate::routes::HoldChange;
use crate::storage::sqlite::Sqlite;

/// The runtime: work goes on when the test lets it, and time passes when nothing else happens.
#[derive(Clone)]
struct Runtime {
    now: Rc<Cell<Timestamp>>,
    upstream: Api,
    config: CacheConfig,
    misconfigured: Rc<Cell<bool>>,
    works: Rc<RefCell<Vec<Work>>>,
    /// Until when somebody sleeps.
    sleepers: Rc<RefCell<Vec<Timestamp>>>,
}

impl Outside for Runtime {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn jitter(&self) -> Jitter {
        Entropy::new([7; 16]).jitter()
    }

    fn setup(&self, environment: Environment) -> Result<Rc<Setup>, ApiError> {
        if self.misconfigured.get() {
            return Err(ApiError::new(Code::NotConfigured, "UPSTREAM_KEY_TEST is not set."));
        }
        let base = UrlParts {
            protocol: "https:".to_owned(),
            host: "api.example.com".to_owned(),
            ..UrlParts::default()
        };
        let upstream = Upstream::new(&base, "ce_test_key", environment).unwrap();
        let timeout = Duration::from_secs(10);
        Ok(Rc::new(Setup { upstream, config: self.config, timeout }))
    }

    async fn fetch(&self, request: Request, _limit: Duration) -> Option<Response> {
        self.upstream.respond(&request)
    }

    async fn sleep(&self, pause: Duration) {
        let until = self.now.get().plus(pause);
        self.sleepers.borrow_mut().push(until);
        core::future::poll_fn(|_| {
            if self.now.get() >= until { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn go_on(&self, work: Work) {
        self.works.borrow_mut().push(work);
    }

    fn log(&self, _line: &str) {}
}

/// A cached balance on a disk, at a moment.
#[derive(Clone)]
pub(super) struct World {
    pub(super) disk: Sqlite,
    runtime: Runtime,
    balance: Rc<CachedBalance<Sqlite, Runtime>>,
    owner: Owner,
    attempts: Rc<Cell<u8>>,
}

impl World {
    pub(super) fn with_balance(balance: &str) -> Self {
        let disk = Sqlite::new();
        let runtime = Runtime {
            // 2026-11-22T00:00:00Z
            now: Rc::new(Cell::new(Timestamp::from_millis(1_795_305_600_000))),
            upstream: Api::new(balance),
            config: CacheConfig::default(),
            misconfigured: Rc::default(),
            works: Rc::default(),
            sleepers: Rc::default(),
        };
        let customer = CustomerId::parse("cus_1").unwrap();
        let owner = Owner { environment: Environment::Test, customer };
        let balance = Rc::new(CachedBalance::new(disk.clone(), runtime.clone()));
        Self { disk, runtime, balance, owner, attempts: Rc::default() }
    }

    /// The process ends, its work too, and another begins on the same disk.
    pub(super) fn restart(&mut self) {
        self.runtime.works.take();
        self.runtime.sleepers.take();
        self.balance = Rc::new(CachedBalance::new(self.disk.clone(), self.runtime.clone()));
    }

    /// Another deployment.
    pub(super) fn restart_with(&mut self, change: impl FnOnce(&mut CacheConfig)) {
        change(&mut self.runtime.config);
        self.restart();
    }

    /// The same object, called for another customer.
    pub(super) fn of(&self, customer: &str) -> Self {
        let customer = CustomerId::parse(customer).unwrap();
        Self { owner: Owner { customer, ..self.owner.clone() }, ..self.clone() }
    }

    pub(super) fn upstream(&self) -> &Api {
        &self.runtime.upstream
    }

    pub(super) fn now(&self) -> Timestamp {
        self.runtime.now.get()
    }

    pub(super) fn later(&self, seconds: u64) {
        self.runtime.now.set(self.now().plus(Duration::from_secs(seconds)));
    }

    pub(super) fn earlier(&self, seconds: i64) {
        let now = Timestamp::from_millis(self.now().as_millis() - seconds * 1_000);
        self.runtime.now.set(now);
    }

    pub(super) fn until(&self, time: Timestamp) {
        self.runtime.now.set(self.now().max(time));
    }

    pub(super) fn misconfigure(&self, wrong: bool) {
        self.runtime.misconfigured.set(wrong);
    }

    pub(super) fn consume(&self, body: &str) -> Result<Value, Failure> {
        let entropy = Entropy::new([7; 16]);
        let key = KeySource { header: None, entropy: &entropy };
        let Command::Consume(charge) = parse_consume(body, &key).unwrap() else { panic!("{body}") };
        let answer = self.run(self.balance.consume(&self.owner, &charge))?;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["replayed"], answer.replayed);
        Ok(body)
    }

    pub(super) fn balance(&self) -> Result<Value, Failure> {
        let Reply::Ours(answer) = self.balance_with("")? else { panic!("it is the cache's") };
        Ok(serde_json::from_str(&answer.body).unwrap())
    }

    pub(super) fn balance_with(&self, query: &str) -> Result<Reply, Failure> {
        let parsed = parse_balance_query(query).unwrap();
        let target = Target { path: "/v1/customers/cus_1/balance", query };
        self.run(self.balance.balance(&self.owner, &parsed, &target))
    }

    pub(super) fn hold(&self, body: &str) -> Result<Value, Failure> {
        ours(self.asking("holds", body, |asked| self.run(self.balance.place(&self.owner, asked)))?)
    }

    /// Does something to the hold that an answer showed.
    pub(super) fn change(&self, hold: &Value, what: &str, body: &str) -> Result<Value, Failure> {
        ours(self.changing(hold, what, body)?)
    }

    /// The status that the upstream answers that with.
    pub(super) fn theirs(&self, hold: &Value, what: &str, body: &str) -> u16 {
        match self.changing(hold, what, body) {
            Ok(Reply::Theirs(response)) => response.status,
            other => panic!("{other:?}"),
        }
    }

    /// The status that the upstream answers a hold with.
    pub(super) fn lease(&self, body: &str) -> Result<u16, Failure> {
        self.attempts.set(self.attempts.get() + 1);
        self.asking("holds", body, |asked| {
            match self.run(self.balance.place(&self.owner, asked))? {
                Reply::Theirs(response) => Ok(response.status),
                Reply::Ours(answer) => panic!("{answer:?}"),
            }
        })
    }

    fn changing(&self, hold: &Value, what: &str, body: &str) -> Result<Reply, Failure> {
        let id = hold["hold_id"].as_str().unwrap();
        let change = match what {
            "capture" => HoldChange::Capture,
            "release" => HoldChange::Release,
            "extend" => HoldChange::Extend,
            _ => HoldChange::Progress,
        };
        self.asking(&format!("holds/{id}/{what}"), body, |asked| {
            self.run(self.balance.change_hold(&self.owner, (id, change), asked))
        })
    }

    fn asking<T>(&self, path: &str, body: &str, ask: impl FnOnce(AskedOfHolds<'_>) -> T) -> T {
        let entropy = Entropy::new([self.attempts.get(); 16]);
        let source = KeySource { header: None, entropy: &entropy };
        let path = format!("/v1/customers/cus_1/{path}");
        let target = Target { path: &path, query: "" };
        let key = parse_key(body, &source).unwrap();
        ask(AskedOfHolds { target, body: body.to_owned(), key, source: &source })
    }

    pub(super) fn shown(&self, hold: &Value) -> Value {
        self.state_of(hold).unwrap()
    }

    pub(super) fn state_of(&self, hold: &Value) -> Result<Value, Failure> {
        let id = hold["hold_id"].as_str().unwrap();
        let target = Target { path: "/v1/customers/cus_1/holds/x", query: "" };
        ours(self.run(self.balance.hold_state(&self.owner, id, &target))?)
    }

    /// The ids of the open holds, newest first.
    pub(super) fn listed(&self) -> Vec<Value> {
        let target = Target { path: "/v1/customers/cus_1/holds", query: "" };
        let page = ours(self.run(self.balance.open_holds(&self.owner, &target)).unwrap()).unwrap();
        page["data"].as_array().unwrap().iter().map(|hold| hold["hold_id"].clone()).collect()
    }

    pub(super) fn transactions(&self) -> Result<Response, Failure> {
        let target = Target { path: "/v1/customers/cus_1/transactions", query: "" };
        self.run(self.balance.read_there(self.owner.environment, &target))
    }

    pub(super) fn add(&self, body: &str, key: &str) -> Result<Response, Failure> {
        let target = Target { path: "/v1/customers/cus_1/add", query: "" };
        let key = IdempotencyKey::parse(key).unwrap();
        self.run(self.balance.change_there(&self.owner, &target, body.to_owned(), &key))
    }

    pub(super) fn alarm(&self) -> Result<(), String> {
        self.run(self.balance.alarm())
    }

    /// Lets the work in the background come to its end.
    pub(super) fn go_on(&self) {
        while self.poll_works() {
            self.pass();
        }
    }

    /// Lets the work in the background begin, and then ends it.
    pub(super) fn cut_off(&self) {
        self.poll_works();
        self.runtime.works.take();
    }

    /// Runs what can run; whether anything is left.
    fn poll_works(&self) -> bool {
        let mut works = self.runtime.works.take();
        works.retain_mut(|work| {
            work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
        });
        let mut left = self.runtime.works.borrow_mut();
        left.extend(works);
        !left.is_empty()
    }

    /// Lets time pass until a sleeper wakes.
    fn pass(&self) {
        let mut sleepers = self.runtime.sleepers.borrow_mut();
        sleepers.retain(|until| *until > self.now());
        if let Some(next) = sleepers.iter().min() {
            self.runtime.now.set(*next);
        }
    }

    /// Runs a call, the work in the background whenever the call waits, and time when both do.
    fn run<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        for round in 0..1_000 {
            if let Poll::Ready(value) = call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                return value;
            }
            if round % 2 == 1 {
                self.pass();
            }
            self.poll_works();
        }
        panic!("the call waits for nothing");
    }
}

/// An answer of the cache's.
fn ours(reply: Reply) -> Result<Value, Failure> {
    let Reply::Ours(answer) = reply else { panic!("it is the cache's") };
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    if !body["replayed"].is_null() {
        assert_eq!(body["replayed"], answer.replayed);
    }
    Ok(body)
}

/// Why a call got no answer.
pub(super) fn code<T>(result: Result<T, Failure>) -> Code {
    match result {
        Ok(_) => panic!("it was answered"),
        Err(failure) => failure.error.code,
    }
}
