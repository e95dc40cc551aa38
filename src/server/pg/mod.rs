//! PostgreSQL's frontend/backend protocol, version 3, on every core.
//!
//! ```text
//! serve ── accepts ──> handshake ──> session ──┬── extended     frames come from input, are read by message;
//!  (bounds, draining)   (startup)   (the loop) └── copy         answers go to output, values by values
//! ```
//!
//! Absent: meaning. Names of statements and portals, transactions, settings and cancellation belong to the session that
//! [`backend`] describes. Credentials and TLS are absent too: until they come the node listens on loopback only.
//!
//! Invariants: no outside byte can cause a panic, an unbounded buffer or a wait that others notice; after a framing error
//! the connection closes; nothing that follows an error is carried out before Sync.

mod backend;
mod connection;
mod converse;
mod copy;
mod engine;
mod extended;
mod handshake;
pub(crate) mod input;
pub(crate) mod message;
mod output;
mod serve;
mod session;
pub(crate) mod startup;
pub(crate) mod values;

pub use serve::{Options, Server};

#[cfg(test)]
mod tests;
