//! The deployment's settings as the ledger takes them.
//!
//! Decides whether a setting makes sense. One that does not is an error of every call, never a
//! default: a mistyped limit must not become no limit.

use edge_credits_core::credits::{Credits, Scale};
use edge_credits_core::ledger::LedgerConfig;
use edge_credits_core::wire::errors::{ApiError, Code};

/// The variable with the overdraft limit.
pub(crate) const OVERDRAFT_LIMIT: &str = "OVERDRAFT_LIMIT";

/// The secret with the keys.
pub(crate) const API_KEYS: &str = "API_KEYS";

/// Reads [`OVERDRAFT_LIMIT`]: credits as decimal text, no limit where absent.
///
/// # Errors
/// `not_configured`.
pub(crate) fn ledger_config(overdraft_limit: Option<&str>) -> Result<LedgerConfig, ApiError> {
    let Some(text) = overdraft_limit else { return Ok(LedgerConfig::default()) };
    let limit = Credits::from_decimal_text(text, Scale::CREDITS).ok();
    let overdraft_limit = limit.filter(|limit| !limit.is_negative());
    if overdraft_limit.is_some() {
        return Ok(LedgerConfig { overdraft_limit });
    }
    let message = "OVERDRAFT_LIMIT is not an amount of credits such as \"1000\" or \"0.5\". Nothing \
                   was changed.";
    Err(ApiError::new(Code::NotConfigured, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_by_the_table() {
        let limit = |text| ledger_config(text).map(|config| config.overdraft_limit);
        assert_eq!(limit(None).unwrap(), None);
        assert_eq!(limit(Some("0")).unwrap(), Some(Credits::ZERO));
        assert_eq!(limit(Some("12.5")).unwrap(), Credits::from_minor_units(12_500_000));
        for wrong in ["", "-1", "none", "1e3", " 1", "0.0000001", "99999999999"] {
            assert_eq!(limit(Some(wrong)).unwrap_err().code, Code::NotConfigured, "{wrong:?}");
        }
    }
}
