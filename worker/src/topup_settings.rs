//! The deployment's settings for top-ups.
//!
//! Decides, as [`crate::settings`], whether a setting makes sense. What the environments have of their
//! own stands under a name with `_LIVE` or `_TEST`. A Stripe key without says by its prefix which one
//! it serves, and a webhook's secret without goes with that key.

use edge_credits_core::config::UrlParts;
use edge_credits_core::ids::Environment;
use edge_credits_core::topup::packs::{Packs, TOPUP_PACKS};
use edge_credits_core::topup::sandbox::TokenKey;
use edge_credits_core::topup::signature::Secret;
use edge_credits_core::topup::stripe::{Stripe, StripeKey};
use edge_credits_core::wire::errors::{ApiError, Code};

use crate::settings::API_KEYS;

/// The variable that says where callers and buyers reach this worker, where the URL of a call does
/// not.
const PUBLIC_URL: &str = "PUBLIC_URL";

/// The one key of Stripe's, where there is one.
const STRIPE_SECRET_KEY: &str = "STRIPE_SECRET_KEY";

/// The address of Stripe's API, for tests.
const STRIPE_API_BASE: &str = "STRIPE_API_BASE";

/// The secrets that sign webhooks, and whom each speaks for; the first for the environment of
/// [`STRIPE_SECRET_KEY`].
const WEBHOOK_SECRETS: [(&str, Option<Environment>); 3] = [
    ("STRIPE_WEBHOOK_SECRET", None),
    ("STRIPE_WEBHOOK_SECRET_LIVE", Some(Environment::Live)),
    ("STRIPE_WEBHOOK_SECRET_TEST", Some(Environment::Test)),
];

/// What signs the pages of the test checkout, where that is not to change with [`API_KEYS`].
const TEST_CHECKOUT_SECRET: &str = "TEST_CHECKOUT_SECRET";

/// How an environment sells credits.
pub(crate) enum Till {
    /// At Stripe.
    Stripe(Stripe, Packs),
    /// By the test checkout; pages are signed with this key.
    Sandbox(TokenKey, Packs),
}

/// Reads how an environment sells credits. `setting` is a setting's text, `url` takes one apart.
///
/// # Errors
/// `topup_not_configured` where it does not; `not_configured` for a setting that makes no sense.
pub(crate) fn till(
    setting: impl Fn(&str) -> Option<String>,
    url: impl Fn(&str) -> UrlParts,
    environment: Environment,
) -> Result<Till, ApiError> {
    let packs = Packs::parse(setting(TOPUP_PACKS).as_deref(), environment)?;
    if let Some(key) = StripeKey::choose(&setting, environment)? {
        let base = setting(STRIPE_API_BASE).map(|text| url(&text));
        return Ok(Till::Stripe(Stripe::new(key, base.as_ref())?, packs));
    }
    if environment == Environment::Live {
        let message = "This deployment has no Stripe key for live top-ups: its secret \
                       STRIPE_SECRET_KEY is not set, or is a test key. Nothing was changed.";
        return Err(not_sold(message));
    }
    let given = |name: &str| setting(name).filter(|text| !text.trim().is_empty());
    let message = "The test checkout signs its pages with the secret API_KEYS, or \
                   TEST_CHECKOUT_SECRET, and neither is set. Nothing was changed.";
    let secret = given(TEST_CHECKOUT_SECRET).or_else(|| given(API_KEYS));
    let key = TokenKey::derive(&secret.ok_or_else(|| not_sold(message))?);
    Ok(Till::Sandbox(key, packs.or_sandbox()))
}

