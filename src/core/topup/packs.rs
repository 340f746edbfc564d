//! What is for sale: the deployment's list of packs, from its setting `TOPUP_PACKS`.
//!
//! Decides whether the list makes sense, and which pack an order means. A price is Stripe's: what it
//! costs is known there alone.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::credits::{Credits, Decimal};
use crate::ids::{Environment, Product, Unit};
use crate::wire::errors::{ApiError, Code};

/// The setting with the list.
pub const TOPUP_PACKS: &str = "TOPUP_PACKS";

/// Most packs of a deployment: a price list, not a catalog.
pub const MAX_PACKS: usize = 100;

/// Longest price id. Stripe's have 30 characters.
pub const MAX_PRICE_BYTES: usize = 100;

/// Longest life of bought credits, in days: a hundred years.
const MAX_DAYS: u32 = 36_525;

/// The price id of the pack that the sandbox sells where no list is set.
pub const SANDBOX_PRICE: &str = "price_sandbox";

/// Credits at a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Stripe's id of the price.
    pub price: String,
    /// How much it buys: positive.
    pub credits: Credits,
    /// Of what.
    pub unit: Unit,
    /// What the grant is for.
    pub product: Option<Product>,
    /// How many days the credits last; `None` for ever.
    pub expires_after_days: Option<u32>,
    /// Where it is sold; `None` in both.
    environment: Option<Environment>,
    is_default: bool,
}

/// What an order says of the pack that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing: the default pack.
    Default,
    /// The pack of this price.
    Price(String),
    /// The pack of so many credits.
    Credits(Credits),
}

/// A pack as the setting writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    price: String,
    credits: Box<RawValue>,
    #[serde(default)]
    default: bool,
    env: Option<String>,
    unit: Option<String>,
    product: Option<String>,
    expires_after_days: Option<u32>,
}

/// The packs that one environment sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packs(Vec<Pack>);

impl Packs {
    /// Reads [`TOPUP_PACKS`] and keeps what is sold in an environment. Without a setting nothing is
    /// sold.
    ///
    /// # Errors
    /// `not_configured`; the message says where the list is wrong.
    pub fn parse(setting: Option<&str>, environment: Environment) -> Result<Self, ApiError> {
        let Some(text) = setting.filter(|text| !text.trim().is_empty()) else {
            return Ok(Self(Vec::new()));
        };
        let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            wrong(&format!(
                "is not a JSON list of {{price, credits, default?, env?, unit?, product?, \
                 expires_after_days?}}: look at line {line}, column {column}"
            ))
        })?;
        if entries.len() > MAX_PACKS {
            return Err(wrong(&format!("has more than {MAX_PACKS} entries")));
        }
        let packs = (1_usize..).zip(entries).map(|(number, entry)| {
            Pack::of(entry).map_err(|problem| wrong(&format!("entry {number}: {problem}")))
        });
        let mut packs = packs.collect::<Result<Vec<Pack>, ApiError>>()?;
        packs.retain(|pack| pack.environment.is_none_or(|sold| sold == environment));
        let prices = |pack: &Pack| packs.iter().filter(|other| other.price == pack.price).count();
        if packs.iter().any(|pack| prices(pack) > 1) {
            return Err(wrong("names a price twice"));
        }
        if packs.iter().filter(|pack| pack.is_default).count() > 1 {
            return Err(wrong("has two defaults for one environment"));
        }
        Ok(Self(packs))
    }

    /// What the test checkout sells where no list is set: 1,000 credits.
    #[must_use]
    pub fn or_sandbox(self) -> Self {
        if !self.0.is_empty() {
            return self;
        }
        let credits = Credits::from_minor_units(1_000_000_000).unwrap_or(Credits::MAX);
        Self(Vec::from([Pack {
            price: SANDBOX_PRICE.to_owned(),
            credits,
            unit: Unit::credits(),
            product: None,
            expires_after_days: None,
            environment: Some(Environment::Test),
            is_default: true,
        }]))
    }

    /// All of them, in the list's order.
    #[must_use]
    pub fn list(&self) -> &[Pack] {
        &self.0
    }

    /// The pack that an order means: the named one; else the default, which is the first where none
    /// is marked.
    ///
    /// # Errors
    /// `unknown_pack`, with what there is; `topup_not_configured` where nothing is sold.
    pub fn choose(&self, wanted: &Wanted) -> Result<&Pack, ApiError> {
        let Some(first) = self.0.first() else {
            let message = "Nothing is for sale: the setting TOPUP_PACKS lists no pack for this \
                           environment. Nothing was changed.";
            return Err(ApiError::new(Code::TopupNotConfigured, message));
        };
        let (found, param) = match wanted {
            Wanted::Default => (self.0.iter().find(|pack| pack.is_default).or(Some(first)), ""),
            Wanted::Price(price) => (self.0.iter().find(|pack| pack.price == *price), "price_id"),
            Wanted::Credits(credits) => {
                let fits = |pack: &&Pack| pack.credits == *credits && pack.unit == Unit::credits();
                (self.0.iter().find(fits), "credits")
            }
        };
        found.ok_or_else(|| self.unknown(param))
    }

    fn unknown(&self, param: &'static str) -> ApiError {
        #[derive(Serialize)]
        struct Details<'a> {
            param: &'a str,
            packs: Vec<Offer<'a>>,
        }
        #[derive(Serialize)]
        struct Offer<'a> {
            price_id: &'a str,
            credits: Decimal,
        }
        let offer = |pack: &'_ Pack| pack.credits.decimal(pack.unit.scale());
        let offers =
            self.0.iter().map(|pack| Offer { price_id: &pack.price, credits: offer(pack) });
        let message = "This deployment sells no such pack; details.packs lists those that it sells. \
                       Nothing was changed.";
        let details = Details { param, packs: offers.collect() };
        ApiError::new(Code::UnknownPack, message).with_details(&details)
    }
}

