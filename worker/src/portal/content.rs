//! What the portal's page says of one customer: the part that is made anew with every refresh.
//!
//! Decides order, words for what is not there, and markup. Text that comes from outside (names,
//! descriptions, products) is escaped here, all of it.

use core::fmt::Write as _;

use edge_credits_core::ids::Environment;
use edge_credits_core::portal::token::Email;
use edge_credits_core::portal::view::{GrantView, Line, SOON, UnitView, View};
use edge_credits_core::time::Timestamp;
use edge_credits_core::topup::packs::Pack;

use super::cards::balances;
use super::chart::chart;
use super::names::Names;
use super::words::{about, day_tag, distance, exact, minute_tag, name};
use crate::html::escaped;

/// Most packs that are offered at first sight.
const FIRST_PACKS: usize = 4;

/// How many lines of activity are there at first sight.
const FIRST_LINES: usize = 8;

/// What can be bought.
pub(super) enum Offer {
    /// These packs, at the deployment's checkout.
    Packs(Vec<Pack>),
    /// What the page around this one sells.
    Around,
    /// Nothing.
    Nothing,
}

/// What there is to say.
pub(super) struct Content<'a> {
    /// The ledger.
    pub(super) view: &'a View,
    /// What things are called.
    pub(super) names: &'a Names<'a>,
    /// What is for sale.
    pub(super) offer: &'a Offer,
    /// Permission to buy: the page's own.
    pub(super) token: &'a str,
    /// Which environment.
    pub(super) environment: Environment,
    /// The heading.
    pub(super) title: &'a str,
    /// The customer's id, and name where it is known.
    pub(super) customer: (&'a str, Option<&'a str>),
    /// Who looks.
    pub(super) member: Option<&'a Email>,
}

/// The page's content.
pub(super) fn content(content: &Content<'_>) -> String {
    let (view, names) = (content.view, content.names);
    let top_up = top_up(content);
    let rest = if view.is_new() && view.coming.is_empty() {
        nothing_yet()
    } else {
        format!(
            "<div class=\"columns\"><div class=\"side\">{}{}</div>{}</div>",
            usage(view, names),
            grants(view, names),
            activity(view, names),
        )
    };
    format!(
        "{}<div class=\"first{}\">{}{top_up}</div>{rest}{}",
        header(content),
        if top_up.is_empty() || view.units.len() > 2 { "" } else { " beside" },
        balances(view, names),
        footer(content),
    )
}

fn header(content: &Content<'_>) -> String {
    let badge = match content.environment {
        Environment::Live => "",
        Environment::Test => "<p class=\"badge\">Test data</p>",
    };
    let named = content.customer.1.map(|name| format!("<strong>{}</strong>", escaped(name)));
    let member = content.member.map(|member| format!("<span>{}</span>", escaped(member.as_str())));
    let who: Vec<String> = named.into_iter().chain(member).collect();
    let member = match who.as_slice() {
        [] => String::new(),
        who => format!("<p class=\"who\">{}</p>", who.join(" ")),
    };
    format!(
        "<header class=\"top\"><div><h1>{}</h1>{member}</div>{badge}</header>",
        escaped(content.title)
    )
}

/// Instead of panels that have nothing to show: one that says what will be there.
fn nothing_yet() -> String {
    "<section class=\"panel none\" aria-labelledby=\"h-none\"><h2 id=\"h-none\">No activity yet</h2>\
     <p class=\"empty\">Usage by day, expiry dates and recent activity show up here as soon as there \
     are any.</p></section>"
        .to_owned()
}

fn top_up(content: &Content<'_>) -> String {
    let inside = match content.offer {
        Offer::Nothing => return String::new(),
        // Only a script can tell the page around.
        Offer::Around => {
            "<button type=\"button\" class=\"buy\" data-topup hidden>Top up</button>".to_owned()
        }
        Offer::Packs(packs) => {
            let button = |pack: &Pack| buy(pack, content.token, content.names);
            let first: String = packs.iter().take(FIRST_PACKS).map(button).collect();
            let rest: String = packs.iter().skip(FIRST_PACKS).map(button).collect();
            let rest = if rest.is_empty() {
                rest
            } else {
                format!(
                    "<details class=\"more\" id=\"more-packs\"><summary>Show all</summary>\
                     <div class=\"packs\">{rest}</div></details>"
                )
            };
            format!(
                "<div class=\"packs\">{first}</div>{rest}<p class=\"note\">Opens a checkout in a new \
                 tab. The price is shown there before you pay.</p>"
            )
        }
    };
    format!(
        "<section class=\"panel topup\" aria-labelledby=\"h-topup\"><h2 id=\"h-topup\">Top up</h2>\
         {inside}</section>"
    )
}

