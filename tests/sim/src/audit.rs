//! What is compared after every step: the cache and its rows with the auditor's books.

use edge_credits_core::cache::{Cache, UnitState};

use edge_credits_core::time::Timestamp;

use crate::auditor::{Books, Charge, State};
use crate::faults::Fault;
use crate::hold_books::HoldBook;
use crate::met;
use crate::plan::SECOND;
use crate::upstream::{Line, sum};
use crate::world::World;

impl World {
    /// Follows what the last step kept, and compares.
    pub(crate) fn audit(&mut self, customer: usize) {
        self.auditor.accepted = None;
        self.auditor.opened = None;
        self.auditor.kept = false;
        self.auditor.holds.changed = None;
        let journal = std::mem::take(&mut self.objects[customer].keeper.store_mut().journal);
        for writes in &journal {
            self.auditor.follow(customer, writes);
        }
        for edge in std::mem::take(&mut self.auditor.edges) {
            met::count(&mut self.tally.own.edges, edge);
        }
        self.compare_memory(customer);
        if journal.is_empty() {
            return;
        }
        self.compare_rows(customer);
        self.compare_alarm(customer);
        for unit in self.objects[customer].disk().units.values() {
            let books = &self.auditor.books[customer];
            let lines = self.upstream.lines(customer);
            let held = self.auditor.holds.held(customer, &unit.unit);
            if let Err((law, what)) = compare_unit(books, lines, unit, held) {
                let what = format!("{customer}: {what}");
                self.auditor.fail(law, what);
                return;
            }
        }
        self.weigh_gate(customer);
        self.note_state(customer);
    }

    /// What memory holds is what the rows say (D15).
    fn compare_memory(&mut self, customer: usize) {
        let object = &mut self.objects[customer];
        let disk = object.keeper.store();
        let now = Timestamp::EPOCH;
        let stored = Cache::load(disk.stored(object.owner.clone()));
        let same = match (object.keeper.cache(&object.owner), stored) {
            (Ok(cache), Ok(stored)) => {
                alike(cache, &stored) && cache.open_holds(now).eq(stored.open_holds(now))
            }
            _ => false,
        };
        if !same {
            self.auditor.fail("D15", format!("{customer}: memory and rows differ"));
        }
    }

    /// Counts and sums are those of the charges (D6), and every open charge has its row.
    fn compare_rows(&mut self, customer: usize) {
        let disk = self.objects[customer].disk();
        let books = &self.auditor.books[customer];
        let mut wrong = None;
        for state in disk.units.values() {
            let mut counts = [0_u64; 4];
            let mut owed = 0;
            for charge in books.charges.values().filter(|charge| charge.unit == state.unit) {
                counts[charge.state as usize] += 1;
                if matches!(charge.state, State::Pending | State::Quarantined) {
                    owed += charge.amount;
                }
            }
            let [pending, quarantined, applied, rejected] = counts;
            let told = (state.open, state.quarantined, state.applied, state.rejected);
            let sum = (i128::from(state.owed.minor_units()), state.accepted);
            let held = i128::from(state.held.minor_units());
            if held != self.auditor.holds.held(customer, &state.unit) {
                wrong = Some(format!("{customer}: the open holds are kept as {state:?}"));
            }
            if told != (pending + quarantined, quarantined, applied, rejected)
                || sum != (owed, counts.iter().sum())
            {
                wrong = Some(format!("{customer}: {counts:?} of {owed} are kept as {state:?}"));
            }
        }
        let open = books.charges.values().filter(|charge| is_open(charge)).count();
        if open != disk.outbox.len() {
            wrong = Some(format!("{customer}: {} rows for {open} charges", disk.outbox.len()));
        }
        if let Some(wrong) = wrong {
            self.auditor.fail("D6", wrong);
        }
    }

    /// What waits is looked after (D9).
    fn compare_alarm(&mut self, customer: usize) {
        let now = self.clock(customer);
        let object = &self.objects[customer];
        let disk = object.disk();
        let waits: u64 = disk.units.values().map(|unit| unit.open - unit.quarantined).sum();
        let over = self.auditor.holds.open(customer).map(HoldBook::over).min();
        if object.alarm_lost || object.alarm_failed {
            return;
        }
        // What is over is ended in the same turn, or by the alarm some seconds later (H3).
        let late = |over| disk.alarm.is_none_or(|due| due > over && due.since(now).as_secs() > 10);
        if over.is_some_and(late) {
            let what = format!("{customer}: a hold is over at {over:?}, {:?} is set", disk.alarm);
            self.auditor.fail("H3", what);
        }
        if waits == 0 {
            return;
        }
        match self.objects[customer].disk().alarm {
            None => self.auditor.fail("D9", format!("{customer}: {waits} wait without an alarm")),
            Some(due) if !self.weather.clocks_step && due.since(now).as_secs() > 661 => {
                self.auditor.fail("D9", format!("{customer}: {waits} wait for {due}, it is {now}"));
            }
            Some(_) => {}
        }
    }

    /// A call leaves nothing behind that waits for an alarm which must have been lost (D9).
    pub(crate) fn compare_watch(&mut self, customer: usize) {
        let now = self.clock(customer);
        let object = &self.objects[customer];
        let overdue = object.disk().alarm.map(|due| now.since(due).as_secs());
        let waits = object.disk().units.values().any(|unit| unit.open > unit.quarantined);
        if let Some(overdue) = overdue
            && overdue > 61
            && waits
            && object.talks.is_empty()
        {
            let what = format!("{customer}: a call leaves an alarm {overdue} s overdue");
            self.auditor.fail("D9", what);
        }
    }

