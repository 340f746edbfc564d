//! Holds that are local to the cache, as a table test reads: placed against the snapshot, ended once.

use std::borrow::ToOwned as _;
use std::string::{String, ToString as _};
use std::vec::Vec;

use super::desk::{Desk, applied, credits, word};
use crate::cache::stored::{LOCAL_HOLD_COLUMNS, local_hold_from_row, local_hold_to_row};
use crate::cache::{
    Cache, HoldReceipt, HoldRefusal, HoldsAt, LocalHold, MAX_OPEN_CHARGES, Step, Store as _,
    Stored, TookHold,
};
use crate::credits::Scale;
use crate::idempotency::IdempotencyKey;
use crate::ids::{TransactionId, Unit};
use crate::ledger::{
    Adjust, CallDetails, Capture, Command, HoldState, MAX_OPEN_HOLDS, OnExpiry, Place, Rejection,
    Release,
};
use core::time::Duration;

mod bounds;

const MINUTE: Duration = Duration::from_secs(60);

fn call(key: &str) -> CallDetails {
    let key = IdempotencyKey::parse(key).unwrap();
    CallDetails { key, description: Some("AI: chat".to_owned()), metadata: None }
}

fn of(key: &str, whole: i64) -> Place {
    let (unit, amount) = (Unit::credits(), credits(whole));
    let on_expiry = OnExpiry::CaptureProgress;
    Place { call: call(key), unit, amount, ttl: MINUTE, on_expiry }
}

impl Desk {
    fn place(&mut self, place: &Place) -> Step<TookHold> {
        let waited = self.waited();
        self.keeper.place(&self.owner, self.now, place, waited, &self.config).unwrap()
    }

    fn hold(&mut self, key: &str, whole: i64) -> HoldReceipt {
        granted(self.place(&of(key, whole)))
    }

    fn end(&mut self, command: &Command) -> Step<TookHold> {
        let waited = self.waited();
        self.keeper.end_hold(&self.owner, self.now, command, waited, &self.config).unwrap()
    }

    fn capture(&mut self, hold: &TransactionId, whole: Option<i64>) -> Step<TookHold> {
        let used = whole.map(|whole| (Unit::credits(), credits(whole)));
        let mut call = call("any");
        call.description = None;
        self.end(&Command::Capture(Capture { call, hold: hold.clone(), used }))
    }

    fn release(&mut self, hold: &TransactionId) -> Step<TookHold> {
        self.end(&Command::Release(Release { call: call("any"), hold: hold.clone() }))
    }

    fn progress(&mut self, hold: &TransactionId, whole: i64) -> Result<String, Rejection> {
        let change = Adjust::Progress { unit: Unit::credits(), used: credits(whole) };
        let told = self.keeper.adjust_hold(&self.owner, self.now, (hold, &change)).unwrap()?;
        Ok(told.progress.unwrap().decimal(Scale::CREDITS).to_string())
    }

    fn expire(&mut self) -> bool {
        self.keeper.end_due_holds(&self.owner, self.now).unwrap()
    }

    fn state(&mut self, hold: &TransactionId) -> (HoldState, String) {
        let (hold, _) = self.keeper.hold(&self.owner, self.now, hold).unwrap().unwrap();
        (hold.state, hold.captured.decimal(Scale::CREDITS).to_string())
    }

    fn bodies(&self) -> Vec<String> {
        let rows = self.keeper.store().open(0, 100).unwrap();
        rows.into_iter().map(|row| row.body).collect()
    }

    fn load(&self, change: impl FnOnce(&mut Stored)) -> bool {
        let mut stored = self.keeper.store().load().unwrap().unwrap();
        change(&mut stored);
        Cache::load(stored).is_ok()
    }
}

fn granted(step: Step<TookHold>) -> HoldReceipt {
    match step {
        Step::Done { answer: Ok(receipt), .. } => receipt,
        other => panic!("{other:?}"),
    }
}

