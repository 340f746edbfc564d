//! Ledgers on their disks, the directory they report to, and whatever may happen between them.

use core::time::Duration;

use edge_credits_core::analytics::pace::PaceConfig;
use edge_credits_core::analytics::question::{Topic, parse_question};
use edge_credits_core::analytics::report::{Report, read_applied};
use edge_credits_core::credits::Credits;
use edge_credits_core::entropy::{Entropy, Jitter};
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{CustomerId, Environment, Owner, Unit};
use edge_credits_core::ledger::{CallDetails, LedgerConfig, Payment, Reversal, TopUp};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::requests::{KeySource, parse_add, parse_consume};
use serde_json::Value;

use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::storage::sqlite::Sqlite;

pub(super) const PACE: PaceConfig = PaceConfig { directory: true, delay: Duration::from_secs(10) };
pub(super) const START: i64 = 1_795_305_600_000;

/// One customer's ledger on its disk.
pub(super) struct House {
    pub(super) owner: Owner,
    pub(super) disk: Sqlite,
    pub(super) ledger: Ledger<Sqlite>,
}

pub(super) struct Town {
    pub(super) houses: Vec<House>,
    pub(super) disk: Sqlite,
    pub(super) directory: Directory<Sqlite>,
    /// Reports on their way, by house.
    pub(super) letters: Vec<(usize, Report)>,
    /// Answers on their way.
    pub(super) answers: Vec<(usize, u64)>,
    pub(super) now: Timestamp,
    pub(super) random: Jitter,
    pub(super) calls: u64,
}

pub(super) fn key() -> KeySource<'static> {
    static ENTROPY: Entropy = Entropy::new([7; 16]);
    KeySource { header: None, entropy: &ENTROPY }
}

