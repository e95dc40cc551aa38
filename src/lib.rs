//! distdb
pub mod base;
pub mod catalog;
pub mod env;
pub mod error;
pub mod observe;
pub mod sql;
pub mod storage;

pub use error::{Error, Result};
