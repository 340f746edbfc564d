//! Signals as a customer's statement would show them, and the laws that hold for any of them.

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
                .filter(|run| wanted.runs.iter().any(|(of, id)| run.takes(of, id.as_deref())))
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

#[test]
fn a_statement_line_by_line() {
    let mut desk = Desk::with(&[("api", "10"), ("usd", "1")]);
    // 1 000 × 1 + 500 × 2 = 0.002 USD; × 1.3 = 0.0026 USD; at a cent, 0.26 credits.
    let first = desk.sent(&credit("k1", 1_000, 500));
    let body = usage_log_body(&first, &CustomerId::parse("cus_1").unwrap());
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    for (name, expected) in [
        ("type", r#""credit""#),
        ("model", r#""M""#),
        ("inputTokens", "1000"),
        ("outputTokens", "500"),
        ("cacheTokens", "0"),
        ("providedCost", "0.002"),
        ("customerCost", "0.0026"),
        ("creditsUsed", "0.26"),
        ("creditName", r#""API credits""#),
        ("agentKey", r#""api""#),
        ("balanceAfter", "9.74"),
        ("unit", r#""api""#),
        ("duplicate", "false"),
        ("dryRun", "false"),
        ("catalogVersion", &*format!("{:?}", desk.catalog.version())),
        ("createdAt", r#""2026-11-22T10:00:00.000Z""#),
        ("idempotencyKey", r#""k1""#),
    ] {
        assert_eq!(value[name].to_string(), expected, "{name}");
    }
    assert_eq!(desk.balance("api"), "9.74");
    // 100 × 1 + 1 000 × 0.1 = 0.0002 USD from the wallet, at cost.
    let second = desk.sent(&wallet("k2", 100, 1_000));
    assert_eq!((desk.balance("usd"), desk.balance("api")), ("0.9998".into(), "9.74".into()));
    assert_eq!(second.entry.unit.as_str(), "usd");
    assert_eq!(first.entry.action(), "api");
    assert_eq!(second.entry.action(), "m");
    let page = usage_page_body(
        (&CustomerId::parse("cus_1").unwrap(), None),
        &desk.rows.days,
        vec![second.entry, first.entry],
    );
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["totals"]["signals"].to_string(), "2");
    assert_eq!(page["totals"]["inputTokens"].to_string(), "1100");
    assert_eq!(page["totals"]["cacheTokens"].to_string(), "1000");
    assert_eq!(page["totals"]["providedCost"].to_string(), "0.0022");
    assert_eq!(page["totals"]["customerCost"].to_string(), "0.0028");
    assert_eq!(page["totals"]["wallet"]["customerCost"].to_string(), "0.0002");
    assert_eq!(page["logs"][1]["creditsUsed"].to_string(), "0.26");
}

#[test]
fn cached_tokens_are_counted_as_the_model_or_the_signal_says() {
    let mut desk = Desk::with(&[("usd", "1")]);
    let of = |key: &str, how: &str| {
        format!(
            r#"{{"customerId": "cus_1", "type": "wallet", "model": "m", "inputTokens": 1000,
                "cacheTokens": 800, "idempotencyKey": "{key}"{how}}}"#
        )
    };
    let taken = |logged: &Logged| logged.entry.amount.negated().minor_units();
    // Beside: 1 000 × 1 + 800 × 0.1 = 1 080. Inside: 200 × 1 + 800 × 0.1 = 280.
    assert_eq!(taken(&desk.sent(&of("1", ""))), 1_080_000);
    assert_eq!(taken(&desk.sent(&of("2", r#", "cachedTokens": "inside""#))), 280_000);
    let body = r#"{"modelId": "m", "inputPrice": 1, "outputPrice": 2, "cachePrice": 0.1,
        "cachedTokens": "inside"}"#;
    let edit = Edit::Put(parse_entry(Section::Models, body).unwrap());
    desk.catalog = desk.catalog.edited(&edit).unwrap();
    assert_eq!(taken(&desk.sent(&of("3", ""))), 280_000);
    assert_eq!(taken(&desk.sent(&of("4", r#", "cachedTokens": "beside""#))), 1_080_000);
    let error = desk.refused(&of("5", "").replace("1000", "799"));
    assert_eq!(error.code, Code::InvalidRequest);
}

#[test]
fn a_repeat_is_answered_as_the_first_time_whatever_has_changed() {
    let mut desk = Desk::with(&[("api", "10")]);
    let first = desk.sent(&credit("k", 1_000, 500));
    // The model is dearer, and then gone: neither touches what has been billed.
    let dear = r#"{"modelId": "m", "inputPrice": 900, "outputPrice": 900}"#;
    desk.catalog =
        desk.catalog.edited(&Edit::Put(parse_entry(Section::Models, dear).unwrap())).unwrap();
    let second = desk.sent(&credit("k", 1_000, 500));
    desk.catalog = Catalog::of("2026-01-01", 9, []);
    let third = desk.sent(&credit("k", 1_000, 500));
    for repeat in [second, third] {
        assert!(repeat.duplicate);
        assert_eq!(repeat.entry, first.entry);
    }
    assert_eq!(desk.balance("api"), "9.74");
    assert_eq!(desk.rows.days[0].signals, 1);
    // Other content under the key is another signal, and refused.
    assert_eq!(desk.refused(&credit("k", 1_001, 500)).code, Code::IdempotencyKeyReused);
    assert_eq!(desk.refused(&wallet("k", 1_000, 0)).code, Code::IdempotencyKeyReused);
    // Notes are not content: the first ones stay.
    let noted =
        credit("k", 1_000, 500).replace("{\"customerId\"", "{\"member\": \"eve\", \"customerId\"");
    assert!(desk.sent(&noted).duplicate);
}

#[test]
fn within_a_batch_each_signal_sees_the_ones_before_it() {
    let mut desk = Desk::with(&[("api", "0.5")]);
    let bodies = [
        credit("a", 1_000, 500),
        credit("a", 1_000, 500),
        credit("b", 1_000, 500),
        credit("c", 0, 0),
        credit("a", 2, 2),
    ];
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let outcomes = desk.send(&bodies);
    assert!(!outcomes[0].as_ref().unwrap().duplicate);
    assert!(outcomes[1].as_ref().unwrap().duplicate);
    // 0.5 - 0.26 = 0.24 is less than 0.26.
    assert_eq!(outcomes[2].as_ref().unwrap_err().code, Code::InsufficientCredits);
    // What costs nothing is recorded, even so.
    let free = outcomes[3].as_ref().unwrap();
    assert_eq!((free.entry.amount, free.entry.sequence), (Credits::ZERO, 3));
    assert_eq!(outcomes[4].as_ref().unwrap_err().code, Code::IdempotencyKeyReused);
    assert_eq!((desk.balance("api").as_str(), desk.signals.as_slice()), ("0.24", &[2, 3][..]));
    assert_eq!(desk.rows.days[0].signals, 2);
}

#[test]
fn a_dry_run_says_the_price_and_keeps_nothing() {
    let mut desk = Desk::with(&[("api", "0.5")]);
    let dry = credit("k", 1_000, 500).replace('}', r#", "dryRun": true}"#);
    let before = desk.account.clone();
    let logged = desk.sent(&dry);
    let body = usage_log_body(&logged, &CustomerId::parse("cus_1").unwrap());
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value["creditsUsed"].to_string(), "0.26");
    assert_eq!(value["balanceAfter"].to_string(), "0.24");
    assert_eq!((value["id"].is_null(), value["dryRun"].to_string()), (true, "true".into()));
    assert_eq!((&desk.account, desk.rows.days.len()), (&before, 0));
    // Its key is still free, and a shortage is told.
    assert!(!desk.sent(&credit("k", 1_000, 500)).duplicate);
    assert_eq!(desk.refused(&dry.replace("\"k\"", "\"l\"")).code, Code::InsufficientCredits);
    // Of a signal that was taken it shows what was taken.
    let again = desk.sent(&dry);
    assert!(again.duplicate);
    let body = usage_log_body(&again, &CustomerId::parse("cus_1").unwrap());
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((value["id"].is_string(), value["dryRun"].to_string()), (true, "false".into()));
}

#[test]
fn a_named_run_is_billed_once_when_it_is_complete() {
    let mut desk = Desk::with(&[("usd", "3")]);
    let run = r#", "runId": "r1""#;
    let done = r#", "runId": "r1", "complete": true"#;
    desk.sent(&step("1", "triage", run));
    // The last step of the outcome does not end a run that has a name.
    desk.sent(&step("2", "answer", run));
    assert_eq!(desk.balance("usd"), "3");
    let end = desk.sent(&step("3", "answer", done));
    assert_eq!(desk.balance("usd"), "2.01");
    // 1 000 × 1 per million, of which the customer pays nothing but the outcome's price.
    let body = usage_log_body(&end, &CustomerId::parse("cus_1").unwrap());
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (value["providedCost"].to_string(), value["customerCost"].to_string()),
        ("0.001".into(), "0.99".into())
    );
    assert_eq!(
        (value["runId"].to_string(), value["runComplete"].to_string()),
        (r#""r1""#.into(), "true".into())
    );
    // Completed again under other keys, and steps after the end: recorded, not billed.
    desk.sent(&step("4", "answer", done));
    desk.sent(&step("5", "triage", run));
    assert_eq!(desk.balance("usd"), "2.01");
    assert_eq!((desk.rows.runs.len(), desk.rows.runs[0].steps), (1, 5));
    // Another run pays again.
    desk.sent(&step("6", "answer", &done.replace("r1", "r2")));
    assert_eq!(desk.balance("usd"), "1.02");
    // A triage costs its base price, too: 0.001 + 0.001.
    assert_eq!(desk.rows.days[0].provided_cost, 6 * 1_000_000 + 2 * 1_000_000);
    assert_eq!(desk.rows.days[0].customer_cost, 2 * 990_000_000);
}

#[test]
fn an_unnamed_run_is_billed_by_its_last_step() {
    let mut desk = Desk::with(&[("usd", "2")]);
    let first = desk.sent(&step("1", "triage", ""));
    let second = desk.sent(&step("2", "triage", ""));
    let end = desk.sent(&step("3", "answer", ""));
    assert_eq!(desk.balance("usd"), "1.01");
    let run = |logged: &Logged| {
        let body = usage_log_body(logged, &CustomerId::parse("cus_1").unwrap());
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        value["runId"].as_str().unwrap().to_string()
    };
    assert_eq!((run(&first), run(&second)), (run(&end), run(&end)));
    // The next one opens another; `complete` ends it before its last step.
    let next = desk.sent(&step("4", "triage", r#", "complete": true"#));
    assert_ne!(run(&next), run(&end));
    assert_eq!(desk.balance("usd"), "0.02");
    assert_eq!(desk.rows.runs.iter().filter(|run| run.complete).count(), 2);
}

#[test]
fn a_run_that_cannot_be_paid_stays_open() {
    let mut desk = Desk::with(&[("usd", "0.5")]);
    desk.sent(&step("1", "triage", ""));
    assert_eq!(desk.refused(&step("2", "answer", "")).code, Code::InsufficientCredits);
    desk.grant("usd", "1");
    desk.sent(&step("2", "answer", ""));
    assert_eq!(desk.balance("usd"), "0.51");
    assert_eq!((desk.rows.runs.len(), desk.rows.runs[0].complete), (1, true));
}

#[test]
fn what_the_catalog_does_not_know_is_refused() {
    let mut desk = Desk::with(&[("api", "10"), ("usd", "10")]);
    let other_model = credit("k", 1, 1).replace(r#""M""#, r#""gpt-0""#);
    assert_eq!(desk.refused(&other_model).code, Code::UnknownModel);
    let other_key = credit("k", 1, 1).replace(r#""api""#, r#""apu""#);
    assert_eq!(desk.refused(&other_key).code, Code::UnknownKey);
    assert_eq!(desk.refused(&step("k", "tirage", "")).code, Code::UnknownKey);
    // A credit type is no step, nor the other way around.
    let crossed = step("k", "triage", "").replace("ticket.triage", "api");
    assert_eq!(desk.refused(&crossed).code, Code::UnknownKey);
    for error in [desk.refused(&other_model), desk.refused(&other_key)] {
        assert!(!error.message.to_lowercase().contains("insufficient"), "{}", error.message);
    }
}

#[test]
fn sums_of_a_day_stay_in_range() {
    let mut desk = Desk::with(&[("usd", "100")]);
    let free = r#"{"modelId": "m", "inputPrice": 0, "outputPrice": 0}"#;
    desk.catalog =
        desk.catalog.edited(&Edit::Put(parse_entry(Section::Models, free).unwrap())).unwrap();
    desk.sent(&wallet("1", MAX_SUM, 0));
    assert_eq!(desk.refused(&wallet("2", 1, 0)).code, Code::AmountOverflow);
    // The next day begins at nothing.
    desk.now = Timestamp::parse("2026-11-23T00:00:00Z").unwrap();
    desk.sent(&wallet("2", 1, 0));
    assert_eq!(desk.rows.days.len(), 2);
}

#[test]
fn a_clock_that_steps_back_keeps_the_day() {
    let mut desk = Desk::with(&[("usd", "100")]);
    desk.sent(&wallet("1", 1, 0));
    desk.now = Timestamp::parse("2026-11-20T10:00:00Z").unwrap();
    desk.sent(&wallet("2", 1, 0));
    assert_eq!((desk.rows.days.len(), desk.rows.days[0].signals), (1, 2));
}

#[test]
fn signals_by_the_table_of_refusals() {
    let base = r#"{"customerId": "c", "type": "credit", "model": "m", "agentKey": "api"#;
    let table = [
        ("[]", Code::InvalidRequest),
        ("{", Code::InvalidJson),
        (r#"{"type": "credit", "model": "m", "agentKey": "api"}"#, Code::InvalidRequest),
        (
            r#"{"customerId": " ", "type": "credit", "model": "m", "agentKey": "api"}"#,
            Code::InvalidId,
        ),
        (
            r#"{"customerId": "c", "type": "debit", "model": "m", "agentKey": "api"}"#,
            Code::InvalidRequest,
        ),
        (r#"{"customerId": "c", "type": 1, "model": "m", "agentKey": "api"}"#, Code::InvalidType),
        (
            r#"{"customerId": "c", "type": "credit", "model": "  ", "agentKey": "api"}"#,
            Code::InvalidRequest,
        ),
        (r#"{"customerId": "c", "type": "credit", "agentKey": "api"}"#, Code::InvalidRequest),
        (r#"{"customerId": "c", "type": "credit", "model": "m"}"#, Code::InvalidRequest),
        (
            r#"{"customerId": "c", "type": "wallet", "model": "m", "agentKey": "api"}"#,
            Code::InvalidRequest,
        ),
        (
            r#"{"customerId": "c", "type": "wallet", "model": "m", "runId": "r"}"#,
            Code::InvalidRequest,
        ),
        (&format!(r#"{base}", "key": "other"}}"#), Code::InvalidRequest),
        (&format!(r#"{base} x"}}"#), Code::InvalidId),
        (&format!(r#"{base}", "complete": true}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "inputTokens": -1}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "inputTokens": 1.5}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "inputTokens": 9007199254740992}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "inputTokens": "12"}}"#), Code::InvalidType),
        (&format!(r#"{base}", "inputTokens": null}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "dryRun": 1}}"#), Code::InvalidType),
        (&format!(r#"{base}", "custom": []}}"#), Code::InvalidType),
        (
            &format!(r#"{base}", "custom": {{"a": "{}"}}}}"#, "x".repeat(8_192)),
            Code::MetadataTooLarge,
        ),
        (&format!(r#"{base}", "cachedTokens": "maybe"}}"#), Code::InvalidRequest),
        (&format!(r#"{base}", "idempotencyKey": "a,b"}}"#), Code::InvalidIdempotencyKey),
        (&format!(r#"{base}", "model": "m"}}"#), Code::DuplicateField),
        // A count under a name that is nearly a field's would never be billed.
        (&format!(r#"{base}", "inputToken": 5}}"#), Code::UnknownField),
        (&format!(r#"{base}", "input_tokens": 5}}"#), Code::UnknownField),
        (&format!(r#"{base}", "Tokens": 5}}"#), Code::UnknownField),
        (&format!(r#"{base}", "feature": "x"}}"#), Code::UnknownField),
    ];
    let entropy = Entropy::new([1; 16]);
    for (body, code) in table {
        let read = parse_signal(body, &KeySource { header: None, entropy: &entropy });
        assert_eq!(read.map_err(|error| error.code), Err(code), "{body}");
    }
    let metric = format!(r#"{base}", "pages": 12.5, "Seconds": -3}}"#);
    let read = parse_signal(&metric, &KeySource { header: None, entropy: &entropy }).unwrap();
    assert_eq!(read.metrics.len(), 2);
    let many: String =
        (0..=MAX_METRICS).map(|number| format!(r#", "metric{number}": 1"#)).collect();
    let many = format!(r#"{base}"{many}}}"#);
    let read = parse_signal(&many, &KeySource { header: None, entropy: &entropy });
    assert_eq!(read.unwrap_err().code, Code::InvalidRequest);
}

#[test]
fn batches_by_the_table() {
    let read = |body: &str| parse_signal_batch(body).map(|batch| batch.items.len());
    let one = credit("k", 1, 1);
    assert_eq!(read(&format!(r#"{{"signals": [{one}, {one}]}}"#)).unwrap(), 2);
    let hundred = vec![one.as_str(); 100].join(",");
    assert_eq!(read(&format!(r#"{{"signals": [{hundred}]}}"#)).unwrap(), 100);
    for (body, code) in [
        ("{}", Code::InvalidRequest),
        (r#"{"signals": []}"#, Code::InvalidRequest),
        (r#"{"signals": {}}"#, Code::InvalidType),
        (r#"{"signals": [], "more": 1}"#, Code::UnknownField),
        (&format!(r#"{{"signals": [{hundred}, {one}]}}"#), Code::InvalidRequest),
    ] {
        assert_eq!(read(body).map_err(|error| error.code), Err(code), "{body}");
    }
    // A key that is made here could not be told to a caller who loses the answer.
    let keyless = one.replace(r#", "idempotencyKey": "k""#, "");
    let batch = parse_signal_batch(&format!(r#"{{"signals": [{keyless}, 7, {one}]}}"#)).unwrap();
    let codes: Vec<Option<Code>> =
        batch.items.iter().map(|item| item.as_ref().err().map(|error| error.code)).collect();
    assert_eq!(codes, [Some(Code::InvalidRequest), Some(Code::InvalidRequest), None]);
}

proptest::proptest! {
    /// However signals are repeated, in whatever order and batches: each is billed once, and what
    /// the customer has is what was granted less the signals that were taken (U1, U2).
    #[test]
    fn repeats_bill_once(
        sent in proptest::collection::vec((0_u64..8, 1_usize..4), 1..30),
        granted in 0_u64..300,
    ) {
        let granted = format!("0.{granted:03}");
        let mut desk = Desk::open();
        if granted != "0.000" {
            desk.grant("api", &granted);
        }
        let mut taken = std::collections::BTreeMap::new();
        for (number, times) in sent {
            let body = credit(&format!("k{number}"), 1_000 * number, 0);
            for outcome in desk.send(&vec![body.as_str(); times]) {
                match outcome {
                    Ok(logged) => {
                        let amount = logged.entry.amount.negated().minor_units();
                        // 1 000 n × 1 per million × 1.3 at a cent: 0.13 n credits.
                        proptest::prop_assert_eq!(amount, 130_000 * i64::try_from(number).unwrap());
                        let known = taken.insert(number, amount);
                        proptest::prop_assert_eq!(known.is_some(), logged.duplicate);
                    }
                    Err(error) => {
                        proptest::prop_assert_eq!(error.code, Code::InsufficientCredits);
                        proptest::prop_assert!(!taken.contains_key(&number));
                    }
                }
            }
        }
        let unit = Unit::parse("api").unwrap();
        let left = desk.account.balance(&unit, desk.now).unwrap().posted.minor_units();
        let granted = Credits::from_decimal_text(&granted, unit.scale()).unwrap().minor_units();
        proptest::prop_assert_eq!(left, granted - taken.values().sum::<i64>());
        proptest::prop_assert_eq!(desk.signals.len(), taken.len());
        let counted: u64 = desk.rows.days.iter().map(|sums| sums.signals).sum();
        proptest::prop_assert_eq!(counted, u64::try_from(taken.len()).unwrap());
    }

    /// Runs named and unnamed, repeated, completed twice, short of money: billed is what is complete,
    /// and nothing else (U3).
    #[test]
    fn complete_runs_are_what_is_billed(
        sent in proptest::collection::vec((0_u8..12, 0_u8..3, proptest::bool::ANY, proptest::bool::ANY), 1..40),
        granted in 1_u64..9,
    ) {
        let mut desk = Desk::with(&[("usd", &granted.to_string())]);
        for (key, run, last, complete) in sent {
            let mut more = match run {
                0 => String::new(),
                run => format!(r#", "runId": "r{run}""#),
            };
            if complete {
                more.push_str(r#", "complete": true"#);
            }
            let name = if last { "answer" } else { "triage" };
            let outcome = desk.send(&[&step(&format!("k{key}"), name, &more)]).remove(0);
            if let Err(error) = outcome {
                let expected = [Code::InsufficientCredits, Code::IdempotencyKeyReused];
                proptest::prop_assert!(expected.contains(&error.code), "{}", error.message);
            }
            let complete = desk.rows.runs.iter().filter(|run| run.complete).count();
            let billed = 990_000_000 * i64::try_from(complete).unwrap();
            let left = desk.account.balance(&Unit::usd(), desk.now).unwrap().posted.minor_units();
            let granted = i64::try_from(granted).unwrap() * 1_000_000_000;
            proptest::prop_assert_eq!(left, granted - billed);
            proptest::prop_assert!(left >= 0);
            let open = desk.rows.runs.iter().filter(|run| run.unnamed && !run.complete).count();
            proptest::prop_assert!(open <= 1);
        }
    }
}
