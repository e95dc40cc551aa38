//! The LSM tree of one core.

pub mod arena;
pub mod memtable;
pub mod options;
pub mod retention;
pub mod table;
mod tree;

pub use options::{Compression, Options};
pub use retention::{Provisional, Resolution, Retention, View};
