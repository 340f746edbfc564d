//! Persistent mode in this process: the balances that memory keeps, and the calls that it answers.
//!
//! Decides nothing about money: [`Room`] runs the core's steps. A [`Desk`] is what all clients with
//! the same settings share, so that two of them do not spend one balance twice. Only for processes
//! that live long: the core refuses this mode elsewhere, and so callers may here wait for what
//! another call has started. Read [`enter`] first.

mod room;
mod sending;

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;

use edge_credits_core::cache::upstream::Upstream;
use edge_credits_core::cache::{CacheConfig, Waited};
use edge_credits_core::client::arguments::{ApiMethod, Arguments};
use edge_credits_core::client::cached::{self, Asked};
use edge_credits_core::client::error::ClientError;
use edge_credits_core::client::exchange::Outcome;
use edge_credits_core::client::request_keys::RequestName;
use edge_credits_core::config::{ClientConfig, Mode};
use edge_credits_core::entropy::{Entropy, Jitter};
use edge_credits_core::ids::{Owner, Unit};
use edge_credits_core::wire::reading::JsonObject as _;
use js_sys::{Array, Function};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::client::Host;
use crate::converse::promise;
use crate::convert;
use crate::host::{Line, Route};
use crate::json::ParsedObject;
use crate::throw::thrown;

use room::{Reply, Room};

/// Different settings that one process keeps balances for. A deployment has one or two; beyond that
/// those with nothing to do are forgotten.
const MAX_DESKS: usize = 16;

thread_local! {
    static DESKS: RefCell<Vec<Rc<Desk>>> = const { RefCell::new(Vec::new()) };
}

/// The balances behind one API, by one key and with the same settings.
pub(crate) struct Desk {
    /// By which the facade tells desks apart, those of an instance that has been replaced too.
    id: u32,
    upstream: Upstream,
    cache: CacheConfig,
    timeout: Duration,
    fetcher: Option<JsValue>,
    /// Of the client that called last: it is told what concerns no charge.
    on_settled: RefCell<Function>,
    jitter: RefCell<Jitter>,
    /// By customer.
    rooms: RefCell<Vec<Rc<Room>>>,
    /// Calls so far, by which it is told which customers were named last.
    calls: Cell<u64>,
}

/// What a call brings along.
pub(crate) struct Visit<'a> {
    pub(crate) config: &'a ClientConfig,
    pub(crate) entropy: &'a Entropy,
    pub(crate) fetcher: Option<JsValue>,
    /// Is told of a charge that is accepted now: the desk's id, the transaction's, the key.
    pub(crate) on_accepted: Function,
    /// Is told what became of charges: the desk's id, a word, the transaction's id, an error's facts.
    pub(crate) on_settled: Function,
}

impl<'a> Visit<'a> {
    pub(crate) fn new(config: &'a ClientConfig, entropy: &'a Entropy, host: &Host) -> Self {
        let (on_accepted, on_settled) = (host.on_accepted(), host.on_settled());
        Self { config, entropy, fetcher: host.fetcher(), on_accepted, on_settled }
    }
}

/// What becomes of a call that enters.
pub(crate) enum Entered {
    /// `[idempotency key or null, the answer or a promise of it]`.
    Answered(Array),
    /// It goes to the API itself; afterwards this desk is to know ([`after_change`]).
    Passed(Option<Rc<Desk>>),
}

/// Answers a call from memory, where that is what its client wants and memory can.
///
/// # Errors
/// The refusal, where there need be no wait for it.
pub(crate) fn enter(
    visit: Visit<'_>,
    method: ApiMethod,
    arguments: &Arguments,
    request: Option<&RequestName>,
) -> Result<Entered, Box<ClientError>> {
    if visit.config.mode != Mode::Memory {
        return Ok(Entered::Passed(None));
    }
    match Asked::new(visit.config, method, arguments, visit.entropy, request)? {
        Some(asked) => begin(asked, visit).map(Entered::Answered),
        // Where there is no place for a desk, no balance is kept that would have to be read again.
        None if method.moves_credits() => Ok(Entered::Passed(desk(visit).ok())),
        None => Ok(Entered::Passed(None)),
    }
}

fn begin(asked: Asked, visit: Visit<'_>) -> Result<Array, Box<ClientError>> {
    let key = asked.idempotency_key().map_or(JsValue::NULL, JsValue::from_str);
    let on_accepted = visit.on_accepted.clone();
    let desk = desk(visit)?;
    let room = desk.room(asked.owner())?;
    let waited = room.arrive()?;
    let answer = match room.attempt(&desk, &asked, waited) {
        Some(reply) => convert::answer(&finish(&desk, &room, reply, &on_accepted)?).into(),
        None => promise(Box::pin(wait(desk, room, asked, waited, on_accepted))).into(),
    };
    Ok(Array::of2(&key, &answer))
}

/// Reads the balance, and then answers.
async fn wait(
    desk: Rc<Desk>,
    room: Rc<Room>,
    asked: Asked,
    waited: Waited,
    on_accepted: Function,
) -> Result<JsValue, JsValue> {
    let mut waited = waited;
    loop {
        room.read(&desk, asked.unit()).await;
        if let Some(reply) = room.attempt(&desk, &asked, waited) {
            let outcome = finish(&desk, &room, reply, &on_accepted);
            return outcome
                .map(|success| convert::answer(&success).into())
                .map_err(|error| thrown(&error, None));
        }
        // It was read, or could not be: no other reading will tell this call more.
        waited.in_vain = true;
    }
}

