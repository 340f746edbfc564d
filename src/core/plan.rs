//! What a customer is on: a plan's name, and what it includes each period.
//!
//! Decides periods and the grants of each. Periods are the calendar's, in UTC: the first one is what is
//! left of the present day, week, month or year, and brings the whole of what is included. A grant
//! expires with its period. Its key is made of plan, period and unit, so it is given once a period,
//! whoever asks for it how often, and by whatever way a customer comes back to a plan. What a new
//! version of a plan includes is given from the next period on; another plan gives at once, and what is
//! left of the old one stays until its period ends.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::analytics::day::Day;
use crate::credits::Credits;
use crate::idempotency::IdempotencyKey;
use crate::ids::Unit;
use crate::ledger::{
    Account, CallDetails, Command, DEFAULT_PRIORITY, Found, GrantCredits, LedgerConfig, Lookups,
    Rejection, Source, Writes, decide,
};
use crate::time::{Civil, Timestamp};
use crate::wire::errors::{ApiError, Code};
use crate::wire::fields::{Fields, field_error};
use crate::wire::members::Members;

/// Longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// Most units that a plan includes: some periods' grants stay far below what a ledger holds.
pub const MAX_INCLUDED: usize = 16;

/// How often a plan gives what it includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
    /// From the first of January.
    Year,
}

impl Period {
    const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == text)
    }

    /// When the period of a time began, and when the next one begins.
    #[must_use]
    pub fn of(self, time: Timestamp) -> (Timestamp, Timestamp) {
        let today = Day::of(time);
        let millis = u64::try_from(time.as_millis()).unwrap_or(0);
        let Civil { year, month, .. } = Civil::from_millis(millis);
        match self {
            Self::Day => (today.start(), today.plus(1).start()),
            Self::Week => (today.monday().start(), today.monday().plus(7).start()),
            Self::Month if month == 12 => (first_of(year, 12), first_of(year + 1, 1)),
            Self::Month => (first_of(year, month), first_of(year, month + 1)),
            Self::Year => (first_of(year, 1), first_of(year + 1, 1)),
        }
    }
}

fn first_of(year: u64, month: u64) -> Timestamp {
    let civil = Civil { year, month, day: 1, hour: 0, minute: 0, second: 0 };
    civil.to_millis().map_or(Timestamp::MAX, Timestamp::from_millis)
}

/// A plan as a customer has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// For people.
    pub name: String,
    /// How often.
    pub period: Period,
    /// What it includes, each unit once.
    pub included: Vec<(Unit, Credits)>,
    /// Since when.
    pub since: Timestamp,
    /// The beginning of the last period that was given.
    pub given: Option<Timestamp>,
}

/// What a period brings.
#[derive(Clone, Debug)]
pub struct Given {
    /// The grants.
    pub writes: Writes,
    /// The plan, which has given this period.
    pub after: Plan,
    /// Why the first of what is left out is.
    pub refused: Option<Rejection>,
}

/// A plan as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    period: String,
    included: Vec<(String, i64)>,
    since: i64,
    given: Option<i64>,
}

