// The credits backend as a Worker of its own: the HTTP API and the ledger, without a line of Rust.
// Clients reach it with an API key at its URL, Workers of the same account by a service binding.

export { default, DirectoryObject, LedgerObject } from "edge-credits/worker";
