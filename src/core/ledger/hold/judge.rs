//! The judgement on holds: who may place one, and what each of them can still become.

use alloc::sync::Arc;

use crate::credits::Credits;
use crate::ids::{TransactionId, Unit};
use crate::ledger::account::Account;
use crate::ledger::command::{CallDetails, Command, Found};
use crate::ledger::decide::{Decision, available};
use crate::ledger::draft::{Draft, EntryParts};
use crate::ledger::entry::{EntryKind, KeyRecord, Receipt};
use crate::ledger::hold::draft::End;
use crate::ledger::hold::{Adjust, Capture, Hold, HoldState, MAX_OPEN_HOLDS, Notes, Place};
use crate::ledger::mutants::{self, Mutant};
use crate::ledger::rejection::Rejection;
use crate::ledger::writes::Writes;
use crate::time::Timestamp;

/// An open hold that is to be changed without an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// To persist before answering. Empty where nothing changes.
    pub writes: Writes,
    /// The hold afterwards.
    pub hold: Hold,
}

/// What is asked of a hold when it is to end.
#[derive(Clone, Copy)]
pub(crate) struct Ending<'a> {
    call: &'a CallDetails,
    hold: &'a TransactionId,
    /// `None` for a capture of what was last reported as used.
    used: Option<(&'a Unit, Credits)>,
    releases: bool,
}

impl<'a> Ending<'a> {
    /// The end that a command asks for, if it is one that ends a hold.
    pub(crate) fn of(command: &'a Command) -> Option<Self> {
        match command {
            Command::Capture(Capture { call, hold, used }) => {
                let used = used.as_ref().map(|(unit, amount)| (unit, *amount));
                Some(Self { call, hold, used, releases: false })
            }
            Command::Release(release) => {
                Some(Self { call: &release.call, hold: &release.hold, used: None, releases: true })
            }
            _ => None,
        }
    }

    /// Whose end is asked for.
    pub(crate) const fn hold(&self) -> &TransactionId {
        self.hold
    }

    /// Key and notes.
    pub(crate) const fn call(&self) -> &CallDetails {
        self.call
    }

    /// The unit that is named, if one is.
    pub(crate) fn unit(&self) -> Option<&Unit> {
        self.used.map(|(unit, _)| unit)
    }

    /// What would be captured of this hold.
    pub(crate) fn captured(&self, hold: &Hold) -> Credits {
        match self.used {
            _ if self.releases => Credits::ZERO,
            Some((_, amount)) => amount,
            None => hold.progress.unwrap_or(hold.amount),
        }
    }

    /// Whether the hold has ended just so: the same end asked for again.
    pub(crate) fn is_done(&self, hold: &Hold) -> bool {
        match hold.state {
            HoldState::Captured => !self.releases && self.captured_again(hold) == hold.captured,
            HoldState::Released => self.captured_again(hold).is_zero(),
            HoldState::Open | HoldState::Expired => false,
        }
    }

    /// [`Ending::captured`], where naming no amount agrees with whatever was captured.
    fn captured_again(&self, hold: &Hold) -> Credits {
        if self.used.is_none() && !self.releases { hold.captured } else { self.captured(hold) }
    }

    /// What a hold that has ended is answered with: the first answer again, or that it has ended
    /// otherwise. `found.record` is the entry of its end.
    pub(in crate::ledger) fn repeat(
        &self,
        found: &Found,
        replay: Receipt,
    ) -> Result<Decision, Rejection> {
        // The entry names the hold, so the hold is there.
        let hold = found.hold.as_ref().ok_or(Rejection::Inconsistent)?;
        require_unit(self.unit(), hold)?;
        if !self.is_done(hold) {
            return Err(ended(hold));
        }
        let receipt = Receipt { hold: Some(hold.clone()), ..replay };
        Ok(Decision { writes: Writes::default(), receipt })
    }

    /// Ends a hold that is open; one whose time is over has ended by its own rule.
    pub(in crate::ledger) fn carry_out(
        &self,
        draft: &mut Draft<'_>,
        record: KeyRecord,
    ) -> Result<(), Rejection> {
        let hold = open(draft, self.hold, self.unit())?;
        let captured = self.captured(hold);
        require_within(hold, captured)?;
        let state = if captured.is_zero() { HoldState::Released } else { HoldState::Captured };
        let sequence = hold.sequence;
        draft.end_hold(sequence, End { state, captured, author: Some((self.call, record)) })
    }
}

