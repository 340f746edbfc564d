//! A balance each: how much there is, how long it lasts, and what of it is about to be lost.

use core::fmt::Write as _;

use edge_credits_core::portal::view::{EndingSoon, UnitView, View};

use super::names::Names;
use super::words::{distance, exact, glance, lasting};
use crate::html::escaped;

/// The balances, the most important first.
pub(super) fn balances(view: &View, names: &Names<'_>) -> String {
    let mut cards = String::new();
    for unit in &view.units {
        cards.push_str(&card(unit, view, names));
    }
    let many = if view.units.len() > 1 { " many" } else { "" };
    format!(
        "<section aria-labelledby=\"h-balance\"><h2 id=\"h-balance\" class=\"vh\">Balance</h2>\
         <ul class=\"cards{many}\">{cards}</ul></section>"
    )
}

fn card(unit: &UnitView, view: &View, names: &Names<'_>) -> String {
    let minor_units = unit.available.minor_units();
    let (all, shown) = (exact(minor_units, &unit.unit), glance(minor_units, &unit.unit));
    let long = if shown.chars().count() > 9 { " long" } else { "" };
    let (over, mut notes) = (unit.available.is_negative(), String::new());
    if over {
        let owed = names.counted(unit.available.magnitude().minor_units(), &unit.unit);
        let _ = write!(
            notes,
            "<p class=\"note alarm\">You used {} more than you had. The next top-up pays for that \
             first.</p>",
            escaped(&owed)
        );
    } else if let Some(days) = unit.lasts_days {
        let short = if days < 7 { " alarm" } else { "" };
        let _ = write!(notes, "<p class=\"note{short}\">{}</p>", lasting(days));
    } else if unit.available.is_zero() {
        let words = if view.is_new() { "Nothing here yet" } else { "Nothing left" };
        let _ = write!(notes, "<p class=\"note\">{words}</p>");
    }
    notes.push_str(&ending_soon(unit, view));
    if unit.held.is_positive() {
        let held = exact(unit.held.minor_units(), &unit.unit);
        let _ = write!(notes, "<p class=\"note\">{held} more set aside for work under way</p>");
    }
    format!(
        "<li class=\"card{}\"><h3>{}</h3><p class=\"amount{long}\"><data value=\"{}\" \
         title=\"{}\">{}</data></p>{notes}</li>",
        if over { " over" } else { "" },
        escaped(&names.heading(&unit.unit)),
        unit.available.decimal(unit.unit.scale()),
        escaped(&all),
        escaped(&shown),
    )
}

/// What of a balance is about to be lost: the one thing on the page that does not wait.
fn ending_soon(unit: &UnitView, view: &View) -> String {
    let Some(EndingSoon { amount, at }) = unit.ending_soon else { return String::new() };
    let when = at.map_or("within a week".to_owned(), |at| distance(view.as_of, at));
    let what = if amount == unit.available {
        "All of it expires".to_owned()
    } else {
        format!("{} expire", exact(amount.minor_units(), &unit.unit))
    };
    format!("<p class=\"note alarm\">{what} {when}</p>")
}