impl Town {
    pub(super) fn new(houses: usize, seed: u8) -> Self {
        let house = |number: usize| {
            let customer = CustomerId::parse(&format!("customer {number}")).unwrap();
            let disk = Sqlite::new();
            let ledger = Ledger::new(disk.clone(), PACE);
            House { owner: Owner { environment: Environment::Live, customer }, disk, ledger }
        };
        let disk = Sqlite::new();
        Self {
            houses: (0..houses).map(house).collect(),
            directory: Directory::new(disk.clone()),
            disk,
            letters: Vec::new(),
            answers: Vec::new(),
            now: Timestamp::from_millis(START),
            random: Entropy::new([seed; 16]).jitter(),
            calls: 0,
        }
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.up_to(bound as u64 - 1)).unwrap()
    }

    /// A call on some customer's ledger.
    pub(super) fn call(&mut self) {
        let house = self.below(self.houses.len());
        let (kind, amount) = (self.below(10), self.below(50) + 1);
        let action = ["AI: chat", "image", "", "long context: summary"][self.below(4)];
        let unit = ["credits", "images"][usize::from(self.below(5) == 0)];
        self.calls += 1;
        let common = format!(
            r#""unit":"{unit}","description":"{action}","idempotency_key":"k{}""#,
            self.calls
        );
        let expires = self.now.plus(Duration::from_secs(3_600 * 30));
        let command = match kind {
            0 => parse_add(&format!(r#"{{"amount":{amount},"type":"topup",{common}}}"#), &key()),
            1 => parse_add(
                &format!(
                    r#"{{"amount":{amount},"type":"topup","expires_at":"{expires}",{common}}}"#
                ),
                &key(),
            ),
            2 => parse_add(
                &format!(r#"{{"amount":-{amount},"type":"adjustment",{common}}}"#),
                &key(),
            ),
            3 => parse_add(&format!(r#"{{"amount":{amount},"type":"refund",{common}}}"#), &key()),
            _ => parse_consume(&format!(r#"{{"amount":{amount},{common}}}"#), &key()),
        };
        let House { owner, ledger, .. } = &self.houses[house];
        let config = LedgerConfig::default();
        ledger.perform(owner, self.now, &command.unwrap(), &config).unwrap();
    }

    /// Credits are bought, or the money for some is paid back in part or whole.
    pub(super) fn pay(&mut self) {
        let house = self.below(self.houses.len());
        let (of, refunded) = (self.below(4), self.below(4));
        let key = IdempotencyKey::parse(&format!("payment_{of}")).unwrap();
        let payment = if refunded == 0 {
            Payment::TopUp(TopUp {
                call: CallDetails { key, description: None, metadata: None },
                unit: Unit::credits(),
                amount: Credits::from_minor_units(30_000_000).unwrap(),
                product: None,
                lasts: (of == 0).then(|| Duration::from_secs(3_600 * 30)),
            })
        } else {
            Payment::Reversal(Reversal {
                payment: key,
                unit: Unit::credits(),
                refunded: refunded as u64,
                paid: 3,
                description: None,
                metadata: None,
            })
        };
        let House { owner, ledger, .. } = &self.houses[house];
        ledger.settle_payment(owner, self.now, &payment).unwrap();
    }

    /// One thing happens, as it may.
    pub(super) fn happen(&mut self) {
        match self.below(15) {
            0..=5 => self.call(),
            6 | 7 => self.write_letter(),
            8 | 9 => self.deliver_letter(),
            10 => self.deliver_answer(),
            11 => self.restart(),
            12 => {
                let hours = self.below(60) as u64;
                self.now = self.now.plus(Duration::from_secs(3_600 * hours));
            }
            13 => self.pay(),
            _ => self.lose(),
        }
    }

    /// A ledger's alarm, up to the point where the report leaves it.
    pub(super) fn write_letter(&mut self) {
        let index = self.below(self.houses.len());
        if self.below(4) == 0 {
            let operations = self.below(6);
            self.houses[index].disk.fail_after(operations);
        }
        let mut jitter = self.random.clone();
        let House { owner, disk, ledger } = &self.houses[index];
        let woken = ledger.wake(self.now, &mut jitter);
        let report = woken.and_then(|_| ledger.next_report(owner, self.now));
        disk.heal();
        if let Ok(Some(report)) = report {
            let text = report.to_json();
            self.letters.push((index, Report::parse(&text).unwrap()));
        }
    }

    /// Any of the reports on their way arrives; perhaps it will once more.
    pub(super) fn deliver_letter(&mut self) {
        if self.letters.is_empty() {
            return;
        }
        let at = self.below(self.letters.len());
        let (index, report) = self.letters[at].clone();
        if self.below(3) > 0 {
            self.letters.swap_remove(at);
        }
        if self.below(4) == 0 {
            let operations = self.below(14);
            self.disk.fail_after(operations);
        }
        let answer = self.directory.apply(&report, self.now);
        self.disk.heal();
        if let Ok(answer) = answer {
            self.answers.push((index, read_applied(&answer.body).unwrap()));
        }
    }

    pub(super) fn deliver_answer(&mut self) {
        if self.answers.is_empty() {
            return;
        }
        let at = self.below(self.answers.len());
        let (index, applied) = self.answers.swap_remove(at);
        let House { owner, ledger, .. } = &self.houses[index];
        ledger.reported(owner, self.now, applied).unwrap();
    }

    pub(super) fn restart(&mut self) {
        let index = self.below(self.houses.len() + 1);
        match self.houses.get_mut(index) {
            Some(house) => house.ledger = Ledger::new(house.disk.clone(), PACE),
            None => self.directory = Directory::new(self.disk.clone()),
        }
    }

    pub(super) fn lose(&mut self) {
        if !self.letters.is_empty() {
            let at = self.below(self.letters.len());
            self.letters.swap_remove(at);
        }
        self.answers.pop();
    }

    /// The faults end; every ledger reports until it has nothing to tell.
    pub(super) fn come_to_rest(&mut self) {
        for House { owner, ledger, .. } in &self.houses {
            ledger.wake(self.now, &mut self.random).unwrap();
            while let Some(report) = ledger.next_report(owner, self.now).unwrap() {
                let answer = self.directory.apply(&report, self.now).unwrap();
                ledger.reported(owner, self.now, read_applied(&answer.body).unwrap()).unwrap();
            }
            ledger.rest(owner, self.now).unwrap();
        }
    }

    pub(super) fn ask(&self, topic: Topic, query: &str) -> Value {
        let question = parse_question(topic, query).unwrap();
        let answer = match &question.customer {
            None => self.directory.ask(&question, self.now).unwrap(),
            Some(customer) => {
                let house = self.houses.iter().find(|house| house.owner.customer == *customer);
                let House { owner, ledger, .. } = house.unwrap();
                ledger.ask(owner, self.now, &question).unwrap()
            }
        };
        serde_json::from_str(&answer.body).unwrap()
    }
}