/// The secrets by which a webhook may be signed: those of the environments that sell at Stripe.
///
/// # Errors
/// `topup_not_configured` where there is none; `not_configured` for one that makes no sense.
pub(crate) fn webhook_secrets(
    setting: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Secret>, ApiError> {
    // A key that makes no sense sells nothing; whoever wants to buy is told.
    let sells = |environment| matches!(StripeKey::choose(&setting, environment), Ok(Some(_)));
    let marked = setting(STRIPE_SECRET_KEY).and_then(|text| StripeKey::environment(&text));
    let meant =
        marked.ok_or(()).or_else(|()| match (sells(Environment::Live), sells(Environment::Test)) {
            (true, true) => Err("could be of either key: add _LIVE or _TEST to its name"),
            (true, false) => Ok(Environment::Live),
            (false, _) => Ok(Environment::Test),
        });
    let mut secrets = Vec::new();
    for (name, own) in WEBHOOK_SECRETS {
        let Some(text) = setting(name).filter(|text| !text.is_empty()) else { continue };
        let listed = own.map_or(meant, Ok).and_then(|environment| {
            let listed = Secret::list(&text, environment)?;
            Ok(if sells(environment) { listed } else { Vec::new() })
        });
        secrets.extend(listed.map_err(|problem| wrong(name, problem))?);
    }
    if secrets.is_empty() {
        let message = "There is no secret STRIPE_WEBHOOK_SECRET that goes with a Stripe key, so no \
                       event can be told from a forged one. Nothing was changed.";
        return Err(not_sold(message));
    }
    Ok(secrets)
}

/// Where the pages of this worker are: [`PUBLIC_URL`], else the origin by which it was called.
///
/// # Errors
/// `not_configured` for a URL that is none; `topup_not_configured` where neither is known.
pub(crate) fn page_origin(
    setting: impl Fn(&str) -> Option<String>,
    url: impl Fn(&str) -> UrlParts,
    called: Option<&str>,
) -> Result<String, ApiError> {
    match setting(PUBLIC_URL).filter(|text| !text.is_empty()) {
        Some(text) => url(&text).to_base().map_err(|problem| wrong(PUBLIC_URL, problem)),
        None => called.map(str::to_owned).ok_or_else(|| {
            not_sold(
                "The ledger was called through its binding, so it is not known where the page of the \
                 test checkout is: set the variable PUBLIC_URL. Nothing was changed.",
            )
        }),
    }
}

/// Whether nothing that is set makes no sense.
pub(crate) fn are_sensible(
    setting: impl Fn(&str) -> Option<String>,
    url: impl Fn(&str) -> UrlParts,
) -> bool {
    let unset = |code| code == Code::TopupNotConfigured;
    let tills = [Environment::Live, Environment::Test];
    let tills = tills.into_iter().all(|environment| {
        till(&setting, &url, environment).err().is_none_or(|error| unset(error.code))
    });
    let origin = page_origin(&setting, &url, Some("")).is_ok();
    let secrets = webhook_secrets(&setting).err().is_none_or(|error| unset(error.code));
    tills && origin && secrets
}

fn not_sold(message: &str) -> ApiError {
    ApiError::new(Code::TopupNotConfigured, message)
}

fn wrong(name: &str, problem: &str) -> ApiError {
    ApiError::new(Code::NotConfigured, &format!("{name} {problem}. Nothing was changed."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enough of a parser for these tests.
    fn url(text: &str) -> UrlParts {
        let Some((scheme, rest)) = text.split_once("://") else { return UrlParts::default() };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        UrlParts {
            protocol: format!("{scheme}:"),
            host: host.to_owned(),
            hostname: host.split(':').next().unwrap_or_default().to_owned(),
            pathname: format!("/{path}"),
            ..UrlParts::default()
        }
    }

    fn set(settings: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
        let settings: Vec<(String, String)> =
            settings.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        move |name| settings.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone())
    }

    #[test]
    fn each_environment_sells_by_its_own_key() {
        let word =
            |settings: &[(&str, &str)], environment| match till(set(settings), url, environment) {
                Ok(Till::Stripe(..)) => "stripe",
                Ok(Till::Sandbox(..)) => "sandbox",
                Err(error) => error.code.as_str(),
            };
        let keys = ("API_KEYS", "[]");
        let (live, test) = ("STRIPE_SECRET_KEY_LIVE", "STRIPE_SECRET_KEY_TEST");
        let (any, unset) = ("STRIPE_SECRET_KEY", "topup_not_configured");
        type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
        let table: &[Row<'_>] = &[
            (&[keys], unset, "sandbox"),
            (&[], unset, unset),
            (&[("TEST_CHECKOUT_SECRET", "x")], unset, "sandbox"),
            (&[keys, (any, "sk_live_x")], "stripe", "sandbox"),
            (&[keys, (any, "rk_test_x")], unset, "stripe"),
            (&[keys, (live, "sk_live_x"), (test, "sk_test_x")], "stripe", "stripe"),
            (&[keys, (live, "rk_live_x"), (any, "sk_test_x")], "stripe", "stripe"),
            (&[keys, (live, "sk_test_x")], "not_configured", "sandbox"),
            (&[keys, (test, "pk_test_x")], unset, "not_configured"),
            (&[keys, (any, "hush")], "not_configured", "not_configured"),
            (&[keys, (any, "sk_live_")], "not_configured", "not_configured"),
            (&[keys, (any, "")], unset, "sandbox"),
        ];
        for (settings, in_live, in_test) in table {
            assert_eq!(word(settings, Environment::Live), *in_live, "{settings:?}");
            assert_eq!(word(settings, Environment::Test), *in_test, "{settings:?}");
        }
    }

    #[test]
    fn a_wrong_setting_is_told_by_its_name_and_not_shown() {
        let key = ("STRIPE_SECRET_KEY", "sk_live_hush");
        let table: &[(&str, &str)] = &[
            ("STRIPE_API_BASE", "http://hush.example"),
            ("STRIPE_SECRET_KEY_LIVE", "hush"),
            ("STRIPE_WEBHOOK_SECRET", "[\"hush\""),
            ("STRIPE_WEBHOOK_SECRET_TEST", "hush"),
            ("TOPUP_PACKS", "hush"),
            ("PUBLIC_URL", "hush"),
        ];
        for (name, text) in table {
            let setting = set(&[key, ("API_KEYS", "[]"), (name, text)]);
            assert!(!are_sensible(&setting, url), "{name}");
            let told = till(&setting, url, Environment::Live)
                .err()
                .or_else(|| webhook_secrets(&setting).err())
                .or_else(|| page_origin(&setting, url, None).err());
            // The first two settings may be found wanting by another reader first.
            let told = told.unwrap();
            if told.code == Code::NotConfigured {
                assert!(told.message.starts_with(name), "{name}: {}", told.message);
            }
            assert!(!told.message.contains("hush"), "{}", told.message);
        }
        assert!(are_sensible(set(&[key, ("STRIPE_API_BASE", "http://127.0.0.1:1")]), url));
        assert!(are_sensible(set(&[]), url));
    }

    #[test]
    fn a_webhook_speaks_for_the_environment_of_its_key() {
        let word = |settings: &[(&str, &str)]| match webhook_secrets(set(settings)) {
            Ok(secrets) => {
                let speaks = |environment| secrets.iter().any(|one| one.speaks_for(environment));
                match (speaks(Environment::Live), speaks(Environment::Test)) {
                    (true, true) => "both",
                    (true, false) => "live",
                    (false, true) => "test",
                    (false, false) => "nobody",
                }
            }
            Err(error) => error.code.as_str(),
        };
        let key = ("STRIPE_SECRET_KEY", "sk_test_x");
        let live_key = ("STRIPE_SECRET_KEY", "rk_live_x");
        let (live, test) =
            (("STRIPE_SECRET_KEY_LIVE", "sk_live_x"), ("STRIPE_SECRET_KEY_TEST", "sk_test_x"));
        let any_secret = ("STRIPE_WEBHOOK_SECRET", "whsec_any");
        let live_secret = ("STRIPE_WEBHOOK_SECRET_LIVE", "whsec_live");
        let test_secret = ("STRIPE_WEBHOOK_SECRET_TEST", "whsec_test");
        let unset = "topup_not_configured";
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[key, any_secret], "test"),
            (&[live_key, any_secret], "live"),
            (&[live, any_secret], "live"),
            (&[test, any_secret], "test"),
            (&[live, key, any_secret], "test"),
            (&[live, key, any_secret, live_secret], "both"),
            (&[live, test, any_secret], "not_configured"),
            (&[live, test, live_secret, test_secret], "both"),
            (&[key, live_secret], unset),
            (&[key, live_secret, test_secret], "test"),
            (&[any_secret], unset),
            (&[live_secret, test_secret], unset),
            (&[key], unset),
        ];
        for (settings, expected) in table {
            assert_eq!(word(settings), *expected, "{settings:?}");
        }
    }

    #[test]
    fn pages_are_where_the_deployment_says_else_where_it_was_called() {
        let public = set(&[("PUBLIC_URL", "https://credits.example.com/")]);
        let called = Some("http://127.0.0.1:8787");
        assert_eq!(page_origin(&public, url, called).unwrap(), "https://credits.example.com");
        assert_eq!(page_origin(set(&[]), url, called).unwrap(), "http://127.0.0.1:8787");
        let unknown = page_origin(set(&[]), url, None).unwrap_err();
        assert_eq!(unknown.code, Code::TopupNotConfigured);
    }
}
