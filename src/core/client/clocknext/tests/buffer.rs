use crate::client::clocknext::buffer::{Backlog, MAX_BATCH_SIGNALS, Next, Server, refusal};
use crate::time::Timestamp;

const NOW: i64 = 1_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Three signals that wait for a second, at the defaults.
const SOME: Backlog = Backlog {
    waiting: 3,
    sending: 0,
    since: Timestamp::from_millis(NOW - 1_000),
    flushing: false,
    tried: false,
    deadline: None,
    server: Server::Other,
    max_size: 20,
    max_interval_ms: 2_000,
    max_concurrency: 5,
};

fn next(backlog: Backlog) -> Next {
    backlog.next(at(NOW))
}

#[test]
fn a_few_wait_for_others_until_the_interval_is_over() {
    assert_eq!(next(SOME), Next::Wait(Some(at(NOW + 1_000))));
    assert_eq!(SOME.next(at(NOW + 999)), Next::Wait(Some(at(NOW + 1_000))));
    assert_eq!(SOME.next(at(NOW + 1_000)), Next::Send(1));
    // The clock has stepped back behind the signal.
    assert_eq!(SOME.next(at(NOW - 1_001)), Next::Send(1));
    // The host's time ends first.
    let short = Backlog { deadline: Some(at(NOW + 300)), ..SOME };
    assert_eq!(next(short), Next::Wait(Some(at(NOW + 300))));
}

#[test]
fn as_many_as_the_size_or_a_flush_go_at_once() {
    assert_eq!(next(Backlog { waiting: 19, ..SOME }), Next::Wait(Some(at(NOW + 1_000))));
    assert_eq!(next(Backlog { waiting: 20, ..SOME }), Next::Send(1));
    assert_eq!(next(Backlog { waiting: 1, flushing: true, ..SOME }), Next::Send(1));
}

#[test]
fn so_many_requests_at_a_time() {
    let flush = Backlog { flushing: true, ..SOME };
    assert_eq!(next(Backlog { sending: 4, ..flush }), Next::Send(1));
    assert_eq!(next(Backlog { sending: 5, ..flush }), Next::Wait(None));
    let deadline = Some(at(NOW + 7));
    assert_eq!(next(Backlog { sending: 5, deadline, ..flush }), Next::Wait(deadline));
}

#[test]
fn our_own_server_takes_them_together() {
    let ours = Backlog { flushing: true, server: Server::Ours, ..SOME };
    assert_eq!(next(ours), Next::Send(3));
    assert_eq!(next(Backlog { waiting: 250, ..ours }), Next::Send(MAX_BATCH_SIGNALS));
    assert_eq!(next(Backlog { sending: 5, ..ours }), Next::Wait(None));
}

#[test]
fn a_server_that_is_not_known_gets_one_first() {
    let unknown = Backlog { flushing: true, server: Server::Unknown, ..SOME };
    assert_eq!(next(unknown), Next::Send(1));
    assert_eq!(next(Backlog { sending: 1, ..unknown }), Next::Wait(None));
    // Its first try has failed: the others are not kept waiting for its second.
    assert_eq!(next(Backlog { sending: 1, tried: true, ..unknown }), Next::Send(1));
    assert_eq!(next(Backlog { sending: 5, tried: true, ..unknown }), Next::Wait(None));
}

#[test]
fn at_the_deadline_what_waits_is_dropped() {
    let over = Backlog { deadline: Some(at(NOW)), sending: 2, ..SOME };
    assert_eq!(next(over), Next::Expire);
    // What is under way ends by itself.
    assert_eq!(next(Backlog { waiting: 0, ..over }), Next::Wait(None));
    assert_eq!(next(Backlog { waiting: 0, sending: 0, ..over }), Next::Rest);
}

#[test]
fn a_full_queue_takes_no_more() {
    assert_eq!(refusal(9_999, 10_000), None);
    assert_eq!(refusal(10_000, 10_000), Some("queue_full"));
}
