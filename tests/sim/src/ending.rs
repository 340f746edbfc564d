//! After the faults: everything drains within a bound, the balances agree, and the operator clears
//! what is left.

use crate::auditor::State;
use crate::met;
use crate::plan::{MINUTE, SECOND};
use crate::world::World;

impl World {
    pub(crate) fn settle_down(&mut self) {
        let nudge = self.needs_nudge();
        self.calm_down();
        self.trace.note(self.now, format_args!("faults stop"));
        self.drain(nudge);
        self.outlive_holds(nudge);
        // Copies under way still arrive.
        self.run_until(self.now + 10 * MINUTE, |_| false);
        self.agree();
        self.operator_clears();
        self.drain(false);
        self.run_until(self.now + 10 * MINUTE, |_| false);
        self.agree();
        self.count_states();
    }

    /// Waits until every hold that nobody ended is over: each ends by itself, soon after, and what it
    /// comes to drains like any charge.
    fn outlive_holds(&mut self, nudge: bool) {
        // A call that was late may place another meanwhile.
        for _ in 0..3 {
            let Some(last) = self.last_expiry() else { return };
            self.run_until(last + MINUTE, |_| false);
            if nudge {
                self.ask_for_balances();
                self.run_until(self.now + MINUTE, |_| false);
            }
        }
        if self.auditor.breach.is_none() && self.last_expiry().is_some() {
            self.auditor.fail("H3", "a hold outlives its time".to_owned());
        }
        self.drain(nudge);
    }

    fn ask_for_balances(&mut self) {
        for customer in 0..self.plan.customers {
            for unit in self.units.clone() {
                self.start(customer, unit, None);
            }
        }
    }

    /// Waits until nothing waits. An alarm that the platform has lost is noticed once it is overdue,
    /// by the next call: where alarms may be lost there is one every other minute.
    fn drain(&mut self, nudge: bool) {
        let (begins, bound) = (self.now, self.drain_bound());
        let ends = begins + bound;
        while nudge && self.now < ends && self.auditor.breach.is_none() && !self.drained() {
            self.ask_for_balances();
            self.run_until(self.now + 2 * MINUTE, Self::drained);
        }
        self.run_until(ends, Self::drained);
        if self.auditor.breach.is_none() && !self.drained() {
            let mut rows = self.objects.iter().flat_map(|object| object.disk().outbox.values());
            let row = rows.find(|row| row.quarantined.is_none());
            let what =
                format!("it is {}, {bound} ms later, and {row:?} still waits", self.clock(0));
            self.auditor.fail("D9", what);
        }
        self.tally.own.longest_drain = self.tally.own.longest_drain.max(self.now - begins);
    }

    /// After a fresh read both sides have the same balance, but for what is quarantined (E4). A
    /// clock that stepped back makes an old snapshot look young: its refresh is in the background,
    /// by whichever call finds the cache at leisure.
    fn agree(&mut self) {
        let stale = self.plan.config.max_staleness.as_millis() as u64;
        for _ in 0..4 {
            self.run_until(self.now + stale + MINUTE, |_| false);
            self.ask_for_balances();
            self.run_until(self.now + MINUTE, |_| false);
        }
        if self.auditor.breach.is_some() {
            return;
        }
        for customer in 0..self.plan.customers {
            for unit in self.units.clone() {
                let quarantined: i128 = self.auditor.books[customer]
                    .charges
                    .values()
                    .filter(|charge| charge.unit == unit && charge.state == State::Quarantined)
                    .map(|charge| charge.amount)
                    .sum();
                // A call that came late may have placed a hold.
                let held = self.auditor.holds.held(customer, &unit);
                let there = self.upstream.balance(customer, &unit) - held;
                let state = self.objects[customer].disk().units.get(&unit);
                let here = state.and_then(|state| state.available());
                let here = here.map(|credits| i128::from(credits.minor_units()));
                if here != Some(there - quarantined) {
                    let what = format!(
                        "{customer}: {here:?} here, {there} there, {quarantined} quarantined"
                    );
                    self.auditor.fail("E4", what);
                }
            }
        }
    }

    /// The operator, who can look upstream, sends again what is safe to send again, and writes off
    /// what was not applied. What was applied and is forgotten there stays.
    fn operator_clears(&mut self) {
        self.auditor.operating = true;
        for customer in 0..self.plan.customers {
            let charges = &self.auditor.books[customer].charges;
            let quarantined: Vec<_> = charges
                .iter()
                .filter(|(_, charge)| charge.state == State::Quarantined)
                .map(|(key, charge)| (key.clone(), charge.record.id.clone(), charge.line))
                .collect();
            for (key, id, line) in quarantined {
                let known = self.upstream.knows(customer, &key, self.now + SECOND);
                if line.is_some() && !known {
                    continue;
                }
                let retry = line.is_some() || self.random.hit(500);
                if retry {
                    self.auditor.vouches(customer, &key);
                }
                self.step(customer, |keeper, at| {
                    if retry {
                        keeper.retry(at.owner, at.now, &id)
                    } else {
                        keeper.write_off(at.owner, at.now, &id)
                    }
                });
            }
        }
        self.auditor.operating = false;
    }

    fn count_states(&mut self) {
        for end in self.auditor.holds.ends() {
            met::count(&mut self.tally.own.states, end);
        }
        for books in &self.auditor.books {
            for charge in books.charges.values() {
                let name = match (charge.state, charge.line.is_some()) {
                    (State::Applied, _) => "applied",
                    (State::Rejected, _) => "rejected or written off",
                    (State::Quarantined, true) => "quarantined, applied and forgotten upstream",
                    (State::Quarantined, false) => "quarantined, not applied",
                    (State::Pending, _) => "pending",
                };
                met::count(&mut self.tally.own.states, name);
            }
        }
    }
}
