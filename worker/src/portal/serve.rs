//! The part of the portal that the customer's own ledger performs: show it, and open a checkout.
//!
//! Decides nothing about credits, and reads only; a checkout is opened as the API opens it
//! ([`crate::topup`]). Who gets here has been let in by the entrance, or holds the binding; the token is
//! verified all the same, because it says until when.

use edge_credits_core::ids::Environment;
use edge_credits_core::portal::settings::{PortalSettings, TopUpWay};
use edge_credits_core::portal::token::{Pass, PortalKeys, Unusable};
use edge_credits_core::time::Timestamp;
use edge_credits_core::topup::order::Order;
use edge_credits_core::wire::errors::ApiError;
use edge_credits_core::wire::members::Members;
use edge_credits_core::wire::requests::KeySource;
use wasm_bindgen::JsValue;

use super::content::{self, Content, Offer};
use super::edge::refuse;
use super::names::Names;
use super::page::{Frame, failed, page as framed, unusable};
use super::{Asked, Step, customers, step_of, theme};
use crate::head::Head;
use crate::ledger::{Ledger, Standing};
use crate::respond::{Failure, Origin, content as bare, page, redirect, respond};
use crate::serve::Ids;
use crate::storage::Storage;
use crate::topup::{Here, ORIGIN, open_session};
use crate::topup_settings::{Till, page_origin, till};
use crate::{catalog_line, host};

/// What a step comes to.
enum Outcome {
    /// The page, or its content alone.
    Shown(String),
    /// Another address.
    Elsewhere(String),
    /// The token permits nothing.
    Unusable(Unusable),
}

/// Performs a step.
///
/// # Errors
/// Only what the runtime throws while an answer is being made.
pub(crate) async fn serve<S: Storage>(
    here: &Here,
    ledger: &Ledger<S>,
    head: &Head,
    body: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    let started = host::now();
    let ids = Ids::of(head)?;
    let step = step_of(head).unwrap_or(Step::Page);
    let asked = Asked::inside(step, head, body.as_deref());
    let outcome = perform(here, ledger, head, (step, &asked), &ids).await;
    let origin = origin(&ids, started);
    Ok(match outcome {
        Ok(Outcome::Shown(text)) => text,
        Ok(Outcome::Elsewhere(url)) => redirect(&url, &origin),
        Ok(Outcome::Unusable(why)) => refuse(step, &unusable(why), &origin),
        Err(failure) => {
            let shown = refuse(step, &failed(&failure.error), &origin);
            // For its line in the log; what it answers is for programs.
            let _ = respond(Err(failure), &origin);
            shown
        }
    })
}

async fn perform<S: Storage>(
    here: &Here,
    ledger: &Ledger<S>,
    head: &Head,
    (step, asked): (Step, &Asked),
    ids: &Ids,
) -> Result<Outcome, Failure> {
    let setting = |name: &str| here.setting(name);
    let now = host::now();
    let pass = match Pass::from_token(&asked.token, &PortalKeys::read(setting)?, now) {
        Ok(pass) => pass,
        Err(why) => return Ok(Outcome::Unusable(why)),
    };
    here.require(&pass.owner)?;
    here.settings.clone()?;
    if ledger.standing(&pass.owner, now)? == Standing::Closed {
        // A token from before the customer was deleted: nothing is shown and nothing sold.
        return Ok(Outcome::Unusable(Unusable::Ended));
    }
    let settings = PortalSettings::read(setting)?;
    if step == Step::TopUp {
        return checkout(here, head, (&pass, asked), ids).await.map(Outcome::Elsewhere);
    }
    // Names are no reason to show nothing. Asked for first: the ledger is read in one step.
    let catalog = catalog_line::catalog_soon(&here.env, pass.owner.environment).await;
    let name = customers::name(&here.env, &pass.owner).await;
    let view = ledger.portal(&pass.owner, now)?;
    let content = content::content(&Content {
        view: &view,
        names: &Names(catalog.as_deref()),
        offer: &offer(here, settings.top_up, pass.owner.environment),
        token: &asked.token,
        environment: pass.owner.environment,
        title: &settings.title,
        customer: (pass.owner.customer.as_str(), name.as_deref()),
        member: pass.member.as_ref(),
    });
    let origin = origin(ids, now);
    Ok(Outcome::Shown(if step == Step::Data {
        bare(200, &content, &origin)
    } else {
        let frame = Frame {
            settings: &settings,
            nonce: &ids.request_id,
            theme: theme(head),
            token: &asked.token,
            left: left(&pass, now),
        };
        page(&framed(&frame, &content), &origin)
    }))
}

fn origin(ids: &Ids, started: Timestamp) -> Origin<'_> {
    let took = host::now().since(started);
    Origin { request_id: &ids.request_id, part: "ledger", took, envelope: None }
}

fn left(pass: &Pass, now: Timestamp) -> core::time::Duration {
    pass.expires_at.since(now)
}

/// What is for sale. A till that is not there, or makes no sense, sells nothing here: whoever wants to
/// buy by the API is told why, and a customer can do nothing about it.
fn offer(here: &Here, way: TopUpWay, environment: Environment) -> Offer {
    let packs = match way {
        TopUpWay::Off => return Offer::Nothing,
        TopUpWay::Message => return Offer::Around,
        TopUpWay::Checkout => match till(|name| here.setting(name), host::url, environment) {
            Ok(Till::Stripe(_, packs) | Till::Sandbox(_, packs)) => packs,
            Err(_) => return Offer::Nothing,
        },
    };
    let packs = packs.list();
    if packs.is_empty() { Offer::Nothing } else { Offer::Packs(packs.to_vec()) }
}

/// Opens a checkout, and tells where it is.
async fn checkout(
    here: &Here,
    head: &Head,
    (pass, asked): (&Pass, &Asked),
    ids: &Ids,
) -> Result<String, Failure> {
    let origin = page_origin(|name| here.setting(name), host::url, head.header(ORIGIN))?;
    let order = Members::new()
        .text("customer_id", Some(pass.owner.customer.as_str()))
        .text("success_url", Some(&format!("{origin}/portal/paid")))
        .text("cancel_url", Some(&format!("{origin}/portal/cancelled")))
        .text("price_id", asked.price.as_deref())
        .finish();
    // Each click is an order of its own; the platform's own second delivery of it is not.
    let key = KeySource { header: None, entropy: &ids.entropy };
    let order: Result<Order, ApiError> = Order::parse(&order, &key, host::url);
    let opened = open_session(here, head, &pass.owner, &order?).await?;
    Ok(opened.checkout_url)
}
