#![no_std]
//! Every decision of edge-credits.
