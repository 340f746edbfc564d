//! What holds for any signals.

use super::*;

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
        // A book of its own, which has never heard of runs: what was sent under which key, which names
        // are complete, and what is left.
        let mut left = i64::try_from(granted).unwrap() * 1_000_000_000;
        let mut kept = std::collections::BTreeMap::new();
        let mut ended = std::collections::BTreeSet::new();
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
            let told = outcome.map(|logged| logged.duplicate).map_err(|error| error.code);
            let bills = if run == 0 { last || complete } else { complete && !ended.contains(&run) };
            let content = (run, last, complete);
            let expected = match kept.get(&key) {
                Some(known) if *known == content => Ok(true),
                Some(_) => Err(Code::IdempotencyKeyReused),
                None if bills && left < 990_000_000 => Err(Code::InsufficientCredits),
                None => Ok(false),
            };
            proptest::prop_assert_eq!(&told, &expected);
            if expected == Ok(false) {
                kept.insert(key, content);
                if bills {
                    left -= 990_000_000;
                    ended.insert(run);
                }
            }
            let posted = desk.account.balance(&Unit::usd(), desk.now).unwrap().posted;
            proptest::prop_assert_eq!(posted.minor_units(), left);
            let open = desk.rows.runs.iter().filter(|run| run.unnamed && !run.complete).count();
            proptest::prop_assert!(open <= 1);
        }
    }

    /// However an outcome is renamed, repriced and given other steps while runs are open: a run with an
    /// id is billed once, by the first step that completes it, at the price of the day that it was
    /// opened; and what is billed without ids is a price that there was (U3).
    #[test]
    fn edits_bill_no_run_twice_nor_at_anothers_price(
        happened in proptest::collection::vec(
            (0_u8..4, 0_u8..4, 0_usize..3, proptest::bool::ANY, 0_u8..7),
            1..60,
        ),
    ) {
        const STEPS: [&str; 3] = ["triage", "answer", "check"];
        let mut desk = Desk::with(&[("usd", "9000")]);
        let (mut name, mut price, mut steps) = ("Ticket", 990_000_000_i64, 3_u8);
        let mut opened = std::collections::BTreeMap::new();
        let mut ended = std::collections::BTreeSet::new();
        let mut prices = std::collections::BTreeSet::from([0, price]);
        for (number, (what, run, step_at, complete, mask)) in happened.into_iter().enumerate() {
            if what == 0 {
                let before = name;
                match mask {
                    0..2 => name = if name == "Ticket" { "Solved" } else { "Ticket" },
                    2..4 => price += 1_000_000_000,
                    // The first step stays, by which a renamed outcome is known.
                    _ => steps = 1 | mask,
                }
                prices.insert(price);
                let own = (0..3).filter(|place| steps & (1 << place) != 0);
                let own: Vec<String> = own
                    .map(|place| format!(r#"{{"name": "s", "agentKey": "ticket.{}"}}"#, STEPS[place]))
                    .collect();
                let body = format!(
                    r#"{{"name": "{name}", "pricePerOutcome": "{}.{:09}", "steps": [{}]}}"#,
                    price / 1_000_000_000, price % 1_000_000_000, own.join(",")
                );
                if before != name {
                    let edit = Edit::Remove(Section::Outcomes, before.to_string());
                    desk.catalog = desk.catalog.edited(&edit).unwrap();
                }
                let edit = Edit::Put(parse_entry(Section::Outcomes, &body).unwrap());
                desk.catalog = desk.catalog.edited(&edit).unwrap();
                continue;
            }
            let mut more = String::new();
            if run > 0 {
                more.push_str(&format!(r#", "runId": "r{run}""#));
            }
            if complete {
                more.push_str(r#", "complete": true"#);
            }
            let sent = desk.send(&[&step(&format!("k{number}"), STEPS[step_at], &more)]).remove(0);
            let Ok(logged) = sent else {
                // A step that neither the catalog nor the run knows.
                let code = sent.unwrap_err().code;
                proptest::prop_assert_eq!(code, Code::UnknownKey);
                proptest::prop_assert!(steps & (1 << step_at) == 0);
                continue;
            };
            let billed = logged.entry.amount.negated().minor_units();
            proptest::prop_assert!(prices.contains(&billed), "{}", billed);
            if run > 0 {
                let opened_at = *opened.entry(run).or_insert(price);
                let bills = complete && ended.insert(run);
                proptest::prop_assert_eq!(billed, if bills { opened_at } else { 0 });
            }
        }
        // What is complete is what was billed.
        let due: i64 = desk.rows.runs.iter().filter(|run| run.complete).map(|run| {
            run.terms.as_ref().unwrap().outcome.price.amount().minor_units()
        }).sum();
        let left = desk.account.balance(&Unit::usd(), desk.now).unwrap().posted.minor_units();
        proptest::prop_assert_eq!(9_000_000_000_000 - left, due);
    }
}