impl Plan {
    /// Reads `PUT …/plan`: `name`, `period` (`month` where none is named) and `included`, a list of
    /// `{unit, amount}`.
    ///
    /// # Errors
    /// The 400 and 422 of the tables for bodies and amounts.
    pub fn parse(body: &str, now: Timestamp) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let name = fields.required_text("name")?;
        let shown = !name.trim().is_empty() && !name.chars().any(char::is_control);
        if !shown || name.len() > MAX_NAME_BYTES {
            let problem = format!("is blank, longer than {MAX_NAME_BYTES} bytes, or not one line");
            return Err(field_error(Code::InvalidRequest, "name", &problem));
        }
        let period = match fields.text("period")? {
            None => Period::Month,
            Some(text) => Period::parse(&text).ok_or_else(|| {
                let problem = "is none of day, week, month and year";
                field_error(Code::InvalidRequest, "period", problem)
            })?,
        };
        let mut included = Vec::<(Unit, Credits)>::new();
        for item in listed(&mut fields)? {
            let mut item = Fields::parse(item.get())?;
            let unit = item.unit()?;
            let amount = item.amount(&unit)?;
            item.finish()?;
            if amount.is_negative() {
                return Err(field_error(Code::AmountNegative, "amount", "is negative"));
            }
            if included.iter().any(|(other, _)| *other == unit) {
                let problem = "names a unit twice";
                return Err(field_error(Code::InvalidRequest, "included", problem));
            }
            included.push((unit, amount));
        }
        fields.finish()?;
        Ok(Self { name, period, included, since: now, given: None })
    }

    /// The same plan, or another version of it, that a customer has been on since earlier.
    #[must_use]
    pub fn since(self, before: Option<&Self>) -> Self {
        match before.filter(|before| before.name == self.name) {
            Some(before) => Self { since: before.since, ..self },
            None => self,
        }
    }

    /// Whether a period has begun since the last one that was given.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.given.is_none_or(|given| self.period.of(now).0 > given)
    }

    /// What an account is to be given for the period of `now`. `find` looks up what a command needs.
    /// What has been given under its key is not given again, though the plan's amounts have changed
    /// since; what the account cannot hold is left out.
    ///
    /// # Errors
    /// That of `find`.
    pub fn give<E>(
        &self,
        account: &Account,
        now: Timestamp,
        mut find: impl FnMut(&Lookups) -> Result<Found, E>,
    ) -> Result<Given, E> {
        let now = account.time_at(now);
        let (start, end) = self.period.of(now);
        let after = Self { given: Some(start), ..self.clone() };
        let mut given = Given { writes: Writes::default(), after, refused: None };
        let mut account = account.clone();
        for (unit, amount) in &self.included {
            let Ok(key) = IdempotencyKey::parse(&self.key(start, unit)) else { continue };
            let command = Command::Grant(GrantCredits {
                call: CallDetails {
                    key,
                    description: Some(format!("plan: {}", self.name)),
                    metadata: None,
                },
                unit: unit.clone(),
                amount: *amount,
                source: Source::Adjustment,
                product: None,
                priority: DEFAULT_PRIORITY,
                effective_at: None,
                expires_at: Some(end),
            });
            let found = find(&command.lookups(account.owner()))?;
            match decide(&account, &found, now, &command, &LedgerConfig::default()) {
                Ok(decision) => {
                    account.apply(&decision.writes);
                    given.writes.extend(decision.writes);
                }
                Err(Rejection::KeyReused { .. }) => {}
                Err(rejection) => given.refused = given.refused.or(Some(rejection)),
            }
        }
        Ok(given)
    }

    /// Visible ASCII without a comma, whatever the plan is called.
    fn key(&self, from: Timestamp, unit: &Unit) -> String {
        let name: String = self.name.bytes().map(|byte| format!("{byte:02x}")).collect();
        let day = from.to_string();
        let day = day.get(..10).unwrap_or_default();
        format!("plan:{name}:{}:{day}:{}", self.period.as_str(), unit.as_str())
    }

    /// The plan as it is stored: [`Plan::load`] reads it.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let included = self.included.iter();
        let stored = Stored {
            name: self.name.clone(),
            period: self.period.as_str().to_owned(),
            included: included
                .map(|(unit, amount)| (unit.as_str().to_owned(), amount.minor_units()))
                .collect(),
            since: self.since.as_millis(),
            given: self.given.map(Timestamp::as_millis),
        };
        // Strings and integers always serialize.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// A stored plan; `None` where the text is not one.
    #[must_use]
    pub fn load(text: &str) -> Option<Self> {
        let stored: Stored = serde_json::from_str(text).ok()?;
        let amount = |(unit, amount): (String, i64)| {
            Some((Unit::parse(&unit).ok()?, Credits::from_minor_units(amount)?))
        };
        Some(Self {
            name: stored.name,
            period: Period::parse(&stored.period)?,
            included: stored.included.into_iter().map(amount).collect::<Option<_>>()?,
            since: Timestamp::from_millis(stored.since),
            given: stored.given.map(Timestamp::from_millis),
        })
    }
}

/// What a body includes, each as written.
fn listed<'a>(fields: &mut Fields<'a>) -> Result<Vec<&'a RawValue>, ApiError> {
    let Some(list) = fields.take("included")? else { return Ok(Vec::new()) };
    let items: Vec<&RawValue> = serde_json::from_str(list.get())
        .map_err(|_| field_error(Code::InvalidType, "included", "is not a list"))?;
    if items.len() > MAX_INCLUDED {
        let problem = format!("holds more than {MAX_INCLUDED} units");
        return Err(field_error(Code::InvalidRequest, "included", &problem));
    }
    Ok(items)
}

/// The answer to `GET` and `PUT …/plan`; `plan` is null for who has none.
#[must_use]
pub fn plan_body(plan: Option<&Plan>, now: Timestamp) -> String {
    let mut body = Members::new();
    let Some(plan) = plan else { return body.display("plan", Some("null")).finish() };
    let included: Vec<String> = plan
        .included
        .iter()
        .map(|(unit, amount)| {
            let mut item = Members::new();
            item.text("unit", Some(unit.as_str()))
                .display("amount", Some(amount.decimal(unit.scale())))
                .finish()
        })
        .collect();
    let (start, end) = plan.period.of(now);
    let mut shown = Members::new();
    shown
        .text("name", Some(&plan.name))
        .text("period", Some(plan.period.as_str()))
        .display("included", Some(format!("[{}]", included.join(","))))
        .time("since", plan.since)
        .time("periodStart", start)
        .time("periodEnd", end);
    body.display("plan", Some(shown.finish())).finish()
}

#[cfg(test)]
mod tests;
