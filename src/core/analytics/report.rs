//! What a ledger tells the directory: the entries after a position, added up.
//!
//! A report names the positions that it covers, from after one up to another. The directory takes it
//! only where it goes on from what has been applied for this customer, and answers how far that is; so a
//! report that is sent twice, late or out of order changes nothing, and the ledger goes on from the
//! answer, whatever was lost on the way.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::analytics::day::Day;
use crate::analytics::tally::{Fact, Lines, MAX_ACTION_BYTES, Name, Tally, gather};
use crate::ids::{CustomerId, Environment, Owner, Unit};
use crate::ledger::EntryKind;
use crate::time::Timestamp;
use crate::wire::errors::{ApiError, Code};

/// Most entries of one report. Each is at most one line of some 200 bytes, and both sides work off
/// so many in a few milliseconds.
pub const MAX_REPORT_ENTRIES: u32 = 500;

/// The largest position: the last that JavaScript tells from its neighbour.
const MAX_POSITION: u64 = (1 << 53) - 1;

/// Some entries of one customer, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose.
    pub owner: Owner,
    /// The position before the first entry.
    pub after: u64,
    /// The position of the last entry.
    pub through: u64,
    /// When the first entry was made.
    pub first_at: Timestamp,
    /// When the last entry was made.
    pub last_at: Timestamp,
    /// The sums.
    pub lines: Lines,
}

/// A report as JSON. A line is `[day, unit, action, kind, consumed, added, expired, transactions]`,
/// sums as decimal text: they may exceed what a double holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    environment: String,
    customer: String,
    after: u64,
    through: u64,
    first_at: i64,
    last_at: i64,
    lines: Vec<(u32, String, String, String, [String; 4])>,
}

impl Report {
    /// The report of the entries that follow `after`. `None` without any, or where they do not follow.
    #[must_use]
    pub fn of(owner: Owner, after: u64, facts: &[Fact]) -> Option<Self> {
        let (first, last) = (facts.first()?, facts.last()?);
        if first.sequence != after + 1 {
            return None;
        }
        let mut lines = Lines::new();
        gather(&mut lines, facts);
        let (through, last_at) = (last.sequence, last.time);
        Some(Self { owner, after, through, first_at: first.time, last_at, lines })
    }

    /// The report as it is sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        let line = |(name, tally): (&Name, &Tally)| {
            let sums = [tally.consumed, tally.added, tally.expired, tally.transactions];
            let kind = name.kind.as_str().to_string();
            let (unit, action) = (name.unit.as_str().to_string(), name.action.clone());
            (name.day.number(), unit, action, kind, sums.map(|sum| sum.to_string()))
        };
        let written = Written {
            environment: self.owner.environment.as_str().to_string(),
            customer: self.owner.customer.as_str().to_string(),
            after: self.after,
            through: self.through,
            first_at: self.first_at.as_millis(),
            last_at: self.last_at.as_millis(),
            lines: self.lines.iter().map(line).collect(),
        };
        // Strings and integers always serialize.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Reads [`Report::to_json`] back, and checks everything again.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let written = serde_json::from_str(text).ok();
        written.and_then(Self::checked).ok_or_else(|| {
            let message = "This is no report of a ledger. Nothing was applied.";
            ApiError::new(Code::InvalidRequest, message)
        })
    }

    fn checked(written: Written) -> Option<Self> {
        let owner = Owner {
            environment: Environment::parse(&written.environment)?,
            customer: CustomerId::parse(&written.customer).ok()?,
        };
        let mut lines = Lines::new();
        for (day, unit, action, kind, sums) in written.lines {
            let name = Name {
                day: Day::from_number(day.into())?,
                unit: Unit::parse(&unit).ok()?,
                action: Some(action).filter(|action| is_action(action))?,
                kind: EntryKind::parse(&kind)?,
            };
            let mut numbers = [0_i64; 4];
            for (number, text) in numbers.iter_mut().zip(&sums) {
                *number = text.parse().ok()?;
            }
            let [consumed, added, expired, transactions] = numbers;
            let tally = Tally { consumed, added, expired, transactions };
            if !tally.is_possible() || lines.insert(name, tally).is_some() {
                return None;
            }
        }
        let entries = written.through.checked_sub(written.after)?;
        let counted =
            lines.values().try_fold(0_i64, |sum, line| sum.checked_add(line.transactions));
        let (first_at, last_at) = (time(written.first_at)?, time(written.last_at)?);
        let days = lines.keys().next()?.day..=lines.keys().next_back()?.day;
        let fits = (1..=u64::from(MAX_REPORT_ENTRIES)).contains(&entries)
            && written.through <= MAX_POSITION
            && counted.and_then(|count| u64::try_from(count).ok()) == Some(entries)
            && days == (Day::of(first_at)..=Day::of(last_at));
        let (after, through) = (written.after, written.through);
        fits.then_some(Self { owner, after, through, first_at, last_at, lines })
    }
}

