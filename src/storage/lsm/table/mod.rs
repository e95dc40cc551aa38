//! Table files: sorted versions that never change. `format` draws the bytes.
//!
//! Pure: bytes in, bytes out. Reading and writing files is `storage::lsm::file`'s.

pub mod block;
pub mod builder;
pub mod filter;
pub mod format;
pub mod metadata;
pub mod properties;
pub mod varint;