fn rule(step: Step<TookHold>) -> Rejection {
    match step {
        Step::Done { answer: Err(HoldRefusal::Rule(rejection)), .. } => rejection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn six_of_twenty_fit_the_snapshot() {
    let mut desk = Desk::with_balance(500);
    let mut open = 0;
    for number in 0..20 {
        match desk.place(&of(&std::format!("h{number}"), 75)) {
            Step::Done { answer: Ok(_), .. } => open += 1,
            Step::ReadFirst => {
                desk.read(500, Some(11));
                let waited = crate::cache::Waited { arrived: 0, in_vain: true };
                let place = of(&std::format!("h{number}"), 75);
                let again = desk.keeper.place(&desk.owner, desk.now, &place, waited, &desk.config);
                assert_eq!(word(&again.unwrap()), "insufficient");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((open, desk.available()), (6, "50".to_owned()));
    // Usage and gates know of what is held; a fresh balance, of which it is not a part, frees none.
    assert_eq!(word(&desk.gate("g", 51)), "read first");
    desk.read(500, Some(12));
    assert_eq!(desk.available(), "50");
    assert_eq!(word(&desk.gate("g", 50)), "done");
    desk.restart();
    assert_eq!(desk.available(), "0");
}

#[test]
fn a_capture_is_a_plain_charge_under_a_key_that_is_the_holds() {
    let mut desk = Desk::with_balance(100);
    let receipt = desk.hold("h", 75);
    let hold = receipt.hold.id.clone();
    assert_eq!((&receipt.transaction, receipt.hold.state), (&hold, HoldState::Open));
    assert_eq!(receipt.told.available, Some(credits(25)));
    let captured = granted(desk.capture(&hold, Some(30)));
    assert_eq!((desk.available(), captured.told.available), ("70".into(), Some(credits(70))));
    let bodies = desk.bodies();
    assert_eq!(bodies.len(), 1);
    let starts = r#"{"amount":30,"description":"AI: chat","idempotency_key":"txn_"#;
    assert!(bodies[0].starts_with(starts), "{bodies:?}");
    // The same again, under any key, is that answer; anything else is refused and changes nothing.
    let again = granted(desk.capture(&hold, Some(30)));
    assert_eq!(again, HoldReceipt { replayed: true, ..captured.clone() });
    assert_eq!(granted(desk.capture(&hold, None)).transaction, captured.transaction);
    let taken = credits(30);
    let ended =
        Rejection::HoldEnded { state: HoldState::Captured, unit: Unit::credits(), captured: taken };
    assert_eq!(rule(desk.capture(&hold, Some(31))), ended);
    assert_eq!(rule(desk.release(&hold)), ended);
    assert_eq!(desk.progress(&hold, 1), Err(ended.clone()));
    desk.restart();
    assert_eq!(rule(desk.release(&hold)), ended);
    assert_eq!(desk.bodies().len(), 1);
    // It leaves the outbox like any charge.
    let (token, positions) = desk.begin_send();
    desk.settle(token, &[(positions[0], applied(70, Some(11)))]);
    assert_eq!((desk.available(), desk.bodies().len()), ("70".into(), 0));
    assert_eq!(granted(desk.capture(&hold, Some(30))).transaction, captured.transaction);
}

#[test]
fn a_release_is_no_charge_and_nothing_is_captured_beyond_what_is_held() {
    let mut desk = Desk::with_balance(100);
    let hold = desk.hold("h", 75).hold.id;
    let held = credits(75);
    let too_much = Rejection::CaptureExceedsHold { unit: Unit::credits(), held };
    assert_eq!(rule(desk.capture(&hold, Some(76))), too_much);
    assert_eq!(desk.progress(&hold, 76), Err(too_much));
    let released = granted(desk.release(&hold));
    assert_eq!((desk.available(), released.hold.state), ("100".into(), HoldState::Released));
    assert_eq!(desk.bodies(), Vec::<String>::new());
    assert_eq!(granted(desk.capture(&hold, Some(0))).transaction, released.transaction);
    assert_eq!(
        rule(desk.capture(&TransactionId::from_digest(&[7; 16]), None)),
        Rejection::UnknownHold
    );
    let gpu = (Unit::parse("gpu").unwrap(), credits(1));
    let other = desk.hold("o", 5).hold.id;
    let command = Capture { call: call("c"), hold: other, used: Some(gpu) };
    let unit = Unit::credits();
    assert_eq!(rule(desk.end(&Command::Capture(command))), Rejection::OtherHoldUnit { unit });
}

#[test]
fn a_hold_whose_time_is_over_ends_by_its_rule_once() {
    let mut desk = Desk::with_balance(100);
    let told = desk.hold("told", 20).hold.id;
    assert_eq!(desk.progress(&told, 7), Ok("7".into()));
    assert_eq!(desk.progress(&told, 3), Ok("7".into()));
    let with = |on_expiry, key| Place { on_expiry, ..of(key, 20) };
    let all = granted(desk.place(&with(OnExpiry::CaptureAll, "all"))).hold.id;
    let none = granted(desk.place(&with(OnExpiry::Release, "none"))).hold.id;
    desk.progress(&none, 5).unwrap();
    desk.later(MINUTE);
    // Nobody has written it yet; it has ended all the same.
    assert_eq!(desk.state(&told), (HoldState::Expired, "7".into()));
    let captured = credits(7);
    let over = Rejection::HoldEnded { state: HoldState::Expired, unit: Unit::credits(), captured };
    assert_eq!(rule(desk.capture(&told, Some(7))), over);
    assert_eq!(desk.bodies().len(), 0);
    assert!(desk.expire());
    assert_eq!(desk.available(), "73");
    assert_eq!(desk.bodies().len(), 2);
    for _ in 0..2 {
        desk.restart();
        desk.expire();
        assert_eq!((desk.available(), desk.bodies().len()), ("73".into(), 2));
    }
    assert_eq!(desk.state(&all), (HoldState::Expired, "20".into()));
    assert_eq!(desk.state(&none), (HoldState::Expired, "0".into()));
    for late in [desk.capture(&told, Some(7)), desk.capture(&told, None), desk.release(&told)] {
        assert_eq!(rule(late), over);
    }
    assert_eq!(desk.progress(&told, 9), Err(over));
    // A clock that steps back revives nothing.
    desk.now = crate::time::Timestamp::from_millis(desk.now.as_millis() - 120_000);
    assert_eq!(desk.state(&told), (HoldState::Expired, "7".into()));
    assert_eq!(desk.bodies().len(), 2);
}

#[test]
fn the_key_stands_for_one_hold() {
    let mut desk = Desk::with_balance(100);
    let first = desk.hold("h", 75);
    desk.progress(&first.hold.id, 10).unwrap();
    assert_eq!(desk.hold("h", 75), HoldReceipt { replayed: true, ..first.clone() });
    granted(desk.release(&first.hold.id));
    desk.restart();
    assert_eq!(desk.hold("h", 75), HoldReceipt { replayed: true, ..first.clone() });
    let changes = [
        ("amount", Place { amount: credits(74), ..of("h", 75) }),
        ("ttl_ms", Place { ttl: 2 * MINUTE, ..of("h", 75) }),
        ("on_expiry", Place { on_expiry: OnExpiry::Release, ..of("h", 75) }),
    ];
    for (field, place) in changes {
        match desk.place(&place) {
            Step::Done {
                answer: Err(HoldRefusal::KeyReused { field: told, first: shown }),
                ..
            } => {
                assert_eq!((&*told, &shown.hold), (field, &first.hold));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(desk.available(), "100");
}

#[test]
fn the_alarm_is_never_later_than_the_first_hold_that_is_over() {
    let mut desk = Desk::with_balance(100);
    let begun = desk.now;
    let alarm = |desk: &Desk| desk.keeper.store().alarm().map(|due| due.since(begun).as_secs());
    let soon = desk.hold("soon", 10).hold.id;
    desk.hold("same", 10);
    assert_eq!(alarm(&desk), Some(60));
    granted(desk.place(&Place { ttl: 10 * MINUTE, ..of("long", 10) }));
    assert_eq!(alarm(&desk), Some(60));
    // A charge is watched over sooner; the alarm that fires for it is set for the hold again.
    desk.consume("c", 1);
    assert_eq!(alarm(&desk), Some(10));
    desk.later(Duration::from_secs(10));
    desk.keeper.wake(desk.now).unwrap();
    assert_eq!(alarm(&desk), Some(60));
    let (token, _) = desk.begin_send();
    assert_eq!(alarm(&desk), Some(40), "the conversation's");
    desk.settle(token, &[(1, applied(99, Some(11)))]);
    let extend = Adjust::Extend { ttl: 2 * MINUTE };
    desk.keeper.adjust_hold(&desk.owner, desk.now, (&soon, &extend)).unwrap().unwrap();
    desk.later(Duration::from_secs(30));
    assert!(!desk.keeper.wake(desk.now).unwrap());
    assert_eq!(alarm(&desk), Some(60));
    // Whatever is over when it fires is ended; until then the next alarm is near.
    desk.later(Duration::from_secs(20));
    desk.keeper.wake(desk.now).unwrap();
    assert_eq!(alarm(&desk), Some(70));
    assert!(!desk.expire(), "nothing of it was used");
    desk.later(Duration::from_secs(10));
    desk.keeper.wake(desk.now).unwrap();
    assert_eq!(alarm(&desk), Some(130), "the one that was extended");
    // An alarm that was lost is set again by a call; one that stands is left alone.
    assert!(!desk.keeper.watch(&desk.owner, desk.now, &desk.config).unwrap());
    assert_eq!(alarm(&desk), Some(130));
    desk.later(Duration::from_secs(122));
    desk.keeper.watch(&desk.owner, desk.now, &desk.config).unwrap();
    assert_eq!(alarm(&desk), Some(192));
}

#[test]
fn a_hold_is_a_gate_like_any_other() {
    let mut desk = Desk::new();
    assert_eq!(word(&desk.place(&of("h", 1))), "read first");
    let waited = crate::cache::Waited { arrived: 0, in_vain: true };
    let place = of("h", 1);
    let away = desk.keeper.place(&desk.owner, desk.now, &place, waited, &desk.config).unwrap();
    assert_eq!(word(&away), "unavailable");
    desk.read(10, None);
    desk.config.graceful_degradation = false;
    desk.later(Duration::from_secs(91));
    assert_eq!(word(&desk.place(&place)), "read first");
    let mut waited = desk.waited();
    waited.in_vain = true;
    let old = desk.keeper.place(&desk.owner, desk.now, &place, waited, &desk.config).unwrap();
    assert_eq!(word(&old), "stale");
    desk.config.graceful_degradation = true;
    let old = desk.keeper.place(&desk.owner, desk.now, &place, waited, &desk.config).unwrap();
    assert_eq!(granted(old).told.source, crate::cache::Source::Degraded);
}

#[test]
fn who_keeps_holds_follows_from_the_upstream_or_the_setting() {
    let mut desk = Desk::new();
    let at = |desk: &mut Desk| desk.keeper.holds_at(&desk.owner, &desk.config).unwrap();
    assert_eq!(at(&mut desk), None);
    desk.read(10, None);
    assert_eq!(at(&mut desk), Some(HoldsAt::Cache));
    desk.read(10, Some(1));
    assert_eq!(at(&mut desk), Some(HoldsAt::Upstream));
    desk.config.holds = HoldsAt::Cache;
    assert_eq!(at(&mut desk), Some(HoldsAt::Cache));
    for at in [HoldsAt::Auto, HoldsAt::Cache, HoldsAt::Upstream] {
        assert_eq!(HoldsAt::parse(at.as_str()), Some(at));
    }
}

#[test]
fn rows_survive_their_stored_form_and_contradictions_do_not_load() {
    let mut desk = Desk::with_balance(100);
    let ids: Vec<_> = (0..4).map(|n| desk.hold(&std::format!("h{n}"), 10).hold.id).collect();
    desk.progress(&ids[0], 3).unwrap();
    granted(desk.capture(&ids[1], Some(4)));
    granted(desk.release(&ids[2]));
    let locals: Vec<LocalHold> =
        ids.iter().map(|id| desk.keeper.store().hold(id).unwrap().unwrap()).collect();
    for local in &locals {
        let row = local_hold_to_row(local).unwrap();
        assert_eq!(row.len(), LOCAL_HOLD_COLUMNS.len());
        assert_eq!(local_hold_from_row(row.clone()).as_ref(), Ok(local));
        for column in 0..row.len() {
            let mut broken = row.clone();
            broken[column] = crate::ledger::stored::SqlValue::Text("a,b".into());
            if !["description", "metadata", "end_key"].contains(&LOCAL_HOLD_COLUMNS[column]) {
                assert!(local_hold_from_row(broken).is_err(), "{}", LOCAL_HOLD_COLUMNS[column]);
            }
        }
    }
    let refused = |change: &dyn Fn(&mut LocalHold)| {
        let mut local = locals[0].clone();
        change(&mut local);
        local_hold_from_row(local_hold_to_row(&local).unwrap()).is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|local| local.hold.captured = credits(1)));
    assert!(refused(&|local| local.hold.progress = Some(credits(11))));
    assert!(refused(&|local| local.hold.state = HoldState::Released));
    assert!(refused(&|local| local.hold.expires_at = local.hold.placed_at));
    assert!(desk.load(|_| {}));
    assert!(!desk.load(|stored| stored.units[0].held = credits(19)));
    assert!(!desk.load(|stored| stored.units[0].holds = 1));
    assert!(!desk.load(|stored| drop(stored.holds.pop())));
    assert!(!desk.load(|stored| stored.head.hold_due = None));
    assert!(!desk.load(|stored| stored.head.holds = 1));
    assert!(!desk.load(|stored| stored.holds[0].hold.state = HoldState::Released));
}