fn is_action(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ACTION_BYTES && !text.contains('\0')
}

fn time(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis)).filter(|time| time.as_millis() == millis)
}

/// The directory's answer: how far this customer's entries have been applied.
#[derive(Serialize, Deserialize)]
struct Applied {
    applied: u64,
}

/// The answer as it is sent.
#[must_use]
pub fn applied_body(applied: u64) -> String {
    serde_json::to_string(&Applied { applied }).unwrap_or_default()
}

/// Reads the answer; `None` is no answer of a directory.
#[must_use]
pub fn read_applied(body: &str) -> Option<u64> {
    let Applied { applied } = serde_json::from_str(body).ok()?;
    (applied <= MAX_POSITION).then_some(applied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::Credits;
    use alloc::borrow::ToOwned;

    fn fact(sequence: u64, kind: EntryKind, amount: i64, action: &str) -> Fact {
        Fact {
            sequence,
            kind,
            unit: Unit::credits(),
            amount: Credits::from_minor_units(amount).unwrap(),
            time: Timestamp::from_millis(
                1_795_305_600_000 + i64::try_from(sequence).unwrap() * 43_200_000,
            ),
            reverses: false,
            action: action.to_owned(),
        }
    }

    fn report() -> Report {
        let customer = CustomerId::parse("org/42: café \"x\"").unwrap();
        let facts = [
            fact(8, EntryKind::Topup, 100, "Monthly"),
            fact(9, EntryKind::Consumption, -5, "chat ☕"),
            fact(10, EntryKind::Consumption, -6, "chat ☕"),
        ];
        Report::of(Owner { environment: Environment::Test, customer }, 7, &facts).unwrap()
    }

    #[test]
    fn a_report_survives_its_way() {
        let report = report();
        assert_eq!((report.after, report.through, report.lines.len()), (7, 10, 3));
        assert_eq!(Report::parse(&report.to_json()).unwrap(), report);
    }

    #[test]
    fn entries_must_follow_the_position() {
        let owner = report().owner;
        assert_eq!(Report::of(owner.clone(), 6, &[fact(8, EntryKind::Topup, 1, "x")]), None);
        assert_eq!(Report::of(owner, 6, &[]), None);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let good = report().to_json();
        for (from, to) in [
            ("\"test\"", "\"prod\""),
            ("org/42: café \\\"x\\\"", ".."),
            ("\"through\":10", "\"through\":9"),
            ("\"through\":10", "\"through\":6"),
            ("\"after\":7", "\"after\":6"),
            ("\"credits\"", "\"?\""),
            ("\"Monthly\"", "\"\""),
            ("\"topup\"", "\"gift\""),
            ("\"100\"", "\"-100\""),
            ("\"100\"", "\"1e2\""),
            ("\"100\"", "\"9223372036854775808\""),
            ("\"100\"", "100"),
            ("\"first_at\":", "\"first_at\":1"),
            ("\"last_at\":", "\"last_at\":-"),
            ("{", "{\"more\":1,"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            assert_eq!(Report::parse(&bad).unwrap_err().code, Code::InvalidRequest, "{bad}");
        }
        let without = |text: &str| good.split_once(text).unwrap().0.to_owned() + "\"lines\":[]}";
        assert!(Report::parse(&without("\"lines\"")).is_err());
    }

    #[test]
    fn answers_are_read_strictly() {
        assert_eq!(read_applied(&applied_body(12)), Some(12));
        for body in ["", "{}", "<html>", r#"{"applied":-1}"#, r#"{"applied":9007199254740992}"#] {
            assert_eq!(read_applied(body), None, "{body}");
        }
    }
}
