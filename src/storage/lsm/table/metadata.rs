//! What a table's end says: the way to its parts, and its properties. Reading is left to others; this checks and understands.

use super::block::{Block, BlockCursor, Malformed};
use super::format::{self, ALIGNMENT, FOOTER_BYTES, Footer, Handle, TRAILER_BYTES};
use super::properties::Properties;
use super::varint;
use crate::base::time::Timestamp;
use std::rc::Rc;

/// A run of data blocks.
#[derive(Debug)]
pub struct Part {
    /// At or after the part's last version, before the next part's first.
    pub last_key: Box<[u8]>,
    pub last_timestamp: Timestamp,
    pub filter: Handle,
    pub index: Handle,
}

/// What is kept in memory of an open table.
#[derive(Debug)]
pub struct Metadata {
    pub number: u64,
    pub salt: u64,
    pub identity: u64,
    pub file_bytes: u64,
    pub parts: Vec<Part>,
    pub properties: Properties,
}

/// What came of the bytes at hand.
pub enum Parsed {
    /// All is known.
    Done(Metadata),
    /// The tail must begin at this offset, or before it.
    NeedFrom(u64),
}

/// A complaint, and where in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    pub offset: u64,
    pub what: &'static str,
}

impl Damage {
    /// Adds the place.
    pub fn at(offset: u64) -> impl Fn(Malformed) -> Damage {
        move |Malformed(what)| Damage { offset, what }
    }
}

impl Metadata {
    /// Understands the last bytes of a file of `file_bytes`.
    pub fn parse(tail: &[u8], file_bytes: u64) -> Result<Parsed, Damage> {
        let footer_offset = file_bytes.saturating_sub(FOOTER_BYTES as u64);
        let footer = Footer::parse(tail).map_err(Damage::at(footer_offset))?;
        let wrong = |what| Err(Damage { offset: footer_offset, what });
        if footer.file_bytes.get() != file_bytes || !file_bytes.is_multiple_of(ALIGNMENT as u64) {
            return wrong("the file has another length than its footer says");
        }
        let top = footer.top().map_err(Damage::at(footer_offset))?;
        let properties = footer.properties().map_err(Damage::at(footer_offset))?;
        if top.end() != properties.offset || properties.end() > footer_offset {
            return wrong("the top index and the properties are not at the end");
        }
        let Some(tail_offset) = file_bytes.checked_sub(tail.len() as u64) else {
            return wrong("the file is shorter than its tail");
        };
        if top.offset < tail_offset {
            return Ok(Parsed::NeedFrom(top.offset / ALIGNMENT as u64 * ALIGNMENT as u64));
        }
        let padding = &tail[(properties.end() - tail_offset) as usize..(footer_offset - tail_offset) as usize];
        if padding.len() >= ALIGNMENT || padding.iter().any(|&byte| byte != 0) {
            return Err(Damage { offset: properties.end(), what: "something else than zeros before the footer" });
        }
        let stored = |handle: Handle| {
            let bytes = &tail[(handle.offset - tail_offset) as usize..(handle.end() - tail_offset) as usize];
            format::restore(bytes, footer.salt.get(), handle.offset).map_err(Damage::at(handle.offset))
        };
        let raw = stored(properties)?;
        let properties_at = Damage::at(properties.offset);
        let properties = Properties::decode(&raw, &mut 0).map_err(properties_at)?;
        let block = Block::new(stored(top)?).map_err(Damage::at(top.offset))?;
        let parts = parts_of(Rc::new(block), top.offset).map_err(Damage::at(top.offset))?;
        Ok(Parsed::Done(Metadata {
            number: footer.number.get(),
            salt: footer.salt.get(),
            identity: footer.checksum.get(),
            file_bytes,
            parts,
            properties,
        }))
    }

    /// The first part that may hold (key, timestamp) or what comes after it.
    #[inline]
    pub fn part_for(&self, key: &[u8], timestamp: Timestamp) -> usize {
        self.parts.partition_point(|part| (*part.last_key).cmp(key).then(timestamp.cmp(&part.last_timestamp)).is_lt())
    }

    /// Memory held.
    pub fn bytes(&self) -> usize {
        let keys: usize = self.parts.iter().map(|part| part.last_key.len() + size_of::<Part>()).sum();
        keys + size_of::<Metadata>() + self.properties.smallest.len() + self.properties.largest.len()
    }
}

fn parts_of(block: Rc<Block>, blocks_end: u64) -> Result<Vec<Part>, Malformed> {
    let mut cursor = BlockCursor::default();
    cursor.enter(block);
    let mut parts = Vec::new();
    while cursor.advance()? {
        let value = cursor.value().ok_or(Malformed("a part without a place"))?;
        let mut at = 0;
        let (filter, index) = (read_handle(value, &mut at, blocks_end)?, read_handle(value, &mut at, blocks_end)?);
        let (last_key, last_timestamp) = (cursor.key().into(), cursor.timestamp());
        parts.push(Part { last_key, last_timestamp, filter, index });
    }
    Ok(parts)
}

/// A block's place as an index gives it; it must lie before `end`.
#[inline]
pub fn read_handle(value: &[u8], at: &mut usize, end: u64) -> Result<Handle, Malformed> {
    let (Some(offset), Some(len)) = (varint::read(value, at), varint::read(value, at)) else {
        return Err(Malformed("an index entry that ends early"));
    };
    let len = u32::try_from(len).map_err(|_| Malformed("an index entry for an endless block"))?;
    let handle = Handle { offset, len };
    if handle.end() > end || (len as usize) < TRAILER_BYTES {
        return Err(Malformed("an index entry that points outside"));
    }
    Ok(handle)
}
