//! HTTP/1.1: health, readiness and metrics, for people, load balancers and Prometheus.
//!
//! hyper speaks the protocol on the streams of `env` ([`stream`]); [`routes`] answers; [`serve`] owns the connections.
//! What the answers say comes from closures in [`Answers`], so that this folder knows nothing of the node.
//!
//! Absent: request bodies (no route takes one), TLS, credentials and checks of Host and Origin, which come with the
//! routes that change something. Until then it listens on loopback only.
//!
//! Invariants: the head of a request is bounded in bytes, in headers and in time; a connection that sends nothing is let
//! go; every answer, also to nonsense, has a status that fits and, where a person reads it, a JSON body that says why.

mod routes;
mod serve;
mod stream;

pub use routes::{Answers, LocalFuture};
pub use serve::{Options, Server};

#[cfg(test)]
mod tests;
