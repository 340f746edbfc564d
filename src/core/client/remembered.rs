//! What one isolate remembers of a customer, for when the API is away in stateless mode.
//!
//! Decides which of two readings is kept, and what may be left of it. What follows from that is
//! [`crate::client::degraded`]'s.

use alloc::string::String;

use crate::client::call::Call;
use crate::credits::{AmountError, Credits, Scale};
use crate::ids::{CustomerId, Unit};
use crate::time::Timestamp;
use crate::wire::reading::Said;

/// What is known of one customer's balance of one unit.
pub(super) struct Known {
    pub(super) customer: CustomerId,
    pub(super) unit: Unit,
    pub(super) balance: Option<Balance>,
    /// What gates have allowed and the API has not yet heard of.
    pub(super) allowed: Credits,
    /// What was accepted since the balance was told, and may not be in it.
    pub(super) owed: Credits,
    pub(super) last_named: u64,
}

/// A balance as the API told it last.
pub(super) struct Balance {
    /// A JSON number's text.
    pub(super) text: String,
    /// The same as an amount; one that has more decimals than there are is cut off.
    pub(super) credits: Option<Credits>,
    pub(super) sequence: Option<u64>,
    pub(super) credit_name: Option<String>,
    pub(super) at: Timestamp,
}

impl Known {
    pub(super) fn new(call: &Call) -> Self {
        Self {
            customer: call.owner().customer.clone(),
            unit: call.unit().clone(),
            balance: None,
            allowed: Credits::default(),
            owed: Credits::default(),
            last_named: 0,
        }
    }
}

impl Known {
    /// What is left of the balance told last, after what was accepted since; `None` where none is known.
    pub(super) fn left(&self) -> Option<Credits> {
        let told = self.balance.as_ref()?.credits?;
        Some(told.checked_sub(self.owed).unwrap_or(Credits::ZERO))
    }

    /// Takes note of a charge that was accepted.
    pub(super) fn owe(&mut self, amount: Credits) {
        // A sum beyond all amounts leaves nothing of any balance.
        self.owed = self.owed.checked_add(amount).unwrap_or(Credits::MAX);
    }

    /// Takes note of a balance, unless a newer one is known; `owed` may not be in it.
    pub(super) fn tell(&mut self, balance: Balance, owed: Credits) {
        if self.balance.as_ref().is_none_or(|last| !last.is_newer_than(&balance)) {
            self.balance = Some(balance);
            self.owed = owed;
        }
    }
}

impl Balance {
    pub(super) fn of(said: &Said, now: Timestamp) -> Option<Self> {
        let text = said.balance.clone()?;
        let scale = Unit::credits().scale();
        let credits = match Credits::from_number_text(&text, scale) {
            Ok(credits) => Some(credits),
            // An API that counts in floats may tell more decimals than there are: it is a number still.
            Err(AmountError::Precision) => cut_off(&text, scale),
            Err(_) => return None,
        };
        let credit_name = said.credit_name.clone();
        Some(Self { text, credits, sequence: said.sequence, credit_name, at: now })
    }

    /// By the ledger's position, where both have one.
    fn is_newer_than(&self, other: &Self) -> bool {
        matches!((self.sequence, other.sequence), (Some(mine), Some(theirs)) if mine > theirs)
    }
}

/// A number without the decimals that an amount cannot have; `None` for one with an exponent.
fn cut_off(text: &str, scale: Scale) -> Option<Credits> {
    let (whole, decimals) = text.split_once('.')?;
    let kept = decimals.get(..usize::from(scale.decimals()))?;
    let mut number = String::from(whole);
    number.push('.');
    number.push_str(kept);
    let plain = decimals.bytes().all(|byte| byte.is_ascii_digit());
    Credits::from_number_text(&number, scale).ok().filter(|_| plain)
}
