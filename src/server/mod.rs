//! Row 6: the doors of a node. [`pg`] speaks PostgreSQL's wire protocol, [`http`] answers health, readiness and metrics.
//!
//! A door turns bytes into calls of a session and results into bytes. It decides nothing about data: transactions,
//! settings, names of statements and portals live in the coordinator. Everything that comes in is outside bytes: it is
//! bounded before it is buffered and checked before it is used, and what is wrong with it ends at most its connection.
//!
//! Invariants: one task per connection, so that a client that is slow, silent or malicious stalls nobody else; nothing
//! is written to a socket except through one output buffer that is bounded; no call blocks the core.
//!
//! Start reading at [`pg::Server`] (connections) and then `pg/session.rs` (the life of one).

pub mod http;
pub mod pg;
