//! What each request comes to in the auditor's books: the lines that it writes, or why not.

use edge_credits_core::credits::Credits;
use edge_credits_core::ids::{Owner, TransactionId, Unit};
use edge_credits_core::ledger::{
    Adjust, Capture, Command, Consume, DEFAULT_PRIORITY, Debit, EntryKind, GrantCredits, HoldState,
    Place, Refund, Release, Void, WhenShort,
};

use super::books::{Books, Charged, Granted, Held, Line, Standing};

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum No {
    KeyReused,
    Closed,
    ExpiryPassed,
    UnknownCharge,
    UnknownGrant,
    UnknownHold,
    OtherUnit,
    GrantEnded,
    Ended(HoldState, i128),
    MoreThanCharged(i128),
    MoreThanHeld(i128),
    Short { available: i128, requested: i128 },
}

/// What a command comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comes {
    /// A line of its own, at this position.
    To(u64),
    /// What the entry with this id was answered with.
    Again(TransactionId),
}

pub(super) fn minor(amount: Credits) -> i128 {
    i128::from(amount.minor_units())
}

/// An end of a hold that is asked for.
struct Wanted<'a> {
    hold: &'a TransactionId,
    unit: Option<&'a Unit>,
    /// `None` leaves it to what was reported.
    used: Option<i128>,
    releases: bool,
}

impl<'a> Wanted<'a> {
    fn of(command: &'a Command) -> Option<Self> {
        match command {
            Command::Capture(Capture { hold, used, .. }) => {
                let unit = used.as_ref().map(|(unit, _)| unit);
                let used = used.as_ref().map(|(_, used)| minor(*used));
                Some(Self { hold, unit, used, releases: false })
            }
            Command::Release(Release { hold, .. }) => {
                Some(Self { hold, unit: None, used: Some(0), releases: true })
            }
            _ => None,
        }
    }

    /// Whether what has been done is what is wanted.
    fn is_done_by(&self, (state, captured): (HoldState, i128)) -> bool {
        match state {
            HoldState::Captured => !self.releases && self.used.is_none_or(|used| used == captured),
            HoldState::Released => self.used.is_none_or(|used| used == 0),
            _ => false,
        }
    }
}

impl Books {
    /// Ledger time at a reading of the clock.
    pub(super) fn ledger_time(&self, clock: i64) -> i64 {
        clock.max(self.time)
    }

    /// Carries out a command. On an error the books are not to be used any more.
    pub(super) fn perform(
        &mut self,
        owner: &Owner,
        clock: i64,
        command: &Command,
    ) -> Result<Comes, No> {
        let now = self.ledger_time(clock);
        if let Some(wanted) = Wanted::of(command) {
            return self.end(now, &wanted, owner, command);
        }
        let key = (command.operation(), command.call().key.as_str().to_owned());
        if let Some(id) = self.keys.get(&key) {
            let same = self.contents.get(id) == Some(&content(command));
            return if same { Ok(Comes::Again(id.clone())) } else { Err(No::KeyReused) };
        }
        if self.closed {
            return Err(No::Closed);
        }
        self.advance(now);
        let own = self.sequence + 1;
        match command {
            Command::Consume(it) => self.consume(it, now)?,
            Command::Debit(it) => self.debit(it, now)?,
            Command::Grant(it) => self.grant(it, now)?,
            Command::Refund(it) => self.refund(it, now)?,
            Command::Void(it) => self.void(it, now)?,
            Command::Hold(it) => self.place(it, now)?,
            _ => panic!("no such command is sent"),
        }
        Ok(Comes::To(own))
    }

    fn consume(&mut self, it: &Consume, now: i64) -> Result<(), No> {
        let limit = match it.when_short {
            WhenShort::Reject => Some(0),
            WhenShort::Allow => self.limit_in(&it.unit),
        };
        self.usage((EntryKind::Consumption, &it.unit), minor(it.amount), limit, now)
    }

    fn debit(&mut self, it: &Debit, now: i64) -> Result<(), No> {
        let limit = self.limit_in(&it.unit);
        self.usage((EntryKind::Adjustment, &it.unit), minor(it.amount), limit, now)
    }

    /// The overdraft limit is so many whole credits of every unit, and the wallet has three decimals more.
    fn limit_in(&self, unit: &Unit) -> Option<i128> {
        let scale = if unit.as_str() == Unit::USD { 1_000 } else { 1 };
        self.overdraft_limit.map(|limit| limit * scale)
    }

