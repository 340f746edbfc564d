//! The Cloudflare Worker of edge-credits.
#![allow(missing_docs)] // The macros of the worker crate write public items without docs.

use worker::{
    Context, DurableObject, Env, Request, Response, Result, State, durable_object, event,
};

#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Response::error("not found", 404)
}

/// One customer's ledger.
#[durable_object(alarm)]
pub struct LedgerObject;

impl DurableObject for LedgerObject {
    fn new(_state: State, _env: Env) -> Self {
        Self
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        Response::error("not found", 404)
    }
}
