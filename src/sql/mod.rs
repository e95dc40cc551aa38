//! Row 3: SQL, as pure functions: text → syntax tree → bound plan → optimized physical plan → operators over batches.
//!
//! No time, disk, network or randomness: what an expression needs of these (now(), a seed) comes in
//! [`expr::Context`]; rows come in through [`execute`]'s sources.

pub mod bind;
pub mod copy;
pub mod define;
pub mod execute;
pub mod explain;
pub mod expr;
pub mod modify;
pub mod names;
pub mod optimize;
pub mod parse;
pub mod plan;
pub mod point;
mod prepare;
pub mod statistics;
pub mod system;
pub mod utility;

pub use bind::BindContext;
pub use prepare::prepare;

#[cfg(test)]
mod tests;
