//! Where a ledger's rows are kept between two steps.

use std::collections::BTreeMap;

use edge_credits_core::ids::{CustomerId, Environment, Owner, TransactionId};
use edge_credits_core::ledger::stored::{SqlValue, entry_from_row, entry_to_row};
use edge_credits_core::ledger::stored::{grant_from_row, grant_to_row, hold_from_row, hold_to_row};
use edge_credits_core::ledger::{Account, AlarmIntent, Entry, Found, Grant, Hold, Lookups, Writes};
use edge_credits_core::time::Timestamp;

/// A store of one customer's rows and alarm.
pub(crate) trait Shelf {
    /// The account that the rows describe.
    fn load(&self) -> Account;
    /// What a decision needs besides.
    fn find(&self, lookups: &Lookups) -> Found;
    /// The hold with this id, open or not.
    fn hold(&self, id: &TransactionId) -> Option<Hold>;
    /// Keeps a decision, its alarm included.
    fn keep(&mut self, writes: &Writes, now: Timestamp);
    /// Changes the alarm alone.
    fn set_alarm(&mut self, intent: AlarmIntent, now: Timestamp);
    /// The instant that the alarm stands for.
    fn alarm(&self) -> Option<Timestamp>;
}

pub(crate) fn owner() -> Owner {
    let customer = CustomerId::parse("cus_1").unwrap();
    Owner { environment: Environment::Test, customer }
}

/// Rows in memory, kept in the core's own form.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    pub(crate) entries: Vec<Vec<SqlValue>>,
    pub(crate) grants: BTreeMap<u64, Vec<SqlValue>>,
    pub(crate) holds: BTreeMap<u64, Vec<SqlValue>>,
    /// Positions in `entries`.
    ids: BTreeMap<TransactionId, usize>,
    refunds: BTreeMap<TransactionId, Vec<usize>>,
    alarm: Option<Timestamp>,
}

impl Rows {
    fn entry(&self, position: usize) -> Entry {
        entry_from_row(self.entries[position].clone()).unwrap()
    }

    fn grant(&self, sequence: u64) -> Option<Grant> {
        let row = self.grants.get(&sequence)?;
        Some(grant_from_row(row.clone()).unwrap())
    }

    pub(crate) fn open_grants(&self) -> Vec<Grant> {
        let rows = self.grants.values();
        let open = rows.filter(|row| row.last() == Some(&SqlValue::Integer(1)));
        open.map(|row| grant_from_row(row.clone()).unwrap()).collect()
    }

    pub(crate) fn open_holds(&self) -> Vec<Hold> {
        let rows = self.holds.values();
        let open = rows.filter(|row| row.last() == Some(&SqlValue::Integer(1)));
        open.map(|row| hold_from_row(row.clone()).unwrap()).collect()
    }
}

impl Shelf for Rows {
    fn load(&self) -> Account {
        let last = self.entries.last().map(|row| entry_from_row(row.clone()).unwrap());
        Account::load(owner(), last, (self.open_grants(), self.open_holds())).unwrap()
    }

    fn hold(&self, id: &TransactionId) -> Option<Hold> {
        let position = self.ids.get(id)?;
        let row = self.holds.get(&(*position as u64 + 1))?;
        Some(hold_from_row(row.clone()).unwrap())
    }

    fn find(&self, lookups: &Lookups) -> Found {
        let by_id = |id: &TransactionId| self.ids.get(id).map(|position| self.entry(*position));
        let mut found = Found { record: by_id(&lookups.record), ..Found::default() };
        if let Some(charge) = &lookups.charge {
            found.charge = by_id(charge);
            let refunds = self.refunds.get(charge).into_iter().flatten();
            found.refunds = refunds.map(|position| self.entry(*position)).collect();
        }
        let draws = found.charge.iter().flat_map(|charge| &charge.draws);
        found.grants = draws.filter_map(|draw| self.grant(draw.grant)).collect();
        let named = lookups.grant.as_ref().and_then(|id| self.ids.get(id));
        found.grants.extend(named.and_then(|position| self.grant(*position as u64 + 1)));
        found.hold = lookups.hold.as_ref().and_then(|id| self.hold(id));
        found
    }

    fn keep(&mut self, writes: &Writes, now: Timestamp) {
        for entry in &writes.entries {
            let position = self.entries.len();
            assert!(self.ids.insert(entry.id.clone(), position).is_none(), "an id used twice");
            if let Some(charge) = &entry.refund_of {
                self.refunds.entry(charge.clone()).or_default().push(position);
            }
            self.entries.push(entry_to_row(entry).unwrap());
        }
        for grant in &writes.grants {
            self.grants.insert(grant.sequence, grant_to_row(grant).unwrap());
        }
        for hold in &writes.holds {
            self.holds.insert(hold.sequence, hold_to_row(hold).unwrap());
        }
        self.set_alarm(writes.alarm, now);
    }

    fn set_alarm(&mut self, intent: AlarmIntent, _now: Timestamp) {
        match intent {
            AlarmIntent::Keep => {}
            AlarmIntent::Set(due) => self.alarm = Some(due),
            AlarmIntent::Clear => self.alarm = None,
        }
    }

    fn alarm(&self) -> Option<Timestamp> {
        self.alarm
    }
}
