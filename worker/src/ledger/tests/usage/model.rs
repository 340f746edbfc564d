//! Signals, grants, restarts and a failing disk in any order, beside a book that shares no arithmetic
//! with the ledger: what each call is told, what is left and what is counted must be the same.

use std::collections::BTreeMap;

use super::*;

/// The next of a series that repeats for a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What a customer should have, in millionths of an API credit and in 10^-9 USD.
#[derive(Default)]
struct Book {
    api: u64,
    usd: u64,
    /// Signals taken: what they were, and what they were told.
    taken: BTreeMap<String, (String, String)>,
    /// Named runs that are complete.
    complete: Vec<String>,
    /// How many runs were billed.
    bills: u32,
}

/// A signal of a script.
struct Step {
    key: String,
    body: String,
    input: u64,
    output: u64,
    kind: u64,
    run: Option<String>,
    last: bool,
    complete: bool,
}

impl Step {
    fn draw(dice: &mut Dice) -> Self {
        let (key, kind) = (format!("k{}", dice.below(60)), dice.below(3));
        let (input, output) = (1_000 * dice.below(3), 500 * dice.below(2));
        let run = (dice.below(2) == 0).then(|| format!("r{}", dice.below(4)));
        let (last, complete) = (dice.below(3) == 0, dice.below(3) == 0);
        let mut more = String::new();
        let what = match kind {
            0 => r#""type":"credit","agentKey":"api""#.to_owned(),
            1 => r#""type":"wallet""#.to_owned(),
            _ => {
                if let Some(run) = &run {
                    more.push_str(&format!(r#","runId":"{run}""#));
                }
                if complete {
                    more.push_str(r#","complete":true"#);
                }
                format!(
                    r#""type":"outcome","agentKey":"{}""#,
                    if last { "answer" } else { "triage" }
                )
            }
        };
        let body = format!(
            r#"{{"customerId":"cus_1",{what},"model":"m","inputTokens":{input},"outputTokens":{output},"idempotencyKey":"{key}"{more}}}"#
        );
        Self { key, body, input, output, kind, run, last, complete }
    }
}

impl Book {
    /// What the ledger must say to a signal.
    fn expect(&mut self, step: &Step) -> String {
        if let Some((body, told)) = self.taken.get(&step.key) {
            let known = if *body == step.body {
                format!("{told} again")
            } else {
                "idempotency_key_reused".to_owned()
            };
            return known;
        }
        // 1 and 2 USD per million are 1 000 and 2 000 nano-dollars a token; 30 % on top, at a cent a
        // credit, are 130 and 260 millionths of a credit.
        let told = match step.kind {
            0 => {
                let credits = 130 * step.input + 260 * step.output;
                if credits > self.api {
                    return "insufficient_credits".to_owned();
                }
                self.api -= credits;
                format!("{} left {}", decimal(credits, 6), decimal(self.api, 6))
            }
            1 => match self.pay(1_000 * step.input + 2_000 * step.output) {
                Some(told) => told,
                None => return "insufficient_credits".to_owned(),
            },
            _ => {
                let is_over = step.run.as_ref().is_some_and(|run| self.complete.contains(run));
                let ends = step.complete || (step.run.is_none() && step.last);
                let bill = if ends && !is_over { 990_000_000 } else { 0 };
                let Some(told) = self.pay(bill) else { return "insufficient_credits".to_owned() };
                if bill > 0 {
                    self.bills += 1;
                    self.complete.extend(step.run.clone());
                }
                told
            }
        };
        self.taken.insert(step.key.clone(), (step.body.clone(), told.clone()));
        told
    }

    fn pay(&mut self, nano: u64) -> Option<String> {
        self.usd = self.usd.checked_sub(nano)?;
        Some(format!("{} left {}", decimal(nano, 9), decimal(self.usd, 9)))
    }
}

/// As JSON writes it.
fn decimal(units: u64, decimals: u32) -> String {
    let one = 10_u64.pow(decimals);
    let width = usize::try_from(decimals).unwrap();
    let text = format!("{}.{:0width$}", units / one, units % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[test]
fn whatever_happens_the_ledger_says_what_the_book_says() {
    let (mut told, mut failed, mut bills) = (BTreeMap::<String, u32>::new(), 0, 0);
    for seed in 0..25 {
        let mut dice = Dice(seed);
        let (mut world, mut book) = (World::new(), Book::default());
        for number in 0..80 {
            if dice.below(10) == 0 {
                let (unit, amount) =
                    if dice.below(2) == 0 { ("api", "0.5") } else { ("usd", "1.2") };
                let body = format!(
                    r#"{{"amount":{amount},"unit":"{unit}","type":"topup","idempotency_key":"g{number}"}}"#
                );
                world.add(&body).unwrap();
                if unit == "api" { book.api += 500_000 } else { book.usd += 1_200_000_000 }
            }
            let steps: Vec<Step> = (0..=dice.below(4)).map(|_| Step::draw(&mut dice)).collect();
            let bodies: Vec<&str> = steps.iter().map(|step| step.body.as_str()).collect();
            if dice.below(4) == 0 {
                world.disk.fail_after(usize::try_from(dice.below(12)).unwrap());
            }
            let mut answers = world.send(&bodies);
            world.disk.heal();
            if dice.below(4) == 0 {
                world.restart();
            }
            if answers.is_err() {
                failed += 1;
                answers = world.send(&bodies);
            }
            let expected: Vec<String> = steps.iter().map(|step| book.expect(step)).collect();
            assert_eq!(answers.unwrap(), expected, "seed {seed}, batch {number}: {bodies:?}");
            for word in expected {
                let kind = word.split(' ').next_back().unwrap();
                let kind = if kind.starts_with(|first: char| first.is_ascii_digit()) {
                    "taken"
                } else {
                    kind
                };
                *told.entry(kind.to_owned()).or_default() += 1;
            }
        }
        let page = world.usage_page("");
        assert_eq!(page["totals"]["signals"], book.taken.len());
        for (unit, left, decimals) in [("api", book.api, 6), ("usd", book.usd, 9)] {
            let query = parse_balance_query(&format!("unit={unit}")).unwrap();
            let balance = world.ledger.balance(&world.owner, world.now, &query).unwrap();
            let balance: Value = serde_json::from_str(&balance.body).unwrap();
            assert_eq!(balance["balance"].to_string(), decimal(left, decimals), "seed {seed}");
        }
        bills += book.bills;
    }
    // The scripts have met everything that they are about.
    assert!(told["taken"] > 500 && told["again"] > 30, "{told:?}");
    assert!(told["insufficient_credits"] > 100 && told["idempotency_key_reused"] > 100, "{told:?}");
    assert!(failed > 100 && bills > 30, "{failed} failures, {bills} bills");
}
