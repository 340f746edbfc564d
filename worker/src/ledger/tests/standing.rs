//! A customer's plan and a customer's end, on SQLite: through restarts and failing disks.

use edge_credits_core::ledger::{MAX_OPEN_GRANTS, Rejection};
use edge_credits_core::plan::Plan;
use edge_credits_core::wire::rejections::to_error;

use super::*;

const PRO: &str = r#"{"name":"Pro","included":[{"amount":100},{"unit":"images","amount":5}]}"#;
const DAILY: &str = r#"{"name":"Daily","period":"day","included":[{"amount":10}]}"#;
const GATE: &str = r#"{"amount":10,"on_insufficient":"reject"}"#;

impl World {
    fn plan(&self, body: Option<&str>) -> Result<Value, Failure> {
        let plan = body.map(|body| Plan::parse(body, self.now).unwrap());
        let answer = self.ledger.set_plan(&self.owner, self.now, plan)?;
        Ok(serde_json::from_str::<Value>(&answer.body).unwrap()["plan"].take())
    }

    fn told_plan(&self) -> Value {
        let answer = self.ledger.plan(&self.owner, self.now).unwrap();
        serde_json::from_str::<Value>(&answer.body).unwrap()["plan"].take()
    }

    fn close(&self) -> Result<(), Failure> {
        self.ledger.close(&self.owner, self.now, &self.config)
    }
}

#[test]
fn a_plan_gives_at_once_and_no_more_in_its_period() {
    let mut world = World::new();
    assert_eq!(world.told_plan(), Value::Null);
    let plan = world.plan(Some(PRO)).unwrap();
    assert_eq!(plan["periodEnd"], "2026-12-01T00:00:00.000Z");
    for hours in 0..3 {
        world.now = hour(hours);
        assert_eq!(world.plan(Some(PRO)).unwrap()["since"], "2026-11-22T00:00:00.000Z");
        world.restart();
    }
    assert_eq!(world.told_plan(), plan);
    assert_eq!(world.balance().unwrap(), "100");
    assert_eq!(world.plan(None).unwrap(), Value::Null);
    world.now = hour(24 * 30);
    world.restart();
    assert_eq!(world.balance().unwrap(), "0", "what was given has expired, and nothing follows");
}

#[test]
fn whoever_comes_first_in_a_period_finds_what_it_brings() {
    // The gate of the next day, whose predecessor left nothing: no alarm is due.
    let mut world = World::new();
    world.plan(Some(DAILY)).unwrap();
    for day in 0..4 {
        world.now = hour(24 * day + 1);
        world.restart();
        let gate = |key: &str| {
            let body = r#"{"amount":10,"on_insufficient":"reject","idempotency_key":"KEY"}"#;
            world.consume(&body.replace("KEY", &format!("{key}{day}")))
        };
        gate("first").unwrap();
        assert_eq!(code(gate("second")), Code::InsufficientCredits);
    }
    // A balance, after some days that nobody came.
    world.now = hour(24 * 9);
    assert_eq!(world.balance().unwrap(), "10");
    // The alarm, which the expiry of that grant has set.
    let due = world.disk.alarm().unwrap();
    assert_eq!(due, hour(24 * 10));
    world.now = due;
    world.alarm().unwrap();
    let given = world.page("type=adjustment&limit=100")["pagination"]["total"].clone();
    assert_eq!(given, 6, "the first day's, three more, the ninth's, and the alarm's");
}

#[test]
fn a_failing_disk_gives_a_period_once() {
    let mut failures = 0;
    for operations in 0..40 {
        let mut world = World::new();
        world.disk.fail_after(operations);
        failures += u32::from(world.plan(Some(PRO)).is_err());
        world.disk.heal();
        world.restart();
        world.plan(Some(PRO)).unwrap();
        world.restart();
        assert_eq!(world.balance().unwrap(), "100", "{operations}");
        world.now = hour(24 * 30);
        world.disk.fail_after(operations);
        let _ = world.consume(GATE);
        world.disk.heal();
        world.restart();
        let left = world.balance().unwrap();
        assert!(left == "100" || left == "90", "{operations}: {left}");
    }
    assert!(failures > 5, "{failures}");
}

