//! What the cache knows of one customer: balances as read, what it owes the upstream, and how the
//! upstream is doing. All of it is stored; memory is a cache (D15).

use alloc::string::String;
use alloc::vec::Vec;

use crate::cache::config::MAX_BACKOFF;
use crate::cache::holds::LocalHold;
use crate::cache::mutants::{self, Mutant};
use crate::cache::rows::Writes;
use crate::cache::store::Stored;
use crate::credits::Credits;
use crate::ids::{Owner, Unit};
use crate::ledger::{AlarmIntent, Corrupt};
use crate::time::Timestamp;
use core::time::Duration;

/// A balance as it was read upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What was available there.
    pub balance: Credits,
    /// The upstream's own position of that balance, where it tells.
    pub sequence: Option<u64>,
    /// The conversation in which it was read: the counter that orders reads, which no clock can
    /// (D5).
    pub read: u64,
    /// When that conversation began. It serves staleness only.
    pub as_of: Timestamp,
    /// What the upstream calls its credits, where it tells.
    pub credit_name: Option<String>,
}

/// Charges that the upstream has acknowledged, and that the snapshot may not contain yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The upstream's position of the charge, where it tells.
    pub sequence: Option<u64>,
    /// The last conversation that had begun when it was acknowledged.
    pub mark: u64,
    /// How much.
    pub amount: Credits,
}

/// One unit's balance and charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitState {
    /// Which unit.
    pub unit: Unit,
    /// The last balance read; `None` before the first.
    pub snapshot: Option<Snapshot>,
    /// Σ of the outbox, quarantined rows included: none of it may be spent again.
    pub owed: Credits,
    /// What is acknowledged and not in the snapshot.
    pub acknowledged: Vec<Acknowledged>,
    /// Charges ever accepted.
    pub accepted: u64,
    /// Of these, how many are in the outbox, quarantined ones included.
    pub open: u64,
    /// Bytes of their bodies.
    pub open_bytes: u64,
    /// Of the open ones, how many are quarantined.
    pub quarantined: u64,
    /// Charges that the upstream has applied.
    pub applied: u64,
    /// Charges that the upstream has refused, or that were written off.
    pub rejected: u64,
    /// Σ of the open holds that are local to the cache.
    pub held: Credits,
    /// How many they are.
    pub holds: u64,
}

impl UnitState {
    pub(super) fn new(unit: Unit) -> Self {
        Self {
            unit,
            snapshot: None,
            owed: Credits::ZERO,
            acknowledged: Vec::new(),
            accepted: 0,
            open: 0,
            open_bytes: 0,
            quarantined: 0,
            applied: 0,
            rejected: 0,
            held: Credits::ZERO,
            holds: 0,
        }
    }

    /// What is available: the snapshot less every charge that it may not contain, less what the open
    /// holds keep. `None` without a snapshot, or beyond the range of amounts.
    #[must_use]
    pub fn available(&self) -> Option<Credits> {
        let after_owed = self.snapshot.as_ref()?.balance.checked_sub(self.promised()?)?;
        let mut acknowledged = self.acknowledged.iter();
        acknowledged.try_fold(after_owed, |left, charge| left.checked_sub(charge.amount))
    }

    /// What is owed, and what may come to be when the open holds are captured. `None` beyond the range
    /// of amounts, which nothing that is accepted leads to: so no capture does.
    pub(super) fn promised(&self) -> Option<Credits> {
        self.owed.checked_add(self.held)
    }

    /// How old the snapshot is. One of the future was read before the clock stepped back: its age is
    /// unknown, so the greatest.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        let as_of = self.snapshot.as_ref()?.as_of;
        Some(if as_of > now { Duration::MAX } else { now.since(as_of) })
    }

    /// Whether the counts add up (D6).
    fn is_consistent(&self) -> bool {
        let parts = [self.open, self.applied, self.rejected];
        let sum = parts.into_iter().try_fold(0_u64, u64::checked_add);
        sum == Some(self.accepted)
            && self.quarantined <= self.open
            && !self.owed.is_negative()
            && self.owed.is_zero() == (self.open == 0)
            && self.promised().is_some()
    }

    /// Whether these open holds are what is counted as held.
    fn holds<'a>(&self, open: impl Iterator<Item = &'a LocalHold>) -> bool {
        let mut left = (self.holds, self.held);
        for local in open.filter(|local| local.hold.unit == self.unit) {
            let (count, sum) = (left.0.checked_sub(1), left.1.checked_sub(local.hold.amount));
            let (Some(count), Some(sum)) = (count, sum) else { return false };
            left = (count, sum);
        }
        left == (0, Credits::ZERO)
    }
}

