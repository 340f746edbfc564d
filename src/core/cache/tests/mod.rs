//! The cache's steps by tables, on a store in memory.

mod desk;
mod flow;
mod gates;
mod holds;
mod merging;
mod moving;
mod sending;
mod settling;
mod storing;
mod table;
mod telling;