impl Pack {
    fn of(entry: Entry) -> Result<Self, String> {
        let price = entry.price;
        if !is_price(&price) {
            return Err("price is not a price id such as price_1AbC".to_owned());
        }
        let unit = entry.unit.as_deref().map_or(Ok(Unit::credits()), Unit::parse);
        let unit = unit.map_err(|error| format!("unit {}", error.reason()))?;
        let text = entry.credits.get();
        let credits = match serde_json::from_str::<String>(text) {
            Ok(text) => Credits::from_decimal_text(&text, unit.scale()),
            Err(_) => Credits::from_number_text(text, unit.scale()),
        };
        let credits = credits.ok().filter(|credits| credits.is_positive());
        let credits = credits.ok_or("credits is not a positive amount of its unit")?;
        let environment = match entry.env.as_deref() {
            None => None,
            Some(name) => Some(Environment::parse(name).ok_or("env is neither live nor test")?),
        };
        let product = entry.product.as_deref().map(Product::parse).transpose();
        let product = product.map_err(|error| format!("product {}", error.reason()))?;
        let days = entry.expires_after_days;
        if days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
            return Err(format!("expires_after_days is not from 1 to {MAX_DAYS}"));
        }
        Ok(Self {
            price,
            credits,
            unit,
            product,
            expires_after_days: days,
            environment,
            is_default: entry.default,
        })
    }

    /// How much, as decimal text.
    #[must_use]
    pub fn amount(&self) -> String {
        self.credits.decimal(self.unit.scale()).to_string()
    }
}

/// Whether text may be the id of a price: visible ASCII.
#[must_use]
pub fn is_price(text: &str) -> bool {
    let fits = (1..=MAX_PRICE_BYTES).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn wrong(problem: &str) -> ApiError {
    let message = format!("{TOPUP_PACKS} {problem}. Nothing was changed.");
    ApiError::new(Code::NotConfigured, &message)
}
