//! The bytes of a table file around its blocks.
//!
//! ```text
//! data block … | filter | index block | data block … | filter | index block | … | top index | properties | zeros | footer
//!
//! stored block   payload, as it is or LZ4
//!                kind u8, 3 zeros, length before compression u32, checksum u64
//! footer         number, salt, top index, properties (offset and length each), file length, version, checksum, magic
//! ```
//!
//! - A *part* is a run of data blocks with the index block and the filter that lead into them, so that both stay small
//!   enough to be cached singly. The top index leads to the parts.
//! - A block's checksum (xxh3) is seeded with the table's salt and the block's offset: a block of another table, or one
//!   from another place, does not pass.
//! - The file is padded with zeros so that its length is aligned for direct I/O; the footer ends it.
//!
//! Anything that does not pass is an error that names the file and the offset. Nothing is repaired here.

use super::block::Malformed;
use crate::base::limits;
use xxhash_rust::xxh3;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Written by this code; older ones stay readable.
pub const VERSION: u32 = 1;
/// Ends every table file.
pub const MAGIC: [u8; 8] = *b"distdbT\n";
/// Files are padded to this, for direct I/O.
pub const ALIGNMENT: usize = 4096;
/// The largest block that is read: one entry of the largest key and value, with room for its neighbours.
pub const BLOCK_BYTES_MAX: usize = limits::KEY_BYTES_MAX + limits::ROW_BYTES_MAX + (1 << 20);
/// Behind every stored block.
pub const TRAILER_BYTES: usize = size_of::<Trailer>();
/// At the end of every file.
pub const FOOTER_BYTES: usize = size_of::<Footer>();
/// LZ4 cannot shrink more than this, so a larger claim is a lie.
const LZ4_RATIO_MAX: usize = 256;

const KIND_PLAIN: u8 = 0;
const KIND_LZ4: u8 = 1;

/// Where a stored block lies, trailer included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handle {
    pub offset: u64,
    pub len: u32,
}

impl Handle {
    /// Where it ends.
    pub fn end(self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Trailer {
    kind: u8,
    zeros: [u8; 3],
    raw_bytes: U32,
    checksum: U64,
}

/// The last bytes of a file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Footer {
    pub number: U64,
    pub salt: U64,
    pub top_offset: U64,
    pub top_bytes: U64,
    pub properties_offset: U64,
    pub properties_bytes: U64,
    pub file_bytes: U64,
    pub version: U32,
    pub zeros: U32,
    /// Of everything above; also the table's identity in the manifest.
    pub checksum: U64,
    pub magic: [u8; 8],
}

impl Footer {
    /// Sets what follows from the rest.
    pub fn seal(&mut self) {
        self.version = U32::new(VERSION);
        self.magic = MAGIC;
        self.checksum = U64::new(self.expected_checksum());
    }

    fn expected_checksum(&self) -> u64 {
        let bytes = self.as_bytes();
        xxh3::xxh3_64(&bytes[..bytes.len() - 16])
    }

    /// Reads the footer at the end of a file's last bytes.
    pub fn parse(tail: &[u8]) -> Result<Footer, Malformed> {
        let Ok((_, footer)) = Footer::read_from_suffix(tail) else { return Err(Malformed("shorter than a footer")) };
        if footer.magic != MAGIC {
            return Err(Malformed("no magic number at the end: not a table, or cut off"));
        }
        if footer.version.get() > VERSION {
            return Err(Malformed("written by a newer version"));
        }
        if footer.checksum.get() != footer.expected_checksum() {
            return Err(Malformed("the footer's checksum does not match"));
        }
        Ok(footer)
    }

    /// Where the top index lies.
    pub fn top(&self) -> Result<Handle, Malformed> {
        self.handle(self.top_offset.get(), self.top_bytes.get())
    }

    /// Where the properties lie.
    pub fn properties(&self) -> Result<Handle, Malformed> {
        self.handle(self.properties_offset.get(), self.properties_bytes.get())
    }

    fn handle(&self, offset: u64, len: u64) -> Result<Handle, Malformed> {
        let fits = offset.checked_add(len).is_some_and(|end| end <= self.file_bytes.get());
        match u32::try_from(len) {
            Ok(len) if fits && len as usize >= TRAILER_BYTES => Ok(Handle { offset, len }),
            _ => Err(Malformed("the footer points outside the file")),
        }
    }
}

fn seed(salt: u64, offset: u64) -> u64 {
    salt.wrapping_add(offset.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Appends a block with its trailer to `out`, which stands at `offset` of the file.
pub fn store(out: &mut Vec<u8>, raw: &[u8], compress: bool, salt: u64, offset: u64) -> Handle {
    let start = out.len();
    let mut kind = KIND_PLAIN;
    if compress {
        out.resize(start + lz4_flex::block::get_maximum_output_size(raw.len()), 0);
        match lz4_flex::block::compress_into(raw, &mut out[start..]) {
            Ok(len) if len <= raw.len() - raw.len() / 8 => {
                out.truncate(start + len);
                kind = KIND_LZ4;
            }
            _ => out.truncate(start),
        }
    }
    if kind == KIND_PLAIN {
        out.extend_from_slice(raw);
    }
    let trailer = Trailer { kind, zeros: [0; 3], raw_bytes: U32::new(raw.len() as u32), checksum: U64::new(0) };
    out.extend_from_slice(&trailer.as_bytes()[..8]);
    let checksum = xxh3::xxh3_64_with_seed(&out[start..], seed(salt, offset));
    out.extend_from_slice(&checksum.to_le_bytes());
    Handle { offset, len: (out.len() - start) as u32 }
}

/// The contents of a stored block that lay at `offset`.
pub fn restore(stored: &[u8], salt: u64, offset: u64) -> Result<Box<[u8]>, Malformed> {
    let Ok((payload, trailer)) = Trailer::read_from_suffix(stored) else { return Err(Malformed("a block too short")) };
    let covered = &stored[..stored.len() - 8];
    if xxh3::xxh3_64_with_seed(covered, seed(salt, offset)) != trailer.checksum.get() {
        return Err(Malformed("a block's checksum does not match"));
    }
    let raw_bytes = trailer.raw_bytes.get() as usize;
    if raw_bytes > BLOCK_BYTES_MAX {
        return Err(Malformed("a block larger than any may be"));
    }
    match trailer.kind {
        KIND_PLAIN if raw_bytes == payload.len() => Ok(payload.into()),
        KIND_LZ4 if raw_bytes / LZ4_RATIO_MAX <= payload.len() => {
            let mut raw = vec![0; raw_bytes].into_boxed_slice();
            match lz4_flex::block::decompress_into(payload, &mut raw) {
                Ok(len) if len == raw_bytes => Ok(raw),
                _ => Err(Malformed("a block that cannot be decompressed")),
            }
        }
        _ => Err(Malformed("a block of unknown kind or wrong length")),
    }
}
