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
