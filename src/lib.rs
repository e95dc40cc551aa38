#![doc = include_str!("README.md")]
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod base;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod coordinator;
pub mod env;
pub mod error;
pub mod node;
pub mod observe;
pub mod server;
pub mod shard;
pub mod sql;
pub mod storage;
#[doc(hidden)]
pub mod testing;
pub mod txn;

pub use error::{Error, Result};
