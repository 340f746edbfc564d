//! The cache's steps by tables, on a store in memory.

mod desk;
mod flow;
