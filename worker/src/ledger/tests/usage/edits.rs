//! Edits of the catalog while runs are open, on SQLite: a run keeps what it was opened with.

use super::*;

/// The price list with other outcomes.
fn with_outcomes(bodies: &[&str]) -> Catalog {
    let without = price_list().edited(&Edit::Remove(Section::Outcomes, "Ticket".to_owned()));
    bodies.iter().fold(without.unwrap(), |catalog, body| {
        catalog.edited(&Edit::Put(parse_entry(Section::Outcomes, body).unwrap())).unwrap()
    })
}

const BOTH: &str = r#"{"name":"Triage","agentKey":"triage"},{"name":"Answer","agentKey":"answer"}"#;

fn renamed() -> Catalog {
    with_outcomes(&[&format!(r#"{{"name":"Solved","pricePerOutcome":0.25,"steps":[{BOTH}]}}"#)])
}

fn shortened() -> Catalog {
    let triage = r#"{"name":"Triage","agentKey":"triage"}"#;
    with_outcomes(&[&format!(r#"{{"name":"Ticket","pricePerOutcome":0.25,"steps":[{triage}]}}"#)])
}

#[test]
fn runs_go_on_by_what_they_were_opened_with() {
    let mut world = World::new();
    granted(&world);
    let named = r#","runId":"r""#;
    let done = r#","runId":"r","complete":true"#;
    let (before, renamed, shortened) = (price_list(), renamed(), shortened());
    for (catalog, key, name, more, told) in [
        (&before, "1", "triage", "", "0 left 1.5"),
        (&before, "2", "triage", named, "0 left 1.5"),
        // Under another name: the same run, at its own price.
        (&renamed, "3", "answer", "", "0.99 left 0.51"),
        (&renamed, "4", "triage", "", "0 left 0.51"),
        // Its last step is gone from the catalog, and still ends it.
        (&shortened, "5", "triage", "", "0.25 left 0.26"),
        (&shortened, "6", "triage", "", "0.25 left 0.01"),
        (&shortened, "7", "answer", "", "insufficient_credits"),
        (&shortened, "8", "answer", done, "insufficient_credits"),
        (&shortened, "9", "answer", r#","runId":"s""#, "unknown_key"),
    ] {
        assert_eq!(world.send_by(catalog, &[&step(key, name, more)]).unwrap(), [told], "{key}");
        world.restart();
    }
    world.add(r#"{"amount":2,"unit":"usd","type":"topup"}"#).unwrap();
    for (key, more, told) in [
        ("7", "", "0.25 left 1.76"),
        ("8", done, "0.99 left 0.77"),
        ("10", done, "0 left 0.77"),
        ("11", "", "unknown_key"),
    ] {
        let sent = world.send_by(&shortened, &[&step(key, "answer", more)]).unwrap();
        assert_eq!(sent, [told], "{key}");
        world.restart();
    }
    let counts = world.ledger.run_counts(&world.owner, world.now).unwrap();
    let counts: Vec<_> =
        counts.iter().map(|count| (&*count.outcome, count.opened, count.completed)).collect();
    assert_eq!(counts, [("Solved", 1, 1), ("Ticket", 4, 4)]);
}

/// Ledgers from before runs kept their terms, with runs that are open in them, and sums of days.
#[test]
fn older_ledgers_gain_it() {
    let mut world = World::new();
    granted(&world);
    world.send(&[&step("1", "triage", ""), &step("2", "triage", r#","runId":"r""#)]).unwrap();
    world.now = world.now.plus(Duration::from_secs(86_400));
    world.send(&[&credit("a"), &step("3", "answer", r#","runId":"q","complete":true"#)]).unwrap();
    let before = world.usage_page("")["totals"].to_string();
    world
        .disk
        .raw(
            "DROP TABLE signal_totals; DROP TABLE run_counts; DROP INDEX runs_open;
             DROP INDEX runs_named; ALTER TABLE runs DROP COLUMN terms;
             ALTER TABLE runs DROP COLUMN terms_version; ALTER TABLE runs DROP COLUMN taken;
             CREATE UNIQUE INDEX runs_unnamed ON runs (outcome) WHERE unnamed = 1 AND complete = 0;
             DELETE FROM migrations WHERE version > 8",
        )
        .unwrap();
    world.restart();
    assert_eq!(world.usage_page("")["totals"].to_string(), before);
    let counts = world.ledger.run_counts(&world.owner, world.now).unwrap();
    assert_eq!((counts[0].opened, counts[0].completed, counts.len()), (3, 1, 1));
    assert_eq!(world.send(&[&step("4", "triage", "")]).unwrap(), ["0 left 0.51"]);
    world.restart();
    let solved = renamed();
    let done = step("5", "answer", "");
    assert_eq!(world.send_by(&solved, &[&done]).unwrap(), ["insufficient_credits"]);
    world.add(r#"{"amount":2,"unit":"usd","type":"topup"}"#).unwrap();
    // The run that had a step since is billed at the price that it then got.
    assert_eq!(world.send_by(&solved, &[&done]).unwrap(), ["0.99 left 1.52"]);
}
