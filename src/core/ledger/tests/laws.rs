//! The laws of the ledger over random commands, checked by an auditor that adds up the rows in its
//! own way (128-bit sums over entries; nothing of the draft's arithmetic).

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::book::{Book, at, credits};
use crate::ids::{TransactionId, Unit};
use crate::ledger::*;

/// One random line of a script; amounts are small, so that gates, overage and refunds meet.
fn line() -> impl Strategy<Value = String> {
    let amount = prop_oneof![1..30_u32, Just(1_u32), Just(1_000_u32)];
    let key = prop_oneof![
        3 => Just(String::new()),
        1 => (0..12_u32).prop_map(|key| format!(" #k{key}")),
    ];
    let terms = (
        prop_oneof![Just(String::new()), (1..40_u32).prop_map(|end| format!(" until {end}"))],
        prop_oneof![3 => Just(String::new()), 1 => (1..40_u32).prop_map(|start| format!(" from {start}"))],
        prop_oneof![Just(String::new()), (0..3_u32).prop_map(|rank| format!(" priority {rank}"))],
    );
    prop_oneof![
        (amount.clone(), terms, key.clone())
            .prop_map(|(n, (until, from, rank), key)| format!("grant {n}{until}{from}{rank}{key}")),
        (amount.clone(), key.clone()).prop_map(|(n, key)| format!("gate {n}.5{key}")),
        (amount.clone(), key.clone()).prop_map(|(n, key)| format!("use {n}{key}")),
        (amount.clone(), 0..12_u32, key.clone())
            .prop_map(|(n, charge, key)| format!("refund {n} of #k{charge}{key}")),
        (amount.clone(), key.clone()).prop_map(|(n, key)| format!("debit {n}{key}")),
        (amount.clone(), 1..20_u32, 0..3_usize, 0..8_u32).prop_map(|(n, ttl, rule, hold)| {
            let rule = ["capture_progress", "release", "capture_all"][rule];
            format!("hold {n} ttl {ttl} then {rule} #h{hold}")
        }),
        (0..8_u32, amount, 0..12_u32)
            .prop_map(|(hold, n, key)| format!("capture #h{hold} {n} #k{key}")),
        (0..8_u32).prop_map(|hold| format!("capture #h{hold}")),
        (0..8_u32).prop_map(|hold| format!("release #h{hold}")),
        (0..8_u32, 0..20_u32).prop_map(|(hold, n)| format!("progress #h{hold} {n}")),
        (0..8_u32, 1..20_u32).prop_map(|(hold, ttl)| format!("extend #h{hold} {ttl}")),
        ((0..12_u32), key).prop_map(|(grant, key)| format!("void #k{grant}{key}")),
        Just(String::from("settle")),
    ]
}

/// Lines at times that mostly go forward, and sometimes back.
fn script() -> impl Strategy<Value = Vec<(u32, String)>> {
    let step = prop_oneof![4 => 0..3_i32, 1 => -5..10_i32];
    proptest::collection::vec((step, line()), 1..60).prop_map(|steps| {
        let mut now = 0_i32;
        let at = |(step, line): (i32, String)| {
            now = (now + step).max(0);
            (now.unsigned_abs(), line)
        };
        steps.into_iter().map(at).collect()
    })
}

