//! The ClockNext API (`/api/v1`): the ledger's other face.
//!
//! One ledger, two faces: what is recorded, priced and counted here lies in the same objects as what
//! the Credit Engine API sees. This folder decides where a request of this API is answered, and
//! hands it to the core's readers there; bodies and their judgement are in
//! `edge_credits_core::wire::clocknext`.
//!
//! **To add a route**, go through four places in order; the compiler names the ones you forget:
//!
//! 1. [`routes`]: a variant of [`routes::Ask`], its path in [`routes::find`], and its
//!    [`routes::Terms`]: verb, scope, largest body, and its [`routes::Seat`], which is who answers.
//!    `Seat::Directory` is the object of the environment, `Seat::DirectoryOf` too; `Seat::Ledger` that of the customer in the path;
//!    `Seat::LedgerOfQuery` and `Seat::LedgerOfBody` that of the `customerId` in query or body. For the
//!    last one the body is read at the entrance first ([`edge`]), once, and passed on as it is.
//! 2. The arm in [`at_ledger`] or [`at_directory`]. Both get an [`Asking`]: environment,
//!    route, customer and body, all of them checked, and answer an [`crate::respond::Answer`] whose
//!    body is the **bare payload**, a JSON object such as `{"customer":{…}}`. The envelope that the path
//!    speaks, the status of an error, request id and `x-edge-credits` are put around it by
//!    [`crate::respond`]. Errors are the codes of the Credit Engine API: a shortage
//!    (`insufficient_credits`) becomes 422 with the word that SDKs look for, and no other message may
//!    hold that word.
//! 3. `worker/docs/clocknext.md`, the table of routes; `pkg/testing/index.js` (`ROUTES`) for a path that ends in a new word.
//! 4. `tests/runtimes/bad-input/clocknext.mjs`: what it refuses.
//!
//! The arm at the ledger is asynchronous, for it may ask the directory by
//! [`crate::directory_line`] (the catalog, a customer's record). What it reads of its ledger before an
//! `await` is old after it: decide and write on one side of it.
//!
//! In cache mode nothing of this is answered here but `GET /api/v1/me`: everything passes to the
//! upstream by way of the object of the customer, or of the environment ([`passing`]).

pub(crate) mod at_directory;
pub(crate) mod at_ledger;
mod catalog;
pub(crate) mod edge;
mod fan_out;
pub(crate) mod passing;
pub(crate) mod routes;
mod usage;

use edge_credits_core::ids::{CustomerId, Environment, Owner};
use edge_credits_core::usage::split_by_customer;
use edge_credits_core::wire::clocknext::requests::{whose_body, whose_query};
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::requests::{body_text, parse_customer};

use crate::auth::Scope;
use crate::head::Head;
use crate::receive::segment;
use crate::respond::Failure;
use routes::{Ask, Seat};

/// A request of this API that was let in.
pub(crate) struct Asking<'a> {
    /// For which environment the caller speaks.
    pub(crate) environment: Environment,
    /// What is asked.
    pub(crate) ask: Ask<'a>,
    /// Whom it is about; `None` where it is about nobody in particular, or the body that names the
    /// customer has not been read.
    pub(crate) customer: Option<CustomerId>,
    /// The body; empty where there is none, and as long as it has not been read.
    pub(crate) body: Vec<u8>,
}

impl Asking<'_> {
    /// Whose ledger it is about.
    ///
    /// # Errors
    /// `not_found` where it is about nobody's.
    pub(crate) fn owner(&self) -> Result<Owner, ApiError> {
        let customer = self.customer.clone().ok_or_else(not_here)?;
        Ok(Owner { environment: self.environment, customer })
    }

    /// The name of the object that it is answered by, or passed on by.
    pub(crate) fn object_name(&self) -> String {
        self.owner().map_or_else(|_| self.environment.object_name(), |owner| owner.object_name())
    }

    /// Takes the body in, and learns from it whom the request is about.
    ///
    /// # Errors
    /// As [`whose_body`], where the body is to say.
    pub(crate) fn take_body(&mut self, body: Vec<u8>) -> Result<(), Failure> {
        if self.ask.terms().seat == Seat::LedgerOfBody {
            self.customer = Some(whose_body(&body_text(&body)?)?);
        }
        if self.ask.terms().seat == Seat::LedgersOfBody {
            self.customer = split_by_customer(&body_text(&body)?)?.only().cloned();
        }
        self.body = body;
        Ok(())
    }
}

/// Judges what can be judged of a request without its body.
///
/// # Errors
/// The first check that fails: authority, content type, customer.
pub(crate) fn receive<'a>(
    head: &Head,
    ask: Ask<'a>,
    admit: &dyn Fn(Scope) -> Result<Environment, ApiError>,
) -> Result<Asking<'a>, Failure> {
    let terms = ask.terms();
    let environment = admit(terms.scope)?;
    if terms.max_body_bytes > 0 {
        head.check_content()?;
    }
    let customer = match terms.seat {
        Seat::Ledger(id) | Seat::DirectoryOf(id) => {
            Some(parse_customer(&segment(id, "customer_id")?)?)
        }
        Seat::LedgerOfQuery => Some(whose_query(head.query())?),
        Seat::Edge | Seat::Directory | Seat::LedgerOfBody | Seat::LedgersOfBody => None,
    };
    Ok(Asking { environment, ask, customer, body: Vec::new() })
}

/// The answer of an object to what another one answers.
pub(crate) fn not_here() -> ApiError {
    ApiError::new(Code::NotFound, "This object does not answer that path. Nothing was changed.")
}
