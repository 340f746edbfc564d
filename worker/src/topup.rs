//! The part of a top-up that the customer's own object performs: open a session, enter a payment,
//! show and pay a test checkout.
//!
//! Decides nothing about credits or money: what is for sale, what Stripe is asked and what its answers
//! and events mean is `edge_credits_core::topup`'s, what a payment does to the ledger is the ledger's.
//! Who gets here has been let in: by the entrance ([`crate::front_topup`]), or by holding the binding.

use edge_credits_core::config::UrlParts;
use edge_credits_core::ids::{Environment, Owner};
use edge_credits_core::ledger::Payment;
use edge_credits_core::topup::event::Event;
use edge_credits_core::topup::order::Order;
use edge_credits_core::topup::sandbox::Session;
use edge_credits_core::topup::stripe::{Opened, Refused, STRIPE_TIMEOUT, Stripe};
use edge_credits_core::wire::errors::{ApiError, Code};
use edge_credits_core::wire::members::Members;
use edge_credits_core::wire::requests::{KeySource, body_text};
use wasm_bindgen::JsValue;
use worker::Env;

use crate::front::seal;
use crate::head::Head;
use crate::ledger::{Ledger, other_owner};
use crate::receive::{Received, TopUpCall, environment_of, receive_whole};
use crate::respond::{Answer, Failure, Origin, page, redirect, respond};
use crate::routes::TopUpAction;
use crate::serve::Ids;
use crate::storage::Storage;
use crate::topup_settings::{Till, page_origin, till};
use crate::{checkout_page, host, upstream};

/// Names to an object the origin by which the worker was called. Never let in from outside.
pub(crate) const ORIGIN: &str = "x-edge-credits-origin";

/// What an object knows of itself.
pub(crate) struct Here {
    /// Its settings.
    pub(crate) env: Env,
    /// The name by which it was reached, where the runtime tells.
    pub(crate) name: Option<String>,
    /// What is wrong with the settings of its ledger.
    pub(crate) settings: Result<(), ApiError>,
}

impl Here {
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        host::setting(&self.env, name)
    }

    /// A caller that names objects otherwise would split one customer's credits over two.
    pub(crate) fn require(&self, owner: &Owner) -> Result<(), ApiError> {
        let other = self.name.as_deref().is_some_and(|name| name != owner.object_name());
        if other { Err(other_owner()) } else { Ok(()) }
    }
}

/// Opens a checkout session.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) async fn open<S: Storage>(
    here: Here,
    ledger: &Ledger<S>,
    head: Head,
    body: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    let started = host::now();
    let ids = Ids::of(&head)?;
    let result = match receive_whole(&head, body, &|_| environment_of(&head)) {
        Ok(Received::TopUp(call)) => session(&here, ledger, (&head, &call), &ids).await,
        Ok(_) => Err(not_this().into()),
        Err(failure) => Err(failure),
    };
    let took = host::now().since(started);
    Ok(respond(
        result,
        &Origin { request_id: &ids.request_id, part: "ledger", took, envelope: None },
    ))
}

