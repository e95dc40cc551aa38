//! distdb
pub mod base;
pub mod catalog;
pub mod error;
pub mod server;
pub mod sql;

pub use error::{Error, Result};