fn audit(book: &Book) -> Result<(), TestCaseError> {
    let entries = book.entries();
    let grants: BTreeMap<u64, Grant> =
        book.grants().into_iter().map(|grant| (grant.sequence, grant)).collect();
    let mut holds = Reserved::of(book);
    let mut posted: BTreeMap<Unit, i128> = BTreeMap::new();
    let mut left: BTreeMap<u64, i128> = BTreeMap::new();
    let mut refunded: BTreeMap<TransactionId, i128> = BTreeMap::new();
    let mut waiting: BTreeSet<u64> = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut time = at(0);
    for (index, entry) in entries.iter().enumerate() {
        // L5: no gaps, time never falls, ids are unique (so a key is applied once).
        prop_assert_eq!(entry.sequence, index as u64 + 1);
        prop_assert!(entry.time >= time);
        time = entry.time;
        prop_assert!(ids.insert(entry.id.clone()));
        // L1: the balance is the sum of the entries.
        let sum = posted.entry(entry.unit.clone()).or_default();
        *sum += i128::from(entry.amount.minor_units());
        prop_assert_eq!(*sum, i128::from(entry.balance_after.minor_units()));
        if let Some(grant) = grants.get(&entry.sequence) {
            let came_now = entry.kind != EntryKind::Scheduled;
            let starts = if came_now { i128::from(grant.amount.minor_units()) } else { 0 };
            left.insert(grant.sequence, starts);
            if !came_now {
                waiting.insert(grant.sequence);
            }
        }
        if entry.record.is_none() && entry.amount.is_positive() {
            // The ledger's own increase: a scheduled grant whose time has come, each of them once.
            // Of two alike it is the one that was not voided, which may have been before its time.
            let alike = grants.values().filter(|grant| {
                waiting.contains(&grant.sequence)
                    && grant.amount == entry.amount
                    && grant.effective_at == entry.time
            });
            let scheduled = alike.min_by_key(|grant| grant.state == GrantState::Voided);
            let sequence = scheduled.map(|grant| grant.sequence);
            prop_assert!(sequence.is_some());
            waiting.remove(&sequence.unwrap_or(0));
            left.insert(sequence.unwrap_or(0), i128::from(entry.amount.minor_units()));
        }
        for draw in &entry.draws {
            let grant = &grants[&draw.grant];
            let remaining = left.get_mut(&draw.grant).unwrap();
            *remaining -= i128::from(draw.amount.minor_units());
            prop_assert!(*remaining >= 0 && *remaining <= i128::from(grant.amount.minor_units()));
            // L7: none is used at or after its expiry.
            let usage = matches!(entry.kind, EntryKind::Consumption | EntryKind::Adjustment);
            if usage && entry.hold.is_none() {
                prop_assert!(grant.expires_at.is_none_or(|end| entry.time < end));
                prop_assert!(grant.effective_at <= entry.time);
            }
        }
        holds.audit(entry, &left)?;
        if let Some(charge) = &entry.refund_of {
            *refunded.entry(charge.clone()).or_default() += i128::from(entry.amount.minor_units());
        }
    }
    // L6: refunds never exceed their charge.
    for (charge, sum) in refunded {
        let charge = entries.iter().find(|entry| entry.id == charge).unwrap();
        prop_assert!(sum <= -i128::from(charge.amount.minor_units()));
    }
    for grant in grants.values() {
        // L7: what the draws leave is what the row says.
        prop_assert_eq!(left[&grant.sequence], i128::from(grant.remaining.minor_units()));
        let overdue = grant.expires_at.is_some_and(|end| end <= time);
        prop_assert!(!overdue || grant.remaining == grant.held);
        let reserved = holds.reserved.get(&grant.sequence).copied().unwrap_or(0);
        prop_assert_eq!(reserved, i128::from(grant.held.minor_units()));
    }
    let open: Vec<u64> = book.account.open_holds().map(|hold| hold.sequence).collect();
    prop_assert_eq!(holds.open, open.into_iter().collect::<BTreeSet<_>>());
    Ok(())
}

/// What open holds reserve of each grant, entry by entry.
struct Reserved {
    holds: Vec<Hold>,
    reserved: BTreeMap<u64, i128>,
    open: BTreeSet<u64>,
    /// Ended by the entry before.
    ended: Option<TransactionId>,
}

impl Reserved {
    fn of(book: &Book) -> Self {
        let (reserved, open) = (BTreeMap::new(), BTreeSet::new());
        Self { holds: book.holds(), reserved, open, ended: None }
    }

