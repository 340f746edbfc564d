//! How the portal says amounts and dates, in plain English.
//!
//! Decides words alone. An amount is exact wherever one entry or grant is meant; of a balance the first
//! two decimals are enough for a glance, and it is never told to be more than it is.

use edge_credits_core::credits::{Minor, Scale};
use edge_credits_core::ids::Unit;
use edge_credits_core::portal::view::MAX_LASTING_DAYS;
use edge_credits_core::time::Timestamp;

use crate::html::grouped;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Decimals of a glance at what is less than a hundredth, or of credits less than one, and at more.
const GLANCE: (u8, u8) = (6, 2);

/// A name from a price list as one writes it, with a capital.
pub(super) fn name(text: &str) -> String {
    capitalized(&spaced(text))
}

/// `api_calls` as one writes it.
pub(super) fn spaced(name: &str) -> String {
    let spaced = name.replace(['_', '-', '.', ':'], " ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if words.is_empty() { name.to_owned() } else { words.join(" ") }
}

/// With a capital where it begins with one of a to z: the tables for all letters are 15 KB.
pub(super) fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

/// An amount to its last decimal.
pub(super) fn exact(minor_units: i64, unit: &Unit) -> String {
    let decimal = Minor::new(minor_units, unit.scale()).to_string();
    signed(decimal.strip_prefix('-').unwrap_or(&decimal), minor_units < 0, unit)
}

/// An amount for a glance: rounded down.
pub(super) fn glance(minor_units: i64, unit: &Unit) -> String {
    exact(floor(minor_units, unit.scale(), decimals(minor_units, unit)), unit)
}

/// The same of what was used, which is no promise: rounded to the nearest.
pub(super) fn about(minor_units: i64, unit: &Unit) -> String {
    let decimals = decimals(minor_units, unit);
    let step = 10_i64.pow(u32::from(unit.scale().decimals().saturating_sub(decimals)));
    glance(minor_units.saturating_add(step / 2), unit)
}

fn decimals(minor_units: i64, unit: &Unit) -> u8 {
    // Money has cents; credits below one are told as they are.
    let parts = if unit.as_str() == Unit::USD { 100 } else { 1 };
    let least = 10_i64.pow(u32::from(unit.scale().decimals())) / parts;
    if minor_units.abs() < least { GLANCE.0 } else { GLANCE.1 }
}

fn floor(minor_units: i64, scale: Scale, decimals: u8) -> i64 {
    let step = 10_i64.pow(u32::from(scale.decimals().saturating_sub(decimals)));
    minor_units.div_euclid(step) * step
}

fn signed(magnitude: &str, negative: bool, unit: &Unit) -> String {
    let minus = if negative { "\u{2212}" } else { "" };
    if unit.as_str() != Unit::USD {
        return format!("{minus}{}", grouped(magnitude));
    }
    // Money has cents.
    let cents = match magnitude.split_once('.') {
        None => format!("{magnitude}.00"),
        Some((_, tenths)) if tenths.len() == 1 => format!("{magnitude}0"),
        Some(_) => magnitude.to_owned(),
    };
    format!("{minus}${}", grouped(&cents))
}

/// For how long a balance is going to last.
pub(super) fn lasting(days: u32) -> String {
    match days {
        0 => "Lasts less than a day at this pace".to_owned(),
        1 => "Lasts about 1 day at this pace".to_owned(),
        MAX_LASTING_DAYS.. => "Lasts more than a year at this pace".to_owned(),
        days => format!("Lasts about {days} days at this pace"),
    }
}

/// How far off something is: "in 3 days".
pub(super) fn distance(from: Timestamp, to: Timestamp) -> String {
    let hours = to.since(from).as_secs() / 3_600;
    match hours {
        0 => "in less than an hour".to_owned(),
        1 => "in 1 hour".to_owned(),
        2..48 => format!("in {hours} hours"),
        // To the nearest, as one counts the days between two dates.
        _ => format!("in {} days", (hours + 12) / 24),
    }
}

/// "22 Nov 2026"
pub(super) fn day(time: &str) -> String {
    let year = time.get(..4).unwrap_or_default();
    format!("{} {year}", short_day(time))
}

/// "22 Nov", of text that begins as `2026-11-22` does.
pub(super) fn short_day(time: &str) -> String {
    let month = time.get(5..7).and_then(|month| month.parse::<usize>().ok());
    let month = month.and_then(|month| MONTHS.get(month.checked_sub(1)?)).unwrap_or(&"");
    let day = time.get(8..10).unwrap_or_default();
    format!("{} {month}", day.trim_start_matches('0'))
}

/// An instant: in UTC, until the reader's own script says it in the reader's time.
pub(super) fn minute_tag(time: Timestamp) -> String {
    let text = time.to_string();
    let clock = text.get(11..16).unwrap_or_default();
    format!("<time datetime=\"{text}\" data-as=\"minute\">{}, {clock} UTC</time>", day(&text))
}

/// The day of an instant, in the same way.
pub(super) fn day_tag(time: Timestamp) -> String {
    let text = time.to_string();
    format!("<time datetime=\"{text}\" data-as=\"day\">{}</time>", day(&text))
}

#[cfg(test)]
mod tests {
    use edge_credits_core::credits::Credits;

    use super::super::names::Names;
    use super::*;

    fn unit(name: &str) -> Unit {
        Unit::parse(name).unwrap()
    }

    #[test]
    fn amounts_by_the_table() {
        let table = [
            ("credits", 1_000_000, "1", "1", "1 credit"),
            ("credits", 1_234_567_890_123, "1,234,567.890123", "1,234,567.89", ""),
            ("credits", -12_345_678, "−12.345678", "−12.35", "−12.345678 credits"),
            ("credits", -1, "−0.000001", "−0.000001", "−0.000001 credits"),
            ("credits", 999_999, "0.999999", "0.999999", "0.999999 credits"),
            ("credits", 0, "0", "0", "0 credits"),
            ("usd", 5_000_000_000, "$5.00", "$5.00", "$5.00"),
            ("usd", 1_234_500_000_000, "$1,234.50", "$1,234.50", "$1,234.50"),
            ("usd", 12_349_999_999, "$12.349999999", "$12.34", "$12.349999999"),
            ("usd", 150_123, "$0.000150123", "$0.00015", "$0.000150123"),
            ("usd", 838_400_000, "$0.8384", "$0.83", "$0.8384"),
            ("usd", 10_000_000, "$0.01", "$0.01", "$0.01"),
            ("usd", 9_999_999, "$0.009999999", "$0.009999", "$0.009999999"),
            ("usd", -100_000_000, "−$0.10", "−$0.10", "−$0.10"),
            ("api_calls", 2_000_000, "2", "2", "2 api calls"),
        ];
        for (name, minor_units, all, first, with_unit) in table {
            let unit = unit(name);
            assert_eq!(exact(minor_units, &unit), all);
            assert_eq!(glance(minor_units, &unit), first);
            if !with_unit.is_empty() {
                assert_eq!(Names(None).counted(minor_units, &unit), with_unit);
            }
        }
        for (name, expected) in [
            ("credits", "Credits"),
            ("usd", "Wallet"),
            ("image_credits", "Image credits"),
            ("__", "__"),
        ] {
            assert_eq!(Names(None).heading(&unit(name)), expected);
        }
        for (name, minor_units, nearest) in [
            ("usd", 838_400_000, "$0.84"),
            ("usd", 27_946_666, "$0.03"),
            ("usd", 1_999_999_999, "$2.00"),
            ("credits", 305_666_666, "305.67"),
            ("credits", 333_333, "0.333333"),
            ("credits", 0, "0"),
        ] {
            assert_eq!(about(minor_units, &unit(name)), nearest);
        }
        let most = Credits::MAX.minor_units();
        assert_eq!(glance(most, &unit("credits")), "8,000,000,000");
        assert_eq!(glance(-most, &unit("credits")), "−8,000,000,000");
    }

    #[test]
    fn dates_and_distances() {
        let at = |text| Timestamp::parse(text).unwrap();
        let noon = at("2026-11-02T12:00:00Z");
        assert_eq!(day(&noon.to_string()), "2 Nov 2026");
        assert_eq!(short_day("2026-12-31"), "31 Dec");
        assert!(minute_tag(noon).ends_with(">2 Nov 2026, 12:00 UTC</time>"));
        for (to, expected) in [
            ("2026-11-02T12:59:00Z", "in less than an hour"),
            ("2026-11-02T13:00:00Z", "in 1 hour"),
            ("2026-11-04T11:59:00Z", "in 47 hours"),
            ("2026-11-04T12:00:00Z", "in 2 days"),
            ("2026-11-05T11:59:00Z", "in 3 days"),
            ("2027-11-02T12:00:00Z", "in 365 days"),
        ] {
            assert_eq!(distance(noon, at(to)), expected);
        }
        for (days, expected) in
            [(0, "less than a day"), (1, "1 day"), (30, "30 days"), (365, "year")]
        {
            assert!(lasting(days).contains(expected));
        }
    }
}
