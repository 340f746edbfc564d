//! After the faults: every hold ends by itself, no alarm is missing, and the rows are the books.

use edge_credits_core::usage::Run;

use super::asked::Asked;
use super::books::Books;
use super::world::World;
use crate::plan::{HOUR, MINUTE, SECOND};

impl World {
    pub(super) fn settle_down(&mut self) {
        self.calm_down();
        // Where no alarm has been lost or late, what was due has been written without anybody's call.
        self.run_until(self.now + 10 * SECOND);
        for customer in 0..self.plan.customers {
            self.alarm_stood(customer, 5 * SECOND);
        }
        // An alarm that was lost is overdue at some time: from then on one call, after the object has
        // been away, makes sure of it. Before that nobody can know: what is stored is as it was set.
        for _ in 0..2 {
            // Twice: what was under way at first may have extended a hold.
            let longest = self.longest_hold() + 3 * HOUR;
            self.run_until(self.now + longest);
        }
        let seen = self.look_in();
        self.run_until(self.now + 2 * MINUTE);
        for (customer, seen) in seen.into_iter().enumerate() {
            self.nothing_due(customer, seen);
            self.alarm_stood(customer, MINUTE);
            self.all_ended(customer);
            self.compare_disk(customer);
        }
        self.streams_were_charged();
    }

    /// One call to each ledger, and what its clock said.
    fn look_in(&mut self) -> Vec<i64> {
        let mut seen = Vec::new();
        for customer in 0..self.plan.customers {
            self.evict(customer);
            let unit = self.units[0].clone();
            self.ask_now(customer, Asked::Balance(unit));
            seen.push(self.clock(customer).as_millis());
        }
        seen
    }

    /// How long the hold that lasts longest still lasts.
    fn longest_hold(&self) -> u64 {
        let left = |customer: usize| {
            let clock = self.clock(customer).as_millis();
            let holds = self.auditor.customers[customer].books.holds.values();
            let open = holds.filter(|hold| hold.ended.is_none());
            open.map(move |hold| (hold.until - clock).max(0) as u64).max()
        };
        (0..self.plan.customers).filter_map(left).max().unwrap_or(0)
    }

    /// Whatever was due so long ago has been written, unless the alarm for it is lost or late.
    fn alarm_stood(&mut self, customer: usize, ago: u64) {
        if !self.objects[customer].alarm_doubtful {
            let clock = self.clock(customer).as_millis() - ago as i64;
            self.nothing_due(customer, clock);
        }
    }

    /// Whatever was due by then has been written.
    fn nothing_due(&mut self, customer: usize, by: i64) {
        let due = self.auditor.customers[customer].books.due_at();
        if due.is_some_and(|due| due <= by) {
            let now = self.clock(customer).as_millis();
            let what = format!("{customer}: it is {now}, and what was due at {due:?} waits");
            self.auditor.fail("D9", what);
        }
    }

    fn all_ended(&mut self, customer: usize) {
        let Books { holds, .. } = &self.auditor.customers[customer].books;
        if let Some((placed, hold)) = holds.iter().find(|(_, hold)| hold.ended.is_none()) {
            let what = format!("{customer}: the hold of {placed} has not ended: {hold:?}");
            self.auditor.fail("L3", what);
        }
    }

    /// Every row, open or not, says what the books say.
    fn compare_disk(&mut self, customer: usize) {
        let disk = &self.objects[customer].disk;
        let (Ok(grants), Ok(holds)) = (disk.grants(), disk.holds()) else {
            return self.auditor.fail("D16", format!("{customer}: a row makes no sense"));
        };
        let books = &self.auditor.customers[customer].books;
        let held = |row| books.holds.get(&row).cloned();
        let wrong = holds.iter().find(|row| !held(row.sequence).is_some_and(|hold| hold.is(row)));
        let left = |row| books.grants.get(&row).map(|grant| grant.left);
        let off = grants.iter().find(|row| {
            left(row.sequence) != Some(i128::from(row.remaining.minor_units()))
                || !row.held.is_zero()
        });
        let state = |run: &Run| (run.unnamed, run.complete, run.steps);
        if let Some(what) = books.usage_differs(disk.runs().map(state), disk.counts, disk.days()) {
            return self.auditor.fail("U5", format!("{customer}: {what}"));
        }
        let counts = (holds.len(), grants.len()) == (books.holds.len(), books.grants.len());
        if wrong.is_some() || off.is_some() || !counts {
            self.auditor.fail("D15", format!("{customer}: {wrong:?} or {off:?}"));
        }
    }
}
