//! Tests of top-ups: what is for sale, what is asked, who has signed, what an event means.

mod events;
mod orders;
mod sandbox;
mod signatures;
mod stripe;