/// Places a hold. It never goes to overage.
pub(in crate::ledger) fn place(
    draft: &mut Draft<'_>,
    id: &TransactionId,
    place: &Place,
    record: KeyRecord,
) -> Result<(), Rejection> {
    let Place { call, unit, amount, ttl, on_expiry } = place;
    if draft.holds.values().filter(|hold| hold.is_open()).count() >= MAX_OPEN_HOLDS {
        return Err(Rejection::TooManyHolds);
    }
    let available = available(draft, unit)?;
    let (reserves, uncovered) = draft.reserve(unit, *amount)?;
    // With overage nothing is free, so what the grants cover is what is available.
    if uncovered.is_positive() {
        let (unit, requested) = (unit.clone(), *amount);
        return Err(Rejection::InsufficientCredits { unit, available, requested });
    }
    draft.add_hold(Hold {
        sequence: draft.sequence + 1,
        id: id.clone(),
        unit: unit.clone(),
        amount: *amount,
        reserves,
        progress: None,
        on_expiry: *on_expiry,
        placed_at: draft.time,
        ttl: *ttl,
        expires_at: draft.time.plus(*ttl),
        state: HoldState::Open,
        captured: Credits::ZERO,
        notes: Arc::new(Notes {
            description: call.description.clone(),
            metadata: call.metadata.clone(),
        }),
    });
    let change = (unit, Credits::ZERO);
    let mut entry = EntryParts::called(id.clone(), EntryKind::Hold, change, call, record);
    entry.hold = Some(id.clone());
    draft.write(entry)
}

/// Judges a change of an open hold at `now`. `stored` is the hold's row, if there is one.
///
/// # Errors
/// [`Rejection`]: that there is no such hold, that it has ended, or that it is smaller.
pub fn adjust(
    account: &Account,
    stored: Option<&Hold>,
    now: Timestamp,
    (id, change): (&TransactionId, &Adjust),
) -> Result<Adjustment, Rejection> {
    let mut draft = Draft::begin(account, now)?;
    draft.recall_hold(stored);
    let unit = match change {
        Adjust::Extend { .. } => None,
        Adjust::Progress { unit, .. } => Some(unit),
    };
    let hold = open(&draft, id, unit)?;
    let changed = adjusted(hold, draft.time, change)?;
    if changed != *hold {
        *draft.hold_mut(changed.sequence)? = changed.clone();
    }
    Ok(Adjustment { writes: draft.finish()?, hold: changed })
}

/// An open hold after a change.
///
/// # Errors
/// [`Rejection::CaptureExceedsHold`].
pub(crate) fn adjusted(hold: &Hold, now: Timestamp, change: &Adjust) -> Result<Hold, Rejection> {
    let mut changed = hold.clone();
    match change {
        Adjust::Extend { ttl } => {
            let (known, asked) = (changed.expires_at, now.plus(*ttl));
            changed.expires_at = mutants::larger(known, asked, Mutant::ExtendShortens);
        }
        Adjust::Progress { used, .. } => {
            require_within(hold, *used)?;
            let (known, asked) = (changed.progress, Some(*used));
            changed.progress = mutants::larger(known, asked, Mutant::LastProgress);
        }
    }
    Ok(changed)
}

/// A hold as it is at `now`, with what is due by then counted as done. Writes nothing.
///
/// # Errors
/// [`Rejection::UnknownHold`]; [`Rejection::Inconsistent`] or [`Rejection::Overflow`] for an account
/// that adds up to nothing.
pub fn hold_at(
    account: &Account,
    stored: Option<&Hold>,
    now: Timestamp,
    id: &TransactionId,
) -> Result<Hold, Rejection> {
    let mut draft = Draft::begin(account, now)?;
    draft.recall_hold(stored);
    named(&draft, id).cloned()
}

fn named<'a>(draft: &'a Draft<'_>, id: &TransactionId) -> Result<&'a Hold, Rejection> {
    draft.holds.values().find(|hold| hold.id == *id).ok_or(Rejection::UnknownHold)
}

/// The hold with this id, which must be open, and in this unit where one is named.
fn open<'a>(
    draft: &'a Draft<'_>,
    id: &TransactionId,
    unit: Option<&Unit>,
) -> Result<&'a Hold, Rejection> {
    let hold = named(draft, id)?;
    require_unit(unit, hold)?;
    if hold.is_open() { Ok(hold) } else { Err(ended(hold)) }
}

/// That an amount told of a hold is in its unit, where one is named.
pub(crate) fn require_unit(unit: Option<&Unit>, hold: &Hold) -> Result<(), Rejection> {
    match unit {
        Some(unit) if *unit != hold.unit => {
            Err(Rejection::OtherHoldUnit { unit: hold.unit.clone() })
        }
        _ => Ok(()),
    }
}

/// That no more is told of a hold than it holds.
pub(crate) fn require_within(hold: &Hold, amount: Credits) -> Result<(), Rejection> {
    if amount <= hold.amount {
        return Ok(());
    }
    Err(Rejection::CaptureExceedsHold { unit: hold.unit.clone(), held: hold.amount })
}

/// That a hold has ended, otherwise than is asked for now.
pub(crate) fn ended(hold: &Hold) -> Rejection {
    let (unit, captured) = (hold.unit.clone(), hold.captured);
    Rejection::HoldEnded { state: hold.state, unit, captured }
}