async fn session<S: Storage>(
    here: &Here,
    ledger: &Ledger<S>,
    (head, call): (&Head, &TopUpCall<'_>),
    ids: &Ids,
) -> Result<Answer, Failure> {
    let environment = environment_of(head)?;
    let key = KeySource { header: head.header("idempotency-key"), entropy: &ids.entropy };
    let order = Order::parse(&body_text(&call.body)?, &key, host::url)?;
    let owner = Owner { environment, customer: order.customer.clone() };
    here.require(&owner)?;
    ledger.require_open(&owner, host::now())?;
    let opened = open_session(here, head, &owner, &order).await?;
    Ok(Answer { body: opened.to_body(&order), replayed: opened.replayed })
}

/// Opens the session of an order of this object's customer.
///
/// # Errors
/// `unknown_pack`, `topup_not_configured`, `not_configured`, and what comes of asking Stripe.
pub(crate) async fn open_session(
    here: &Here,
    head: &Head,
    owner: &Owner,
    order: &Order,
) -> Result<Opened, Failure> {
    let setting = |name: &str| here.setting(name);
    match till(setting, host::url, owner.environment)? {
        Till::Stripe(stripe, packs) => {
            let request =
                stripe.open(owner, order, packs.choose(&order.wanted)?, &seal(&here.env)?);
            ask(&stripe, request).await
        }
        Till::Sandbox(key, packs) => {
            let pack = packs.choose(&order.wanted)?;
            let origin = page_origin(setting, host::url, head.header(ORIGIN))?;
            Ok(Session::open(order, pack, host::now()).opened(&origin, &key))
        }
    }
}

async fn ask(
    stripe: &Stripe,
    request: edge_credits_core::http::Request,
) -> Result<Opened, Failure> {
    let response = upstream::fetch(request, STRIPE_TIMEOUT).await;
    stripe.opened(response.as_ref()).map_err(|Refused { error, retry_after }| {
        let status = response.map_or(0, |response| response.status);
        let log = Some(format!("no checkout session: Stripe answered {status}"));
        Failure { retry_after, log, ..error.into() }
    })
}

/// Performs a step that waits for nobody.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) fn serve<S: Storage>(
    here: &Here,
    ledger: &Ledger<S>,
    head: &Head,
    body: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    let started = host::now();
    let ids = Ids::of(head)?;
    let received = receive_whole(head, body, &|_| environment_of(head));
    let took = host::now().since(started);
    let origin = Origin { request_id: &ids.request_id, part: "ledger", took, envelope: None };
    Ok(match received {
        Ok(Received::TopUp(call)) => match call.action {
            TopUpAction::Webhook => respond(enter(here, ledger, head, &call), &origin),
            TopUpAction::Page { session } => checkout(here, ledger, (session, false), &origin),
            TopUpAction::Pay { session } => checkout(here, ledger, (session, true), &origin),
            TopUpAction::Open | TopUpAction::Cancel { .. } => {
                respond(Err(not_this().into()), &origin)
            }
        },
        Ok(_) => respond(Err(not_this().into()), &origin),
        Err(failure) => respond(Err(failure), &origin),
    })
}

/// Enters what an event tells, once.
fn enter<S: Storage>(
    here: &Here,
    ledger: &Ledger<S>,
    head: &Head,
    call: &TopUpCall<'_>,
) -> Result<Answer, Failure> {
    here.settings.clone()?;
    let event = Event::parse(&body_text(&call.body)?, &seal(&here.env)?)?;
    let environment = environment_of(head)?;
    let effect = match event {
        Event::Payment { owner, payment } if owner.environment == environment => {
            here.require(&owner)?;
            ledger.settle_payment(&owner, host::now(), &payment)?
        }
        _ => "none",
    };
    let body = Members::new().display("received", Some(true)).text("effect", Some(effect)).finish();
    Ok(Answer { body, replayed: false })
}

/// Shows a test checkout, or pays it.
fn checkout<S: Storage>(
    here: &Here,
    ledger: &Ledger<S>,
    (token, pays): (&str, bool),
    origin: &Origin<'_>,
) -> String {
    let setting = |name: &str| here.setting(name);
    let no_urls = |_: &str| UrlParts::default();
    let session = match till(setting, no_urls, Environment::Test) {
        Ok(Till::Sandbox(key, _)) => Session::from_token(token, &key),
        _ => None,
    };
    let payment = session.as_ref().and_then(Session::payment);
    let (Some(session), Some(payment)) = (session, payment) else {
        return page(&checkout_page::unknown(), origin);
    };
    match step(here, ledger, &session, (&payment, pays)) {
        Ok(Step::Paid) if pays => redirect(&session.success_target(), origin),
        Ok(Step::Paid) => page(&checkout_page::paid(&session), origin),
        Ok(Step::Expired) => page(&checkout_page::expired(&session), origin),
        Ok(Step::Open) => page(&checkout_page::open(&session, token, origin.request_id), origin),
        Err(failure) => {
            let shown = page(&checkout_page::failed(&failure.error), origin);
            // For its line in the log; what it answers is for programs.
            let _ = respond(Err(failure), origin);
            shown
        }
    }
}

/// Where a test checkout is.
enum Step {
    Open,
    Paid,
    Expired,
}

fn step<S: Storage>(
    here: &Here,
    ledger: &Ledger<S>,
    session: &Session,
    (payment, pays): (&Payment, bool),
) -> Result<Step, Failure> {
    let (owner, now) = (session.owner(), host::now());
    here.settings.clone()?;
    here.require(&owner)?;
    if ledger.knows_payment(&owner, now, payment)? {
        return Ok(Step::Paid);
    }
    if !session.is_open(now) {
        return Ok(Step::Expired);
    }
    if !pays {
        return Ok(Step::Open);
    }
    ledger.settle_payment(&owner, now, payment)?;
    Ok(Step::Paid)
}

fn not_this() -> ApiError {
    ApiError::new(Code::NotFound, "There is no such path here. Nothing was changed.")
}