/// A conversation with the upstream that is under way, or whose process has died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its number.
    pub token: u64,
    /// When it began.
    pub begun_at: Timestamp,
    /// When another may begin.
    pub until: Timestamp,
    /// What it sends; empty for a read.
    pub positions: Vec<u64>,
}

/// How the upstream is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Conversations that have failed since the last that sent something.
    pub failures: u32,
    /// No conversation before then.
    pub resume_at: Option<Timestamp>,
    /// When that was said.
    pub rests_from: Option<Timestamp>,
    /// Whether a read has succeeded since the last failure: then sending is tried again.
    pub answered: bool,
    /// Whether the upstream refuses our key.
    pub paused: bool,
    /// Which key it refused ([`crate::cache::CacheConfig::authority`]): another resumes at once.
    pub authority: u64,
    /// Whether it is our own worker, which takes batches.
    pub batches: bool,
    /// Whether the last conversation was a read: what waits to be sent then goes first, however many
    /// calls want another.
    pub read_last: bool,
}

impl Health {
    /// Whether the upstream is to be left alone at `now`, and until when. A pause that has not begun
    /// yet was written by a clock that has stepped back since.
    #[must_use]
    pub fn resting(&self, now: Timestamp, authority: u64) -> Option<Timestamp> {
        let until = self.resume_at?;
        let has_begun = self.rests_from.is_some_and(|from| from <= now);
        let released = self.paused && self.authority != authority;
        (has_begun && now < until && !released).then_some(until)
    }
}

/// The longest rest: the pause for a refused key, or what a `Retry-After` is allowed to ask for.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(600);

/// What is one per customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Conversations begun so far: the counter that orders reads and acknowledgements.
    pub conversations: u64,
    /// The one under way.
    pub lease: Option<Lease>,
    /// How the upstream is doing.
    pub health: Health,
    /// Notices ever made; their ids count up.
    pub notices: u64,
    /// Notices that wait to be told.
    pub untold: u64,
    /// What the alarm was last set for.
    pub alarm_due: Option<Timestamp>,
    /// Holds ever placed here; they are numbered from 1.
    pub holds: u64,
    /// When the first of the open ones is over: no alarm is set for later than that.
    pub hold_due: Option<Timestamp>,
    /// When holds were last placed upstream, to within an hour; `None` before the first.
    pub placed_there: Option<Timestamp>,
}

/// One customer's cache. Everything in it can be loaded from the stored units and head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    pub(super) owner: Owner,
    pub(super) units: Vec<UnitState>,
    pub(super) head: Head,
    /// The open holds that are local to the cache, in the order of their numbers.
    pub(super) holds: Vec<LocalHold>,
}

impl Cache {
    /// A customer of whom nothing is known.
    #[must_use]
    pub fn new(owner: Owner) -> Self {
        Self { owner, units: Vec::new(), head: Head::default(), holds: Vec::new() }
    }

    /// The cache as it was stored.
    ///
    /// # Errors
    /// [`Corrupt`] when counts and sums contradict each other.
    pub fn load(stored: Stored) -> Result<Self, Corrupt> {
        let Stored { owner, units, head, holds } = stored;
        let cache = Self { owner, units, head, holds };
        let ordered = |token| token <= mutants::latest(cache.head.conversations);
        let fits = |unit: &UnitState| {
            let read = unit.snapshot.as_ref().is_none_or(|snapshot| ordered(snapshot.read));
            unit.is_consistent()
                && read
                && unit.acknowledged.iter().all(|a| ordered(a.mark))
                && unit.holds(cache.holds.iter())
        };
        let known = |local: &LocalHold| {
            let hold = &local.hold;
            let counted = hold.is_open() && hold.sequence <= cache.head.holds;
            counted && cache.unit(&hold.unit).is_some()
        };
        let held = cache.holds.iter().all(known) && cache.head.hold_due == cache.next_expiry();
        let leased = cache.head.lease.as_ref().is_none_or(|lease| ordered(lease.token));
        let sound = cache.units.iter().all(fits) && leased && held;
        if sound { Ok(cache) } else { Err(Corrupt) }
    }

