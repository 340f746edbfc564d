//! The questions of the analytics API as the server reads them: a kind from the path, the rest from
//! the query.

use alloc::format;
use alloc::string::String;

use crate::analytics::day::{MAX_WINDOW_DAYS, Period};
use crate::http::parse_query;
use crate::ids::{CustomerId, Unit};
use crate::wire::errors::{ApiError, Code};
use crate::wire::requests::{
    MAX_PAGE_ITEMS, parameter_error, parse_customer, parse_number, parse_unit,
};

/// Customers of a ranking that names no limit.
const DEFAULT_CONSUMERS: u32 = 10;
/// Days of a burn rate that names none.
const DEFAULT_DAYS: u32 = 30;

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// getUsageAnalytics
    Usage,
    /// getTopConsumers
    TopConsumers,
    /// getActionBreakdown
    Actions,
    /// getBurnRate
    BurnRate,
    /// getAnalyticsSummary
    Summary,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 5] =
        [Self::Usage, Self::TopConsumers, Self::Actions, Self::BurnRate, Self::Summary];

    /// Its last segment in the path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::TopConsumers => "top-consumers",
            Self::Actions => "actions",
            Self::BurnRate => "burn-rate",
            Self::Summary => "summary",
        }
    }

    /// The topic of this segment.
    #[must_use]
    pub fn parse(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == segment)
    }

    /// Whether it can be asked of one customer.
    const fn takes_customer(self) -> bool {
        matches!(self, Self::Usage | Self::BurnRate)
    }
}

/// How usage is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// By UTC day.
    Day,
    /// By week, from Monday.
    Week,
    /// By what it was for.
    Action,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A series over time, or over actions.
    Usage {
        /// Which days.
        period: Period,
        /// Grouped how.
        group_by: GroupBy,
    },
    /// Who consumed most.
    TopConsumers {
        /// Which days.
        period: Period,
        /// How many, 1 to [`MAX_PAGE_ITEMS`].
        limit: u32,
    },
    /// Sums per action and kind.
    Actions {
        /// Which days.
        period: Period,
    },
    /// How fast credits go.
    BurnRate {
        /// Over so many days, 1 to [`MAX_WINDOW_DAYS`].
        days: u32,
    },
    /// The period and the one before it.
    Summary {
        /// Which days.
        period: Period,
    },
}

/// A question about an environment, or about one customer in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub asked: Asked,
    /// Of which unit.
    pub unit: Unit,
    /// Of whom; all where nobody is named.
    pub customer: Option<CustomerId>,
}

/// Whom a query is about: known before anything else of it is judged, for it says who is to answer.
///
/// # Errors
/// `invalid_id`; `invalid_request` where the topic is not one of a single customer: answering for all
/// would be taken for an answer about one.
pub fn customer_of(topic: Topic, query: &str) -> Result<Option<CustomerId>, ApiError> {
    let mut customer = None;
    for (name, value) in parse_query(query) {
        if name != "customer_id" {
            continue;
        }
        if !topic.takes_customer() || customer.is_some() {
            let problem = if customer.is_some() {
                "is named twice"
            } else {
                "is not taken here: this is asked of all customers together"
            };
            return Err(parameter_error(&name, problem));
        }
        customer = Some(parse_customer(&value)?);
    }
    Ok(customer)
}

/// Reads a query. Unknown parameters are ignored, as usual for reads.
///
/// # Errors
/// As [`customer_of`], and `invalid_request` or `invalid_id` naming the parameter.
pub fn parse_question(topic: Topic, query: &str) -> Result<Question, ApiError> {
    let (mut period, mut group_by) = (Period::Last30Days, GroupBy::Day);
    let (mut limit, mut days, mut unit) = (DEFAULT_CONSUMERS, DEFAULT_DAYS, Unit::credits());
    for (name, value) in parse_query(query) {
        match name.as_str() {
            "period" => {
                let known = Period::parse(&value);
                period = known.ok_or_else(|| parameter_error(&name, &periods()))?;
            }
            "group_by" => {
                group_by = match value.as_str() {
                    "day" => GroupBy::Day,
                    "week" => GroupBy::Week,
                    "action" => GroupBy::Action,
                    _ => return Err(parameter_error(&name, "is none of day, week and action")),
                }
            }
            "limit" => limit = parse_number(&name, &value, 1, MAX_PAGE_ITEMS)?,
            "days" => days = parse_number(&name, &value, 1, MAX_WINDOW_DAYS)?,
            "unit" => unit = parse_unit(&value)?,
            _ => {}
        }
    }
    let asked = match topic {
        Topic::Usage => Asked::Usage { period, group_by },
        Topic::TopConsumers => Asked::TopConsumers { period, limit },
        Topic::Actions => Asked::Actions { period },
        Topic::BurnRate => Asked::BurnRate { days },
        Topic::Summary => Asked::Summary { period },
    };
    Ok(Question { asked, unit, customer: customer_of(topic, query)? })
}

fn periods() -> String {
    let [one, two, three, four] = Period::ALL.map(Period::as_str);
    format!("is none of {one}, {two}, {three} and {four}")
}

/// The answer where there is nobody who could know all customers.
#[must_use]
pub fn no_directory() -> ApiError {
    let message = "The binding DIRECTORY is missing, so nobody counts over all customers: bind the \
                   class DirectoryObject as DIRECTORY (see wrangler.toml). Questions about one \
                   customer (customer_id) are answered without it.";
    ApiError::new(Code::NotConfigured, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(topic: Topic, query: &str) -> Code {
        parse_question(topic, query).unwrap_err().code
    }

    #[test]
    fn questions_have_defaults() {
        let asked = |topic| parse_question(topic, "").unwrap().asked;
        let period = Period::Last30Days;
        assert_eq!(asked(Topic::Usage), Asked::Usage { period, group_by: GroupBy::Day });
        assert_eq!(asked(Topic::TopConsumers), Asked::TopConsumers { period, limit: 10 });
        assert_eq!(asked(Topic::BurnRate), Asked::BurnRate { days: 30 });
        let question = parse_question(Topic::Usage, "customer_id=a%2Fb&unit=usd&x=y").unwrap();
        assert_eq!(question.customer.unwrap().as_str(), "a/b");
        assert_eq!(question.unit.as_str(), "usd");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let request = [
            (Topic::Usage, "period=last_8_days"),
            (Topic::Usage, "period="),
            (Topic::Usage, "group_by=month"),
            (Topic::TopConsumers, "limit=0"),
            (Topic::TopConsumers, "limit=101"),
            (Topic::TopConsumers, "limit=1.5"),
            (Topic::TopConsumers, "customer_id=cus_1"),
            (Topic::Actions, "customer_id=cus_1"),
            (Topic::Summary, "customer_id=cus_1"),
            (Topic::Usage, "customer_id=a&customer_id=b"),
            (Topic::BurnRate, "days=0"),
            (Topic::BurnRate, "days=91"),
            (Topic::BurnRate, "days=-1"),
            (Topic::BurnRate, "days=٣"),
        ];
        for (topic, query) in request {
            assert_eq!(code(topic, query), Code::InvalidRequest, "{query}");
        }
        for query in ["customer_id=", "customer_id=%00", "customer_id=..", "unit=%20"] {
            assert_eq!(code(Topic::Usage, query), Code::InvalidId, "{query}");
        }
        for topic in Topic::ALL {
            assert_eq!(Topic::parse(topic.as_str()), Some(topic));
        }
        assert_eq!(Topic::parse("Usage"), None);
    }
}
