//! What happened, and what follows from it: every figure is a walk over the list.

use std::collections::BTreeMap;

use edge_credits_core::idempotency::Operation;
use edge_credits_core::ids::{Owner, Product, TransactionId, Unit};
use edge_credits_core::ledger::{Command, EntryKind};

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) sequence: u64,
    pub(crate) kind: EntryKind,
    pub(crate) unit: Unit,
    pub(crate) amount: i128,
    pub(crate) time: i64,
    /// Taken from a grant where positive, given back where negative.
    pub(crate) draws: Vec<(u64, i128)>,
    pub(crate) refund_of: Option<TransactionId>,
    /// Of the grant that it made, began or ended.
    pub(crate) product: Option<Product>,
    /// The id and the key of the call that made it.
    pub(crate) id: Option<TransactionId>,
    pub(crate) call: Option<(Operation, String, Content)>,
    /// The grant that it made, which goes by the fact's own sequence number.
    pub(crate) makes: Option<Terms>,
    /// The grant that its credits went into.
    pub(crate) brings: Option<(u64, i128)>,
    /// The grant that it voided.
    pub(crate) voids: Option<u64>,
}

/// The terms of a grant.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) amount: i128,
    pub(crate) priority: u16,
    pub(crate) product: Option<Product>,
    pub(crate) source: EntryKind,
    pub(crate) from: i64,
    pub(crate) until: Option<i64>,
}

/// A grant as the facts leave it.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) unit: Unit,
    pub(crate) terms: Terms,
    pub(crate) left: i128,
    pub(crate) begun: bool,
    pub(crate) voided: bool,
}

impl Standing {
    /// Still to begin.
    pub(crate) fn is_scheduled(&self) -> bool {
        !self.begun && !self.voided
    }

    /// Can still pay, or will.
    pub(crate) fn is_open(&self) -> bool {
        self.is_scheduled() || self.left > 0
    }

    pub(crate) fn has_expired(&self, now: i64) -> bool {
        self.terms.until.is_some_and(|until| until <= now)
    }
}

/// Everything that happened to one customer, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts(pub(crate) Vec<Fact>);

impl Facts {
    pub(crate) fn grants(&self) -> BTreeMap<u64, Standing> {
        let mut grants = BTreeMap::new();
        for fact in &self.0 {
            if let Some(terms) = fact.makes.clone() {
                let unit = fact.unit.clone();
                let new = Standing { unit, terms, left: 0, begun: false, voided: false };
                grants.insert(fact.sequence, new);
            }
            if let Some((grant, amount)) = fact.brings {
                let grant = grants.get_mut(&grant).unwrap();
                (grant.begun, grant.left) = (true, grant.left + amount);
            }
            for (grant, amount) in &fact.draws {
                grants.get_mut(grant).unwrap().left -= amount;
            }
            if let Some(grant) = fact.voids {
                grants.get_mut(&grant).unwrap().voided = true;
            }
        }
        grants
    }

    /// Σ entries (L1).
    pub(crate) fn posted(&self, unit: &Unit) -> i128 {
        self.0.iter().filter(|fact| fact.unit == *unit).map(|fact| fact.amount).sum()
    }

    /// posted = Σ left of grants − overage (L1), solved for overage.
    pub(crate) fn overage(&self, unit: &Unit) -> i128 {
        let grants = self.grants();
        let left = grants.values().filter(|grant| grant.unit == *unit).map(|grant| grant.left);
        left.sum::<i128>() - self.posted(unit)
    }

    pub(crate) fn open_grants(&self) -> usize {
        self.grants().values().filter(|grant| grant.is_open()).count()
    }

    /// The next instant at which something begins or ends, whether it begins, and which grant.
    pub(crate) fn due(&self) -> Option<(i64, bool, u64)> {
        let due = |(sequence, grant): (u64, Standing)| match grant.is_scheduled() {
            true => Some((grant.terms.from, true, sequence)),
            false if grant.left > 0 => Some((grant.terms.until?, false, sequence)),
            false => None,
        };
        self.grants().into_iter().filter_map(due).min()
    }

