//! Who is on the line, who waits for it, and the little that futures need for that.

use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use edge_credits_core::ids::Unit;
use edge_credits_core::time::Timestamp;

/// The line of one instance.
#[derive(Default)]
pub(crate) struct Line {
    /// How many drivers have begun; the last of them is the one that counts.
    drivers: Cell<u64>,
    /// While one is at work: until when it must have given a sign of life.
    busy_until: Cell<Option<Timestamp>>,
    /// The units whose balance somebody waits for.
    wanted: RefCell<Vec<Unit>>,
    /// The unit that is being read.
    reading: RefCell<Option<Unit>>,
    /// The last conversation that has read each unit, whatever came of it.
    read: RefCell<Vec<(Unit, u64)>>,
    /// How often the bell has rung: after each conversation, and when the driver ends.
    rings: Cell<u64>,
    listeners: RefCell<Vec<Waker>>,
}

impl Line {
    /// Begins a driver, unless one is at work; its number.
    pub(super) fn begin(&self, now: Timestamp, lease: Duration) -> Option<u64> {
        if self.is_busy(now, lease) {
            return None;
        }
        self.drivers.set(self.drivers.get() + 1);
        self.go_on_from(now, lease);
        Some(self.drivers.get())
    }

    /// Whether a driver is at work. One that has been silent for longer than a conversation may take
    /// was cut off; one that would be for longer than that lives by a clock that has stepped back.
    pub(super) fn is_busy(&self, now: Timestamp, lease: Duration) -> bool {
        self.busy_until
            .get()
            .is_some_and(|until| until > now && until.since(now) <= patience(lease))
    }

    /// A driver's sign of life.
    pub(super) fn go_on_from(&self, now: Timestamp, lease: Duration) {
        self.busy_until.set(Some(now.plus(patience(lease))));
    }

    /// Whether this driver is still the one that counts.
    pub(super) fn is_driven_by(&self, number: u64) -> bool {
        self.drivers.get() == number
    }

    /// A driver has ended. What is still wanted cannot be had now.
    pub(super) fn end(&self, number: u64) {
        if self.is_driven_by(number) {
            self.busy_until.set(None);
            self.wanted.take();
            self.reading.take();
        }
        self.ring();
    }

    /// Asks for a balance.
    pub(crate) fn want(&self, unit: &Unit) {
        let mut wanted = self.wanted.borrow_mut();
        if !wanted.contains(unit) {
            wanted.push(unit.clone());
        }
    }

    /// Asks for a balance in the background: one that is being read is good enough.
    pub(crate) fn want_newer(&self, unit: &Unit) {
        if self.reading.borrow().as_ref() != Some(unit) {
            self.want(unit);
        }
    }

    pub(super) fn first_wanted(&self) -> Option<Unit> {
        self.wanted.borrow().first().cloned()
    }

    /// A read has begun: who asks from now on wants the next one.
    pub(super) fn begin_read(&self, unit: &Unit) {
        self.wanted.borrow_mut().retain(|other| other != unit);
        self.reading.replace(Some(unit.clone()));
    }

    /// A read has ended.
    pub(super) fn end_read(&self, unit: &Unit, token: u64) {
        self.reading.take();
        let mut read = self.read.borrow_mut();
        read.retain(|(other, _)| other != unit);
        read.push((unit.clone(), token));
        drop(read);
        self.ring();
    }

    /// The last conversation that has read a unit; 0 when none has in this instance.
    pub(super) fn last_read(&self, unit: &Unit) -> u64 {
        let read = self.read.borrow();
        read.iter().find(|(other, _)| other == unit).map_or(0, |(_, token)| *token)
    }

    /// Lets everybody who waits look again.
    pub(super) fn ring(&self) {
        self.rings.set(self.rings.get() + 1);
        for listener in self.listeners.take() {
            listener.wake();
        }
    }

    /// Ends with the next ring after this call.
    pub(super) fn heard(&self) -> impl Future<Output = ()> + '_ {
        let before = self.rings.get();
        poll_fn(move |context| {
            if self.rings.get() != before {
                return Poll::Ready(());
            }
            let mut listeners = self.listeners.borrow_mut();
            if !listeners.iter().any(|listener| listener.will_wake(context.waker())) {
                listeners.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}

/// How long a driver may be silent: a conversation lasts no longer than its lease.
fn patience(lease: Duration) -> Duration {
    lease.saturating_mul(2)
}

/// What `work` comes to, if it ends before `limit` does.
pub(crate) async fn within<T>(
    limit: impl Future<Output = ()>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (mut limit, mut work) = (pin!(limit), pin!(work));
    poll_fn(|context: &mut Context<'_>| {
        if let Poll::Ready(value) = work.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        limit.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// What all of some works come to, in their order; they run at once.
pub(super) async fn all<T, W: Future<Output = T>>(works: impl Iterator<Item = W>) -> Vec<T> {
    let mut slots: Vec<Slot<W, T>> = works.map(|work| Slot::Running(Box::pin(work))).collect();
    poll_fn(|context: &mut Context<'_>| {
        let mut all_done = true;
        for slot in &mut slots {
            let Slot::Running(work) = slot else { continue };
            match work.as_mut().poll(context) {
                Poll::Ready(value) => *slot = Slot::Done(value),
                Poll::Pending => all_done = false,
            }
        }
        if all_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let result = |slot| match slot {
        Slot::Done(value) => Some(value),
        Slot::Running(_) => None,
    };
    slots.into_iter().filter_map(result).collect()
}

/// A work, and what it came to.
enum Slot<W, T> {
    Running(Pin<Box<W>>),
    Done(T),
}
