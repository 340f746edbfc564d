//! A Credit Engine API with one customer, which remembers keys for good.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use edge_credits_core::credits::{Credits, Scale};
use edge_credits_core::http::{Method, Request, Response};
use edge_credits_core::idempotency::{Operation, Scope};
use edge_credits_core::ids::{CustomerId, Environment, Owner, TransactionId};
use serde_json::{Value, json};

/// What the API does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// Answers them.
    All,
    /// Nothing arrives.
    Nothing,
    /// Refuses them with this status, and a body that shows the key it was called with.
    Refused(u16),
    /// Everything arrives and is carried out; no answer comes back.
    AppliedInSilence,
}

/// The API.
#[derive(Clone)]
pub(super) struct Api(Rc<State>);

struct State {
    begun_with: Credits,
    /// By key, of an API that has holds, and tells positions.
    holds: RefCell<BTreeMap<String, Credits>>,
    has_holds: Cell<bool>,
    changes: Cell<u64>,
    balance: Cell<Credits>,
    charges: RefCell<BTreeMap<String, u32>>,
    answers: Cell<Answers>,
}

impl Api {
    pub(super) fn new(balance: &str) -> Self {
        Self(Rc::new(State {
            begun_with: credits(balance),
            holds: RefCell::default(),
            has_holds: Cell::new(false),
            changes: Cell::new(1),
            balance: Cell::new(credits(balance)),
            charges: RefCell::default(),
            answers: Cell::new(Answers::All),
        }))
    }

    pub(super) fn set_balance(&self, balance: &str) {
        self.0.balance.set(credits(balance));
    }

    /// From now on it is a ledger.
    pub(super) fn have_holds(&self) {
        self.0.has_holds.set(true);
    }

    /// How many holds it has granted.
    pub(super) fn holds(&self) -> usize {
        self.0.holds.borrow().len()
    }

    pub(super) fn answer(&self, answers: Answers) {
        self.0.answers.set(answers);
    }

    /// How often a key was charged.
    pub(super) fn charged(&self, key: &str) -> u32 {
        self.0.charges.borrow().get(key).copied().unwrap_or(0)
    }

    /// Σ of what was charged.
    pub(super) fn total(&self) -> String {
        let total = self.0.begun_with.checked_sub(self.0.balance.get()).unwrap();
        total.decimal(Scale::CREDITS).to_string()
    }

    pub(super) fn respond(&self, request: &Request) -> Option<Response> {
        if self.0.answers.get() == Answers::Nothing {
            return None;
        }
        if let Answers::Refused(status) = self.0.answers.get() {
            let key = request.headers.iter().find(|(name, _)| *name == "authorization");
            let message = format!("no {}, {}", key.unwrap().1, key.unwrap().1);
            let body = json!({"error": {"code": "refused", "message": message}}).to_string();
            return Some(Response { status, headers: Vec::new(), body });
        }
        if self.0.has_holds.get() && request.url.contains("/holds") {
            let response = self.hold(request);
            return (self.0.answers.get() == Answers::All).then_some(response);
        }
        let body = match request.method {
            Method::Get => format!(r#"{{"balance":{}{}}}"#, self.balance(), self.position()),
            _ => self.charge(request.body.as_deref().unwrap()),
        };
        let answered = self.0.answers.get() == Answers::All;
        answered.then(|| Response { status: 200, headers: Vec::new(), body })
    }

    fn charge(&self, body: &str) -> String {
        let body: Value = serde_json::from_str(body).unwrap();
        let key = body["idempotency_key"].as_str().unwrap();
        let replayed = self.charged(key) > 0;
        if !replayed {
            self.0.charges.borrow_mut().insert(key.to_owned(), 1);
            let amount = credits(&body["amount"].to_string());
            self.0.balance.set(self.0.balance.get().checked_sub(amount).unwrap());
            self.0.changes.set(self.0.changes.get() + 1);
        }
        let position = if replayed { String::new() } else { self.position() };
        format!(r#"{{"balance":{},"replayed":{replayed}{position}}}"#, self.balance())
    }

    fn hold(&self, request: &Request) -> Response {
        let plain = |status, body: String| Response { status, headers: Vec::new(), body };
        let Some(body) = &request.body else {
            let holds = self.0.holds.borrow();
            let known = holds.keys().any(|key| request.url.ends_with(id_of(key).as_str()));
            let status = if known { 200 } else { 404 };
            return plain(status, r#"{"error":{"code":"not_found"}}"#.to_owned());
        };
        let body: Value = serde_json::from_str(body).unwrap();
        let key = body["idempotency_key"].as_str().unwrap().to_owned();
        let amount = credits(&body["amount"].to_string());
        if !self.0.holds.borrow().contains_key(&key) {
            if self.0.balance.get() < amount {
                return plain(402, r#"{"error":{"code":"insufficient_credits"}}"#.to_owned());
            }
            self.0.holds.borrow_mut().insert(key, amount);
            self.0.balance.set(self.0.balance.get().checked_sub(amount).unwrap());
            self.0.changes.set(self.0.changes.get() + 1);
        }
        plain(200, format!(r#"{{"balance":{}{}}}"#, self.balance(), self.position()))
    }

    fn position(&self) -> String {
        let told = format!(r#","sequence":{}"#, self.0.changes.get());
        if self.0.has_holds.get() { told } else { String::new() }
    }

    fn balance(&self) -> String {
        self.0.balance.get().decimal(Scale::CREDITS).to_string()
    }
}

/// The id of the hold that a key places.
fn id_of(key: &str) -> TransactionId {
    let owner =
        Owner { environment: Environment::Test, customer: CustomerId::parse("cus_1").unwrap() };
    Scope { owner: &owner, operation: Operation::Hold }.transaction_id(key)
}

fn credits(text: &str) -> Credits {
    Credits::from_decimal_text(text, Scale::CREDITS).unwrap()
}
