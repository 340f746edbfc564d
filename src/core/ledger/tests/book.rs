//! A ledger with a store of rows, driven by short lines of text.
//!
//! Every step goes the way a real one goes: look up, decide, store as rows, apply; then the account
//! is loaded afresh from the rows and must equal the one in memory (D15).

use core::time::Duration;
use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::credits::{Credits, Scale};
use crate::idempotency::IdempotencyKey;
use crate::ids::{CustomerId, Environment, Owner, Product, TransactionId, Unit};
use crate::ledger::stored::{
    SqlValue, entry_from_row, entry_to_row, grant_from_row, grant_to_row, hold_from_row,
    hold_to_row,
};
use crate::ledger::*;
use crate::time::Timestamp;

/// One customer's ledger and its stored rows.
pub(super) struct Book {
    pub(super) account: Account,
    pub(super) config: LedgerConfig,
    pub(super) entry_rows: Vec<Vec<SqlValue>>,
    pub(super) grant_rows: BTreeMap<u64, Vec<SqlValue>>,
    pub(super) hold_rows: BTreeMap<u64, Vec<SqlValue>>,
    /// What a shell would have set, kept by the intents alone.
    pub(super) alarm: Option<Timestamp>,
    /// Whether to load the account afresh after every step.
    pub(super) reload: bool,
    /// Ids by the short keys of the lines; the first call of a key has it.
    ids: BTreeMap<String, TransactionId>,
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

pub(super) fn credits(text: &str) -> Credits {
    Credits::from_decimal_text(text, Scale::CREDITS).unwrap()
}

fn owner() -> Owner {
    let customer = CustomerId::parse("cus_1").unwrap();
    Owner { environment: Environment::Live, customer }
}

impl Book {
    pub(super) fn new() -> Self {
        Self {
            account: Account::new(owner()),
            config: LedgerConfig::default(),
            entry_rows: Vec::new(),
            grant_rows: BTreeMap::new(),
            hold_rows: BTreeMap::new(),
            alarm: None,
            reload: true,
            ids: BTreeMap::new(),
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entry_rows.iter().map(|row| entry_from_row(row.clone()).unwrap()).collect()
    }

    pub(super) fn grants(&self) -> Vec<Grant> {
        self.grant_rows.values().map(|row| grant_from_row(row.clone()).unwrap()).collect()
    }

    pub(super) fn holds(&self) -> Vec<Hold> {
        self.hold_rows.values().map(|row| hold_from_row(row.clone()).unwrap()).collect()
    }

    /// The rows that an account loads besides the last entry.
    pub(super) fn open(&self) -> (Vec<Grant>, Vec<Hold>) {
        let (mut grants, mut holds) = (self.grants(), self.holds());
        grants.retain(Grant::is_open);
        holds.retain(Hold::is_open);
        (grants, holds)
    }

    /// What a store finds for a command.
    pub(super) fn found(&self, command: &Command) -> Found {
        let lookups = command.lookups(self.account.owner());
        let by_id = |id: &TransactionId| {
            let text = SqlValue::Text(id.as_str().to_owned());
            let row = self.entry_rows.iter().find(|row| row[1] == text);
            row.map(|row| entry_from_row(row.clone()).unwrap())
        };
        let mut found = Found { record: by_id(&lookups.record), ..Found::default() };
        if let Some(charge) = lookups.charge {
            found.charge = by_id(&charge);
            found.refunds = self.entries();
            found.refunds.retain(|entry| entry.refund_of.as_ref() == Some(&charge));
        }
        let drew = |grant: &Grant| {
            let charge = found.charge.as_ref();
            charge.is_some_and(|charge| charge.draws.iter().any(|d| d.grant == grant.sequence))
        };
        let reverses = |grant: &Grant| {
            let charge = found.charge.as_ref();
            charge.is_some_and(|charge| charge.refund_of.as_ref() == Some(&grant.id))
        };
        if found.charge.is_some() || lookups.grant.is_some() {
            found.grants = self.grants();
            found.grants.retain(|grant| {
                lookups.grant.as_ref() == Some(&grant.id) || drew(grant) || reverses(grant)
            });
        }
        found.hold = self.holds().into_iter().find(|hold| lookups.hold.as_ref() == Some(&hold.id));
        found
    }

    pub(super) fn run(&mut self, now: Timestamp, command: &Command) -> Result<Receipt, Rejection> {
        let before = self.account.clone();
        let decision = decide(&self.account, &self.found(command), now, command, &self.config);
        assert_eq!(self.account, before, "deciding changes nothing");
        let decision = decision?;
        self.store(&decision.writes);
        Ok(decision.receipt)
    }

    /// What the alarm does, and what a shell does after it.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let writes = settle(&self.account, now).unwrap();
        self.store(&writes);
        self.set_alarm(self.account.rearm());
    }

