//! One customer's balance in memory: the core's steps, those who wait for them, and the pump that
//! talks to the API while there is something to say.
//!
//! The keeper is never borrowed while JavaScript runs: a callback may come straight back in.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::cache::{
    Conversation, Keeper, MemoryStore, Next, OutboxRow, RecordState, Step, Store as _, Waited,
};
use edge_credits_core::client::cached::{self, Asked};
use edge_credits_core::client::error::ClientError;
use edge_credits_core::client::exchange::Outcome;
use edge_credits_core::ids::{Owner, Unit};
use futures_channel::oneshot::{self, Sender};
use wasm_bindgen_futures::spawn_local;

use crate::host;
use crate::memory::{Desk, sending};

/// One customer.
pub(super) struct Room {
    pub(super) owner: Owner,
    keeper: RefCell<Keeper<MemoryStore>>,
    /// Balances to be read. Who waits for one is woken by being dropped.
    wanted: RefCell<Vec<(Unit, Option<Sender<()>>)>>,
    /// Whether somebody talks to the API.
    pumping: Cell<bool>,
    /// While the pump pauses: dropped to end the pause.
    bell: RefCell<Option<Sender<()>>>,
    /// The number of the call that named this customer last.
    pub(super) last_named: Cell<u64>,
    /// The last notice that the facade was told.
    told: Cell<u64>,
}

/// What a step comes to.
pub(super) struct Reply {
    pub(super) outcome: Outcome,
    /// The transaction's id, where a charge was accepted now.
    pub(super) accepted: Option<String>,
    /// A unit whose balance is to be read in the background.
    pub(super) refresh: Option<Unit>,
}

impl Room {
    pub(super) fn new(owner: Owner, call: u64) -> Self {
        Self {
            owner,
            keeper: RefCell::new(Keeper::new(MemoryStore::default())),
            wanted: RefCell::default(),
            pumping: Cell::new(false),
            bell: RefCell::default(),
            last_named: Cell::new(call),
            told: Cell::new(0),
        }
    }

    /// What a call notes when it comes in.
    pub(super) fn arrive(&self) -> Result<Waited, Box<ClientError>> {
        self.keeper.borrow_mut().arrive(&self.owner).map_err(|_| broken())
    }

    /// Charges that wait.
    pub(super) fn pending(&self) -> u64 {
        self.keeper.borrow_mut().cache(&self.owner).map_or(0, |cache| cache.pending())
    }

    /// Whether a balance of this unit is kept.
    pub(super) fn knows(&self, unit: &Unit) -> bool {
        self.keeper.borrow_mut().cache(&self.owner).is_ok_and(|cache| cache.unit(unit).is_some())
    }

    /// Tries to answer; `None` when the balance is to be read first.
    pub(super) fn attempt(&self, desk: &Desk, asked: &Asked, waited: Waited) -> Option<Reply> {
        let now = host::now();
        let mut keeper = self.keeper.borrow_mut();
        let known = keeper.cache(&self.owner).ok();
        if let Some(error) = known.and_then(|cache| cached::refused_key(cache, asked.unit(), now)) {
            return Some(Reply { outcome: Err(error), accepted: None, refresh: None });
        }
        let wish = |refresh: bool| refresh.then(|| asked.unit().clone());
        let refusal = match asked {
            Asked::Charge { charge, .. } => {
                match keeper.accept(&self.owner, now, charge, waited, &desk.cache) {
                    Ok(Step::Done { answer, pending, refresh, .. }) => {
                        let new = !answer.replayed;
                        return Some(Reply {
                            outcome: Ok(asked.accepted(&answer, pending)),
                            accepted: new.then(|| answer.record.id.as_str().to_owned()),
                            refresh: wish(refresh),
                        });
                    }
                    Ok(Step::ReadFirst) => return None,
                    Ok(Step::Refused(refusal)) => Ok(refusal),
                    Err(fault) => Err(fault),
                }
            }
            Asked::Balance { unit, .. } => {
                match keeper.balance(&self.owner, now, unit, waited, &desk.cache) {
                    Ok(Step::Done { answer, pending, refresh, .. }) => {
                        let outcome = Ok(asked.balance(&answer, pending));
                        return Some(Reply { outcome, accepted: None, refresh: wish(refresh) });
                    }
                    Ok(Step::ReadFirst) => return None,
                    Ok(Step::Refused(refusal)) => Ok(refusal),
                    Err(fault) => Err(fault),
                }
            }
        };
        let outcome = match refusal {
            Ok(refusal) => asked.refused(&refusal),
            Err(_) => Err(broken()),
        };
        Some(Reply { outcome, accepted: None, refresh: None })
    }

    /// Waits until the balance has been read, by a conversation that begins after this call, or
    /// cannot be read now.
    pub(super) async fn read(self: &Rc<Self>, desk: &Rc<Desk>, unit: &Unit) {
        let (sender, receiver) = oneshot::channel();
        self.wanted.borrow_mut().push((unit.clone(), Some(sender)));
        self.kick(desk);
        // It is dropped, never sent.
        let _ = receiver.await;
    }