    /// A gate that was just accepted went over by no more than what somebody else took since its
    /// snapshot, nor than what that showed (§2.5).
    fn weigh_gate(&mut self, customer: usize) {
        let Some(opened) = self.auditor.opened.clone() else { return };
        let Some(state) = self.objects[customer].disk().units.get(&opened.unit) else { return };
        let (books, lines) = (&self.auditor.books[customer], self.upstream.lines(customer));
        let Some((shown, index)) = shown(books, lines, state) else {
            return self.auditor.fail("D4", format!("{customer}: a gate without a snapshot"));
        };
        let waiting: i128 = books
            .charges
            .values()
            .filter(|charge| charge.unit == opened.unit && charge.line.is_none())
            .filter(|charge| charge.state != State::Rejected)
            .map(|charge| charge.amount)
            .sum();
        let held = self.auditor.holds.held(customer, &opened.unit);
        let left = sum(lines, &opened.unit) - waiting - held;
        let over = (-left).clamp(0, opened.amount);
        let elsewhere: i128 = lines[index..]
            .iter()
            .filter(|line| line.unit == opened.unit && line.key.is_none() && line.delta < 0)
            .map(|line| -line.delta)
            .sum();
        let bound = shown.min(elsewhere);
        let safe = shown - not_shown(books, &opened.unit, index) - held;
        self.tally.own.gates += 1;
        self.tally.own.gates_over += u64::from(over > 0);
        if over > self.tally.own.worst {
            (self.tally.own.worst, self.tally.own.worst_bound) = (over, bound);
        }
        if over > bound {
            let what = format!("{customer}: a gate went {over} over, its bound is {bound}");
            self.auditor.fail("E5", what);
        }
        if safe < 0 {
            self.auditor.fail("D4", format!("{customer}: a gate left {safe}"));
        }
    }

    /// The nudge that a run with lost alarms needs is a caller's.
    pub(crate) fn needs_nudge(&self) -> bool {
        let lost = [Fault::AlarmLost, Fault::AlarmLate, Fault::ClockStep];
        self.script.is_some() || lost.iter().any(|fault| self.plan.has(*fault))
    }

    /// When the last hold that nobody ends is over, by the clocks of the objects that keep them.
    pub(crate) fn last_expiry(&self) -> Option<u64> {
        let open = (0..self.plan.customers).flat_map(|customer| {
            let now = self.clock(customer);
            self.auditor.holds.open(customer).map(move |book| book.over().since(now))
        });
        open.max().map(|left| self.now + left.as_millis() as u64)
    }

    pub(crate) fn drained(&self) -> bool {
        self.objects
            .iter()
            .all(|object| object.disk().units.values().all(|unit| unit.open == unit.quarantined))
    }

    /// How long the outbox may take to drain: the longest rest, the wait until a refusal counts, the
    /// longest pause, and a second for each charge. A clock that stepped back has lengthened a wait
    /// by as much as it stepped, up to the longest; beyond that the cache sees it.
    pub(crate) fn drain_bound(&self) -> u64 {
        let open: usize = self.objects.iter().map(|object| object.disk().outbox.len()).sum();
        let lengthened = if self.weather.clocks_step { 600 } else { 0 };
        (600 + 600 + 120 + lengthened + open as u64) * SECOND
    }
}

const fn is_open(charge: &Charge) -> bool {
    matches!(charge.state, State::Pending | State::Quarantined)
}

/// Whether two caches are the same, in whatever order their units came.
fn alike(one: &Cache, other: &Cache) -> bool {
    one.head() == other.head()
        && one.owner() == other.owner()
        && one.units().len() == other.units().len()
        && one.units().iter().all(|state| other.unit(&state.unit) == Some(state))
}

/// What the upstream had at a unit's snapshot, and after how many of its lines. Of a conversation
/// that read several times (or not at all) it is the time that fits.
fn shown(books: &Books, lines: &[Line], state: &UnitState) -> Option<(i128, usize)> {
    let snapshot = state.snapshot.as_ref()?;
    let places = match snapshot.sequence {
        Some(sequence) => vec![usize::try_from(sequence).ok()?],
        None => books.readings.get(&snapshot.read).cloned().unwrap_or_default(),
    };
    let had = |index: usize| lines.get(..index).map(|lines| (sum(lines, &state.unit), index));
    let times: Vec<_> = places.into_iter().filter_map(had).collect();
    let told = i128::from(snapshot.balance.minor_units());
    times.iter().find(|(had, _)| *had == told).or(times.first()).copied()
}

/// Σ of the charges that a snapshot after so many lines does not show.
fn not_shown(books: &Books, unit: &edge_credits_core::ids::Unit, index: usize) -> i128 {
    let charges = books.charges.values().filter(|charge| charge.unit == *unit);
    charges
        .filter(|charge| charge.state != State::Rejected)
        .filter(|charge| charge.line.is_none_or(|line| line >= index))
        .map(|charge| charge.amount)
        .sum()
}

/// The snapshot is a balance that the upstream had, and no charge that it lacks may be spent again
/// (D5).
fn compare_unit(
    books: &Books,
    lines: &[Line],
    state: &UnitState,
    held: i128,
) -> Result<(), (&'static str, String)> {
    if state.snapshot.is_none() {
        return Ok(());
    }
    let Some((balance, index)) = shown(books, lines, state) else {
        return Err(("D5", format!("no read showed {:?}", state.snapshot)));
    };
    let safe = balance - not_shown(books, &state.unit, index) - held;
    let available =
        state.available().map_or(i128::MIN, |credits| i128::from(credits.minor_units()));
    let told = state.snapshot.as_ref().map(|snapshot| i128::from(snapshot.balance.minor_units()));
    if available > safe {
        return Err(("D5", format!("{available} are available, {safe} would be safe")));
    }
    if told != Some(balance) {
        return Err(("D5", format!("the upstream had {balance}, never {told:?}")));
    }
    Ok(())
}