/// What follows from a reply beside its outcome.
fn finish(desk: &Rc<Desk>, room: &Rc<Room>, reply: Reply, on_accepted: &Function) -> Outcome {
    if let (Some(transaction), Ok(success)) = (&reply.accepted, &reply.outcome) {
        let key = success.idempotency_key.as_deref().map_or(JsValue::NULL, JsValue::from_str);
        let id = JsValue::from_str(transaction);
        // Our own function, which does not throw; were it to, the charge is accepted all the same.
        let _ = on_accepted.call3(&JsValue::UNDEFINED, &desk.id.into(), &id, &key);
        room.kick(desk);
    }
    if let Some(unit) = &reply.refresh {
        room.refresh(desk, unit);
    }
    reply.outcome
}

/// A call that went to the API itself: after a change the balance that memory keeps is read again
/// before the answer is given.
pub(crate) async fn after_change(
    desk: Option<Rc<Desk>>,
    owner: Owner,
    answer: impl Future<Output = Result<JsValue, JsValue>>,
) -> Result<JsValue, JsValue> {
    let answer = answer.await?;
    let Some(desk) = desk else { return Ok(answer) };
    let body = answer.dyn_ref::<Array>().and_then(|parts| parts.get(0).as_string());
    let said = body.and_then(|body| ParsedObject::read(&body));
    let unit = said.and_then(|said| said.text("unit")).and_then(|unit| Unit::parse(&unit).ok());
    let unit = unit.unwrap_or_else(Unit::credits);
    let room = desk.known(&owner);
    if let Some(room) = room.filter(|room| room.knows(&unit)) {
        room.read(&desk, &unit).await;
    }
    Ok(answer)
}

/// The desk of a configuration: an open one, or a new one.
fn desk(visit: Visit<'_>) -> Result<Rc<Desk>, Box<ClientError>> {
    let Visit { config, entropy, fetcher, on_settled, .. } = visit;
    let upstream = config.upstream().ok_or_else(|| ClientError::config("apiKey is missing"))?;
    let (cache, timeout) = (config.cache(), config.timeout);
    DESKS.with_borrow_mut(|desks| {
        let known = desks.iter().find(|desk| {
            desk.upstream == upstream
                && desk.cache == cache
                && desk.timeout == timeout
                && desk.fetcher == fetcher
        });
        if let Some(desk) = known {
            desk.on_settled.replace(on_settled);
            return Ok(Rc::clone(desk));
        }
        if desks.len() >= MAX_DESKS {
            desks.retain(|desk| desk.rooms.borrow().iter().any(is_busy));
        }
        if desks.len() >= MAX_DESKS {
            return Err(cached::crowded());
        }
        let mut jitter = entropy.jitter();
        let desk = Rc::new(Desk {
            id: u32::try_from(jitter.up_to(u32::MAX.into())).unwrap_or_default(),
            upstream,
            cache,
            timeout,
            fetcher,
            on_settled: RefCell::new(on_settled),
            jitter: RefCell::new(jitter),
            rooms: RefCell::default(),
            calls: Cell::new(0),
        });
        desks.push(Rc::clone(&desk));
        Ok(desk)
    })
}

impl Desk {
    /// The way to the API, taken for each conversation anew.
    fn line(&self) -> Line {
        let route = self.fetcher.clone().map_or(Route::Global, Route::Fetcher);
        route.open(String::new)
    }

    /// Where a customer's room is, or belongs.
    fn place(&self, owner: &Owner) -> Result<usize, usize> {
        let customer = &owner.customer;
        self.rooms.borrow().binary_search_by(|room| room.owner.customer.cmp(customer))
    }

    fn known(&self, owner: &Owner) -> Option<Rc<Room>> {
        self.place(owner).ok().and_then(|at| self.rooms.borrow().get(at).cloned())
    }

    fn room(&self, owner: &Owner) -> Result<Rc<Room>, Box<ClientError>> {
        let calls = self.calls.get() + 1;
        self.calls.set(calls);
        if let Some(room) = self.known(owner) {
            room.last_named.set(calls);
            return Ok(room);
        }
        let is_full = || self.rooms.borrow().len() >= cached::MAX_CUSTOMERS;
        if is_full() {
            let stays = |room: &Rc<Room>| cached::stays(room.last_named.get(), calls);
            self.rooms.borrow_mut().retain(|room| is_busy(room) || stays(room));
        }
        if is_full() {
            return Err(cached::crowded());
        }
        let room = Rc::new(Room::new(owner.clone(), calls));
        let at = self.place(owner).unwrap_or_else(|at| at);
        self.rooms.borrow_mut().insert(at, Rc::clone(&room));
        Ok(room)
    }

    /// Tells the facade what became of a charge.
    fn settled(&self, word: &str, transaction: Option<&str>, facts: Option<&str>) {
        let text = |text: Option<&str>| text.map_or(JsValue::UNDEFINED, JsValue::from_str);
        let word = JsValue::from_str(word);
        let told = Array::of4(&self.id.into(), &word, &text(transaction), &text(facts));
        // Nothing is borrowed while it runs. Our own function, which does not throw.
        let on_settled = self.on_settled.borrow().clone();
        let _ = on_settled.apply(&JsValue::UNDEFINED, &told);
    }
}

/// Whether a call or a conversation is using the room, or charges wait in it.
fn is_busy(room: &Rc<Room>) -> bool {
    Rc::strong_count(room) > 1 || room.pending() > 0
}
