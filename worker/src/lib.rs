//! The Cloudflare Worker of edge-credits.