    /// Lets the balance be read in the background.
    pub(super) fn refresh(self: &Rc<Self>, desk: &Rc<Desk>, unit: &Unit) {
        let wanted = self.wanted.borrow().iter().any(|(other, _)| other == unit);
        if !wanted {
            self.wanted.borrow_mut().push((unit.clone(), None));
        }
        self.kick(desk);
    }

    /// Sees to it that somebody talks to the API, if there is something to say and it is not to be
    /// left alone.
    pub(super) fn kick(self: &Rc<Self>, desk: &Rc<Desk>) {
        if !self.pumping.replace(true) {
            spawn_local(Rc::clone(self).pump(Rc::clone(desk)));
            return;
        }
        let rests = self.keeper.borrow_mut().cache(&self.owner).is_ok_and(|cache| {
            cache.head().health.resting(host::now(), desk.cache.authority).is_some()
        });
        // Nobody who waits for a reading is left waiting for the rest to end.
        if !rests || !self.wanted.borrow().is_empty() {
            self.bell.take();
        }
    }

    /// Holds one conversation after another until there is nothing to say. There is a timer only
    /// while charges wait: nothing else keeps a process alive.
    async fn pump(self: Rc<Self>, desk: Rc<Desk>) {
        loop {
            let now = host::now();
            let wanted = self.wanted.borrow().first().map(|(unit, _)| unit.clone());
            let next =
                self.keeper.borrow_mut().lease(&self.owner, now, wanted.as_ref(), &desk.cache);
            let told = self.tell(&desk);
            match next {
                Ok(Next::Talk(conversation)) => self.hold(&desk, conversation).await,
                // Whoever was told may have come back with a call: what is next may be another.
                Ok(_) if told => {}
                Ok(Next::Busy { until } | Next::Wait { until }) => {
                    self.wanted.take();
                    self.pause(until.since(now)).await;
                }
                Ok(Next::Idle) | Err(_) => break,
            }
        }
        self.pumping.set(false);
        self.wanted.take();
    }

    async fn pause(&self, pause: Duration) {
        let (sender, receiver) = oneshot::channel();
        self.bell.replace(Some(sender));
        host::within(receiver, pause).await;
        self.bell.take();
    }

    /// Holds a conversation, and reports how it ended.
    async fn hold(&self, desk: &Desk, conversation: Conversation) {
        match conversation {
            Conversation::Read { token, unit } => {
                let (waiting, others): (Vec<_>, _) =
                    self.wanted.take().into_iter().partition(|(other, _)| *other == unit);
                self.wanted.replace(others);
                let result = sending::read(desk, &self.owner.customer, &unit).await;
                let (now, told) = (host::now(), (token, &unit, result));
                let mut jitter = desk.jitter.borrow_mut();
                let mut keeper = self.keeper.borrow_mut();
                // A failure of memory itself shows at the next call.
                let _ = keeper.merge(&self.owner, now, told, &desk.cache, &mut jitter);
                drop((jitter, keeper, waiting));
            }
            Conversation::Send { token, rows, batch } => {
                let outcomes = sending::send(desk, &self.owner.customer, &rows, batch).await;
                let (now, told) = (host::now(), (token, outcomes.as_slice()));
                let mut jitter = desk.jitter.borrow_mut();
                let mut keeper = self.keeper.borrow_mut();
                let _ = keeper.settle(&self.owner, now, told, &desk.cache, &mut jitter);
                drop((jitter, keeper));
                self.tell_delivered(desk, &rows);
            }
        }
        self.tell(desk);
    }

    /// Tells the facade which of these charges are applied.
    fn tell_delivered(&self, desk: &Desk, rows: &[OutboxRow]) {
        for row in rows {
            let is_delivered = {
                let keeper = self.keeper.borrow();
                let open = keeper.store().rows(&[row.position]).is_ok_and(|rows| !rows.is_empty());
                let record = keeper.store().record(&row.id, host::now()).ok().flatten();
                !open && record.is_none_or(|record| record.state == RecordState::Accepted)
            };
            if is_delivered {
                desk.settled("delivered", Some(row.id.as_str()), None);
            }
        }
    }

    /// Tells the facade what is new and not in the order of things, and drops it: nobody else is to
    /// learn it. Returns whether there was anything.
    fn tell(&self, desk: &Desk) -> bool {
        let news: Vec<_> = {
            let keeper = self.keeper.borrow();
            let news = keeper.store().notices_after(self.told.get());
            news.map(|notice| {
                let error = cached::told(notice, &self.owner, &desk.upstream);
                let charge = notice.charge.as_ref().map(|charge| charge.id.as_str().to_owned());
                (notice.id, notice.kind, charge, error)
            })
            .collect()
        };
        let Some((last, ..)) = news.last() else { return false };
        self.told.set(*last);
        // A failure of memory itself shows at the next call.
        let _ = self.keeper.borrow_mut().told(&self.owner, host::now(), *last);
        for (_, kind, charge, error) in &news {
            desk.settled(kind.as_str(), charge.as_deref(), Some(&error.to_json()));
        }
        true
    }
}

/// What memory holds of this customer does not add up: a defect.
fn broken() -> Box<ClientError> {
    ClientError::local(
        "invariant_violation",
        "What memory holds of this customer's balance does not add up; this is a defect in \
         edge-credits. Nothing was charged.",
    )
}
