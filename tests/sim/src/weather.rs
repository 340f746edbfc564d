//! What goes on outside the cache: failing gateways, outages, refused keys, other people's
//! transactions, clocks, evictions.

use edge_credits_core::http::Response;

use crate::faults::{Fault, Kind};
use crate::plan::{HOUR, MINUTE, SECOND, UpstreamKind};
use crate::talk::{Asked, Message};
use crate::upstream::plain;
use crate::world::{Event, World};

/// Until when what goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    outage: u64,
    storm: u64,
    key_refused: u64,
    skew: u64,
    /// Whether a clock has ever been set.
    pub(crate) clocks_step: bool,
}

impl Weather {
    pub(crate) fn clear_up(&mut self) {
        *self = Self { clocks_step: self.clocks_step, ..Self::default() };
    }

    pub(crate) const fn away(&self, now: u64) -> bool {
        now < self.outage
    }
}

/// What changes by itself, and how often at most in a seed's time.
const CHANGES: &[(Fault, u64)] = &[
    (Fault::Outage, 4),
    (Fault::Storm, 6),
    (Fault::KeyRefused, 3),
    (Fault::Skew, 2),
    (Fault::TopUp, 25),
    (Fault::Deduction, 25),
    (Fault::ClockStep, 6),
    (Fault::Eviction, 12),
];

impl World {
    pub(crate) fn start_weather(&mut self) {
        for (fault, times) in CHANGES {
            if self.plan.has(*fault) {
                let longest = self.plan.span / times;
                let first = self.random.span(100, longest.max(200));
                self.later(first, Event::Weather(*fault));
            }
        }
    }

    pub(crate) fn weather_changes(&mut self, fault: Fault) {
        if let Some((_, times)) = CHANGES.iter().find(|(known, _)| *known == fault) {
            let pause = self.random.range(100, (2 * self.plan.span / times).max(200));
            self.later(pause, Event::Weather(fault));
        }
        self.tally.fired[fault] += 1;
        self.trace.note(self.now, format_args!("{}", fault.text()));
        let customer = self.random.range(0, self.plan.customers as u64 - 1) as usize;
        match fault {
            Fault::Outage => {
                let longest = (self.plan.span / 2).clamp(10 * SECOND, 60 * HOUR);
                self.weather.outage = self.now + self.random.span(SECOND, longest);
            }
            Fault::Storm => self.weather.storm = self.now + self.random.span(SECOND, 10 * MINUTE),
            Fault::KeyRefused => {
                self.weather.key_refused = self.now + self.random.span(SECOND, HOUR);
                if self.plan.has(Fault::Rotation) {
                    // The operator puts the new key in, and the upstream takes only that.
                    let until = self.weather.key_refused;
                    self.later(until - self.now, Event::Weather(Fault::Rotation));
                }
            }
            Fault::Rotation => self.plan.config.authority += 1,
            Fault::Skew => self.weather.skew = self.now + self.random.span(SECOND, MINUTE),
            Fault::TopUp | Fault::Deduction => self.somebody_else(customer, fault),
            Fault::ClockStep => self.step_clock(customer),
            Fault::Eviction => self.restart(customer),
            _ => {}
        }
    }

    fn somebody_else(&mut self, customer: usize, fault: Fault) {
        let unit = self.units[self.random.range(0, self.units.len() as u64 - 1) as usize].clone();
        let most = self.plan.balance * 1_000_000;
        let amount = i128::from(self.random.span(1, most));
        let delta = match fault {
            Fault::TopUp => amount,
            // Another writer spends what is there.
            _ if self.plan.upstream == UpstreamKind::Plain => {
                -amount.min(self.upstream.balance(customer, &unit))
            }
            _ => -amount,
        };
        if delta != 0 && (delta < 0) == (fault == Fault::Deduction) {
            self.upstream.outside(customer, &unit, delta, self.now);
        }
    }

    /// A clock is set. When it steps forward the object has moved to another machine: its
    /// connections have ended, and no request stays under way for what now looks like an hour.
    fn step_clock(&mut self, customer: usize) {
        let offset = self.clock_offset();
        if offset > self.objects[customer].offset {
            self.end_flights(customer);
        }
        self.objects[customer].offset = offset;
        self.weather.clocks_step = true;
        self.auditor.clock_steps(customer);
        self.schedule_alarm(customer);
    }

    /// What fails before, or instead of, what is asked.
    pub(crate) fn bad_weather(&mut self, message: &Message) -> Option<Response> {
        let charges = !matches!(message.asked, Asked::Balance(_));
        if self.now < self.weather.key_refused {
            let status = self.random.pick(&[401, 403]);
            return Some(plain(status, "{\"error\":{\"code\":\"invalid_api_key\"}}"));
        }
        if self.now < self.weather.storm {
            let done = self.strike(Fault::HalfDone).then(|| self.carry_out(message));
            return Some(self.storm_answer(done.is_some()));
        }
        if charges && self.now < self.weather.skew {
            let status = self.random.pick(&[400, 404, 413, 422]);
            return Some(plain(status, "{\"error\":{\"code\":\"unknown_field\"}}"));
        }
        if charges && self.strike(Fault::Conflict) {
            let code = self.random.pick(&["idempotency_key_in_use", "duplicate"]);
            return Some(plain(409, &format!("{{\"error\":{{\"code\":\"{code}\"}}}}")));
        }
        None
    }

    fn storm_answer(&mut self, done: bool) -> Response {
        // What says that nothing was done is not said of what was done.
        let unknown: &[u16] = &[500, 502, 503, 504, 520, 522, 524, 530, 408];
        let refused: &[u16] = &[429, 425, 503, 500, 502, 504, 521];
        let status = self.random.pick(if done { unknown } else { refused });
        let coded = !done && status == 503 && self.random.hit(500);
        let body = if coded {
            "{\"error\":{\"code\":\"upstream_unavailable\"}}"
        } else {
            self.random.pick(&["", "<html>busy</html>", "{\"error\":\"busy\"}"])
        };
        let hint = self.random.pick(&[
            "",
            "0",
            "1",
            "30",
            "600",
            "86400",
            "999999",
            "-5",
            "soon",
            "Wed, 21 Oct 2015 07:28:00 GMT",
            "Fri, 01 Jan 2027 00:00:00 GMT",
        ]);
        let mut response = plain(status, body);
        if !hint.is_empty() {
            response.headers.push(("retry-after".to_owned(), hint.to_owned()));
        }
        response
    }

    /// What a broken proxy makes of an answer.
    pub(crate) fn garbage(&mut self, response: &Response) -> Response {
        let half = response.body.len() / 2;
        let broken = response.body.get(..half).unwrap_or_default().to_owned();
        let body = match self.random.range(0, 5) {
            0 => String::new(),
            1 => "<!doctype html><title>Sign in</title>".to_owned(),
            2 => "[]".to_owned(),
            3 => "x".repeat(10_000),
            4 => "\u{1f}\u{8b}\u{8}".to_owned(),
            _ => broken,
        };
        let status = self.random.pick(&[200, 200, 200, 201, 204, 302, 304]);
        Response { status, headers: Vec::new(), body }
    }
}
