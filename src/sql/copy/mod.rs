//! COPY's formats: text, csv and binary, both ways.
//!
//! A [`Reader`] is fed chunks as they come and gives rows of raw fields; what the fields mean is decided elsewhere. Lines
//! without escapes and quotes it gives as they are, for [`Direct`], which most rows of most streams take. A
//! [`Writer`] turns batches into rows of bytes. Neither knows tables, and neither keeps more than one unfinished row, whose
//! length is bounded.

mod binary;
mod csv;
mod direct;
mod read;
mod text;
mod write;

#[cfg(test)]
mod tests;

pub use direct::Direct;
pub use read::{Fields, Reader};
pub use write::Writer;

use crate::{base::sqlstate::SqlState, error::Error};

/// Longest row that is taken, in bytes.
const ROW_BYTES_MAX: usize = crate::base::limits::MESSAGE_BYTES_MAX;

/// The error for bytes that are not in the format (22P04).
fn bad(message: impl Into<String>) -> Error {
    Error::new(SqlState::BAD_COPY_FILE_FORMAT, message)
}
