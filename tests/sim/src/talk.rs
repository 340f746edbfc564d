//! Conversations with the upstream: what is sent, what the network makes of it, and what is
//! reported to the cache.

use edge_credits_core::cache::upstream::{self, ReadFailure};
use edge_credits_core::cache::{Conversation, OutboxRow, Outcome, Reading};
use edge_credits_core::http::Response;
use edge_credits_core::ids::Unit;
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::reading::Said;

use crate::faults::{Fault, Point};
use crate::mutants::{Mistake, Switch};
use crate::plan::{FLIGHT, MINUTE};
use crate::world::{Event, World};

/// What an object has under way.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) token: u64,
    /// Of which unit the balance is read; `None` sends charges.
    read: Option<Unit>,
    rows: Vec<OutboxRow>,
    batch: bool,
    /// What each request was answered.
    answers: Vec<Option<Response>>,
    /// Its process stands still: it reports later.
    stalled: bool,
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Balance(Unit),
    Charge(String),
    Batch(String),
}

/// A request under way.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) customer: usize,
    instance: u64,
    token: u64,
    index: usize,
    pub(crate) asked: Asked,
    /// A copy: nobody hears what it is answered.
    copy: bool,
}

/// An answer under way.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    customer: usize,
    instance: u64,
    token: u64,
    index: usize,
    response: Response,
}

impl World {
    /// Holds a conversation that has been leased. Returns its number if it reads a balance.
    pub(crate) fn begin_talk(&mut self, customer: usize, said: Conversation) -> Option<u64> {
        self.tally.own.conversations += 1;
        let talk = match said {
            Conversation::Read { token, unit } => Talk {
                token,
                read: Some(unit),
                rows: Vec::new(),
                batch: false,
                answers: vec![None],
                stalled: false,
            },
            Conversation::Send { token, rows, batch } => {
                let requests = if batch { 1 } else { rows.len() };
                let answers = vec![None; requests];
                Talk { token, read: None, rows, batch, answers, stalled: false }
            }
        };
        let read = talk.read.is_some().then_some(talk.token);
        let point = if read.is_some() { Point::ReadLeased } else { Point::Leased };
        if self.dies(customer, point) {
            return read;
        }
        let clock = self.clock(customer);
        self.auditor.talks(customer, clock, self.plan.config.authority);
        let requests = self.requests(customer, &talk);
        let (instance, token) = (self.objects[customer].instance, talk.token);
        self.objects[customer].talks.push(talk);
        self.later(self.plan.timeout, Event::TalkEnds { customer, instance, token });
        for (index, asked) in requests.into_iter().enumerate() {
            self.trace.note(self.now, format_args!("{customer} sends {token}.{index} {asked:?}"));
            self.send(Message { customer, instance, token, index, asked, copy: false });
        }
        let point = if read.is_some() { Point::ReadSent } else { Point::Sent };
        self.dies(customer, point);
        read
    }

    fn requests(&mut self, customer: usize, talk: &Talk) -> Vec<Asked> {
        if let Some(unit) = &talk.read {
            return vec![Asked::Balance(unit.clone())];
        }
        let mut bodies = Vec::new();
        for row in &talk.rows {
            let mut body = row.body.clone();
            if self.mistake == Some(Mistake::Shell(Switch::NewKeyOnRetry)) && row.attempts > 0 {
                let key = row.key.as_str();
                body = body.replace(key, &format!("{key}-{}", row.attempts));
            }
            self.auditor.sends(customer, row, &body, (self.now, self.plan.window));
            bodies.push(body);
        }
        if talk.batch {
            return vec![Asked::Batch(format!("{{\"items\":[{}]}}", bodies.join(",")))];
        }
        bodies.into_iter().map(Asked::Charge).collect()
    }