    pub(super) fn store(&mut self, writes: &Writes) {
        for entry in &writes.entries {
            let row = entry_to_row(entry).unwrap();
            assert_eq!(entry_from_row(row.clone()).as_ref(), Ok(entry));
            self.entry_rows.push(row);
        }
        for grant in &writes.grants {
            let row = grant_to_row(grant).unwrap();
            assert_eq!(grant_from_row(row.clone()).as_ref(), Ok(grant));
            self.grant_rows.insert(grant.sequence, row);
        }
        for hold in &writes.holds {
            let row = hold_to_row(hold).unwrap();
            assert_eq!(hold_from_row(row.clone()).as_ref(), Ok(hold));
            self.hold_rows.insert(hold.sequence, row);
        }
        self.account.apply(writes);
        self.set_alarm(writes.alarm);
        if !self.reload {
            return;
        }
        assert_eq!(self.alarm, self.account.next_due(), "the alarm stands at the next due time");
        let loaded = Account::load(owner(), self.entries().pop(), self.open());
        assert_eq!(loaded.as_ref(), Ok(&self.account), "memory is only a cache of the rows (D15)");
    }

    fn set_alarm(&mut self, intent: AlarmIntent) {
        match intent {
            AlarmIntent::Keep => {}
            AlarmIntent::Set(time) => self.alarm = Some(time),
            AlarmIntent::Clear => self.alarm = None,
        }
    }

    /// Runs lines such as `0 grant 100 until 50 #g`, `1 use 30`, `2 gate 71`, `3 refund 10 of #u`,
    /// `4 debit 5`, `5 void #g`, `6 settle`: seconds, verb, amount, terms. `#key` names the call
    /// (the line's number otherwise). Holds: `0 hold 75 ttl 60 then release #h`, `1 progress #h 20`,
    /// `2 extend #h 90`, `3 capture #h 30`, `4 capture #h`, `5 release #h`. Returns one line of
    /// outcome per line.
    pub(super) fn play(&mut self, script: &str) -> String {
        let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
        let outcomes: Vec<String> =
            lines.enumerate().map(|(number, line)| self.play_line(number, line)).collect();
        outcomes.join("\n")
    }

    fn play_line(&mut self, number: usize, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let now = at(words[0].parse().unwrap());
        if words[1] == "settle" {
            self.settle(now);
            return format!("= {}", self.available(now));
        }
        if matches!(words[1], "progress" | "extend") {
            return self.adjust(now, &words);
        }
        let command = self.command(&words, number);
        let outcome = self.run(now, &command);
        self.told(command.call().key.as_str(), outcome)
    }

    /// A change that makes no entry; told is how much is used, and until when it lasts.
    fn adjust(&mut self, now: Timestamp, words: &[&str]) -> String {
        let (id, number) = (self.id(words[2]), words[3]);
        let change = if words[1] == "extend" {
            Adjust::Extend { ttl: Duration::from_secs(number.parse().unwrap()) }
        } else {
            Adjust::Progress { unit: Unit::credits(), used: credits(number) }
        };
        let stored = self.holds().into_iter().find(|hold| hold.id == id);
        let before = self.account.clone();
        let adjusted = adjust(&self.account, stored.as_ref(), now, (&id, &change));
        assert_eq!(self.account, before, "judging changes nothing");
        match adjusted {
            Ok(Adjustment { writes, hold }) => {
                self.store(&writes);
                assert_eq!(hold_at(&self.account, None, now, &id).as_ref(), Ok(&hold));
                let used = hold
                    .progress
                    .map_or("none".to_owned(), |used| used.decimal(Scale::CREDITS).to_string());
                format!("used {used} until {}", hold.expires_at.as_millis() / 1_000)
            }
            Err(rejection) => format!("no: {}", name_of(&rejection)),
        }
    }

    /// Runs lines of `use` and `gate` as one batch, at the time of the first of them.
    pub(super) fn play_batch(&mut self, script: &str) -> String {
        let lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate();
        let lines: Vec<(usize, Vec<&str>)> =
            lines.map(|(number, line)| (number, line.split_whitespace().collect())).collect();
        let now = at(lines[0].1[0].parse().unwrap());
        let consume = |(number, words): &(usize, Vec<&str>)| match self.command(words, *number) {
            Command::Consume(consume) => consume,
            other => panic!("no part of a batch: {other:?}"),
        };
        let consumes: Vec<Consume> = lines.iter().map(consume).collect();
        let batch = Batch::new(consumes.clone());
        let ids = batch.lookups(self.account.owner());
        let mut records = self.entries();
        records.retain(|entry| ids.contains(&entry.id));
        let before = self.account.clone();
        let decision = batch.decide(&self.account, records, now, &self.config).unwrap();
        assert_eq!(self.account, before, "deciding changes nothing");
        self.store(&decision.writes);
        assert_eq!(decision.outcomes.len(), consumes.len());
        let answered = consumes.iter().zip(decision.outcomes);
        let told = answered.map(|(consume, outcome)| self.told(consume.call.key.as_str(), outcome));
        told.collect::<Vec<_>>().join("\n")
    }

    /// An outcome in words; the first call of a key has its id.
    fn told(&mut self, key: &str, outcome: Result<Receipt, Rejection>) -> String {
        match outcome {
            Ok(receipt) => {
                self.ids.entry(key.to_owned()).or_insert_with(|| receipt.entry.id.clone());
                let balance = receipt.entry.available_after().unwrap().decimal(Scale::CREDITS);
                let replayed = if receipt.replayed { " replayed" } else { "" };
                format!("= {balance}{replayed}")
            }
            Err(rejection) => format!("no: {}", name_of(&rejection)),
        }
    }

