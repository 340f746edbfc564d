//! The portal's page as text: what it says, and that nothing from outside is markup in it.

use core::time::Duration;

use edge_credits_core::analytics::day::Day;
use edge_credits_core::credits::Credits;
use edge_credits_core::ids::{Environment, Product, Unit};
use edge_credits_core::ledger::EntryKind;
use edge_credits_core::portal::settings::PortalSettings;
use edge_credits_core::portal::token::{Email, Unusable};
use edge_credits_core::portal::view::{EndingSoon, GrantView, Line, UnitView, View};
use edge_credits_core::time::Timestamp;
use edge_credits_core::topup::packs::Packs;

use super::content::{Content, Offer, content};
use super::names::Names;
use super::page::{Frame, cancelled, page, paid, unusable};
use super::*;

const OUTSIDE: &str = "<img src=x onerror=\"alert(1)\">'&</script><script>alert(2)</script>";

fn credits(whole: i64) -> Credits {
    Credits::from_minor_units(whole * 1_000_000).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn unit(name: &str, available: i64, used: i64) -> UnitView {
    let today = Day::of(at("2026-11-22T12:00:00Z"));
    let days = (0..30_u32).rev().map(|ago| (today.minus(ago), if ago == 2 { used } else { 0 }));
    UnitView {
        unit: Unit::parse(name).unwrap(),
        available: credits(available),
        held: Credits::ZERO,
        days: days.collect(),
        used,
        used_before: 0,
        lasts_days: None,
        ending_soon: None,
    }
}

fn view(units: Vec<UnitView>) -> View {
    View {
        as_of: at("2026-11-22T12:00:00Z"),
        units,
        ending: Vec::new(),
        more_ending: 0,
        coming: Vec::new(),
        activity: Vec::new(),
        more_activity: false,
    }
}

fn line(words: &str, amount: i64) -> Line {
    Line {
        kind: EntryKind::Consumption,
        reverses: false,
        words: Some(words.to_owned()),
        product: None,
        amount: credits(amount),
        unit: Unit::credits(),
        time: at("2026-11-22T11:59:00Z"),
    }
}

fn said(view: &View, offer: &Offer) -> String {
    content(&Content {
        view,
        names: &Names(None),
        offer,
        token: "t.m",
        environment: Environment::Live,
        title: OUTSIDE,
        customer: (OUTSIDE, Some(OUTSIDE)),
        member: Email::parse("<b>@\"x\"").as_ref(),
    })
}

/// Tags whose names are not among ours, and handlers: what text would bring that is taken for markup.
fn assert_plain(html: &str) {
    assert!(!html.contains("<img") && !html.contains("<script") && !html.contains("<b>"), "{html}");
    assert!(!html.contains("onerror=\""), "{html}");
}

#[test]
fn nothing_that_comes_from_outside_is_markup() {
    let mut view = view(vec![unit("credits", 5, 3_000_000)]);
    view.activity = vec![line(OUTSIDE, -1)];
    view.ending = vec![GrantView {
        unit: Unit::credits(),
        amount: credits(1),
        product: Some(Product::parse("pro").unwrap()),
        time: at("2026-11-23T00:00:00Z"),
    }];
    let html = said(&view, &Offer::Nothing);
    assert_plain(&html);
    // Title, name, id and description.
    assert_eq!(html.matches("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;").count(), 4);
    assert!(html.contains("&lt;b&gt;@&quot;x&quot;"));
}

/// What is about to be lost stands beside the balance that loses it.
#[test]
fn what_expires_soon_is_told_with_the_balance() {
    let soon = |amount, at| Some(EndingSoon { amount: credits(amount), at });
    let at = Some(at("2026-11-25T11:00:00Z"));
    for (ending, words) in [
        (soon(40, at), Some("40 expire in 3 days")),
        (soon(100, at), Some("All of it expires in 3 days")),
        (soon(42, None), Some("42 expire within a week")),
        (None, None),
    ] {
        let mut view = view(vec![unit("credits", 100, 1_000_000), unit("usd", 100, 0)]);
        view.units[0].ending_soon = ending;
        let html = said(&view, &Offer::Nothing);
        let told = html.split("<p class=\"note alarm\">").nth(1);
        assert_eq!(told.and_then(|rest| rest.split('<').next()), words);
    }
}

#[test]
fn a_price_is_no_markup_either() {
    let packs = "[{\"price\":\"price_\\\"><script>\",\"credits\":10,\"expires_after_days\":1}]";
    let packs = Packs::parse(Some(packs), Environment::Live).unwrap();
    let offer = Offer::Packs(packs.list().to_vec());
    let html = said(&view(vec![unit("credits", 0, 0)]), &offer);
    assert_plain(&html);
    assert!(html.contains("value=\"price_&quot;&gt;&lt;script&gt;\""));
    assert!(html.contains("target=\"_blank\"") && html.contains("lasts 1 day"));
}

#[test]
fn a_new_customer_reads_what_will_be_there() {
    let html = said(&view(vec![unit("credits", 0, 0)]), &Offer::Nothing);
    for words in ["Nothing here yet", "No activity yet", "Usage by day, expiry dates"] {
        assert!(html.contains(words), "{words}");
    }
    assert!(!html.contains("Expiry dates") && !html.contains("<svg"));
}

#[test]
fn a_customer_who_owes_reads_how_much() {
    let html = said(&view(vec![unit("credits", -12, 112_000_000)]), &Offer::Nothing);
    assert!(html.contains("You used 12 credits more than you had"), "{html}");
    assert!(html.contains("<data value=\"-12\" title=\"−12\">−12</data>"));
    assert!(html.contains("Bar chart of credits used per day"));
    assert!(html.contains("<title>20 Nov: 112 credits</title>"));
}

#[test]
fn with_many_units_one_chart_is_chosen_of_those_with_usage() {
    let units = vec![unit("credits", 1, 1_000_000), unit("usd", 1, 0), unit("seats", 1, 2_000_000)];
    let html = said(&view(units), &Offer::Nothing);
    assert_eq!(html.matches("data-series=").count(), 2);
    assert!(html.contains(
        "<option value=\"0\" selected>Credits</option><option value=\"1\">Seats</option>"
    ));
    assert!(!html.contains("<option value=\"2\">"));
}

#[test]
fn more_than_a_glance_is_folded_away() {
    let mut view = view(vec![unit("credits", 1, 0)]);
    view.activity = (0..20).map(|number| line(&format!("Use {number}"), -1)).collect();
    view.more_activity = true;
    let html = said(&view, &Offer::Nothing);
    let (first, rest) = html.split_once("<details id=\"more-activity\">").unwrap();
    assert!(first.contains("Use 7<") && !first.contains("Use 8<") && rest.contains("Use 19<"));
    assert!(rest.contains("These are the latest 20."));
}

#[test]
fn the_page_runs_what_it_brings_and_is_embedded_where_it_may_be() {
    let settings = PortalSettings::read(|name| {
        (name == "PORTAL_FRAME_ANCESTORS").then(|| "https://a.example".to_owned())
    });
    let settings = settings.unwrap_or_else(|error| panic!("{}", error.message));
    let left = Duration::from_secs(600);
    let frame = Frame { settings: &settings, nonce: "n1", theme: Some("dark"), token: "t\"", left };
    let page = page(&frame, "content");
    assert_eq!(page.status, 200);
    assert!(
        page.policy.starts_with("default-src 'none'; style-src 'nonce-n1'; script-src 'nonce-n1'")
    );
    assert!(page.policy.ends_with("frame-ancestors https://a.example"));
    assert!(!page.policy.contains("unsafe"));
    assert_eq!(page.html.matches("<script").count(), 1);
    assert_eq!(page.html.matches(" nonce=\"n1\"").count(), 2);
    assert!(page.html.contains("data-token=\"t&quot;\" data-seconds=\"600\""));
    assert!(page.html.contains("<html lang=\"en\" data-theme=\"dark\">"));
    // A policy forbids it, and so it would do nothing.
    assert!(!page.html.contains(" style=\"") && !page.html.contains(" onclick="));
    assert!(
        !page.html.contains("http:") && !page.html.contains("https:"),
        "nothing from elsewhere"
    );
}

#[test]
fn who_may_not_see_it_is_told_so_plainly() {
    let table = [
        (unusable(Unusable::NotOurs), 401, "This link does not work"),
        (unusable(Unusable::Ended), 410, "This link has ended"),
        (paid(), 200, "Thank you"),
        (cancelled(), 200, "Nothing was bought"),
    ];
    for (page, status, words) in table {
        assert_eq!(page.status, status);
        assert!(page.html.contains(words) && !page.html.contains("<script"));
        assert!(page.policy.contains("default-src 'none'"));
    }
}

#[test]
fn tokens_stand_where_they_must() {
    let head = |query: &str| Head {
        method: "GET".to_owned(),
        url: format!("https://h/portal/embed?{query}"),
        headers: Vec::new(),
    };
    let asked = |step, query: &str, body: Option<&str>| {
        let Asked { token, price } = Asked::of(step, &head(query), body.map(str::as_bytes));
        (token, price)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(asked(Step::Page, "theme=dark&token=a.b", None).0, "a.b");
    assert_eq!(asked(Step::Page, "", None).0, "");
    // What follows the page never takes it from a URL, which stands in logs.
    assert_eq!(asked(Step::Data, "token=a.b", Some("c.d")).0, "c.d");
    assert_eq!(asked(Step::TopUp, "token=a.b", Some("")).0, "");
    let form = Some("token=c.d&price=price_%C3%A9");
    assert_eq!(asked(Step::TopUp, "", form), ("c.d".to_owned(), text("price_é")));
    assert_eq!(asked(Step::Data, "", Some(&"x".repeat(4_000))).0, "");
    assert_eq!(theme(&head("theme=dark")), Some("dark"));
    assert_eq!(theme(&head("theme=\"><script>")), None);
}
