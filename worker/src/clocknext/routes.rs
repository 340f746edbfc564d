//! Which route of the ClockNext API a method and a path name, and the terms of each: verb, scope,
//! largest body, and who answers.

use crate::auth::Scope;
use crate::respond::Failure;
use crate::routes::{method_not_allowed, not_found};

/// What is asked. Ids are still percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask<'a> {
    /// Whom the key speaks for.
    Me,
    /// customers.balances
    Balances {
        /// The path's segment.
        id: &'a str,
    },
}

/// Who answers.
#[allow(dead_code, reason = "routes at every seat are being added")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat<'a> {
    /// The worker itself, from the head alone.
    Edge,
    /// The directory of the environment.
    Directory,
    /// The ledger of the customer whom this segment of the path names.
    Ledger(&'a str),
    /// The ledger of the customer whom the query names.
    LedgerOfQuery,
    /// The ledger of the customer whom the body names, which is read at the entrance first.
    LedgerOfBody,
}

/// What a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms<'a> {
    /// The verb.
    pub(crate) method: &'static str,
    /// What the key must be good for.
    pub(crate) scope: Scope,
    /// Largest body, in bytes; 0 where none is read.
    pub(crate) max_body_bytes: usize,
    /// Who answers.
    pub(crate) seat: Seat<'a>,
}

const fn read(seat: Seat<'_>) -> Terms<'_> {
    Terms { method: "GET", scope: Scope::Use, max_body_bytes: 0, seat }
}

impl<'a> Ask<'a> {
    /// The route's terms.
    pub(crate) const fn terms(self) -> Terms<'a> {
        match self {
            Self::Me => read(Seat::Edge),
            Self::Balances { id } => read(Seat::Ledger(id)),
        }
    }
}

/// Finds the route of a method and of the segments after `/api/v1/`.
///
/// # Errors
/// `not_found`; `method_not_allowed` with the methods that are.
pub(crate) fn find<'a>(method: &str, segments: &[&'a str]) -> Result<Ask<'a>, Failure> {
    let (allow, asks) = of_path(segments).ok_or_else(not_found)?;
    let ask = asks.into_iter().find(|ask| ask.terms().method == method);
    ask.ok_or_else(|| method_not_allowed(allow))
}

/// What one path answers, each by its own verb, and these verbs.
fn of_path<'a>(segments: &[&'a str]) -> Option<(&'static str, Vec<Ask<'a>>)> {
    Some(match *segments {
        ["me"] => ("GET", vec![Ask::Me]),
        ["customers", id, "balances"] => ("GET", vec![Ask::Balances { id }]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_credits_core::wire::errors::Code;

    /// Every path of the API.
    const PATHS: &[&[&str]] = &[&["me"], &["customers", "c", "balances"]];

    #[test]
    fn paths_answer_the_verbs_that_they_name() {
        for path in PATHS {
            let (allow, asks) = of_path(path).unwrap();
            let verbs: Vec<&str> = asks.iter().map(|ask| ask.terms().method).collect();
            assert_eq!(allow, verbs.join(", "), "{path:?}");
            for ask in asks {
                assert_eq!(find(ask.terms().method, path).unwrap(), ask);
                let changes = matches!(ask.terms().method, "POST" | "PUT" | "PATCH");
                assert_eq!(ask.terms().max_body_bytes > 0, changes, "{ask:?}");
            }
            let failure = find("OPTIONS", path).unwrap_err();
            assert_eq!((failure.error.code, failure.allow), (Code::MethodNotAllowed, Some(allow)));
        }
    }

    #[test]
    fn what_is_not_there() {
        for path in [&["" as &str] as &[&str], &["me", ""], &["Me"], &["customers", "c", "x"]] {
            assert_eq!(find("GET", path).unwrap_err().error.code, Code::NotFound, "{path:?}");
        }
    }

    #[test]
    fn ids_stay_as_they_stand() {
        let ask = find("GET", &["customers", "a%2Fb", "balances"]).unwrap();
        assert_eq!(ask, Ask::Balances { id: "a%2Fb" });
        assert_eq!(ask.terms().seat, Seat::Ledger("a%2Fb"));
    }
}
