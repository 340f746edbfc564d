//! Runs of outcomes, and when they are billed.

use super::*;

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
