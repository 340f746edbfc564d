//! `GET …/customers/{id}/revenue`: what a customer's usage has brought, and what it has cost.
//!
//! From the sums per UTC day and type that signals leave behind: revenue is what the customer was
//! charged for them, cost what the models cost the owner. What was sold as credits or topped up is not
//! counted here: it is revenue when it is used.

use alloc::format;
use alloc::string::{String, ToString as _};

use crate::analytics::day::{Day, Window};
use crate::credits::{Credits, Decimal, Scale};
use crate::http::parse_query;
use crate::ids::CustomerId;
use crate::time::Timestamp;
use crate::usage::DaySums;
use crate::wire::errors::ApiError;
use crate::wire::members::Members;
use crate::wire::requests::parameter_error;

/// Days of a range whose request names none.
pub const DEFAULT_DAYS: u32 = 30;

/// Longest range, in days: a year, of at most three rows a day.
pub const MAX_DAYS: u32 = 366;

/// Reads the query: `range=30d`. Returns the days that it means, which end with today.
///
/// # Errors
/// `invalid_request`.
pub fn parse_range(query: &str, now: Timestamp) -> Result<Window, ApiError> {
    let mut days = DEFAULT_DAYS;
    for (name, value) in parse_query(query) {
        if name == "range" {
            let number = value.strip_suffix('d').filter(|text| !text.starts_with(['+', '0']));
            let number = number.and_then(|text| text.parse().ok());
            days = number
                .filter(|number| (1..=MAX_DAYS).contains(number))
                .ok_or_else(|| parameter_error("range", &format!("is not 1d to {MAX_DAYS}d")))?;
        }
    }
    let last = Day::of(now);
    Ok(Window { first: last.minus(days - 1), last })
}

/// The answer. `margin` is profit in percent of revenue, and null without any.
#[must_use]
pub fn revenue_body(customer: &CustomerId, window: Window, sums: &[DaySums]) -> String {
    let sum = |of: fn(&DaySums) -> u64| sums.iter().map(|day| i128::from(of(day))).sum::<i128>();
    let revenue = sum(|day| day.customer_cost);
    let cost = sum(|day| day.provided_cost);
    let profit = revenue - cost;
    Members::new()
        .text("customerId", Some(customer.as_str()))
        .text("currency", Some("USD"))
        .display("revenue", Some(usd(revenue)))
        .display("cost", Some(usd(cost)))
        .display("profit", Some(usd(profit)))
        .nullable("margin", margin(profit, revenue))
        .display("signals", Some(sum(|day| day.signals)))
        .text("range", Some(&format!("{}d", window.days())))
        .time("from", window.first.start())
        .time("to", window.last.plus(1).start())
        .finish()
}

/// An amount of the wallet's unit. Sums of a year stay within the range of amounts, or stop at its end.
fn usd(minor: i128) -> Decimal {
    let most = i128::from(Credits::MAX.minor_units());
    let bounded = i64::try_from(minor.clamp(-most, most)).unwrap_or(0);
    Credits::from_minor_units(bounded).unwrap_or(Credits::ZERO).decimal(Scale::USD)
}

/// Percent with two decimals, rounded half away from zero.
fn margin(profit: i128, revenue: i128) -> Option<String> {
    if revenue == 0 {
        return None;
    }
    let (whole, rest) = (profit * 10_000 / revenue, profit * 10_000 % revenue);
    let up = if rest.abs() * 2 >= revenue { rest.signum() } else { 0 };
    let hundredths = whole + up;
    let sign = if hundredths < 0 { "-" } else { "" };
    let (percent, cents) = (hundredths.abs() / 100, hundredths.abs() % 100);
    let text = format!("{sign}{percent}.{cents:02}");
    Some(text.trim_end_matches('0').trim_end_matches('.').to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::SignalType;
    use crate::wire::errors::Code;

    fn sums(day: u32, provided_cost: u64, customer_cost: u64) -> DaySums {
        let day = Day::from_number(day.into()).unwrap();
        DaySums {
            signals: 2,
            provided_cost,
            customer_cost,
            ..DaySums::none(day, SignalType::Credit)
        }
    }

    #[test]
    fn sums_by_hand() {
        let customer = CustomerId::parse("c").unwrap();
        let now = Timestamp::parse("2026-11-22T12:00:00Z").unwrap();
        let window = parse_range("range=7d", now).unwrap();
        let body = |days: &[DaySums]| -> serde_json::Value {
            serde_json::from_str(&revenue_body(&customer, window, days)).unwrap()
        };
        // 0.000000003 and 1.2 USD charged, 0.000000001 and 0.9 paid.
        let told = body(&[sums(20_000, 1, 3), sums(20_001, 900_000_000, 1_200_000_000)]);
        let shown =
            ["revenue", "cost", "profit", "margin", "signals"].map(|name| told[name].to_string());
        assert_eq!(shown, ["1.200000003", "0.900000001", "0.300000002", "25", "4"]);
        assert_eq!(told["from"], "2026-11-16T00:00:00.000Z");
        assert_eq!(told["to"], "2026-11-23T00:00:00.000Z");
        let nothing = body(&[]);
        assert_eq!(
            (nothing["revenue"].to_string(), nothing["margin"].is_null()),
            ("0".into(), true)
        );
        let most = u64::MAX >> 11;
        let much = body(&[sums(20_000, 0, most), sums(20_001, 0, most)]);
        assert_eq!(much["revenue"].to_string(), "8000000");
    }

    #[test]
    fn margins_are_rounded_half_away_from_zero() {
        let table = [
            (1, 3, "33.33"),
            (2, 3, "66.67"),
            (1, 1, "100"),
            (-1, 3, "-33.33"),
            (-5, 1, "-500"),
            (1, 200_000, "0"),
            (1, 20_000, "0.01"),
            (-1, 20_000, "-0.01"),
            (0, 9, "0"),
        ];
        for (profit, revenue, expected) in table {
            assert_eq!(margin(profit, revenue).as_deref(), Some(expected), "{profit}/{revenue}");
        }
    }

    #[test]
    fn ranges_by_the_table() {
        let now = Timestamp::parse("2026-11-22T12:00:00Z").unwrap();
        let days = |query| parse_range(query, now).map(Window::days).map_err(|error| error.code);
        assert_eq!((days(""), days("range=1d"), days("range=366d")), (Ok(30), Ok(1), Ok(366)));
        for query in [
            "range=",
            "range=0d",
            "range=367d",
            "range=30",
            "range=-1d",
            "range=+1d",
            "range=1.5d",
            "range=01d",
            "range=30D",
        ] {
            assert_eq!(days(query), Err(Code::InvalidRequest), "{query}");
        }
    }
}
