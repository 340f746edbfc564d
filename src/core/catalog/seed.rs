//! The checked-in list of public model prices: where a catalog begins, and what a client can quote
//! from without one.
//!
//! `seed.tsv` has a line for each model: its id, what input, output and tokens read from the cache
//! cost in USD per 1 000 000, and whether its provider reports the latter inside of the input or
//! beside it. The prices are list prices of the standard tier and, where a provider charges by
//! the length of the prompt, of the shortest band; where it gives no discount for what is read from the
//! cache, the price of input stands there. They were taken from the providers' price pages as these
//! stood between 2026-09-23 and [`SEED_DATE`]:
//!
//! | provider | page |
//! | --- | --- |
//! | OpenAI | developers.openai.com/api/docs/pricing |
//! | Anthropic | platform.claude.com/docs/en/about-claude/pricing |
//! | Google | ai.google.dev/gemini-api/docs/pricing |
//! | xAI | docs.x.ai/docs/models |
//! | Groq | groq.com/pricing |
//!
//! Text that is searched line by line, so that whoever needs one price pays for no table of them in
//! memory. Prices that a deployment bills by are its own, edited over the API.

use alloc::borrow::ToOwned;

use crate::catalog::Model;
use crate::pricing::{CachedTokens, Price, Prices};

/// The day to which the list was brought up.
pub const SEED_DATE: &str = "2026-11-05";

const LIST: &str = include_str!("seed.tsv");

/// A line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPrice {
    /// The model, as its provider spells it.
    pub model: &'static str,
    /// What it costs.
    pub prices: Prices,
    /// How its provider's answers count tokens read from the cache.
    pub cached: CachedTokens,
}

impl ListPrice {
    fn read(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        let model = columns.next()?;
        let mut price = || Price::parse(columns.next()?).ok();
        let prices = Prices { input: price()?, output: price()?, cache: price()? };
        let cached = CachedTokens::parse(columns.next()?)?;
        Some(Self { model, prices, cached })
    }

    /// As an entry of a catalog.
    #[must_use]
    pub fn to_model(self) -> Model {
        Model { id: self.model.to_owned(), prices: self.prices, cached: self.cached }
    }
}

/// Every line of the list.
pub fn list() -> impl Iterator<Item = ListPrice> {
    LIST.lines().filter_map(ListPrice::read)
}

/// The public price of a model, whatever the case of its letters.
///
/// ```
/// use edge_credits_core::catalog::seed;
/// let known = seed::find("OpenAI/GPT-OSS-120B").unwrap();
/// assert_eq!(known.prices.input.nano_usd(), 150_000_000);
/// assert!(seed::find("gpt-0").is_none());
/// ```
#[must_use]
pub fn find(model: &str) -> Option<ListPrice> {
    // Only the line of the model is read as numbers.
    let is_of =
        |line: &&str| line.split_once('\t').is_some_and(|(id, _)| id.eq_ignore_ascii_case(model));
    LIST.lines().find(is_of).and_then(ListPrice::read)
}
