//! When the alarm rings: memory that is lost, a directory that hangs, and a disk that cannot fold.

use super::*;

#[test]
fn who_calls_less_often_than_memory_lasts_is_reported_in_time() {
    let slow = PaceConfig { delay: Duration::from_secs(600), ..REPORTING };
    let mut world = World::new();
    world.ledger = Ledger::new(world.disk.clone(), slow);
    charge(&world, 0);
    let due = world.now.plus(slow.delay);
    let post = Post::new(world.now);
    for call in 1..20 {
        world.now = world.now.plus(Duration::from_secs(300));
        post.now.set(world.now);
        if world.disk.alarm().is_some_and(|due| due <= world.now) {
            finish(world.ledger.alarm(&post)).unwrap();
        }
        world.ledger = Ledger::new(world.disk.clone(), slow);
        world.disk.statements();
        world.balance().unwrap();
        let statements = world.disk.statements();
        assert!(statements.iter().all(|sql| sql.starts_with("SELECT")), "{statements:?}");
        assert_eq!(world.disk.alarm(), (call == 1).then_some(due), "call {call}");
    }
    assert_eq!(*post.reports.borrow(), [(0, 1)]);
    // Charging each time is no different: the first entry that is not reported sets the moment.
    let first = world.now;
    for number in 1..3 {
        charge(&world, number);
        assert_eq!(world.disk.alarm(), Some(first.plus(slow.delay)), "charge {number}");
        world.now = world.now.plus(Duration::from_secs(300));
        world.ledger = Ledger::new(world.disk.clone(), slow);
    }
    // One that has been lost comes at once.
    world.disk.lose_alarm();
    world.now = first.plus(slow.delay + Duration::from_secs(60));
    world.ledger = Ledger::new(world.disk.clone(), slow);
    world.balance().unwrap();
    assert_eq!(world.disk.alarm(), Some(world.now.plus(Duration::from_millis(1))));
}

#[test]
fn coming_back_to_memory_shortens_no_pause() {
    let mut world = reporting_world();
    charge(&world, 0);
    let post = Post::new(world.now);
    post.applied.set(None);
    for number in 1..12 {
        finish(world.ledger.alarm(&post)).unwrap();
        let due = world.disk.alarm().unwrap();
        let pause = due.since(world.now);
        for part in 0..3 {
            world.ledger = Ledger::new(world.disk.clone(), REPORTING);
            charge(&world, 10 * number + part);
            assert_eq!(world.disk.alarm(), Some(due), "failure {number}");
            world.now = world.now.plus(pause / 4);
        }
        world.now = due;
        post.now.set(due);
    }
    assert_eq!(post.logged.get(), 11, "one attempt a pause");
    post.applied.set(Some(0));
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!((post.applied.get(), world.disk.alarm()), (Some(34), None));
}

#[test]
fn a_directory_that_hangs_is_left_alone_after_the_wait() {
    let world = reporting_world();
    charge(&world, 0);
    let post = Post::new(world.now);
    post.applied.set(None);
    post.hangs.set(Duration::from_secs(10));
    for failure in 0..5 {
        finish(world.ledger.alarm(&post)).unwrap();
        let due = world.disk.alarm().unwrap();
        let half = Duration::from_millis(500 << failure);
        assert!(due >= post.now.get().plus(half), "failure {failure}");
        post.now.set(due);
    }
}

#[test]
fn days_that_cannot_be_folded_keep_nothing_from_being_reported() {
    let mut world = reporting_world();
    for number in 0..=600 {
        charge(&world, number);
    }
    world.disk.raw("DROP TABLE days").unwrap();
    let post = Post::new(world.now);
    let mut pauses = Vec::new();
    for failure in 1..12 {
        finish(world.ledger.alarm(&post)).unwrap();
        assert_eq!(post.applied.get(), Some(600 + u64::from(failure)));
        assert_eq!(post.logged.get(), failure);
        let due = world.disk.alarm().unwrap();
        pauses.push(due.since(world.now));
        charge(&world, 1_000 + u64::from(failure));
        world.balance().unwrap();
        assert_eq!(world.disk.alarm(), Some(due), "no call hurries it");
        world.now = due;
        post.now.set(due);
    }
    assert!(pauses[0] <= Duration::from_secs(1), "{pauses:?}");
    let longest = Duration::from_secs(300);
    assert!(pauses[10] >= longest / 2 && pauses[10] <= longest, "{pauses:?}");
    world.disk.raw(schema::DAYS).unwrap();
    finish(world.ledger.alarm(&post)).unwrap();
    assert_eq!((post.logged.get(), world.disk.alarm()), (11, None));
    assert_eq!(usage(&world, "period=last_7_days")["data"][6]["consumed"], 612);
}

#[test]
fn an_attempt_that_ends_with_the_process_is_made_again_by_the_next_call() {
    let mut world = reporting_world();
    charge(&world, 0);
    world.now = world.disk.alarm().unwrap();
    let post = Post::new(world.now);
    assert!(world.ledger.wake(world.now, &mut post.jitter()).unwrap().is_some());
    let meanwhile = world.now.plus(Duration::from_secs(10));
    assert!(world.disk.alarm() > Some(meanwhile), "an attempt is given its time");
    world.ledger = Ledger::new(world.disk.clone(), REPORTING);
    world.balance().unwrap();
    assert_eq!(world.disk.alarm(), Some(world.now.plus(Duration::from_millis(1))));
}
