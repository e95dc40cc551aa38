//! Scalar functions by theme. Each file has a table of signatures for the binder and the code that computes them.
//!
//! Functions here work on single values; those worth a typed loop over a column have one in [`super::evaluate`].

pub mod arrays;
pub mod datetime;
pub mod math;
pub mod session;
pub mod strings;
