//! What a signal comes to by a catalog.

use alloc::format;
use alloc::string::String;

use crate::catalog::Catalog;
use crate::credits::Credits;
use crate::ids::Unit;
use crate::pricing::{CachedTokens, Cost, PricingError};
use crate::usage::run::TakenStep;
use crate::usage::signal::{Signal, SignalType};
use crate::wire::errors::{ApiError, Code};

/// A signal's price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Priced<'a> {
    /// What it is taken from.
    pub(super) unit: Unit,
    /// How much. Of a step nothing, until it completes its run.
    pub(super) amount: Credits,
    /// What the usage cost its owner, in USD.
    pub(super) provided_cost: Credits,
    /// What the customer pays for it, in USD.
    pub(super) customer_cost: Credits,
    /// The credit type's or the outcome's name.
    pub(super) name: Option<&'a str>,
    /// Where tokens from the cache were counted.
    pub(super) cached: CachedTokens,
    /// By which catalog.
    pub(super) version: String,
}

/// Prices a signal; one that reports a step, with what that is.
///
/// # Errors
/// `unknown_model`, `unknown_key`; `invalid_request` for counts that contradict each other;
/// `amount_too_large`.
pub(super) fn price<'a>(
    signal: &Signal,
    catalog: &'a Catalog,
    step: Option<&'a TakenStep>,
) -> Result<Priced<'a>, ApiError> {
    let model = catalog.model(&signal.model).ok_or_else(|| unknown_model(&signal.model))?;
    let cached = signal.cached.unwrap_or(model.cached);
    let cost = model.prices.cost(&signal.tokens, cached).map_err(|error| no_price(&error))?;
    let version = catalog.version();
    let key = signal.key.as_ref().map_or("", Unit::as_str);
    match signal.kind {
        SignalType::Wallet => {
            let amount = usd(cost)?;
            Ok(Priced {
                unit: Unit::usd(),
                amount,
                provided_cost: amount,
                customer_cost: amount,
                name: None,
                cached,
                version,
            })
        }
        SignalType::Credit => {
            let credit_type =
                catalog.credit_type(key).ok_or_else(|| unknown_key("credit type", key))?;
            let charge = credit_type.terms.charge(cost).map_err(|error| no_price(&error))?;
            Ok(Priced {
                unit: credit_type.key.clone(),
                amount: charge.credits_used,
                provided_cost: usd(cost)?,
                customer_cost: charge.customer_cost,
                name: Some(&credit_type.name),
                cached,
                version,
            })
        }
        SignalType::Outcome => {
            let step = step.ok_or_else(|| unknown_key("outcome step", key))?;
            let cost = cost.plus(step.base_price).map_err(|error| no_price(&error))?;
            Ok(Priced {
                unit: Unit::usd(),
                amount: step.bill(),
                provided_cost: usd(cost)?,
                customer_cost: step.bill(),
                name: Some(&step.run.outcome),
                cached,
                version,
            })
        }
    }
}

fn usd(cost: Cost) -> Result<Credits, ApiError> {
    cost.usd().map_err(|error| no_price(&error))
}

fn no_price(error: &PricingError) -> ApiError {
    match error {
        PricingError::CacheExceedsInput => {
            let message = "The signal has more cacheTokens than inputTokens, and is counted so that \
                           these contain them. Nothing was changed; where your provider counts them \
                           beside the input, send cachedTokens \"beside\".";
            ApiError::about(Code::InvalidRequest, "cacheTokens", message)
        }
        PricingError::TooLarge | PricingError::FreeCredit => {
            let message = "What this usage costs is beyond the largest amount. Nothing was changed; \
                           look at the token counts and at the catalog.";
            ApiError::new(Code::AmountTooLarge, message)
        }
    }
}

fn unknown_model(model: &str) -> ApiError {
    let message = format!(
        "The catalog has no model {:?}. Nothing was changed; add it with its prices by POST \
         /api/v1/models, and send the signal again.",
        shown(model)
    );
    ApiError::about(Code::UnknownModel, "model", &message)
}

fn unknown_key(what: &str, key: &str) -> ApiError {
    let message = format!(
        "The catalog has no {what} with the key {:?}. Nothing was changed; add it to the catalog, \
         and send the signal again.",
        shown(key)
    );
    ApiError::about(Code::UnknownKey, "agentKey", &message)
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
