//! What happened, and what follows from it: every figure is a walk over the list.

use std::collections::BTreeMap;

use edge_credits_core::idempotency::Operation;
use edge_credits_core::ids::{Owner, Product, TransactionId, Unit};
use edge_credits_core::ledger::{Command, EntryKind, HoldState, OnExpiry};

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
    /// The hold that it is about, by the sequence number of the fact that placed it.
    pub(crate) hold: Option<u64>,
    /// The terms of the hold that it placed.
    pub(crate) places: Option<HoldTerms>,
    /// How it ended the hold.
    pub(crate) ends: Option<HoldState>,
}

/// What was said when a hold was placed.
#[derive(Clone, Debug)]
pub(crate) struct HoldTerms {
    pub(crate) amount: i128,
    pub(crate) until: i64,
    pub(crate) rule: OnExpiry,
    pub(crate) reserves: Vec<(u64, i128)>,
}

/// What was said about a hold later, and is no fact of the ledger.
#[derive(Clone, Debug)]
pub(crate) enum Word {
    /// It may last until then.
    Until(u64, i64),
    /// So much has been used.
    Used(u64, i128),
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
    /// The part of it that open holds reserve.
    pub(crate) held: i128,
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

    /// Could pay something, if it is in effect.
    pub(crate) fn free(&self) -> i128 {
        self.left - self.held
    }

    pub(crate) fn has_expired(&self, now: i64) -> bool {
        self.terms.until.is_some_and(|until| until <= now)
    }
}

/// Everything that happened to one customer, oldest first; and what was said about holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts(pub(crate) Vec<Fact>, pub(crate) Vec<Word>);

/// The instant at which something is due, what it is, and of which grant or hold. At one instant
/// grants end first, then holds, and then grants begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Ends,
    HoldEnds,
    Begins,
}

impl Facts {
    pub(crate) fn grants(&self) -> BTreeMap<u64, Standing> {
        let mut grants = BTreeMap::new();
        for fact in &self.0 {
            if let Some(terms) = fact.makes.clone() {
                let unit = fact.unit.clone();
                let new = Standing { unit, terms, left: 0, held: 0, begun: false, voided: false };
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
        for (_, terms) in self.open_holds() {
            for (grant, part) in terms.reserves {
                grants.get_mut(&grant).unwrap().held += part;
            }
        }
        grants
    }

    /// The holds that nothing has ended, with their terms as they stand now.
    pub(crate) fn open_holds(&self) -> BTreeMap<u64, HoldTerms> {
        let mut open = BTreeMap::new();
        for fact in &self.0 {
            if let Some(terms) = fact.places.clone() {
                open.insert(fact.sequence, terms);
            }
            if fact.ends.is_some() {
                open.remove(&fact.hold.unwrap());
            }
        }
        for word in &self.1 {
            if let Word::Until(hold, until) = word
                && let Some(terms) = open.get_mut(hold)
            {
                terms.until = terms.until.max(*until);
            }
        }
        open
    }

    /// The most that was ever said to be used of a hold.
    pub(crate) fn used(&self, hold: u64) -> Option<i128> {
        let said = self.1.iter().filter_map(|word| match word {
            Word::Used(of, used) if *of == hold => Some(*used),
            _ => None,
        });
        said.max()
    }

    /// Σ reserves of open holds.
    pub(crate) fn held(&self, unit: &Unit) -> i128 {
        let grants = self.grants().into_values();
        grants.filter(|grant| grant.unit == *unit).map(|grant| grant.held).sum()
    }

    /// What nobody has a right to yet.
    pub(crate) fn available(&self, unit: &Unit) -> i128 {
        self.posted(unit) - self.held(unit)
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

    /// The next instant at which something begins or ends, which of them, and of what.
    pub(crate) fn due(&self) -> Option<(i64, Due, u64)> {
        let due = |(sequence, grant): (u64, Standing)| match grant.is_scheduled() {
            true => Some((grant.terms.from, Due::Begins, sequence)),
            false if grant.free() > 0 => Some((grant.terms.until?, Due::Ends, sequence)),
            false => None,
        };
        let holds = self.open_holds().into_iter();
        let holds = holds.map(|(sequence, terms)| (terms.until, Due::HoldEnds, sequence));
        self.grants().into_iter().filter_map(due).chain(holds).min()
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
            let part = missing.min(grant.free());
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
            hold: None,
            places: None,
            ends: None,
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
        Command::Hold(it) => (&it.unit, it.amount.minor_units(), None),
        Command::Void(it) => return vec![("grant_id", it.grant.as_str().to_owned())],
        Command::Capture(_) | Command::Release(_) => return vec![],
        Command::Usage(_) => panic!("signals have a book of their own"),
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
    if let Command::Hold(it) = command {
        field("ttl_ms", Some(it.ttl.as_millis().to_string()));
        field("on_expiry", Some(it.on_expiry.as_str().to_owned()));
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
