//! Stored rows: MessagePack arrays `[schema version, column 0, column 1, …]`.
//!
//! ```text
//! array header | version | column 0 | column 1 | …        nil for NULL
//! ```
//!
//! - whole numbers, dates, times and timestamps: MessagePack integers of the shortest form
//! - float4 and float8: the 32- and 64-bit floats; bool: the booleans
//! - text of all kinds: strings; bytea and uuid: bytes
//! - numeric: bytes: a tag (0 finite, 1 NaN, 2 Infinity, 3 -Infinity), the scale as a 16- or 32-bit integer, and the
//!   digits as a big-endian two's complement number (see [`encode()`])
//! - interval: `[months, days, micros]`; timetz: `[micros, seconds west]`
//! - array: `[[length, lower bound, …], value, value, …]`, row-major
//!
//! A row may be shorter than its table: columns that were added later have their `missing` value. Reading a column
//! skips the others without decoding them. Stored bytes may be broken in any way: decoding gives XX001 and never
//! panics.
//!
//! Start at [`encode()`] and [`decode_columns`]; [`decode_rows`] is the hot path of every scan.

mod columns;
mod decode;
mod encode;
mod marker;

pub use columns::{decode_columns, decode_rows};
pub use decode::RowReader;
pub use encode::{RowEncoder, encode, encode_batch_row};

#[cfg(test)]
mod tests;