    /// Whose cache it is.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What is one per customer.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// All units.
    #[must_use]
    pub fn units(&self) -> &[UnitState] {
        &self.units
    }

    /// A unit's state.
    #[must_use]
    pub fn unit(&self, unit: &Unit) -> Option<&UnitState> {
        self.units.iter().find(|state| state.unit == *unit)
    }

    pub(super) fn unit_or_new(&self, unit: &Unit) -> UnitState {
        self.unit(unit).cloned().unwrap_or_else(|| UnitState::new(unit.clone()))
    }

    /// Charges accepted and neither settled nor quarantined.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.units.iter().map(|unit| unit.open - unit.quarantined).sum()
    }

    /// Charges accepted so far; the next one's position is one more.
    pub(super) fn accepted(&self) -> u64 {
        self.units.iter().map(|unit| unit.accepted).sum()
    }

    /// The conversation under way at `now`. A lease that ends further ahead than any lease was
    /// written by a clock that has stepped back since, and has ended.
    #[must_use]
    pub fn live_lease(&self, now: Timestamp, length: Duration) -> Option<&Lease> {
        let lease = self.head.lease.as_ref()?;
        if mutants::is(Mutant::LeaseWithoutExpiry) {
            return Some(lease);
        }
        let left = lease.until.since(now);
        (!left.is_zero() && left <= length).then_some(lease)
    }

    /// Brings the cache to the state after `writes`. Call it after they are stored, never before.
    pub fn apply(&mut self, writes: &Writes) {
        for unit in &writes.units {
            put_unit(&mut self.units, unit);
        }
        if let Some(head) = &writes.head {
            self.head = head.clone();
        }
        for local in &writes.holds {
            let at = self.holds.binary_search_by_key(&local.hold.sequence, |l| l.hold.sequence);
            match (at, local.hold.is_open()) {
                (Ok(at), true) => {
                    if let Some(known) = self.holds.get_mut(at) {
                        known.clone_from(local);
                    }
                }
                (Ok(at), false) => drop(self.holds.remove(at)),
                (Err(at), true) => self.holds.insert(at, local.clone()),
                (Err(_), false) => {}
            }
        }
    }
}

/// Inserts or replaces a unit.
pub(super) fn put_unit(units: &mut Vec<UnitState>, unit: &UnitState) {
    match units.iter_mut().find(|known| known.unit == unit.unit) {
        Some(known) => *known = unit.clone(),
        None => units.push(unit.clone()),
    }
}

impl Head {
    /// Makes sure that the alarm fires by `due`: leaves one that stands and is soon enough, since a
    /// needless wake-up costs less than a row written with every charge. One that is overdue may be
    /// lost for good, and one far ahead was set by a clock that has stepped back since.
    /// No hold is over before it fires.
    pub(super) fn arm(&mut self, now: Timestamp, due: Timestamp) -> AlarmIntent {
        let over = self.hold_due.filter(|_| !mutants::is(Mutant::AlarmForgetsHolds));
        self.arm_for(now, over.map_or(due, |over| over.min(due)))
    }

    /// [`Head::arm`] for this alone.
    pub(super) fn arm_for(&mut self, now: Timestamp, due: Timestamp) -> AlarmIntent {
        let due = due.max(now.plus(Duration::from_millis(1)));
        let any = mutants::is(Mutant::RearmOnlyIfNull);
        if self.alarm_due.is_some_and(|stands| any || stands > now && stands <= due) {
            return AlarmIntent::Keep;
        }
        self.alarm_due = Some(due);
        AlarmIntent::Set(due)
    }

    /// Whether an alarm that should stand does: set, not overdue by more than a minute, and soon
    /// enough for what `waits` to be sent, or else for the first hold that is over.
    pub(super) fn alarm_stands(&self, now: Timestamp, waits: bool) -> bool {
        let any = mutants::is(Mutant::RearmOnlyIfNull);
        self.alarm_due.is_some_and(|due| {
            let soon = due.since(now) <= LONGEST_REST + MAX_BACKOFF;
            let in_time = !waits && self.hold_due.is_some_and(|over| due <= over);
            any || now.since(due) <= Duration::from_secs(60) && (soon || in_time)
        })
    }
}
