//! Settings of the portal by the table: what is mistyped opens nothing.

use std::borrow::ToOwned;
use std::string::String;

use crate::portal::settings::*;
use crate::wire::errors::Code;

fn read(name: &str, text: Option<&str>) -> Result<PortalSettings, String> {
    let setting = |asked: &str| text.filter(|_| asked == name).map(ToOwned::to_owned);
    PortalSettings::read(setting).map_err(|error| {
        assert_eq!(error.code, Code::NotConfigured);
        error.message
    })
}

#[test]
fn any_site_may_embed_it_unless_told() {
    let settings = read("", None).unwrap();
    assert_eq!(settings.frame_ancestors, "*");
    assert_eq!(settings.title, "Balance and usage");
    assert_eq!(settings.top_up, TopUpWay::Checkout);
    assert_eq!(read(PORTAL_FRAME_ANCESTORS, Some(" ")), Ok(settings));
}

#[test]
fn sites_by_the_table() {
    let ancestors = |text| read(PORTAL_FRAME_ANCESTORS, Some(text)).map(|s| s.frame_ancestors);
    for (text, expected) in [
        ("https://app.example.com", "https://app.example.com"),
        (
            " https://a.example ,https://*.b.example:8443\n",
            "https://a.example https://*.b.example:8443",
        ),
        ("'self' http://localhost:*", "'self' http://localhost:*"),
        ("https: capacitor://localhost", "https: capacitor://localhost"),
        ("'none'", "'none'"),
    ] {
        assert_eq!(ancestors(text).as_deref(), Ok(expected), "{text}");
    }
    for wrong in [
        "app.example.com",
        "https://a.example;script-src",
        "https://a.example; script-src *",
        "https://a.example/path",
        "https://",
        "https://*.",
        "https://a.example:",
        "self",
        "'unsafe-inline'",
        "'none' https://a.example",
        "https://a.example\u{0}",
        &"https://a.example ".repeat(65),
        &std::format!("https://{}", "a".repeat(250)),
    ] {
        let told = ancestors(wrong).unwrap_err();
        assert!(told.starts_with(PORTAL_FRAME_ANCESTORS), "{wrong}: {told}");
    }
}

#[test]
fn titles_and_ways_by_the_table() {
    assert_eq!(read(PORTAL_TITLE, Some(" Your usage ")).unwrap().title, "Your usage");
    assert!(read(PORTAL_TITLE, Some(&"x".repeat(61))).unwrap_err().starts_with(PORTAL_TITLE));
    assert!(read(PORTAL_TITLE, Some("a\nb")).is_err());
    let way = |text| read(PORTAL_TOPUP, Some(text)).map(|settings| settings.top_up);
    assert_eq!(way("message"), Ok(TopUpWay::Message));
    assert_eq!(way("off"), Ok(TopUpWay::Off));
    assert!(way("on").unwrap_err().starts_with(PORTAL_TOPUP));
}
