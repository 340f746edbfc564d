//! Tests of the portal.

mod settings;
mod tokens;
mod views;
