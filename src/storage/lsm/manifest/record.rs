//! How edits stand in a manifest file, and how a file is read back.
//!
//! ```text
//! manifest   snapshot  (edit  seal)*                     each a record
//! record     header: magic, kind u32, manifest u64, sequence u64, payload bytes u64, checksum u64
//!            payload
//!            zeros up to the next multiple of 4096
//! CURRENT    magic, version u32, zeros u32, manifest u64, checksum u64, zeros
//! ```
//!
//! An edit is written, synced, then sealed by an empty record that is synced too; only then does anybody rely on it (the
//! log is released, old tables are removed). So on the way back:
//! - a broken record with a good one anywhere behind it is damage, and an error;
//! - a broken record with nothing behind it was never relied upon: a torn tail, cut off. What it would have said is
//!   still in the log and in the older tables;
//! - the first record was synced before `CURRENT` named the file, so it must be good.

use super::edit::{Edit, State};
use crate::storage::lsm::table::block::Malformed;
use crate::storage::lsm::table::metadata::Damage;
use xxhash_rust::xxh3;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Written by this code; a newer one is refused.
pub const VERSION: u32 = 1;
/// Records begin at multiples of this.
pub const ALIGNMENT: usize = 4096;
const RECORD_MAGIC: [u8; 4] = *b"dbMr";
const CURRENT_MAGIC: [u8; 8] = *b"distdbC\n";

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// The whole state; the first record, and only that.
    Snapshot = 1,
    /// A change.
    Edit = 2,
    /// The record before is durable.
    Seal = 3,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 4],
    kind: U32,
    manifest: U64,
    sequence: U64,
    payload_bytes: U64,
    checksum: U64,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Current {
    magic: [u8; 8],
    version: U32,
    zeros: U32,
    manifest: U64,
    checksum: U64,
}

/// Appends a record.
pub fn write(out: &mut Vec<u8>, kind: Kind, manifest: u64, sequence: u64, payload: &[u8]) {
    let mut header = Header {
        magic: RECORD_MAGIC,
        kind: U32::new(kind as u32),
        manifest: U64::new(manifest),
        sequence: U64::new(sequence),
        payload_bytes: U64::new(payload.len() as u64),
        checksum: U64::ZERO,
    };
    header.checksum = U64::new(checksum(&header, payload));
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(payload);
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
}

fn checksum(header: &Header, payload: &[u8]) -> u64 {
    let bytes = header.as_bytes();
    xxh3::xxh3_64_with_seed(payload, xxh3::xxh3_64(&bytes[..bytes.len() - 8]))
}

struct Record<'a> {
    kind: Kind,
    sequence: u64,
    payload: &'a [u8],
    end: usize,
}

fn read(bytes: &[u8], at: usize, manifest: u64) -> Result<Record<'_>, Malformed> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Ok((header, body)) = Header::read_from_prefix(rest) else { return Err(Malformed("a record cut off")) };
    if header.magic != RECORD_MAGIC || header.manifest.get() != manifest {
        return Err(Malformed("no record of this manifest"));
    }
    let payload = usize::try_from(header.payload_bytes.get()).ok().and_then(|len| body.get(..len));
    let payload = payload.ok_or(Malformed("a record longer than the file"))?;
    if header.checksum.get() != checksum(&header, payload) {
        return Err(Malformed("a record's checksum does not match"));
    }
    let used = at + size_of::<Header>() + payload.len();
    let end = used.next_multiple_of(ALIGNMENT);
    match bytes.get(used..end) {
        Some(padding) if padding.iter().all(|&byte| byte == 0) => {}
        _ => return Err(Malformed("something else than zeros behind a record")),
    }
    let kind = match header.kind.get() {
        1 => Kind::Snapshot,
        2 => Kind::Edit,
        3 => Kind::Seal,
        _ => return Err(Malformed("a record of unknown kind")),
    };
    Ok(Record { kind, sequence: header.sequence.get(), payload, end })
}

/// Reads a whole manifest file; says what came of all edits, and where its last good record ends.
pub fn replay(bytes: &[u8], manifest: u64) -> Result<(State, usize), Damage> {
    let (mut state, mut at, mut sequence) = (State::default(), 0, 0);
    while at < bytes.len() {
        let record = match read(bytes, at, manifest) {
            Ok(record) => record,
            Err(Malformed(what)) if sequence == 0 || any_record_behind(bytes, at, manifest) => {
                return Err(Damage { offset: at as u64, what });
            }
            Err(_) => break,
        };
        let expected = if sequence == 0 { record.kind == Kind::Snapshot } else { record.kind != Kind::Snapshot };
        if !expected || record.sequence != sequence {
            return Err(Damage { offset: at as u64, what: "a record out of its order" });
        }
        let edit = Edit::decode(record.payload).map_err(Damage::at(at as u64))?;
        state.apply(&edit).map_err(Damage::at(at as u64))?;
        at = record.end;
        sequence += 1;
    }
    if sequence == 0 { Err(Damage { offset: 0, what: "an empty manifest" }) } else { Ok((state, at)) }
}

fn any_record_behind(bytes: &[u8], at: usize, manifest: u64) -> bool {
    let mut later = (at + ALIGNMENT..bytes.len()).step_by(ALIGNMENT);
    later.any(|at| read(bytes, at, manifest).is_ok())
}

/// The contents of `CURRENT`.
pub fn write_current(manifest: u64) -> Vec<u8> {
    let mut current = Current {
        magic: CURRENT_MAGIC,
        version: U32::new(VERSION),
        zeros: U32::ZERO,
        manifest: U64::new(manifest),
        checksum: U64::ZERO,
    };
    current.checksum = U64::new(current_checksum(&current));
    let mut bytes = current.as_bytes().to_vec();
    bytes.resize(ALIGNMENT, 0);
    bytes
}

fn current_checksum(current: &Current) -> u64 {
    let bytes = current.as_bytes();
    xxh3::xxh3_64(&bytes[..bytes.len() - 8])
}

/// The number of the manifest that `CURRENT` names.
pub fn read_current(bytes: &[u8]) -> Result<u64, Malformed> {
    let Ok((current, rest)) = Current::read_from_prefix(bytes) else { return Err(Malformed("too short")) };
    if current.magic != CURRENT_MAGIC {
        return Err(Malformed("no magic number"));
    }
    if current.version.get() > VERSION {
        return Err(Malformed("written by a newer version"));
    }
    if current.checksum.get() != current_checksum(&current) || rest.iter().any(|&byte| byte != 0) {
        return Err(Malformed("the checksum does not match"));
    }
    if bytes.len() != ALIGNMENT { Err(Malformed("not of the right length")) } else { Ok(current.manifest.get()) }
}
