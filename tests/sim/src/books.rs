//! Our own ledger as the upstream: the real decisions on rows in memory, checked as they are made.

use edge_credits_core::credits::Credits;
use edge_credits_core::entropy::Entropy;
use edge_credits_core::http::Response;
use edge_credits_core::idempotency::IdempotencyKey;
use edge_credits_core::ids::{CustomerId, Owner, Unit};
use edge_credits_core::ledger::{
    Account, CallDetails, Command, Consume, DEFAULT_PRIORITY, Debit, Entry, Found, GrantCredits,
    LedgerConfig, Receipt, Rejection, Source, WhenShort, decide,
};
use edge_credits_core::time::Timestamp;
use edge_credits_core::wire::requests::{BalanceQuery, KeySource, parse_consume};
use edge_credits_core::wire::{rejections, replies};

use crate::object::BASE;
use crate::upstream::{Line, plain};

/// One customer's ledger.
#[derive(Debug)]
pub(crate) struct Books {
    account: Account,
    entries: Vec<Entry>,
    config: LedgerConfig,
    outside: u64,
}

impl Books {
    pub(crate) fn new(owner: Owner, refuses: bool) -> Self {
        let overdraft_limit = refuses.then_some(Credits::ZERO);
        Self {
            account: Account::new(owner),
            entries: Vec::new(),
            config: LedgerConfig { overdraft_limit },
            outside: 0,
        }
    }

    pub(crate) fn read(&self, unit: &Unit, now: u64, id: &CustomerId) -> Response {
        let balance = self.account.balance(unit, time(now)).expect("a balance");
        let query = BalanceQuery { unit: unit.clone(), include_breakdown: false };
        let body = replies::balance_body(&balance, &query, id);
        let headers = vec![("x-edge-credits".to_owned(), "sim".to_owned())];
        Response { status: 200, headers, body }
    }

    pub(crate) fn charge(&mut self, body: &str, now: u64) -> (Response, Vec<Line>) {
        let entropy = Entropy::new([0; 16]);
        let source = KeySource { header: None, entropy: &entropy };
        let command = match parse_consume(body, &source) {
            Ok(command) => command,
            Err(error) => return (plain(error.code.status(), &error.to_body("sim")), Vec::new()),
        };
        let id = self.account.owner().customer.clone();
        match self.carry_out(&command, now) {
            Ok((receipt, lines)) => (plain(200, &replies::receipt_body(&receipt, &id)), lines),
            Err(rejection) => {
                let error = rejections::to_error(&rejection, &id);
                (plain(error.code.status(), &error.to_body("sim")), Vec::new())
            }
        }
    }

    /// A top-up or a debit by somebody else.
    pub(crate) fn outside(&mut self, unit: &Unit, delta: i128, now: u64) -> Vec<Line> {
        self.outside += 1;
        let key = IdempotencyKey::parse(&format!("outside-{}", self.outside)).expect("a key");
        let call = CallDetails { key, description: None, metadata: None };
        let amount = i64::try_from(delta.abs()).ok().and_then(Credits::from_minor_units);
        let (amount, unit) = (amount.expect("an amount"), unit.clone());
        let command = if delta < 0 && self.outside.is_multiple_of(2) {
            Command::Debit(Debit { call, unit, amount })
        } else if delta < 0 {
            return self.gate(Consume { call, unit, amount, when_short: WhenShort::Reject }, now);
        } else {
            Command::Grant(GrantCredits {
                call,
                unit,
                amount,
                source: Source::Topup,
                product: None,
                priority: DEFAULT_PRIORITY,
                effective_at: None,
                expires_at: None,
            })
        };
        let mut lines = self.carry_out(&command, now).map(|(_, lines)| lines).unwrap_or_default();
        lines.iter_mut().for_each(|line| line.key = None);
        lines
    }

    /// Somebody else's gate: it opens when, and only when, the entries cover it (L2).
    fn gate(&mut self, consume: Consume, now: u64) -> Vec<Line> {
        let covered = self.posted(&consume.unit) >= i128::from(consume.amount.minor_units());
        let mut lines = match self.carry_out(&Command::Consume(consume), now) {
            Ok((_, lines)) => lines,
            Err(_) => Vec::new(),
        };
        assert_eq!(!lines.is_empty(), covered, "L2: a gate opens when the balance covers it");
        lines.iter_mut().for_each(|line| line.key = None);
        lines
    }

    /// What the entries of a unit come to.
    fn posted(&self, unit: &Unit) -> i128 {
        let of_unit = self.entries.iter().filter(|entry| entry.unit == *unit);
        of_unit.map(|entry| i128::from(entry.amount.minor_units())).sum()
    }

    fn carry_out(
        &mut self,
        command: &Command,
        now: u64,
    ) -> Result<(Receipt, Vec<Line>), Rejection> {
        let id = command.lookups(self.account.owner()).record;
        let record = self.entries.iter().find(|entry| entry.id == id).cloned();
        let found = Found { record, ..Found::default() };
        let decision = decide(&self.account, &found, time(now), command, &self.config)?;
        let mut lines = Vec::new();
        for entry in &decision.writes.entries {
            self.entries.push(entry.clone());
            assert_eq!(entry.sequence, self.entries.len() as u64, "L5: positions have no gap");
            let told = i128::from(entry.balance_after.minor_units());
            assert_eq!(told, self.posted(&entry.unit), "L1: the balance is the sum of the entries");
            lines.push(Line {
                unit: entry.unit.clone(),
                delta: i128::from(entry.amount.minor_units()),
                key: entry.record.as_ref().map(|record| record.key.as_str().to_owned()),
                at: now,
            });
        }
        self.account.apply(&decision.writes);
        Ok((decision.receipt, lines))
    }
}

fn time(now: u64) -> Timestamp {
    Timestamp::from_millis(BASE + now as i64)
}
