//! Calls from their hold to their settlement.

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::{micro, opened};
use crate::meter::{ABSENT, DESK, Due, MAX_HOLDS, Meter, NUMBERS, Settlement};

/// A meter at a micro-credit a byte of text: four times the rate for a token of four.
fn meter(held: i64, step: i64) -> Meter {
    let text = |minor: i64| micro(minor).decimal(crate::credits::Scale::CREDITS).to_string();
    let (held, step) = (text(held), text(step));
    let prices = [("price.input", "0"), ("price.output", "4")];
    let amounts = [prices[0], prices[1], ("hold", held.as_str()), ("progressEvery", step.as_str())];
    opened(&amounts, [0, ABSENT, 0, 0]).0
}

/// A report of all output so far.
fn report(meter: &mut Meter, output: i64) {
    let no = ABSENT;
    meter.report(&[0, no, no, output, no, no, 0, 0]);
}

/// The settlement of every hold, and of what is beyond them, in micro-credits.
fn settled(meter: &Meter) -> Vec<i64> {
    let holds = (0..MAX_HOLDS).filter(|index| meter.hold(*index) > 0).count();
    let part = |index| match meter.settle(index) {
        Some(Settlement::Capture(amount) | Settlement::Consume(amount)) => amount.minor_units(),
        Some(Settlement::Release) | None => 0,
    };
    (0..=holds).map(part).collect()
}

#[test]
fn the_first_use_is_told_at_once_and_then_every_half_step() {
    let mut meter = meter(1000, 100);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(4))), "a token at least: it was called");
    assert_eq!(meter.due(false), None);
    meter.see(53, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(56))));
    meter.see(48, 0);
    assert_eq!(meter.due(false), None, "48 since");
    meter.see(4, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(108))));
}

#[test]
fn a_report_replaces_the_estimate() {
    let mut meter = meter(1000, 100);
    meter.see(400, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(400))));
    report(&mut meter, 50);
    assert_eq!(meter.used(), micro(200));
    assert_eq!(meter.due(false), None, "the ledger does not take a report back");
    assert!(!meter.is_estimated());
    assert_eq!(settled(&meter), [200, 0], "and is charged what it was");
    meter.see(4, 0);
    assert!(meter.is_estimated());
    assert_eq!(meter.used(), micro(204));
}

#[test]
fn zeros_are_no_news_and_thoughts_are_counted_once() {
    let no = ABSENT;
    let mut meter = meter(1000, 100);
    meter.see(400, 0);
    meter.report(&[0, no, no, 0, no, 0, 0, 0]);
    assert_eq!(meter.used(), micro(400), "of what is not known until the end");
    // Google's first parts have thoughts and no candidates yet.
    let mut thinking =
        opened(&[("price.input", "0"), ("price.output", "4"), ("hold", "1")], [0; 4]).0;
    thinking.see(0, 400);
    thinking.report(&[10, no, no, no, 70, 80, 0, 1]);
    assert_eq!(thinking.tokens(), [10, 0, 0, 0, 70]);
    thinking.see(40, 0);
    thinking.report(&[10, no, no, no, 70, 90, 0, 1]);
    assert_eq!(thinking.tokens(), [10, 0, 0, 10, 70], "text that no report has");
}

#[test]
fn steps_grow_with_what_is_held() {
    let reports = |amounts: &[(&str, &str)], bytes: i64| {
        let mut meter = opened(amounts, [0, ABSENT, 0, 0]).0;
        let mut count = 0;
        for _ in 0..bytes / 4 {
            meter.see(4, 0);
            while let Some(due) = meter.due(false) {
                match due {
                    Due::Progress(_) => {
                        count += 1;
                        meter.acknowledged();
                    }
                    Due::Hold(_) => meter.held_more(true),
                }
            }
        }
        count
    };
    let price = [("price.input", "0"), ("price.output", "4")];
    let named = |hold, step| [price[0], price[1], ("hold", hold), ("progressEvery", step)];
    let usual = [price[0], price[1], ("hold", "0.001")];
    assert!((15..25).contains(&reports(&usual, 1000)), "a hold that is used up");
    // Five holds, their ends, and the provider's own.
    assert!(reports(&usual, 16_000) + 5 + 5 + 1 < 50, "one that was sixteen times too small");
    assert!(reports(&usual, 100_000) < 50, "one that was a hundred times too small");
    assert!(reports(&named("0.1", "0.000001"), 100_000) <= 201, "a step that is too small");
}

