//! Holds that were placed upstream until lately: how long they are looked for there.

use core::time::Duration;

use super::desk::Desk;
use crate::cache::Store as _;
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

impl Desk {
    fn places_there(&mut self) {
        self.keeper.places_there(&self.owner, self.now).unwrap();
    }

    fn may_be_there(&mut self) -> bool {
        self.keeper.may_be_there(&self.owner, self.now).unwrap()
    }

    fn noted(&self) -> Option<Timestamp> {
        self.keeper.store().load().unwrap()?.head.placed_there
    }
}

#[test]
fn holds_are_looked_for_there_while_one_may_last() {
    let mut desk = Desk::new();
    assert!(!desk.may_be_there());
    // Before any balance was read, too.
    desk.places_there();
    assert!(desk.may_be_there());
    desk.read(10, Some(1));
    desk.restart();
    desk.later(25 * HOUR - Duration::from_millis(1));
    assert!(desk.may_be_there());
    desk.later(Duration::from_millis(1));
    assert!(!desk.may_be_there());
}

#[test]
fn an_upstream_that_has_none_is_not_asked() {
    let mut desk = Desk::new();
    desk.places_there();
    desk.read(10, None);
    assert!(!desk.may_be_there());
    desk.read(10, Some(1));
    assert!(desk.may_be_there());
}

#[test]
fn it_is_noted_once_an_hour_and_not_by_a_clock_ahead() {
    let mut desk = Desk::new();
    let begun = desk.now;
    desk.places_there();
    desk.later(HOUR - Duration::from_millis(1));
    desk.places_there();
    assert_eq!(desk.noted(), Some(begun));
    desk.later(Duration::from_millis(1));
    desk.places_there();
    assert_eq!(desk.noted(), Some(desk.now));
    // The clock was an hour ahead: from now on it is as of now, and until then it counts.
    desk.now = begun;
    assert!(desk.may_be_there());
    desk.places_there();
    assert_eq!(desk.noted(), Some(begun));
}