    /// Usage goes below zero as far as `limit` (L2).
    fn usage(
        &mut self,
        (kind, unit): (EntryKind, &Unit),
        requested: i128,
        limit: Option<i128>,
        now: i64,
    ) -> Result<(), No> {
        let available = self.available(unit);
        if limit.is_some_and(|limit| available - requested < -limit) {
            return Err(No::Short { available, requested });
        }
        let draws = self.take(unit, requested, now);
        let covered: i128 = draws.iter().map(|draw| draw.1).sum();
        let charge = Charged {
            unit: unit.clone(),
            covered: draws.clone(),
            uncovered: requested - covered,
            hold: None,
        };
        self.write(Line { draws, ..Line::new(kind, unit, -requested, now) });
        self.charges.insert(self.sequence, charge);
        Ok(())
    }

    fn grant(&mut self, it: &GrantCredits, now: i64) -> Result<(), No> {
        let from = it.effective_at.map_or(now, |from| from.as_millis());
        let until = it.expires_at.map(|until| until.as_millis());
        if until.is_some_and(|until| until <= from.max(now)) {
            return Err(No::ExpiryPassed);
        }
        let (amount, source) = (minor(it.amount), it.source.kind());
        let to_come = from > now;
        let granted = Granted {
            unit: it.unit.clone(),
            amount,
            left: if to_come { 0 } else { amount },
            priority: it.priority,
            source,
            from,
            until,
            standing: if to_come { Standing::ToCome } else { Standing::Begun },
        };
        self.grants.insert(self.sequence + 1, granted);
        if to_come {
            self.write(Line::new(EntryKind::Scheduled, &it.unit, 0, now));
        } else {
            let draws = self.pay_overage(&it.unit, now);
            self.write(Line { draws, ..Line::new(source, &it.unit, amount, now) });
        }
        Ok(())
    }

    /// As if so much had never been charged: what no grant covered first, then last drawn first.
    fn refund(&mut self, it: &Refund, now: i64) -> Result<(), No> {
        let amount = minor(it.amount);
        let position = self.ids.get(&it.refund_of).ok_or(No::UnknownCharge)?;
        let charge = self.charges.get_mut(position).ok_or(No::UnknownCharge)?;
        if charge.unit != it.unit {
            return Err(No::OtherUnit);
        }
        let most = charge.uncovered + charge.covered.iter().map(|part| part.1).sum::<i128>();
        if amount > most {
            return Err(No::MoreThanCharged(most));
        }
        let uncovered = charge.uncovered.min(amount);
        charge.uncovered -= uncovered;
        let (mut missing, mut draws) = (amount - uncovered, Vec::new());
        for (grant, part) in charge.covered.iter_mut().rev() {
            let back = missing.min(*part);
            (missing, *part) = (missing - back, *part - back);
            if back > 0 {
                draws.push((*grant, -back));
            }
        }
        self.draw(&draws);
        let unpaid = uncovered.min(self.overage(&it.unit));
        self.lower_overage(&it.unit, unpaid);
        if uncovered > unpaid {
            let granted = Granted {
                unit: it.unit.clone(),
                amount: uncovered - unpaid,
                left: uncovered - unpaid,
                priority: DEFAULT_PRIORITY,
                source: EntryKind::Refund,
                from: now,
                until: None,
                standing: Standing::Begun,
            };
            self.grants.insert(self.sequence + 1, granted);
        }
        let back: Vec<u64> = draws.iter().map(|draw| draw.0).collect();
        draws.extend(self.pay_overage(&it.unit, now));
        self.write(Line { draws, ..Line::new(EntryKind::Refund, &it.unit, amount, now) });
        self.end_what_came_back(&back, now);
        Ok(())
    }

    fn void(&mut self, it: &Void, now: i64) -> Result<(), No> {
        let sequence = *self.ids.get(&it.grant).ok_or(No::UnknownGrant)?;
        let grant = self.grants.get(&sequence).ok_or(No::UnknownGrant)?;
        let can_end = match grant.standing {
            Standing::ToCome => true,
            Standing::Begun => grant.left > self.reserved(sequence),
            Standing::Expired | Standing::Voided => false,
        };
        if !can_end {
            return Err(No::GrantEnded);
        }
        self.end_grant(sequence, EntryKind::Void, now);
        Ok(())
    }

