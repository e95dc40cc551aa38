//! Harnesses that drive whole nodes: workloads, models of what they must leave behind, and checkers. They may use
//! everything; nothing of the system uses them.
//!
//! A checker stands apart from what it checks: it knows what was acknowledged and reads the data back, nothing else.
//! Start with [`crash`] and [`bank`]; [`any_bytes`] has the entries of the fuzz targets.

pub mod any_bytes;
pub mod bank;
pub mod crash;
pub mod random;

#[cfg(test)]
mod tests;
