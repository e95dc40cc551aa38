//! Stored keys: `table · index · partition bucket · memcomparable key columns`, and after them `!timestamp`.
//!
//! ```text
//! +---------------+-------------+----------------+----------------------+ +----------------+
//! | storage  u32  | index  u16  | partition u16  | columns, each:       | | !timestamp u64 |
//! | big-endian    | big-endian  | big-endian     | marker, bytes        | | big-endian     |
//! +---------------+-------------+----------------+----------------------+ +----------------+
//! ```
//!
//! The part before the gap is the *user key*: it names a row or index entry. The storage engine adds the inverted
//! timestamp, so the newest version of a key sorts first.
//!
//! Each column is a marker (NULL before values, value, NULL after values) and, for a value, bytes that compare as the
//! values do. Integers are big-endian with the sign bit turned; floats likewise, made to sort; strings end in `00 01`
//! and have a zero byte inside written as `00 FF`; a numeric is a class, an exponent and digit pairs. A descending
//! column has its bytes inverted, but not its marker. See [`encode_value`].
//!
//! All of this is on disk and never changes.

mod decode;
mod encode;

#[cfg(test)]
mod tests;

pub use decode::decode_value;
pub use encode::{encode_column_value, encode_text, encode_value};

use super::ids::{IndexId, PartitionId, StorageId};

/// Bytes before the key columns.
pub const PREFIX_BYTES: usize = 8;

/// Starts a user key.
pub fn prefix(storage: StorageId, index: IndexId, partition: PartitionId) -> [u8; PREFIX_BYTES] {
    let mut bytes = [0; PREFIX_BYTES];
    bytes[..4].copy_from_slice(&storage.0.to_be_bytes());
    bytes[4..6].copy_from_slice(&index.0.to_be_bytes());
    bytes[6..].copy_from_slice(&partition.0.to_be_bytes());
    bytes
}

/// Takes a user key apart; `None` if it is shorter than a prefix.
pub fn split(key: &[u8]) -> Option<(StorageId, IndexId, PartitionId, &[u8])> {
    let (prefix, columns) = key.split_at_checked(PREFIX_BYTES)?;
    let storage = u32::from_be_bytes(prefix[..4].try_into().ok()?);
    let index = u16::from_be_bytes(prefix[4..6].try_into().ok()?);
    let partition = u16::from_be_bytes(prefix[6..].try_into().ok()?);
    Some((StorageId(storage), IndexId(index), PartitionId(partition), columns))
}

/// The partition of a key: xxh3 of the encoded partition columns, modulo the number of partitions.
///
/// This is on disk (it decides where a row lies), so it never changes.
pub fn partition_of(partition_columns: &[u8], partitions: u16) -> PartitionId {
    PartitionId((xxhash_rust::xxh3::xxh3_64(partition_columns) % u64::from(partitions)) as u16)
}

/// The smallest key after every key that starts with `prefix`; `None` if there is none (all bytes 0xFF).
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let keep = prefix.iter().rposition(|&byte| byte != 0xFF)? + 1;
    let mut end = prefix[..keep].to_vec();
    end[keep - 1] += 1;
    Some(end)
}
