//! The wasm client of edge-credits.
