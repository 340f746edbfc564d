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

/// The desk's price list with other words of it.
fn edited(desk: &mut Desk, outcomes: &[&str], removed: &[&str]) {
    for name in removed {
        let edit = Edit::Remove(Section::Outcomes, (*name).to_string());
        desk.catalog = desk.catalog.edited(&edit).unwrap();
    }
    for body in outcomes {
        let edit = Edit::Put(parse_entry(Section::Outcomes, body).unwrap());
        desk.catalog = desk.catalog.edited(&edit).unwrap();
    }
}

const TRIAGE: &str = r#"{"name": "Triage", "agentKey": "ticket.triage", "basePrice": 0.001}"#;
const ANSWER: &str = r#"{"name": "Answer", "agentKey": "ticket.answer"}"#;

fn outcome(name: &str, price: &str, steps: &[&str]) -> String {
    let steps = steps.join(",");
    format!(r#"{{"name": "{name}", "pricePerOutcome": {price}, "steps": [{steps}]}}"#)
}

/// Named and unnamed: a run is billed once, under the name and at the price that it was opened with,
/// whatever the outcome is called when it ends.
#[test]
fn a_renamed_outcome_bills_no_run_again() {
    let done = r#", "runId": "r", "complete": true"#;
    for (more, end) in [(r#", "runId": "r""#, done), ("", "")] {
        let mut desk = Desk::with(&[("usd", "9")]);
        desk.sent(&step("1", "triage", more));
        edited(&mut desk, &[&outcome("Solved", "2", &[TRIAGE, ANSWER])], &["Ticket"]);
        desk.sent(&step("2", "triage", more));
        let logged = desk.sent(&step("3", "answer", end));
        assert_eq!(desk.balance("usd"), "8.01");
        let facts = logged.entry.metadata.as_deref().unwrap();
        assert!(facts.contains(r#""outcomeName":"Ticket""#), "{facts}");
        assert!(facts.contains(r#""runCatalogVersion":""#), "{facts}");
        assert_eq!((desk.rows.runs.len(), desk.rows.runs[0].steps), (1, 3));
        // The next one is today's.
        let next = end.replace("\"r\"", "\"s\"");
        desk.sent(&step("4", "answer", &next));
        assert_eq!(desk.balance("usd"), "6.01");
    }
    // Complete under the old name is complete.
    let mut desk = Desk::with(&[("usd", "9")]);
    desk.sent(&step("1", "answer", done));
    edited(&mut desk, &[&outcome("Solved", "2", &[TRIAGE, ANSWER])], &["Ticket"]);
    desk.sent(&step("2", "answer", done));
    assert_eq!((&*desk.balance("usd"), desk.rows.runs.len()), ("8.01", 1));
}

/// The run that was under way ends with the step that it was opened with, though the catalog has it no
/// more; what begins after the edit is another run, and takes nothing from that one.
#[test]
fn a_removed_last_step_still_ends_the_runs_that_were_opened_with_it() {
    let mut desk = Desk::with(&[("usd", "9")]);
    desk.sent(&step("1", "triage", ""));
    desk.sent(&step("2", "triage", r#", "runId": "r""#));
    edited(&mut desk, &[&outcome("Ticket", "2", &[TRIAGE])], &[]);
    // Two runs of today's, of the one step that there is.
    desk.sent(&step("3", "triage", ""));
    assert_eq!(desk.balance("usd"), "7");
    desk.sent(&step("4", "triage", ""));
    assert_eq!(desk.balance("usd"), "5");
    // And the two of before, at their price.
    desk.sent(&step("5", "answer", ""));
    assert_eq!(desk.balance("usd"), "4.01");
    desk.sent(&step("6", "answer", r#", "runId": "r", "complete": true"#));
    assert_eq!(desk.balance("usd"), "3.02");
    assert!(desk.rows.runs.iter().all(|run| run.complete));
    assert_eq!(desk.rows.runs.len(), 4);
    // Nobody waits for that step any more.
    assert_eq!(desk.refused(&step("7", "answer", "")).code, Code::UnknownKey);
    assert_eq!(desk.refused(&step("8", "answer", r#", "runId": "q""#)).code, Code::UnknownKey);
}

#[test]
fn a_price_counts_for_runs_that_are_opened_after_it() {
    let mut desk = Desk::with(&[("usd", "9")]);
    desk.sent(&step("1", "triage", ""));
    let dear = TRIAGE.replace("0.001", "0.5");
    edited(&mut desk, &[&outcome("Ticket", "2", &[&dear, ANSWER])], &[]);
    // Its steps are the same as ever: a second triage belongs to the same run, at its base price.
    desk.sent(&step("2", "triage", ""));
    desk.sent(&step("3", "answer", ""));
    assert_eq!((&*desk.balance("usd"), desk.rows.runs.len()), ("8.01", 1));
    assert_eq!(desk.rows.days[0].provided_cost, 3 * 1_000_000 + 2 * 1_000_000);
    desk.sent(&step("4", "triage", ""));
    desk.sent(&step("5", "answer", ""));
    assert_eq!((&*desk.balance("usd"), desk.rows.runs.len()), ("6.01", 2));
}

#[test]
fn a_step_that_came_later_belongs_to_the_run_that_is_named() {
    let mut desk = Desk::with(&[("usd", "9")]);
    let run = r#", "runId": "r""#;
    desk.sent(&step("1", "triage", run));
    desk.sent(&step("2", "triage", ""));
    let check = r#"{"name": "Check", "agentKey": "ticket.check", "basePrice": 0.25}"#;
    edited(&mut desk, &[&outcome("Ticket", "2", &[TRIAGE, ANSWER, check])], &[]);
    desk.sent(&step("3", "check", run));
    assert_eq!((desk.rows.runs.len(), desk.rows.days[0].provided_cost), (2, 255_000_000));
    desk.sent(&step("4", "check", r#", "runId": "r", "complete": true"#));
    assert_eq!(desk.balance("usd"), "8.01");
    // Without a name the run of before ends with its own last step.
    desk.sent(&step("5", "answer", ""));
    assert_eq!((&*desk.balance("usd"), desk.rows.runs.len()), ("7.02", 2));
}

/// Runs of a release that kept no terms have none until their next step.
#[test]
fn runs_without_terms_go_by_the_name_and_get_todays() {
    let mut desk = Desk::with(&[("usd", "9")]);
    desk.sent(&step("1", "triage", ""));
    desk.sent(&step("2", "triage", r#", "runId": "r""#));
    for run in &mut desk.rows.runs {
        (run.terms, run.taken) = (None, 0);
    }
    desk.sent(&step("3", "triage", r#", "runId": "r""#));
    desk.sent(&step("4", "answer", ""));
    assert_eq!((&*desk.balance("usd"), desk.rows.runs.len()), ("8.01", 2));
    edited(&mut desk, &[&outcome("Solved", "2", &[TRIAGE, ANSWER])], &["Ticket"]);
    desk.sent(&step("5", "answer", r#", "runId": "r", "complete": true"#));
    assert_eq!((&*desk.balance("usd"), desk.rows.runs.len()), ("7.02", 2));
}

/// A step that came to the outcome after its rename belongs to the runs of before, too; but not where the
/// outcome of before is still there and the step is another one's.
#[test]
fn a_renamed_outcome_is_known_by_any_of_its_steps() {
    let check = r#"{"name": "Check", "agentKey": "ticket.check"}"#;
    let done = r#", "runId": "r", "complete": true"#;
    let mut desk = Desk::with(&[("usd", "9")]);
    desk.sent(&step("1", "triage", done));
    edited(&mut desk, &[&outcome("Solved", "2", &[TRIAGE, ANSWER, check])], &["Ticket"]);
    desk.sent(&step("2", "check", done));
    assert_eq!((&*desk.balance("usd"), desk.rows.runs.len()), ("8.01", 1));
    // A step that has moved to another outcome brings that outcome's runs.
    let mut desk = Desk::with(&[("usd", "9")]);
    desk.sent(&step("1", "triage", done));
    edited(
        &mut desk,
        &[&outcome("Ticket", "2", &[TRIAGE]), &outcome("Check", "3", &[ANSWER, check])],
        &[],
    );
    desk.sent(&step("2", "check", done));
    assert_eq!((&*desk.balance("usd"), desk.rows.runs.len()), ("5.01", 2));
}

/// A step that was moved is the other outcome's from then on, whatever runs of the first one there are
/// under the same id.
#[test]
fn a_step_that_was_moved_belongs_to_where_it_is() {
    let done = r#", "runId": "r", "complete": true"#;
    for (more, end) in [(r#", "runId": "r""#, done), ("", "")] {
        for is_open in [false, true] {
            let mut desk = Desk::with(&[("usd", "9")]);
            desk.sent(&step("1", "answer", if is_open { more } else { done }));
            let opened = desk.balance("usd");
            edited(
                &mut desk,
                &[&outcome("Ticket", "0.99", &[ANSWER]), &outcome("Sale", "3", &[TRIAGE])],
                &[],
            );
            desk.sent(&step("2", "triage", end));
            let paid = |usd: &str| usd.parse::<f64>().unwrap();
            assert_eq!(paid(&opened) - paid(&desk.balance("usd")), 3.0, "{more} {is_open}");
            assert_eq!(desk.rows.runs.len(), 2);
        }
    }
}