    /// L3: a hold ends once, takes at most what it reserves and gives back the rest; what it
    /// reserves stays in its grants until then, whatever other entries took or ended.
    fn audit(&mut self, entry: &Entry, left: &BTreeMap<u64, i128>) -> Result<(), TestCaseError> {
        let named = |hold: &&Hold| Some(&hold.id) == entry.hold.as_ref();
        if let Some(hold) = self.holds.iter().find(named) {
            let sign = if entry.kind == EntryKind::Hold { 1 } else { -1 };
            if entry.kind == EntryKind::Hold {
                prop_assert_eq!(entry.sequence, hold.sequence);
                prop_assert!(self.open.insert(hold.sequence));
            } else if self.ended.as_ref() == Some(&hold.id) {
                // What was released pays overage by an entry of the ledger's own.
                prop_assert!(entry.kind == EntryKind::Release && entry.record.is_none());
                prop_assert!(entry.amount.is_zero() && !entry.draws.is_empty());
                return Ok(());
            } else {
                prop_assert!(self.open.remove(&hold.sequence), "it ends once");
                prop_assert_eq!(entry.amount, hold.captured.negated());
                let late = entry.time >= hold.expires_at;
                prop_assert_eq!(late, hold.state == HoldState::Expired);
                self.ended = Some(hold.id.clone());
            }
            for reserve in &hold.reserves {
                let reserved = self.reserved.entry(reserve.grant).or_default();
                *reserved += sign * i128::from(reserve.amount.minor_units());
            }
        }
        for (grant, reserved) in &self.reserved {
            prop_assert!(*reserved >= 0 && *reserved <= left[grant]);
        }
        let held: i128 = self.reserved.values().sum();
        prop_assert_eq!(held, i128::from(entry.held_after.minor_units()));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn laws_hold_over_random_scripts(script in script()) {
        let mut book = Book::new();
        for (number, (now, line)) in script.iter().enumerate() {
            let has_key = line.contains(" #") && !line.ends_with("settle");
            let named = has_key && !line.rsplit(" of ").next().is_some_and(|tail| tail.starts_with('#') && !tail.contains(' '));
            let key = if named || line == "settle" { String::new() } else { format!(" #n{number}") };
            let before = book.account.balance(&Unit::credits(), at(i64::from(*now))).unwrap();
            let outcome = book.play(&format!("{now} {line}{key}"));
            // L2: a gate is granted when, and only when, the balance covers it.
            let gate = line.starts_with("gate") || line.starts_with("hold");
            if gate && !outcome.contains("replayed") && !outcome.contains("reused") {
                let amount = credits(line.split(' ').nth(1).unwrap());
                prop_assert_eq!(outcome.starts_with('='), before.available >= amount, "{}", outcome);
            }
            // L4: the same call again is answered alike, and changes nothing.
            if outcome.starts_with('=') && line != "settle" {
                let rows = book.entry_rows.len();
                let again = book.play(&format!("{now} {line}{key}"));
                if named || !key.is_empty() {
                    prop_assert_eq!(again.trim_end_matches(" replayed"), outcome.trim_end_matches(" replayed"));
                    prop_assert_eq!(book.entry_rows.len(), rows);
                }
            }
        }
        audit(&book)?;
    }

    #[test]
    fn alarms_change_only_timing(script in script()) {
        // The same commands with the alarm run before each of them make the same entries.
        let (mut quiet, mut busy) = (Book::new(), Book::new());
        let mut latest = 0;
        for (number, (now, line)) in script.iter().enumerate() {
            latest = latest.max(*now);
            let makes_none = ["settle", "progress", "extend"];
            let makes_none = makes_none.iter().any(|verb| line.starts_with(verb));
            let line = if makes_none { "use 1" } else { line };
            let line = format!("{latest} {line} #n{number}");
            busy.settle(at(i64::from(latest)));
            prop_assert_eq!(quiet.play(&line), busy.play(&line));
        }
        let end = at(i64::from(latest) + 100);
        quiet.settle(end);
        busy.settle(end);
        prop_assert_eq!(quiet.statement(), busy.statement());
    }
}