#[test]
fn a_part_waits_that_is_more_than_a_step_ahead() {
    let mut meter = meter(1000, 100);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(4))));
    meter.acknowledged();
    meter.see(60, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(60))), "on its way from here on");
    assert!(meter.pass(false), "56 ahead");
    assert_eq!(meter.bytes_of_a_step(), 100, "at a micro-credit a byte");
    meter.see(44, 0);
    assert!(meter.pass(false), "100 ahead");
    meter.see(4, 0);
    assert!(!meter.pass(false), "104 ahead");
    assert!(!meter.pass(false), "as long as nothing is known");
    meter.acknowledged();
    assert!(meter.pass(false), "48 ahead");
    assert_eq!(meter.due(false), None);
    meter.see(400, 0);
    assert!(!meter.pass(false), "448 ahead, and 48 of them were passed on before");
    assert!(meter.pass(true), "it has waited enough");
    assert_eq!(meter.due(false), Some(Due::Progress(micro(508))));
    meter.acknowledged();
    meter.see(800, 0);
    assert!(meter.pass(false), "a part that is more than a step, behind what is acknowledged");
}

#[test]
fn what_the_ledger_cannot_be_told_of_is_not_waited_for() {
    let mut meter = meter(100, 10);
    meter.see(150, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(100))));
    meter.acknowledged();
    assert!(!meter.pass(false), "while there may be another hold");
    assert_eq!(meter.due(false), Some(Due::Hold(micro(100))));
    meter.held_more(false);
    assert!(meter.pass(false));
    meter.see(500, 0);
    assert!(meter.pass(false));
}

#[test]
fn in_a_pause_all_is_told_and_what_was_lost_again() {
    let mut meter = meter(1000, 100);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(4))));
    meter.acknowledged();
    meter.see(8, 0);
    assert_eq!(meter.due(false), None);
    assert_eq!(meter.due(true), Some(Due::Progress(micro(8))));
    assert_eq!(meter.due(false), None);
    assert_eq!(meter.due(true), Some(Due::Progress(micro(8))), "it was lost");
    meter.acknowledged();
    assert_eq!(meter.due(true), None);
    let mut told = 0;
    for _ in 0..100 {
        meter.see(4, 0);
        told += i64::from(meter.due(true).is_some());
        meter.acknowledged();
    }
    assert_eq!(told, 6 + 7, "a stream that drips: so many pauses, and then half steps");
}

#[test]
fn more_is_held_when_all_is_used_and_as_much_again() {
    let mut meter = meter(100, 10);
    meter.see(400, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(100))));
    meter.acknowledged();
    assert_eq!(meter.due(false), Some(Due::Hold(micro(100))));
    meter.held_more(true);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(100))), "of the second");
    meter.acknowledged();
    assert_eq!(meter.due(false), Some(Due::Hold(micro(200))));
    meter.held_more(true);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(200))));
    assert_eq!(meter.due(false), None);
    assert_eq!(settled(&meter), [100, 100, 200, 0]);
    report(&mut meter, 30);
    assert_eq!(settled(&meter), [100, 20, 0, 0], "an estimate that was too high costs nothing");
}

#[test]
fn without_credits_for_more_the_rest_is_charged_in_the_end() {
    let mut meter = meter(100, 10);
    meter.see(130, 0);
    while let Some(due) = meter.due(false) {
        match due {
            Due::Hold(_) => meter.held_more(false),
            Due::Progress(_) => meter.acknowledged(),
        }
    }
    assert_eq!(settled(&meter), [100, 32], "33 tokens");
    assert_eq!(meter.due(false), None, "nobody asks again");
}

#[test]
fn a_hold_that_ended_by_its_rule_is_made_good() {
    let mut meter = meter(1000, 100);
    meter.see(800, 0);
    for (captured, rest) in [(800, None), (900, None), (300, Some(500)), (0, Some(800))] {
        let mut late = meter.clone();
        late.ended(0, captured);
        let expected = rest.map(|rest| Settlement::Consume(micro(rest)));
        assert_eq!(late.settle(1), expected, "{captured} were taken");
    }
}

#[test]
fn a_report_that_was_lost_is_told_again_before_more_is_held() {
    let mut meter = meter(100, 10);
    meter.see(104, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(100))));
    assert_eq!(meter.due(false), None, "no answer: it may not be known that the first is used up");
    meter.see(4, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(100))), "half a step later");
    meter.see(8, 0);
    assert_eq!(meter.due(false), None, "a ledger that is away is not asked all the time");
    meter.see(8, 0);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(100))), "an eighth later");
    meter.acknowledged();
    assert_eq!(meter.due(false), Some(Due::Hold(micro(100))));
    meter.held_more(true);
    assert_eq!(meter.due(false), Some(Due::Progress(micro(24))), "of the second");
}

#[test]
fn a_call_has_so_many_holds_and_no_more() {
    let mut meter = meter(1, 1);
    meter.see(1_000_000, 0);
    let mut holds = 1;
    for _ in 0..1000 {
        match meter.due(false) {
            Some(Due::Hold(_)) => {
                meter.held_more(true);
                holds += 1;
            }
            _ => meter.acknowledged(),
        }
    }
    assert_eq!(holds, MAX_HOLDS);
    assert_eq!(meter.settle(MAX_HOLDS), Some(Settlement::Consume(micro(1_000_000 - 128))));
}

