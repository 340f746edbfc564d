//! The API behind the cache, and what it did: the truth that the auditor holds the cache to.
//!
//! Two kinds: a model of an API of which nothing is known but its keys ([`plain`](Upstream)), and
//! our own ledger ([`Books`]). Every change of a balance is a [`Line`].

use std::collections::BTreeMap;

use edge_credits_core::http::Response;
use edge_credits_core::ids::{CustomerId, Owner, Unit};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::books::Books;
use crate::decimal;
use crate::plan::{Plan, UpstreamKind};

/// One change of one customer's balance.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) unit: Unit,
    pub(crate) delta: i128,
    /// The charge's key; `None` for what was done elsewhere.
    pub(crate) key: Option<String>,
    pub(crate) at: u64,
}

/// What a body of a charge says.
#[derive(Deserialize)]
pub(crate) struct ChargeBody<'a> {
    #[serde(borrow)]
    amount: &'a RawValue,
    unit: Option<String>,
    pub(crate) idempotency_key: String,
    on_insufficient: Option<String>,
}

#[derive(Deserialize)]
struct BatchBody<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// A key as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    amount: i128,
    unit: Unit,
    answer: String,
    at: u64,
}

#[derive(Debug, Default)]
struct Account {
    lines: Vec<Line>,
    keys: BTreeMap<String, Known>,
}

/// The API.
#[derive(Debug)]
pub(crate) struct Upstream {
    accounts: Vec<Account>,
    books: Option<Vec<Books>>,
    marks_replays: bool,
    refuses: bool,
    /// When a key is forgotten; `None` never.
    window: Option<u64>,
    /// Keys forgotten so far.
    pub(crate) forgotten: u64,
}

impl Upstream {
    pub(crate) fn new(plan: &Plan, owners: &[Owner], forgets: bool) -> Self {
        let books = |owner: &Owner| Books::new(owner.clone(), plan.refuses);
        Self {
            accounts: owners.iter().map(|_| Account::default()).collect(),
            books: (plan.upstream == UpstreamKind::Ledger)
                .then(|| owners.iter().map(books).collect()),
            marks_replays: plan.marks_replays,
            refuses: plan.refuses,
            window: forgets.then_some(plan.window),
            forgotten: 0,
        }
    }

    pub(crate) fn lines(&self, customer: usize) -> &[Line] {
        &self.accounts[customer].lines
    }

    pub(crate) fn balance(&self, customer: usize, unit: &Unit) -> i128 {
        sum(&self.accounts[customer].lines, unit)
    }

    /// Whether a key is known now.
    pub(crate) fn knows(&self, customer: usize, key: &str, now: u64) -> bool {
        let lines = &self.accounts[customer].lines;
        let applied = lines.iter().find(|line| line.key.as_deref() == Some(key));
        let alive = |line: &Line| self.window.is_none_or(|window| now - line.at < window);
        applied.is_some_and(alive)
    }

    /// Answers a read: the balance after all lines, or after those that are `lag` old. Returns how
    /// many lines the answer shows.
    pub(crate) fn read(
        &mut self,
        customer: usize,
        (unit, now, lag): (&Unit, u64, u64),
        id: &CustomerId,
    ) -> (Response, usize) {
        let lines = &self.accounts[customer].lines;
        let all = lines.len();
        if let Some(books) = &self.books
            && lag == 0
        {
            return (books[customer].read(unit, now, id), all);
        }
        let reached = lines.iter().filter(|line| line.at + lag <= now).count();
        let balance = decimal::text(sum(&lines[..reached], unit));
        let ours = self.books.is_some();
        let body = if ours {
            format!("{{\"balance\":{balance},\"sequence\":{reached}}}")
        } else {
            format!("{{\"balance\":\"{balance}\",\"credit_name\":\"tokens\"}}")
        };
        let headers = ours.then(|| ("x-edge-credits".to_owned(), "sim".to_owned()));
        (Response { status: 200, headers: headers.into_iter().collect(), body }, reached)
    }

    /// Carries a charge out.
    pub(crate) fn charge(&mut self, customer: usize, body: &str, now: u64) -> Response {
        let account = &mut self.accounts[customer];
        if let Some(books) = &mut self.books {
            let (response, lines) = books[customer].charge(body, now);
            account.lines.extend(lines);
            return response;
        }
        let charge: ChargeBody<'_> = serde_json::from_str(body).expect("a charge's body");
        let amount = decimal::parse(charge.amount.get()).expect("an amount");
        assert_eq!(charge.on_insufficient, None, "what was accepted is sent as plain usage");
        let unit = Unit::parse(charge.unit.as_deref().unwrap_or(Unit::CREDITS)).expect("a unit");
        if let Some(window) = self.window {
            let before = account.keys.len();
            account.keys.retain(|_, known| now - known.at < window);
            self.forgotten += (before - account.keys.len()) as u64;
        }
        if let Some(known) = account.keys.get(&charge.idempotency_key) {
            if known.amount != amount || known.unit != unit {
                return plain(422, "{\"error\":{\"code\":\"idempotency_key_reused\"}}");
            }
            let answer = known.answer.clone();
            let mut response = plain(200, &answer);
            if self.marks_replays {
                response.headers.push(("idempotent-replayed".to_owned(), "true".to_owned()));
            }
            return response;
        }
        let balance = sum(&account.lines, &unit) - amount;
        if self.refuses && balance < 0 {
            return plain(402, "{\"code\":\"insufficient_credits\",\"message\":\"short\"}");
        }
        let name = format!("up_{}", account.lines.len());
        let balance = decimal::text(balance);
        let answer = format!("{{\"balance\":{balance},\"transaction_id\":\"{name}\"}}");
        let known = Known { amount, unit: unit.clone(), answer: answer.clone(), at: now };
        account.keys.insert(charge.idempotency_key.clone(), known);
        let key = Some(charge.idempotency_key);
        account.lines.push(Line { unit, delta: -amount, key, at: now });
        plain(200, &answer)
    }

    /// Carries a batch out, item by item.
    pub(crate) fn batch(&mut self, customer: usize, body: &str, now: u64) -> Response {
        let batch: BatchBody<'_> = serde_json::from_str(body).expect("a batch's body");
        assert!((1..=100).contains(&batch.items.len()), "a batch holds 1 to 100 charges");
        let mut results = Vec::new();
        for item in batch.items {
            let Response { status, body, .. } = self.charge(customer, item.get(), now);
            results.push(format!("{{\"status\":{status},\"body\":{body}}}"));
        }
        plain(200, &format!("{{\"results\":[{}]}}", results.join(",")))
    }

    /// What somebody else does: a top-up, or a deduction of what is there at most.
    pub(crate) fn outside(&mut self, customer: usize, unit: &Unit, delta: i128, now: u64) {
        let account = &mut self.accounts[customer];
        match &mut self.books {
            Some(books) => account.lines.extend(books[customer].outside(unit, delta, now)),
            None => {
                let unit = unit.clone();
                account.lines.push(Line { unit, delta, key: None, at: now });
            }
        }
    }
}

/// What lines come to in a unit.
pub(crate) fn sum(lines: &[Line], unit: &Unit) -> i128 {
    lines.iter().filter(|line| line.unit == *unit).map(|line| line.delta).sum()
}

pub(crate) fn plain(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.to_owned() }
}
