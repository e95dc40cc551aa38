//! Row 1: what the system says about itself: log lines and metrics.
//!
//! What it is: [`logging`] sets up `tracing` with text on standard error; [`metrics`] has counters, gauges and histograms
//! that a core changes without a lock, and their Prometheus text. What it does not do: it opens no file and no socket,
//! and it knows no metric by name: each folder registers its own.
//!
//! Start reading at [`metrics::Registry`].

pub mod logging;
pub mod metrics;