/// What may happen to a call.
#[derive(Clone, Debug)]
enum Step {
    See(i64),
    Report(i64),
    Pump { granted: bool, answered: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3000_i64).prop_map(Step::See),
        1 => (0..3000_i64).prop_map(Step::Report),
        8 => any::<(bool, bool)>()
            .prop_map(|(granted, answered)| Step::Pump { granted, answered }),
    ]
}

proptest! {
    /// Whatever happens: the ledger is told only more, of what is held; when nothing is due it is less
    /// than half a step behind what the holds cover; and in the end exactly what was used is paid.
    #[test]
    fn the_ledger_follows(
        held in 1..5000_i64,
        every in 1..500_i64,
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut meter = meter(held, every);
        let (mut told, mut told_before, mut known) = (0, 0, 0);
        for step in steps {
            match step {
                Step::See(bytes) => meter.see(bytes, 0),
                Step::Report(output) => report(&mut meter, output),
                Step::Pump { granted, answered } => match meter.due(false) {
                    Some(Due::Hold(amount)) => {
                        let all: i64 = (0..MAX_HOLDS).map(|index| meter.hold(index)).sum();
                        prop_assert_eq!(known, all, "the one before is used up, and known to be");
                        prop_assert_eq!(amount.minor_units(), all);
                        meter.held_more(granted);
                        if granted {
                            told_before = all;
                        }
                    }
                    Some(Due::Progress(amount)) => {
                        let now = told_before + amount.minor_units();
                        prop_assert!(now > known, "only what is not known");
                        told = told.max(now);
                        if answered {
                            known = now;
                            meter.acknowledged();
                        }
                    }
                    None => {
                        let all: i64 = (0..MAX_HOLDS).map(|index| meter.hold(index)).sum();
                        let behind = meter.used().minor_units().min(all) - told;
                        let step = every.max(all / 100);
                        prop_assert!(behind < (step / 2).max(1), "{behind} behind");
                    }
                },
            }
        }
        prop_assert_eq!(settled(&meter).iter().sum::<i64>(), meter.used().minor_units());
        for index in 0..MAX_HOLDS {
            if let Some(Settlement::Capture(part)) = meter.settle(index) {
                prop_assert!(part.is_positive());
                prop_assert!(part.minor_units() <= meter.hold(index) || meter.hold(index) == 0);
            }
        }
        prop_assert!(meter.0.iter().all(|number| number.unsigned_abs() < 1 << 53));
    }

    /// However late the ledger answers: what was passed on is a step ahead of it at most, or one part.
    #[test]
    fn what_was_passed_on_is_a_step_ahead(
        every in 1..500_i64,
        parts in proptest::collection::vec((1..600_i64, 0..4_u32), 0..80),
    ) {
        let mut meter = meter(100_000, every);
        let step = every.max(1000);
        let (mut told, mut acknowledged) = (None, 0);
        let pump = |meter: &mut Meter, told: &mut Option<i64>| {
            if told.is_none() && let Some(Due::Progress(amount)) = meter.due(false) {
                *told = Some(amount.minor_units());
            }
        };
        for (bytes, mut answers) in parts {
            let before = meter.used().minor_units();
            meter.see(bytes, 0);
            let part = meter.used().minor_units() - before;
            pump(&mut meter, &mut told);
            while answers > 0 || !meter.pass(false) {
                let Some(answered) = told.take() else {
                    prop_assert!(answers > 0, "nothing is on its way that is waited for");
                    break;
                };
                acknowledged = answered;
                answers = answers.saturating_sub(1);
                meter.acknowledged();
                pump(&mut meter, &mut told);
            }
            meter.pass(false);
            let ahead = meter.used().minor_units() - acknowledged;
            prop_assert!(ahead <= step.max(part), "{ahead} ahead");
        }
    }

    /// A shell may lay anything on the desk and ask anything: the meter stays one.
    #[test]
    fn any_question_is_answered(
        questions in proptest::collection::vec((0..9_u32, proptest::array::uniform10(-2..i64::MAX)), 0..30),
    ) {
        let mut meter = meter(1000, 10);
        for (question, desk) in questions {
            for (place, number) in meter.0.iter_mut().zip(desk) {
                *place = number;
            }
            let answer = meter.ask(question);
            let kind = meter.0[8];
            prop_assert_eq!(answer.is_some(), kind > 0);
            prop_assert!((0..=5).contains(&kind));
            prop_assert!(meter.0.iter().all(|number| (-1..1 << 53).contains(number)));
            prop_assert!(meter.0.len() == NUMBERS && DESK == 10);
        }
    }
}