    /// Gives a request to the network.
    fn send(&mut self, message: Message) {
        if self.strike(Fault::RequestLost) {
            return;
        }
        let mut delay = self.random.span(1, 200);
        if self.strike(Fault::RequestDelayed) {
            delay = self.random.span(self.plan.timeout / 2, FLIGHT);
        }
        if self.strike(Fault::RequestTwice) {
            // A copy runs ahead. None comes after the answer: that is on the last one's connection.
            let other = self.random.range(1, delay);
            self.later(other, Event::Request(Message { copy: true, ..message.clone() }));
        }
        self.later(delay, Event::Request(message));
    }

    /// A request reaches the upstream.
    pub(crate) fn request_arrives(&mut self, message: Message) {
        let customer = message.customer;
        let Some(response) = self.answer_of(&message) else {
            return self.trace.note(self.now, format_args!("{customer} nobody answers"));
        };
        self.trace.note(
            self.now,
            format_args!("{customer} {}.{} answers {response:?}", message.token, message.index),
        );
        if message.copy {
            return;
        }
        if self.strike(Fault::AnswerLost) {
            // Whoever repeats requests repeats those without an answer, some time later.
            if !matches!(message.asked, Asked::Balance(_)) && self.strike(Fault::CopyLater) {
                let later = self.random.span(1_000, FLIGHT - MINUTE);
                let copy = Message { copy: true, ..message };
                self.later(later, Event::Request(copy));
            }
            return;
        }
        let Message { instance, token, index, .. } = message;
        let delay = self.random.span(1, 200);
        self.later(delay, Event::Answer(Answer { customer, instance, token, index, response }));
    }

    /// What the upstream, or what stands before it, answers.
    fn answer_of(&mut self, message: &Message) -> Option<Response> {
        if self.weather.away(self.now) {
            return None;
        }
        if let Some(response) = self.bad_weather(message) {
            return Some(response);
        }
        let response = self.carry_out(message);
        if self.strike(Fault::Garbage) {
            return Some(self.garbage(&response));
        }
        Some(response)
    }

    /// The upstream does what it is asked.
    pub(crate) fn carry_out(&mut self, message: &Message) -> Response {
        let customer = message.customer;
        let before = self.upstream.lines(customer).len();
        let forgotten = self.upstream.forgotten;
        let response = match &message.asked {
            Asked::Balance(unit) => {
                let lag = if self.strike(Fault::Lag) { self.random.span(10, 10_000) } else { 0 };
                let id = self.objects[customer].owner.customer.clone();
                let asked = (unit, self.now, lag);
                let (response, shown) = self.upstream.read(customer, asked, &id);
                self.auditor.reads(customer, message.token, shown);
                response
            }
            Asked::Charge(body) => self.upstream.charge(customer, body, self.now),
            Asked::Batch(body) => self.upstream.batch(customer, body, self.now),
        };
        self.tally.fired[Fault::Forgotten] += self.upstream.forgotten - forgotten;
        if response.status == 402 {
            self.tally.fired[Fault::Shortage] += 1;
        }
        let lines = self.upstream.lines(customer).len();
        for index in before..lines {
            self.auditor.applied(customer, index, &self.upstream.lines(customer)[index]);
        }
        response
    }

    /// An answer reaches the object that asked, if that still lives.
    pub(crate) fn answer_arrives(&mut self, answer: Answer) {
        let Answer { customer, instance, token, index, response } = answer;
        let object = &mut self.objects[customer];
        if object.instance != instance {
            return;
        }
        let Some(talk) = object.talks.iter_mut().find(|talk| talk.token == token) else { return };
        if talk.stalled {
            return;
        }
        talk.answers[index].get_or_insert(response);
        if talk.answers.iter().all(Option::is_some) {
            self.talk_ends(customer, instance, token);
        }
    }

    /// All answers are there, or the time is up.
    pub(crate) fn talk_ends(&mut self, customer: usize, instance: u64, token: u64) {
        let object = &mut self.objects[customer];
        let talk = object.talks.iter_mut().find(|talk| talk.token == token && !talk.stalled);
        if object.instance != instance || talk.is_none() {
            return;
        }
        if self.strike(Fault::Stall) {
            let talks = &mut self.objects[customer].talks;
            let talk = talks.iter_mut().find(|talk| talk.token == token);
            talk.expect("the conversation").stalled = true;
            let pause = self.random.span(1_000, 2 * MINUTE);
            return self.later(pause, Event::TalkGoesOn { customer, instance, token });
        }
        self.report(customer, instance, token);
    }

