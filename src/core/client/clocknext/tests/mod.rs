//! The tables of the protocol, each row a test; and what the buffer does, state by state.

mod asks;
mod buffer;
mod configs;
mod exchanges;
mod signals;

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::config::{FaceConfig, FaceOptions};
use crate::client::error::ClientError;
use crate::entropy::Entropy;
use crate::http::Response;
use crate::wire::reading::{RawObject, Said};

const KEY: &str = "cnk_0123456789abcdef";

fn options() -> FaceOptions {
    FaceOptions { api_key: Some(KEY.into()), ..FaceOptions::default() }
}

fn config() -> FaceConfig {
    FaceConfig::new(options()).map_err(|error| error.message).unwrap()
}

fn entropy() -> Entropy {
    Entropy::new(*b"a seed for tests")
}

/// Entropy where it must not be asked for.
fn no_entropy() -> Result<Entropy, Box<ClientError>> {
    panic!("no key was to be made")
}

fn answer(status: u16, body: &str, headers: &[(&str, &str)]) -> (Response, Said) {
    let pair = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
    let headers: Vec<_> = headers.iter().map(pair).collect();
    (
        Response { status, headers, body: body.into() },
        Said::in_envelope(RawObject::read(body).as_ref()),
    )
}
