//! A Credit Engine API with one customer, which remembers keys for good.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use edge_credits_core::credits::{Credits, Scale};
use edge_credits_core::http::{Method, Request, Response};
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
    balance: Cell<Credits>,
    charges: RefCell<BTreeMap<String, u32>>,
    answers: Cell<Answers>,
}

impl Api {
    pub(super) fn new(balance: &str) -> Self {
        Self(Rc::new(State {
            begun_with: credits(balance),
            balance: Cell::new(credits(balance)),
            charges: RefCell::default(),
            answers: Cell::new(Answers::All),
        }))
    }

    pub(super) fn set_balance(&self, balance: &str) {
        self.0.balance.set(credits(balance));
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
        let body = match request.method {
            Method::Get => format!(r#"{{"balance":{}}}"#, self.balance()),
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
        }
        format!(r#"{{"balance":{},"replayed":{replayed}}}"#, self.balance())
    }

    fn balance(&self) -> String {
        self.0.balance.get().decimal(Scale::CREDITS).to_string()
    }
}

fn credits(text: &str) -> Credits {
    Credits::from_decimal_text(text, Scale::CREDITS).unwrap()
}
