//! Which route of the ClockNext API a method and a path name, and the terms of each: verb, scope,
//! largest body, and who answers.

use edge_credits_core::catalog::Section;
use edge_credits_core::wire::batch::MAX_BATCH_BYTES;

use crate::auth::Scope;
use crate::respond::Failure;
use crate::routes::{MAX_BODY_BYTES, method_not_allowed, not_found};

/// What is asked. Ids are still percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask<'a> {
    /// Whom the key speaks for.
    Me,
    /// A usage signal.
    Usage,
    /// Many of these.
    UsageBatch,
    /// What a customer has used, by the query.
    UsagePage,
    /// The same, by the path.
    CustomerUsage {
        /// The path's segment.
        id: &'a str,
    },
    /// The entries of a customer's wallet.
    Wallet {
        /// The path's segment.
        id: &'a str,
    },
    /// An entry that its owner makes there.
    EnterWallet {
        /// The path's segment.
        id: &'a str,
    },
    /// A correction of a customer's credits.
    AdjustCredits {
        /// The path's segment.
        id: &'a str,
    },
    /// The whole catalog.
    Catalog,
    /// One of its lists.
    Entries {
        /// Which.
        section: Section,
    },
    /// Puts an entry into a list.
    PutEntry {
        /// Which.
        section: Section,
    },
    /// Takes an entry out of a list.
    RemoveEntry {
        /// Which.
        section: Section,
        /// The path's segment.
        key: &'a str,
    },
    /// customers.create
    CreateCustomer,
    /// customers.list
    Customers,
    /// customers.get
    Customer {
        /// The path's segment.
        id: &'a str,
    },
    /// customers.update
    UpdateCustomer {
        /// The path's segment.
        id: &'a str,
    },
    /// customers.delete
    DeleteCustomer {
        /// The path's segment.
        id: &'a str,
    },
    /// customers.plan
    Plan {
        /// The path's segment.
        id: &'a str,
    },
    /// Puts a customer on a plan.
    SetPlan {
        /// The path's segment.
        id: &'a str,
    },
    /// Takes a customer off the plan.
    EndPlan {
        /// The path's segment.
        id: &'a str,
    },
    /// customers.revenue
    Revenue {
        /// The path's segment.
        id: &'a str,
    },
    /// portal.createToken
    PortalToken,
    /// customers.balances
    Balances {
        /// The path's segment.
        id: &'a str,
    },
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat<'a> {
    /// The worker itself, from the head alone.
    Edge,
    /// The directory of the environment.
    Directory,
    /// The same, about the customer whom this segment of the path names.
    DirectoryOf(&'a str),
    /// The ledger of the customer whom this segment of the path names.
    Ledger(&'a str),
    /// The ledger of the customer whom the query names.
    LedgerOfQuery,
    /// The ledger of the customer whom the body names, which is read at the entrance first.
    LedgerOfBody,
    /// The ledgers of the customers whom the signals of the body name, which is read at the entrance
    /// first: each gets its own.
    LedgersOfBody,
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

const fn change(scope: Scope, seat: Seat<'_>) -> Terms<'_> {
    write("POST", scope, seat)
}

const fn write<'a>(method: &'static str, scope: Scope, seat: Seat<'a>) -> Terms<'a> {
    Terms { method, scope, max_body_bytes: MAX_BODY_BYTES, seat }
}

impl<'a> Ask<'a> {
    /// The route's terms.
    pub(crate) const fn terms(self) -> Terms<'a> {
        match self {
            Self::Me => Terms { scope: Scope::Any, ..read(Seat::Edge) },
            Self::CreateCustomer => write("POST", Scope::Use, Seat::Directory),
            Self::Customers => read(Seat::Directory),
            Self::Customer { id } => read(Seat::DirectoryOf(id)),
            Self::UpdateCustomer { id } => write("PATCH", Scope::Use, Seat::DirectoryOf(id)),
            // An account ends for good.
            Self::DeleteCustomer { id } => {
                Terms { method: "DELETE", scope: Scope::Admin, ..read(Seat::Ledger(id)) }
            }
            Self::Plan { id } | Self::Revenue { id } => read(Seat::Ledger(id)),
            Self::SetPlan { id } => write("PUT", Scope::Grant, Seat::Ledger(id)),
            Self::EndPlan { id } => {
                Terms { method: "DELETE", scope: Scope::Grant, ..read(Seat::Ledger(id)) }
            }
            Self::PortalToken => write("POST", Scope::Use, Seat::LedgerOfBody),
            Self::Balances { id } => read(Seat::Ledger(id)),
            Self::Usage => change(Scope::Use, Seat::LedgerOfBody),
            Self::UsageBatch => {
                Terms { max_body_bytes: MAX_BATCH_BYTES, ..change(Scope::Use, Seat::LedgersOfBody) }
            }
            Self::UsagePage => read(Seat::LedgerOfQuery),
            Self::CustomerUsage { id } | Self::Wallet { id } => read(Seat::Ledger(id)),
            Self::EnterWallet { id } | Self::AdjustCredits { id } => {
                change(Scope::Grant, Seat::Ledger(id))
            }
            Self::Catalog | Self::Entries { .. } => read(Seat::Directory),
            Self::PutEntry { .. } => change(Scope::Admin, Seat::Directory),
            Self::RemoveEntry { .. } => Terms {
                method: "DELETE",
                max_body_bytes: 0,
                ..change(Scope::Admin, Seat::Directory)
            },
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
        ["customers"] => ("GET, POST", vec![Ask::Customers, Ask::CreateCustomer]),
        ["customers", id] => (
            "GET, PATCH, DELETE",
            vec![Ask::Customer { id }, Ask::UpdateCustomer { id }, Ask::DeleteCustomer { id }],
        ),
        ["customers", id, "plan"] => {
            ("GET, PUT, DELETE", vec![Ask::Plan { id }, Ask::SetPlan { id }, Ask::EndPlan { id }])
        }
        ["customers", id, "revenue"] => ("GET", vec![Ask::Revenue { id }]),
        ["portal", "token"] => ("POST", vec![Ask::PortalToken]),
        ["customers", id, "balances"] => ("GET", vec![Ask::Balances { id }]),
        ["usage"] => ("GET, POST", vec![Ask::UsagePage, Ask::Usage]),
        ["usage", "batch"] => ("POST", vec![Ask::UsageBatch]),
        ["customers", id, "usage"] => ("GET", vec![Ask::CustomerUsage { id }]),
        ["customers", id, "wallet"] => {
            ("GET, POST", vec![Ask::Wallet { id }, Ask::EnterWallet { id }])
        }
        ["customers", id, "credits", "adjust"] => ("POST", vec![Ask::AdjustCredits { id }]),
        ["catalog"] => ("GET", vec![Ask::Catalog]),
        [list] => {
            let section = Section::parse(list)?;
            ("GET, POST", vec![Ask::Entries { section }, Ask::PutEntry { section }])
        }
        [list, key] => {
            let section = Section::parse(list)?;
            ("DELETE", vec![Ask::RemoveEntry { section, key }])
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_credits_core::wire::errors::Code;

    /// Every path of the API.
    const PATHS: &[&[&str]] = &[
        &["me"],
        &["customers", "c", "balances"],
        &["usage"],
        &["usage", "batch"],
        &["customers", "c", "usage"],
        &["customers", "c", "wallet"],
        &["customers", "c", "credits", "adjust"],
        &["catalog"],
        &["models"],
        &["models", "m"],
        &["credit-types"],
        &["credit-types", "k"],
        &["outcomes"],
        &["outcomes", "o"],
        &["customers"],
        &["customers", "c"],
        &["customers", "c", "plan"],
        &["customers", "c", "revenue"],
        &["portal", "token"],
    ];

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
        for path in
            [&["" as &str] as &[&str], &["me", ""], &["Me"], &["customers", "c", "x"], &["portal"]]
        {
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
