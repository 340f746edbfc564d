//! Signals as a customer's statement would show them, and the laws that hold for any of them.

mod laws;
mod reading;
mod runs;
mod statements;

use std::string::{String, ToString as _};
use std::vec::Vec;
use std::{format, vec};

use super::*;
use crate::catalog::{Catalog, Edit, Section, parse_entry};
use crate::credits::Credits;
use crate::entropy::Entropy;
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, Environment, Owner, Unit};
use crate::ledger::{
    Account, CallDetails, Command, DEFAULT_PRIORITY, Found, GrantCredits, LedgerConfig, Source,
    decide,
};
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};
use crate::wire::requests::KeySource;

/// A model at 1, 2 and 0.1 USD per million; credits at a cent with 30 % on top; an outcome for 0.99.
fn price_list() -> Catalog {
    let entries = [
        (
            Section::Models,
            r#"{"modelId": "m", "inputPrice": 1, "outputPrice": 2, "cachePrice": 0.1}"#,
        ),
        (
            Section::CreditTypes,
            r#"{"name": "API credits", "agentKey": "api", "marginPercent": 30, "pricePerCredit": 0.01}"#,
        ),
        (
            Section::Outcomes,
            r#"{"name": "Ticket", "pricePerOutcome": 0.99, "steps": [
                {"name": "Triage", "agentKey": "ticket.triage", "basePrice": 0.001},
                {"name": "Answer", "agentKey": "ticket.answer"}]}"#,
        ),
    ];
    entries.into_iter().fold(Catalog::seed(), |catalog, (section, body)| {
        catalog.edited(&Edit::Put(parse_entry(section, body).unwrap())).unwrap()
    })
}

/// A customer's ledger with everything that it has ever written.
struct Desk {
    account: Account,
    rows: Rows,
    signals: Vec<u64>,
    now: Timestamp,
    catalog: Catalog,
}

impl Desk {
    fn open() -> Self {
        let customer = CustomerId::parse("cus_1").unwrap();
        let owner = Owner { environment: Environment::Test, customer };
        Self {
            account: Account::new(owner),
            rows: Rows::default(),
            signals: vec![],
            now: Timestamp::parse("2026-11-22T10:00:00Z").unwrap(),
            catalog: price_list(),
        }
    }

    fn with(grants: &[(&str, &str)]) -> Self {
        let mut desk = Self::open();
        for (unit, amount) in grants {
            desk.grant(unit, amount);
        }
        desk
    }

    fn grant(&mut self, unit: &str, amount: &str) {
        let unit = Unit::parse(unit).unwrap();
        let key = IdempotencyKey::parse(&format!("grant-{}", self.account.sequence())).unwrap();
        let command = Command::Grant(GrantCredits {
            call: CallDetails { key, description: None, metadata: None },
            amount: Credits::from_decimal_text(amount, unit.scale()).unwrap(),
            unit,
            source: Source::Topup,
            product: None,
            priority: DEFAULT_PRIORITY,
            effective_at: None,
            expires_at: None,
        });
        let config = LedgerConfig::default();
        let decision = decide(&self.account, &Found::default(), self.now, &command, &config);
        self.account.apply(&decision.unwrap().writes);
    }

    /// Sends signals together, as one batch.
    fn send(&mut self, bodies: &[&str]) -> Vec<Judged> {
        let entropy = Entropy::new([7; 16]);
        let read = |body: &&str| {
            let source = KeySource { header: None, entropy: &entropy };
            parse_signal(body, &source).unwrap_or_else(|error| panic!("{body}: {}", error.message))
        };
        let signals: Vec<Signal> = bodies.iter().map(read).collect();
        let signals: Vec<&Signal> = signals.iter().collect();
        let wanted = lookups(self.account.owner(), &signals, &self.catalog);
        // A store gives what was asked for, and no more.
        let rows = Rows {
            entries: self
                .rows
                .entries
                .iter()
                .filter(|row| wanted.entries.contains(&row.id))
                .cloned()
                .collect(),
            runs: self
                .rows
                .runs
                .iter()
                .filter(|run| wanted.runs.iter().any(|wanted| may_take(run, wanted)))
                .cloned()
                .collect(),
            days: self
                .rows
                .days
                .iter()
                .filter(|row| row.day == day_of(&self.account, self.now))
                .copied()
                .collect(),
        };
        let decision = judge(&self.account, rows, self.now, &signals, &self.catalog).unwrap();
        self.account.apply(&decision.writes);
        self.rows.entries.extend(decision.writes.entries);
        self.signals.extend(decision.signals);
        for run in decision.runs {
            self.rows.runs.retain(|known| (&known.outcome, &known.id) != (&run.outcome, &run.id));
            self.rows.runs.push(run);
        }
        for sums in decision.days {
            self.rows.days.retain(|known| (known.day, known.kind) != (sums.day, sums.kind));
            self.rows.days.push(sums);
        }
        decision.outcomes
    }

    fn sent(&mut self, body: &str) -> Logged {
        self.send(&[body]).remove(0).unwrap_or_else(|error| panic!("{body}: {}", error.message))
    }

    fn refused(&mut self, body: &str) -> ApiError {
        let before = (self.account.clone(), self.rows.runs.clone(), self.rows.days.clone());
        let error = self.send(&[body]).remove(0).expect_err(body);
        let after = (self.account.clone(), self.rows.runs.clone(), self.rows.days.clone());
        assert_eq!(before, after, "{body} was refused and changed something");
        error
    }

    fn balance(&self, unit: &str) -> String {
        let unit = Unit::parse(unit).unwrap();
        let balance = self.account.balance(&unit, self.now).unwrap();
        balance.available.decimal(unit.scale()).to_string()
    }
}

/// What a store finds for a lookup.
fn may_take(run: &Run, wanted: &RunLookup) -> bool {
    let has_step = |terms: &Terms| terms.outcome.steps.iter().any(|step| step.key == wanted.key);
    match (&wanted.id, &run.terms) {
        (Some(id), Some(_)) => run.id == *id,
        (Some(id), None) => run.id == *id && wanted.outcome.as_ref() == Some(&run.outcome),
        (None, _) if !run.unnamed || run.complete => false,
        (None, Some(terms)) => has_step(terms),
        (None, None) => wanted.outcome.as_ref() == Some(&run.outcome),
    }
}

fn credit(key: &str, input: u64, output: u64) -> String {
    format!(
        r#"{{"customerId": "cus_1", "type": "credit", "model": "M", "agentKey": "api",
            "inputTokens": {input}, "outputTokens": {output}, "idempotencyKey": "{key}"}}"#
    )
}

fn wallet(key: &str, input: u64, cache: u64) -> String {
    format!(
        r#"{{"customerId": "cus_1", "type": "Wallet", "model": "m", "inputTokens": {input},
            "cacheTokens": {cache}, "idempotencyKey": "{key}"}}"#
    )
}

fn step(key: &str, step: &str, more: &str) -> String {
    format!(
        r#"{{"customerId": "cus_1", "type": "outcome", "model": "m", "key": "ticket.{step}",
            "inputTokens": 1000, "idempotencyKey": "{key}"{more}}}"#
    )
}