    fn command(&self, words: &[&str], number: usize) -> Command {
        let after =
            |word: &str| words.iter().position(|w| *w == word).map(|index| words[index + 1]);
        let ends_hold = matches!(words[1], "capture" | "release") && words.len() == 3;
        let names_another = ends_hold || words[words.len() - 2] == "of";
        let key = match words.last() {
            Some(last) if last.starts_with('#') && !names_another => (*last).to_owned(),
            _ => format!("#line{number}"),
        };
        let call = CallDetails {
            key: IdempotencyKey::parse(&key).unwrap(),
            description: None,
            metadata: None,
        };
        let unit = Unit::parse(after("in").unwrap_or("credits")).unwrap();
        let amount = || credits(words[2]);
        let seconds = |text: &str| at(text.parse().unwrap());
        match words[1] {
            "use" | "gate" => Command::Consume(Consume {
                call,
                unit,
                amount: amount(),
                when_short: if words[1] == "gate" { WhenShort::Reject } else { WhenShort::Allow },
            }),
            "grant" => Command::Grant(GrantCredits {
                call,
                unit,
                amount: amount(),
                source: after("as").map_or(Source::Topup, |word| Source::parse(word).unwrap()),
                product: after("for").map(|word| Product::parse(word).unwrap()),
                priority: after("priority").map_or(DEFAULT_PRIORITY, |n| n.parse().unwrap()),
                effective_at: after("from").map(seconds),
                expires_at: after("until").map(seconds),
            }),
            "debit" => Command::Debit(Debit { call, unit, amount: amount() }),
            "refund" => Command::Refund(Refund {
                call,
                unit,
                amount: amount(),
                refund_of: self.id(after("of").unwrap()),
            }),
            "hold" => Command::Hold(Place {
                call,
                unit,
                amount: amount(),
                ttl: Duration::from_secs(after("ttl").map_or(60, |text| text.parse().unwrap())),
                on_expiry: after("then")
                    .map_or(OnExpiry::CaptureProgress, |rule| OnExpiry::parse(rule).unwrap()),
            }),
            "capture" => Command::Capture(Capture {
                call,
                hold: self.id(words[2]),
                used: words
                    .get(3)
                    .filter(|word| !word.starts_with('#'))
                    .map(|used| (unit, credits(used))),
            }),
            "release" => Command::Release(Release { call, hold: self.id(words[2]) }),
            "void" => Command::Void(Void { call, grant: self.id(words[2]) }),
            verb => panic!("no such verb: {verb}"),
        }
    }

    /// The id behind a short key; one that names nothing for an unknown key.
    fn id(&self, key: &str) -> TransactionId {
        let unknown = TransactionId::parse(&format!("txn_{}", "0".repeat(32))).unwrap();
        self.ids.get(key).cloned().unwrap_or(unknown)
    }

    pub(super) fn available(&self, now: Timestamp) -> String {
        let balance = self.account.balance(&Unit::credits(), now).unwrap();
        balance.available.decimal(Scale::CREDITS).to_string()
    }

    /// The entries as a statement: seconds, kind, amount, balance, and the draws on grants.
    pub(super) fn statement(&self) -> String {
        let line = |entry: &Entry| {
            let draws: Vec<String> = entry
                .draws
                .iter()
                .map(|draw| format!(" {}:{}", draw.grant, draw.amount.decimal(Scale::CREDITS)))
                .collect();
            let held = match entry.held_after.is_zero() {
                true => String::new(),
                false => format!(" ({} held)", entry.held_after.decimal(Scale::CREDITS)),
            };
            let sign = if entry.amount.is_positive() { "+" } else { "" };
            format!(
                "{} @{} {} {sign}{} = {}{}",
                entry.sequence,
                entry.time.as_millis() / 1_000,
                entry.kind.as_str(),
                entry.amount.decimal(Scale::CREDITS),
                entry.balance_after.decimal(Scale::CREDITS),
                held + &draws.concat()
            )
        };
        self.entries().iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn name_of(rejection: &Rejection) -> String {
    match rejection {
        Rejection::KeyReused { field, .. } => format!("key reused, other {field}"),
        Rejection::InsufficientCredits { available, requested, .. } => format!(
            "insufficient, {} of {}",
            available.decimal(Scale::CREDITS),
            requested.decimal(Scale::CREDITS)
        ),
        Rejection::RefundExceedsCharge { refundable, .. } => {
            format!("only {} refundable", refundable.decimal(Scale::CREDITS))
        }
        Rejection::HoldEnded { state, captured, .. } => {
            format!("{}, {} captured", state.as_str(), captured.decimal(Scale::CREDITS))
        }
        Rejection::CaptureExceedsHold { held, .. } => {
            format!("only {} held", held.decimal(Scale::CREDITS))
        }
        Rejection::OtherUnit { unit } => format!("charge is in {}", unit.as_str()),
        other => format!("{other:?}"),
    }
}
