//! Segment files: their header, their names, opening and preparing them.

use crate::{
    base::limits,
    env::{Buffer, Env, File, OpenOptions},
    error::{Error, Result},
};
use std::{
    io,
    path::{Path, PathBuf},
};
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

/// Where fragments begin in a segment: one block is the header's.
pub(super) const DATA_OFFSET: u64 = File::ALIGNMENT as u64;

const MAGIC: [u8; 8] = *b"distdlog";
const VERSION: u32 = 1;
const NAME_PREFIX: &str = "segment-";

const _: () = assert!(limits::LOG_SEGMENT_BYTES_MIN > DATA_OFFSET && size_of::<Header>() <= 512);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: U32,
    zero: U32,
    identity: U64,
    number: U64,
    base: U64,
    bytes: U64,
    checksum: U64,
}

/// A file with a place in the log.
#[derive(Clone)]
pub(super) struct Segment {
    pub path: PathBuf,
    /// Open for reading and for writes that are durable on completion.
    pub file: File,
    /// Which log it belongs to.
    pub identity: u64,
    /// Its place in the order of segments, from 0.
    pub number: u64,
    /// The log position of its first byte.
    pub base: u64,
    /// Its length, header included.
    pub bytes: u64,
}

impl Segment {
    /// The position just behind it, which is the next one's base.
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes
    }

    pub(super) fn contains(&self, position: u64) -> bool {
        (self.base..self.end()).contains(&position)
    }

    /// Gives a zero-filled or no longer needed file this place in the log. Durable on return.
    pub(super) async fn write_header(&self) -> io::Result<()> {
        let mut header = Header {
            magic: MAGIC,
            version: U32::new(VERSION),
            zero: U32::ZERO,
            identity: U64::new(self.identity),
            number: U64::new(self.number),
            base: U64::new(self.base),
            bytes: U64::new(self.bytes),
            checksum: U64::ZERO,
        };
        header.checksum = U64::new(xxh3_64(header.as_bytes()));
        self.file.write_at(0, Buffer::padded(header.as_bytes())).await.map(drop)
    }
}

/// A file without a place in the log: new, or released.
pub(super) struct FreeFile {
    pub path: PathBuf,
    pub file: File,
}

/// What a file in the log's folder turned out to be.
pub(super) enum Found {
    Segment(Segment),
    /// Complete and never used.
    Free(FreeFile),
    /// A creation that did not get to its end.
    Unfinished(PathBuf),
}

/// Names of segment files in the folder, with their numbers (of the file, not of the segment).
pub(super) fn file_number(name: &str) -> Option<u64> {
    name.strip_prefix(NAME_PREFIX)?.parse().ok()
}

pub(super) fn file_path(directory: &Path, file_number: u64) -> PathBuf {
    directory.join(format!("{NAME_PREFIX}{file_number:06}"))
}

fn durable_options() -> OpenOptions {
    OpenOptions { read: true, write: true, ..OpenOptions::default() }.with_sync_writes()
}

/// Creates a zero-filled file, so that later writes into it change no metadata. Durable on return, name included.
pub(super) async fn create(env: &Env, directory: &Path, path: PathBuf, bytes: u64) -> io::Result<FreeFile> {
    let filling = env.open(&path, OpenOptions { create_new: true, ..OpenOptions::writing() }).await?;
    filling.zero_fill(bytes).await?;
    filling.close().await?;
    env.sync_dir(directory).await?;
    let file = env.open(&path, durable_options()).await?;
    Ok(FreeFile { path, file })
}

/// Opens a file of the folder and reads its header. `bytes` is the length that segments are made with now.
pub(super) async fn inspect(env: &Env, path: PathBuf, bytes: u64) -> Result<Found> {
    let doing = |error| Error::io(format!("cannot open the log segment {}", path.display()), error);
    let file = env.open(&path, durable_options()).await.map_err(doing)?;
    let len = file.len().await.map_err(doing)?;
    let block = file.read_at(0, File::ALIGNMENT).await.map_err(doing)?;
    if block.iter().take(size_of::<Header>()).all(|byte| *byte == 0) {
        // Never given a place. Only a complete file of the right size is worth keeping.
        return Ok(if len == bytes { Found::Free(FreeFile { path, file }) } else { Found::Unfinished(path) });
    }
    let header = parse(&path, &block)?;
    if len < header.bytes.get() {
        let expected = header.bytes.get();
        return Err(broken(&path, &format!("it is {expected} bytes long by its header and {len} bytes on disk")));
    }
    Ok(Found::Segment(Segment {
        identity: header.identity.get(),
        number: header.number.get(),
        base: header.base.get(),
        bytes: header.bytes.get(),
        path,
        file,
    }))
}

fn parse(path: &Path, block: &[u8]) -> Result<Header> {
    let Ok((header, _)) = Header::read_from_prefix(block) else {
        return Err(broken(path, "its header is cut short"));
    };
    if header.magic != MAGIC {
        return Err(broken(path, "offset 0: the first bytes are not those of a log segment"));
    }
    let stored = header.checksum.get();
    let mut unsigned = Header { checksum: U64::ZERO, ..header };
    let actual = xxh3_64(unsigned.as_bytes());
    if stored != actual {
        let what = format!("offset 0: header checksum: expected {stored:016x}, found {actual:016x}");
        return Err(broken(path, &what));
    }
    unsigned.checksum = U64::new(stored);
    if unsigned.version.get() != VERSION {
        let version = unsigned.version.get();
        return Err(Error::new(
            crate::base::sqlstate::SqlState::FEATURE_NOT_SUPPORTED,
            format!("log segment {} has format {version}; this program reads {VERSION}", path.display()),
        )
        .with_hint("Start the program version that wrote this folder, or a newer one."));
    }
    let bytes = unsigned.bytes.get();
    if bytes < limits::LOG_SEGMENT_BYTES_MIN || !bytes.is_multiple_of(DATA_OFFSET) {
        return Err(broken(path, &format!("offset 40: a segment cannot be {bytes} bytes long")));
    }
    Ok(unsigned)
}

fn broken(path: &Path, what: &str) -> Error {
    Error::corrupt(format!("log segment {} is damaged: {what}", path.display()))
        .with_hint("The disk returned other bytes than were written. Restore this node from its replicas or a backup.")
}
