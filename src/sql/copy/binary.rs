//! The binary format: a header, rows of counted fields, and a trailer.
//!
//! ```text
//! "PGCOPY\n\377\r\n\0" · flags u32 · extension length u32 · extension
//! rows:  fields i16 · per field: length i32 (-1 NULL) · bytes
//! end:   -1 i16
//! ```

use super::{
    ROW_BYTES_MAX, bad,
    read::{Fields, Found},
};
use crate::error::Result;

pub(super) const SIGNATURE: &[u8] = b"PGCOPY\n\xFF\r\n\0";
/// Signature, flags and the length of the extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 8;
/// Flags that a reader must understand; there are none but "has oids", which is long gone.
const CRITICAL_FLAGS: u32 = 0xFFFF_0000;

pub(super) fn read(rest: &[u8], header_pending: bool, last: bool, fields: &mut Fields) -> Result<Found> {
    if header_pending {
        return header(rest);
    }
    let Some(count) = rest.first_chunk::<2>() else {
        return if last { Err(bad("unexpected EOF in COPY data")) } else { Ok(Found::More) };
    };
    let count = i16::from_be_bytes(*count);
    if count == -1 {
        return Ok(Found::End);
    }
    let count = usize::try_from(count).map_err(|_| bad("row field count is negative"))?;
    let mut at = 2;
    for _ in 0..count {
        let Some(length) = rest.get(at..at + 4) else { return Ok(Found::More) };
        let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        at += 4;
        if length == -1 {
            fields.push_null();
            continue;
        }
        let length = usize::try_from(length).map_err(|_| bad("invalid field size"))?;
        if length > ROW_BYTES_MAX {
            return Err(bad("invalid field size"));
        }
        let Some(bytes) = rest.get(at..at + length) else { return Ok(Found::More) };
        let start = fields.bytes.len();
        fields.bytes.extend_from_slice(bytes);
        fields.push(start);
        at += length;
    }
    Ok(Found::Row(at))
}

fn header(rest: &[u8]) -> Result<Found> {
    let known = rest.len().min(SIGNATURE.len());
    if rest[..known] != SIGNATURE[..known] {
        return Err(bad("COPY file signature not recognized"));
    }
    if rest.len() < HEADER_BYTES {
        return Ok(Found::More);
    }
    let number = |at: usize| u32::from_be_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
    if number(SIGNATURE.len()) & CRITICAL_FLAGS != 0 {
        return Err(bad("unrecognized critical flags in COPY file header"));
    }
    let extension = number(SIGNATURE.len() + 4) as usize;
    if extension > ROW_BYTES_MAX {
        return Err(bad("invalid COPY file header (wrong length)"));
    }
    Ok(if rest.len() < HEADER_BYTES + extension { Found::More } else { Found::Skip(HEADER_BYTES + extension) })
}