#[test]
fn what_the_ledger_cannot_hold_keeps_nobody_from_anything_else() {
    let mut world = World::new();
    let three = r#"{"name":"Three","included":[{"amount":1},{"unit":"a","amount":1},{"unit":"b","amount":1}]}"#;
    world.plan(Some(three)).unwrap();
    world.consume(r#"{"amount":1,"unit":"b","idempotency_key":"b"}"#).unwrap();
    // Two grants of the plan are open, and as many others as may be.
    for number in 2..MAX_OPEN_GRANTS {
        let body = format!(r#"{{"amount":1,"type":"topup","idempotency_key":"t{number}"}}"#);
        world.add(&body).unwrap();
    }
    let other = world.plan(Some(r#"{"name":"Other","included":[{"amount":1}]}"#));
    assert_eq!(code(other), Code::TooManyGrants);
    assert_eq!(world.told_plan()["name"], "Three", "nobody is put on what cannot be given");
    // The next period's three find room for two: these are given, and a charge does not wait for the
    // third, which is over for this period.
    world.now = hour(24 * 30);
    world.consume(r#"{"amount":1,"idempotency_key":"c"}"#).unwrap();
    let given = |unit: &str| {
        world.page(&format!("type=adjustment&unit={unit}"))["pagination"]["total"].clone()
    };
    assert_eq!((given("credits"), given("a"), given("b")), (2.into(), 2.into(), 1.into()));
}

#[test]
fn an_end_releases_holds_and_refuses_what_is_new() {
    let mut world = World::new();
    world.add(r#"{"amount":100,"type":"topup","idempotency_key":"t"}"#).unwrap();
    let charge = world.consume(r#"{"amount":1,"idempotency_key":"c"}"#).unwrap();
    let hold = edge_credits_core::wire::holds::parse_hold(r#"{"amount":40}"#, &key()).unwrap();
    world.perform(&hold).unwrap();
    world.plan(Some(DAILY)).unwrap();
    assert_eq!(world.ledger.standing(&world.owner, world.now).unwrap(), Standing::Open);
    for _ in 0..2 {
        world.close().unwrap();
        world.restart();
    }
    assert_eq!(world.ledger.standing(&world.owner, world.now).unwrap(), Standing::Closed);
    assert_eq!(world.balance().unwrap(), "109", "the hold was released");
    for refused in
        [world.consume(GATE), world.add(r#"{"amount":1,"type":"topup"}"#), world.plan(Some(PRO))]
    {
        assert_eq!(code(refused), Code::CustomerClosed);
    }
    let again = world.consume(r#"{"amount":1,"idempotency_key":"c"}"#).unwrap();
    assert_eq!(
        (&again["replayed"], &again["transaction_id"]),
        (&Value::Bool(true), &charge["transaction_id"])
    );
    // What is due still falls due; the plan brings nothing more.
    world.now = hour(24 * 3);
    world.alarm().unwrap();
    assert_eq!(world.balance().unwrap(), "99");
    assert_eq!(to_error(&Rejection::Closed, &world.owner.customer).code, Code::CustomerClosed);
}

#[test]
fn who_has_no_entries_can_end_too() {
    let mut world = World::new();
    assert_eq!(world.ledger.standing(&world.owner, world.now).unwrap(), Standing::Empty);
    world.close().unwrap();
    world.restart();
    assert_eq!(code(world.add(r#"{"amount":1,"type":"topup"}"#)), Code::CustomerClosed);
}

#[test]
fn an_end_is_complete_or_can_be_repeated_whatever_the_disk_does() {
    let mut failures = 0;
    for operations in 0..40 {
        let mut world = World::new();
        world.add(r#"{"amount":100,"type":"topup","idempotency_key":"t"}"#).unwrap();
        for number in 0..3 {
            let body = format!(r#"{{"amount":10,"idempotency_key":"h{number}"}}"#);
            let hold = edge_credits_core::wire::holds::parse_hold(&body, &key()).unwrap();
            world.perform(&hold).unwrap();
        }
        world.disk.fail_after(operations);
        failures += u32::from(world.close().is_err());
        world.disk.heal();
        world.restart();
        world.close().unwrap();
        assert_eq!(world.balance().unwrap(), "100");
        assert_eq!(code(world.consume(GATE)), Code::CustomerClosed);
    }
    assert!(failures > 5, "{failures}");
}