    /// Tells the cache how a conversation ended, and goes on with the next.
    pub(crate) fn report(&mut self, customer: usize, instance: u64, token: u64) {
        let object = &mut self.objects[customer];
        let place = object.talks.iter().position(|talk| talk.token == token);
        let Some(place) = place.filter(|_| object.instance == instance) else { return };
        let talk = object.talks.swap_remove(place);
        let is_read = talk.read.is_some();
        let point = if is_read { Point::ReadReceived } else { Point::AnswerReceived };
        if self.dies(customer, point) {
            return;
        }
        let told = match &talk.read {
            Some(unit) => self.report_read(customer, &talk, unit),
            None => self.report_charges(customer, &talk),
        };
        if told.is_none() {
            // Whoever waits for it looks again; the lease ends by itself.
            return self.look_again(customer, instance, Some(token));
        }
        let point = if is_read { Point::Merged } else { Point::Settled };
        if self.dies(customer, point) {
            return;
        }
        self.look_again(customer, instance, Some(token));
        if self.objects[customer].instance == instance {
            self.pump(customer, None);
        }
    }

    fn report_read(&mut self, customer: usize, talk: &Talk, unit: &Unit) -> Option<()> {
        let now = self.clock(customer);
        let answer = talk.answers.first().and_then(Option::as_ref);
        let result: Result<Reading, ReadFailure> = match answer {
            Some(response) => upstream::reading(response, &Said::read(&response.body), unit, now),
            None => Err(ReadFailure { refused: None, answered: false, after: None }),
        };
        let refused = matches!(result, Err(ReadFailure { refused: Some(_), .. }));
        let leased = self.leases(customer, talk.token);
        self.trace.note(self.now, format_args!("{customer} read {} {result:?}", talk.token));
        let told = (talk.token, unit, result);
        self.step(customer, |keeper, at| {
            keeper.merge(at.owner, at.now, told, at.config, at.jitter)
        })?;
        if refused && leased {
            self.auditor.key_refused(customer, now, self.plan.config.authority);
        }
        Some(())
    }

    /// Whether a conversation is the one that the cache has leased.
    fn leases(&self, customer: usize, token: u64) -> bool {
        let lease = self.objects[customer].disk().head.lease.as_ref();
        lease.is_some_and(|lease| lease.token == token)
    }

    fn report_charges(&mut self, customer: usize, talk: &Talk) -> Option<()> {
        let now = self.clock(customer);
        let outcomes = if talk.batch {
            let response = talk.answers.first().and_then(Option::as_ref);
            upstream::batch_outcomes(response, &talk.rows, now)
        } else {
            let each = talk.rows.iter().zip(&talk.answers);
            each.map(|(row, answer)| (row.position, outcome_of(row, answer.as_ref(), now)))
                .collect()
        };
        for (row, (_, outcome)) in talk.rows.iter().zip(&outcomes) {
            self.auditor.hears(customer, row, outcome);
        }
        self.trace.note(self.now, format_args!("{customer} sent {} {outcomes:?}", talk.token));
        let refused = outcomes.iter().any(|(_, o)| matches!(o, Outcome::Paused { .. }));
        let leased = self.leases(customer, talk.token);
        self.step(customer, |keeper, at| {
            keeper.settle(at.owner, at.now, (talk.token, &outcomes), at.config, at.jitter)
        })?;
        if refused && leased {
            self.auditor.key_refused(customer, now, self.plan.config.authority);
        }
        Some(())
    }
}

fn outcome_of(row: &OutboxRow, answer: Option<&Response>, now: Timestamp) -> Outcome {
    match answer {
        Some(answer) => upstream::outcome(answer, &Said::read(&answer.body), &row.unit, now),
        None => upstream::unanswered(true),
    }
}