    /// What up to `amount` takes from each grant that is in effect, in burn order.
    pub(crate) fn burn(&self, unit: &Unit, amount: i128, now: i64) -> Vec<(u64, i128)> {
        let mut grants: Vec<(u64, Standing)> = self.grants().into_iter().collect();
        grants.retain(|(_, grant)| grant.unit == *unit && grant.begun && !grant.voided);
        grants.retain(|(_, grant)| !grant.has_expired(now));
        grants.sort_by_key(|(sequence, Standing { terms, .. })| {
            (terms.priority, terms.until.unwrap_or(i64::MAX), *sequence)
        });
        let mut missing = amount;
        let mut draws = vec![];
        for (sequence, grant) in grants {
            let part = missing.min(grant.left);
            if part > 0 {
                draws.push((sequence, part));
                missing -= part;
            }
        }
        draws
    }

    /// A grant of the least amount, as if it had been made by `command`.
    pub(crate) fn tiny_grant(&mut self, unit: &Unit, time: i64, command: &Command, owner: &Owner) {
        let (source, sequence) = (EntryKind::Topup, self.last() + 1);
        let mut fact = Fact::new(source, unit, 1, time);
        let (amount, priority, product, from, until) = (1, 500, None, time, None);
        fact.makes = Some(Terms { amount, priority, product, source, from, until });
        fact.brings = Some((sequence, amount));
        let key = command.call().key.as_str().to_owned();
        fact.id = Some(command.lookups(owner).record);
        fact.call = Some((command.operation(), key, content(command)));
        self.write(fact);
    }

    pub(crate) fn last(&self) -> u64 {
        self.0.last().map_or(0, |fact| fact.sequence)
    }

    pub(crate) fn write(&mut self, mut fact: Fact) {
        fact.sequence = self.last() + 1;
        self.0.push(fact);
    }
}

impl Fact {
    pub(crate) fn new(kind: EntryKind, unit: &Unit, amount: i128, time: i64) -> Self {
        Self {
            sequence: 0,
            kind,
            unit: unit.clone(),
            amount,
            time,
            draws: vec![],
            refund_of: None,
            product: None,
            id: None,
            call: None,
            makes: None,
            brings: None,
            voids: None,
        }
    }
}

/// What a key stands for: the fields that move money, by name.
pub(crate) type Content = Vec<(&'static str, String)>;

/// The content of a command.
pub(crate) fn content(command: &Command) -> Content {
    let mut content = vec![];
    let mut field = |name, value: Option<String>| content.extend(value.map(|value| (name, value)));
    let (unit, amount, kind) = match command {
        Command::Consume(it) => (&it.unit, it.amount.minor_units(), None),
        Command::Debit(it) => (&it.unit, -it.amount.minor_units(), Some("adjustment")),
        Command::Refund(it) => (&it.unit, it.amount.minor_units(), Some("refund")),
        Command::Grant(it) => (&it.unit, it.amount.minor_units(), Some(it.source.as_str())),
        Command::Void(it) => return vec![("grant_id", it.grant.as_str().to_owned())],
    };
    field("unit", Some(unit.as_str().to_owned()));
    field("amount", Some(amount.to_string()));
    field("type", kind.map(str::to_owned));
    if let Command::Grant(it) = command {
        let time = |time: Option<edge_credits_core::time::Timestamp>| {
            time.map(|time| time.as_millis().to_string())
        };
        field("product", it.product.as_ref().map(|product| product.as_str().to_owned()));
        field("priority", Some(it.priority.to_string()));
        field("effective_at", time(it.effective_at));
        field("expires_at", time(it.expires_at));
    }
    if let Command::Refund(it) = command {
        field("refund_of", Some(it.refund_of.as_str().to_owned()));
    }
    content
}

/// The names of the fields in which two contents differ.
pub(crate) fn difference(one: &Content, other: &Content) -> Vec<&'static str> {
    let only_in = |a: &Content, b: &Content| -> Vec<&'static str> {
        a.iter().filter(|field| !b.contains(field)).map(|(name, _)| *name).collect()
    };
    [only_in(one, other), only_in(other, one)].concat()
}