fn buy(pack: &Pack, token: &str, names: &Names<'_>) -> String {
    let amount = names.counted(pack.credits.minor_units(), &pack.unit);
    let lasting = match pack.expires_after_days {
        Some(1) => "lasts 1 day".to_owned(),
        Some(days) => format!("lasts {days} days"),
        None => "does not expire".to_owned(),
    };
    let of = pack.product.as_ref().map(|product| format!("{}, ", name(product.as_str())));
    format!(
        "<form method=\"post\" action=\"/portal/topup\" target=\"_blank\" rel=\"noopener\">\
         <input type=\"hidden\" name=\"token\" value=\"{}\">\
         <input type=\"hidden\" name=\"price\" value=\"{}\">\
         <button class=\"buy\" type=\"submit\">Add {} <small>{}{lasting}</small></button></form>",
        escaped(token),
        escaped(&pack.price),
        escaped(&amount),
        escaped(&of.unwrap_or_default()),
    )
}

fn usage(view: &View, names: &Names<'_>) -> String {
    let used = |unit: &&UnitView| unit.used > 0;
    let shown: Vec<&UnitView> = view.units.iter().filter(used).collect();
    let shown = if shown.is_empty() { view.units.iter().take(1).collect() } else { shown };
    let mut series = String::new();
    let mut options = String::new();
    // The one that is used on most days comes first to the eye; of equals the first.
    let days = |unit: &UnitView| unit.days.iter().filter(|(_, used)| *used > 0).count();
    let most = shown.iter().map(|unit| days(unit)).max().unwrap_or(0);
    let picked = shown.iter().position(|unit| days(unit) == most);
    for (number, unit) in shown.iter().enumerate() {
        let name = escaped(&names.heading(&unit.unit));
        let selected = if Some(number) == picked { " selected" } else { "" };
        let _ = write!(options, "<option value=\"{number}\"{selected}>{name}</option>");
        let several = shown.len() > 1;
        let named = if several { format!("<h3>{name}</h3>") } else { String::new() };
        let _ = write!(
            series,
            "<div class=\"series\" data-series=\"{number}\">{named}{}{}</div>",
            facts(unit, names),
            chart(unit, number, names)
        );
    }
    // Without a script all are there, one below the other.
    let choice = if shown.len() > 1 {
        format!(
            "<p class=\"choice\" hidden><label for=\"series\">Show</label>\
             <select id=\"series\">{options}</select></p>"
        )
    } else {
        String::new()
    };
    format!(
        "<section class=\"panel usage\" aria-labelledby=\"h-usage\"><div class=\"title\">\
         <h2 id=\"h-usage\">Usage</h2>{choice}</div>{series}</section>"
    )
}

fn facts(unit: &UnitView, names: &Names<'_>) -> String {
    if unit.used == 0 {
        return String::new();
    }
    let days = i64::try_from(unit.days.len()).unwrap_or(1).max(1);
    let before = if unit.used_before > 0 {
        format!(
            "<div><dt>The {days} days before</dt><dd>{}{}</dd></div>",
            escaped(&about(unit.used_before, &unit.unit)),
            change(unit.used, unit.used_before)
        )
    } else {
        String::new()
    };
    format!(
        "<dl class=\"facts\"><div><dt>Last {days} days</dt><dd>{}{}</dd></div>\
         <div><dt>A day on average</dt><dd>{}</dd></div>{before}</dl>",
        escaped(&about(unit.used, &unit.unit)),
        escaped(&names.noun(&unit.unit, "")),
        escaped(&about(unit.used / days, &unit.unit)),
    )
}

/// By how many percent usage has changed, in whole ones.
fn change(used: i64, before: i64) -> String {
    let percent = (i128::from(used) - i128::from(before)) * 100 / i128::from(before.max(1));
    match percent {
        0 => String::new(),
        up if up > 999 => " <small>much less than now</small>".to_owned(),
        up if up > 0 => format!(" <small>{up}% less than now</small>"),
        down => format!(" <small>now {}% less</small>", -down),
    }
}