    /// A gate (L2), which takes what it will use from the grants at once (L3).
    fn place(&mut self, it: &Place, now: i64) -> Result<(), No> {
        let (available, requested) = (self.available(&it.unit), minor(it.amount));
        if available < requested {
            return Err(No::Short { available, requested });
        }
        let parts = self.payers(&it.unit, requested, now);
        let sequence = self.sequence + 1;
        let held = Held {
            unit: it.unit.clone(),
            amount: requested,
            parts,
            used: None,
            rule: it.on_expiry,
            until: now + i64::try_from(it.ttl.as_millis()).expect("a time to live"),
            ended: None,
        };
        self.holds.insert(sequence, held);
        let hold = Some(sequence);
        self.write(Line { hold, ..Line::new(EntryKind::Hold, &it.unit, 0, now) });
        Ok(())
    }

    /// One end, whoever asks and under whatever key; from the instant at which its time is over the
    /// hold's own rule has ended it (L3).
    fn end(
        &mut self,
        now: i64,
        wanted: &Wanted<'_>,
        owner: &Owner,
        command: &Command,
    ) -> Result<Comes, No> {
        let sequence = self.placed(wanted.hold);
        let is_over = |sequence: &u64| self.holds[sequence].ended.is_some();
        if self.closed && !sequence.as_ref().is_ok_and(is_over) {
            return Err(No::Closed);
        }
        let sequence = sequence?;
        let hold = &self.holds[&sequence];
        if wanted.unit.is_some_and(|unit| *unit != hold.unit) {
            return Err(No::OtherUnit);
        }
        if let Some(ended) = hold.ended.filter(|ended| wanted.is_done_by(*ended)) {
            debug_assert_ne!(ended.0, HoldState::Expired);
            return Ok(Comes::Again(command.lookups(owner).record));
        }
        self.advance(now);
        let hold = self.open(sequence)?;
        let captured = wanted.used.unwrap_or(hold.used.unwrap_or(hold.amount));
        if captured > hold.amount {
            return Err(No::MoreThanHeld(hold.amount));
        }
        let state = if captured == 0 { HoldState::Released } else { HoldState::Captured };
        let own = self.sequence + 1;
        self.end_hold(sequence, (state, captured), now);
        Ok(Comes::To(own))
    }

    /// A change of a hold that moves nothing. On an error the books are not to be used any more.
    pub(super) fn adjust(
        &mut self,
        clock: i64,
        id: &TransactionId,
        change: &Adjust,
    ) -> Result<u64, No> {
        let now = self.ledger_time(clock);
        let sequence = self.placed(id)?;
        if let Adjust::Progress { unit, .. } = change
            && *unit != self.holds[&sequence].unit
        {
            return Err(No::OtherUnit);
        }
        self.advance(now);
        self.open(sequence)?;
        let hold = self.holds.get_mut(&sequence).expect("a hold");
        match change {
            Adjust::Extend { ttl } => {
                let until = now + i64::try_from(ttl.as_millis()).expect("a time to live");
                hold.until = hold.until.max(until);
            }
            Adjust::Progress { used, .. } if minor(*used) > hold.amount => {
                return Err(No::MoreThanHeld(hold.amount));
            }
            Adjust::Progress { used, .. } => hold.used = hold.used.max(Some(minor(*used))),
        }
        Ok(sequence)
    }

    /// Where a hold was placed.
    pub(super) fn placed(&self, id: &TransactionId) -> Result<u64, No> {
        let sequence = self.ids.get(id).filter(|sequence| self.holds.contains_key(sequence));
        sequence.copied().ok_or(No::UnknownHold)
    }

    fn open(&self, sequence: u64) -> Result<&Held, No> {
        let hold = &self.holds[&sequence];
        hold.ended.map_or(Ok(hold), |(state, captured)| Err(No::Ended(state, captured)))
    }
}

/// What a key stands for: what moves money, spelled out.
pub(super) fn content(command: &Command) -> String {
    match command {
        Command::Consume(it) => format!("{:?} {}", it.unit, minor(it.amount)),
        Command::Debit(it) => format!("{:?} -{} adjustment", it.unit, minor(it.amount)),
        Command::Refund(it) => {
            format!("{:?} {} refund of {:?}", it.unit, minor(it.amount), it.refund_of)
        }
        Command::Void(it) => format!("{:?}", it.grant),
        Command::Hold(it) => {
            format!("{:?} {} {:?} {:?}", it.unit, minor(it.amount), it.ttl, it.on_expiry)
        }
        Command::Grant(it) => {
            let GrantCredits { unit, source, product, priority, .. } = it;
            let amount = minor(it.amount);
            let times = (it.effective_at, it.expires_at);
            format!("{unit:?} {amount} {source:?} {product:?} {priority} {times:?}")
        }
        _ => String::new(),
    }
}
