//! Usage over time as a chart: bars for the eye, a table for everybody.
//!
//! Decides its scale and its markup. It is drawn here and needs no script; positions are attributes,
//! because a strict policy lets no element carry a style of its own.

use core::fmt::Write as _;

use edge_credits_core::portal::view::UnitView;

use super::names::Names;
use super::words::{day, glance, short_day};
use crate::html::escaped;

/// Height of the bars, in CSS pixels. Their width is that of the page.
const HEIGHT: i64 = 160;

/// Least height of a bar that stands for something, and the height of one that stands for nothing.
const LEAST: (i64, i64) = (4, 2);

/// A unit's usage, day by day. `number` tells it from the page's others.
pub(super) fn chart(view: &UnitView, number: usize, names: &Names<'_>) -> String {
    let Some((peak_day, peak)) = view.peak() else {
        return "<p class=\"empty\">No usage in the last 30 days. It shows up here day by day.</p>"
            .to_owned();
    };
    let top = ceiling(peak);
    let used = |amount: i64| glance(amount, &view.unit);
    let summary = format!(
        "Bar chart of {} used per day over the last {} days. The most was {} on {}. The table below \
         has every day.",
        names.in_words(&view.unit),
        view.days.len(),
        used(peak),
        day(&peak_day.to_string()),
    );
    let dates = [view.days.first(), view.days.get(view.days.len() / 2)];
    let mut axis = String::new();
    for (date, _) in dates.into_iter().flatten() {
        let _ = write!(axis, "<span>{}</span>", short_day(&date.to_string()));
    }
    let most = format!("Most: {} on {}", used(peak), short_day(&peak_day.to_string()));
    format!(
        "<p class=\"readout\" aria-hidden=\"true\" data-rest=\"{most}\">{most}</p>\
         <div class=\"chart\"><div class=\"ticks\" aria-hidden=\"true\"><span>{}</span>\
         <span>{}</span><span>0</span></div>\
         <svg class=\"bars\" role=\"img\" aria-label=\"{}\" width=\"100%\" height=\"{HEIGHT}\">{}</svg>\
         <div class=\"dates\" aria-hidden=\"true\">{axis}<span>Today</span></div></div>{}",
        escaped(&used(top)),
        escaped(&used(top / 2)),
        escaped(&summary),
        bars(view, top, names),
        table(view, number, names),
        most = escaped(&most),
    )
}

fn bars(view: &UnitView, top: i64, names: &Names<'_>) -> String {
    let mut svg = String::new();
    for line in [0, HEIGHT / 2] {
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{line}.5\" y2=\"{line}.5\"/>"
        );
    }
    let count = i64::try_from(view.days.len()).unwrap_or(1).max(1);
    for (index, (date, used)) in (0_i64..).zip(&view.days) {
        let height = match *used {
            0 => LEAST.1,
            used => scaled(used, top).max(LEAST.0),
        };
        let class = if *used == 0 { "none" } else { "day" };
        // Hundredths of a percent: a slot per day, and a bar of three quarters of it.
        let (slot, gap) = (10_000 / count, 10_000 / count / 8);
        let (left, width) = (index * 10_000 / count, slot - 2 * gap);
        let text =
            format!("{}: {}", short_day(&date.to_string()), names.counted(*used, &view.unit));
        let _ = write!(
            svg,
            "<g data-day=\"{text}\"><title>{text}</title>\
             <rect class=\"slot\" x=\"{}\" width=\"{}\" height=\"{HEIGHT}\"/>\
             <rect class=\"{class}\" x=\"{}\" width=\"{}\" y=\"{}\" height=\"{height}\" rx=\"2\"/></g>",
            percent(left),
            percent(slot),
            percent(left + gap),
            percent(width),
            HEIGHT - height,
            text = escaped(&text),
        );
    }
    svg
}

fn percent(hundredths: i64) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

fn scaled(used: i64, top: i64) -> i64 {
    let height = i128::from(used) * i128::from(HEIGHT) / i128::from(top.max(1));
    i64::try_from(height).unwrap_or(HEIGHT).min(HEIGHT)
}

/// The end of the scale: the next of 1, 2, 4, 6, 8 and 10 times a power of ten, whose half is as short.
fn ceiling(peak: i64) -> i64 {
    let mut power = 1_i64;
    while peak / power >= 10 {
        power *= 10;
    }
    let steps = [1, 2, 4, 6, 8, 10].map(|step| power.saturating_mul(step));
    steps.into_iter().find(|step| *step >= peak).unwrap_or(i64::MAX)
}

fn table(view: &UnitView, number: usize, names: &Names<'_>) -> String {
    let name = escaped(&names.heading(&view.unit));
    let mut rows = String::new();
    for (date, used) in view.days.iter().rev() {
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
            day(&date.to_string()),
            escaped(&names.counted(*used, &view.unit)),
        );
    }
    format!(
        "<details class=\"table\" id=\"table-{number}\"><summary>Show every day</summary>\
         <table><caption class=\"vh\">{name}: used per day</caption><thead><tr>\
         <th scope=\"col\">Day (UTC)</th><th scope=\"col\">Used</th></tr></thead>\
         <tbody>{rows}</tbody></table></details>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (peak, top) in [
            (1, 1),
            (2, 2),
            (3, 4),
            (9, 10),
            (10, 10),
            (11, 20),
            (61, 80),
            (99_999_999, 100_000_000),
            (i64::MAX, i64::MAX),
        ] {
            assert_eq!(ceiling(peak), top, "{peak}");
            assert!(ceiling(peak) >= peak);
        }
    }

    #[test]
    fn a_bar_is_as_high_as_its_share() {
        assert_eq!(scaled(50, 100), HEIGHT / 2);
        assert_eq!(scaled(100, 100), HEIGHT);
        assert_eq!(scaled(i64::MAX, i64::MAX), HEIGHT);
        assert_eq!(percent(333), "3.33%");
        assert_eq!(percent(10_000), "100.00%");
    }
}