fn grants(view: &View, names: &Names<'_>) -> String {
    let mut lines = String::new();
    for grant in &view.ending {
        let distance = distance(view.as_of, grant.time);
        let soon = grant.time.since(view.as_of) < SOON;
        let class = if soon { " class=\"soon\"" } else { "" };
        lines.push_str(&grant_line(grant, names, ("Expires", &distance), class));
    }
    if view.more_ending > 0 {
        let _ = write!(lines, "<li class=\"rest\">and {} more, later</li>", view.more_ending);
    }
    for grant in &view.coming {
        let distance = distance(view.as_of, grant.time);
        lines.push_str(&grant_line(grant, names, ("Arrives", &distance), " class=\"coming\""));
    }
    let has_any = view.units.iter().any(|unit| unit.available.is_positive());
    if lines.is_empty() && !has_any {
        return String::new();
    }
    let heading = if view.coming.is_empty() { "Expiry dates" } else { "Coming up" };
    let inside = if lines.is_empty() {
        "<p class=\"empty\">Nothing of your balance expires.</p>".to_owned()
    } else {
        format!("<ul class=\"lines\">{lines}</ul>")
    };
    format!(
        "<section class=\"panel\" aria-labelledby=\"h-grants\"><h2 id=\"h-grants\">{heading}</h2>\
         {inside}</section>"
    )
}

fn grant_line(
    grant: &GrantView,
    names: &Names<'_>,
    (verb, distance): (&str, &str),
    class: &str,
) -> String {
    let plus = if verb == "Arrives" { "+" } else { "" };
    let product = grant
        .product
        .as_ref()
        .map(|product| format!(" <span class=\"of\">{}</span>", escaped(&name(product.as_str()))));
    format!(
        "<li{class}><div><p class=\"what\">{plus}{}{}</p><p class=\"when\">{verb} {}</p></div>\
         <p class=\"tag\">{distance}</p></li>",
        escaped(&names.counted(grant.amount.minor_units(), &grant.unit)),
        product.unwrap_or_default(),
        day_tag(grant.time),
    )
}

fn activity(view: &View, names: &Names<'_>) -> String {
    let inside = if view.activity.is_empty() {
        let words = if view.more_activity {
            "Nothing but reservations lately."
        } else {
            "Nothing yet. Top-ups and usage show up here as they happen."
        };
        format!("<p class=\"empty\">{words}</p>")
    } else {
        let (first, rest) = view.activity.split_at(view.activity.len().min(FIRST_LINES));
        let list = |lines: &[Line]| {
            let lines: String = lines.iter().map(|line| activity_line(line, names)).collect();
            format!("<ol class=\"lines\">{lines}</ol>")
        };
        let mut list_of_all = list(first);
        if !rest.is_empty() {
            let end = if view.more_activity {
                format!("<p class=\"note\">These are the latest {}.</p>", view.activity.len())
            } else {
                String::new()
            };
            let _ = write!(
                list_of_all,
                "<details id=\"more-activity\"><summary>Show more</summary>{}{end}</details>",
                list(rest)
            );
        }
        list_of_all
    };
    format!(
        "<section class=\"panel activity\" aria-labelledby=\"h-activity\"><h2 id=\"h-activity\">Recent \
         activity</h2>{inside}</section>"
    )
}

fn activity_line(line: &Line, names: &Names<'_>) -> String {
    let (title, kind) = names.happened(line);
    let kind = kind.map_or_else(String::new, |kind| format!("{kind} \u{b7} "));
    let minor_units = line.amount.minor_units();
    let plus = if line.amount.is_positive() { "+" } else { "" };
    let class = if line.amount.is_positive() { "more" } else { "less" };
    let amount = exact(minor_units, &line.unit);
    format!(
        "<li><div><p class=\"what\">{}</p><p class=\"when\">{kind}{}</p></div>\
         <p class=\"sum {class}\">{plus}{}<span>{}</span></p></li>",
        escaped(&title),
        minute_tag(line.time),
        escaped(&amount),
        escaped(&names.noun(&line.unit, &amount)),
    )
}

fn footer(content: &Content<'_>) -> String {
    format!(
        "<footer><p>As of {}. <span data-zone>Times are in UTC.</span> The days of the chart are \
         those of UTC.</p><p>Customer <code>{}</code></p></footer>",
        minute_tag(as_of(content.view)),
        escaped(content.customer.0),
    )
}

fn as_of(view: &View) -> Timestamp {
    view.as_of
}
