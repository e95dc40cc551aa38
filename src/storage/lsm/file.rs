//! Tables as files: opening one, reading its blocks through the cache, removing it when nobody needs it any more.
//!
//! It does not know levels or versions. Everything read is checked before anybody sees it; what does not pass is an error
//! that names the file and the offset.
//!
//! Invariants: an open table's file exists; it is removed only after the last holder of the table is gone, by the
//! background task that empties `Store::garbage` (nothing is removed in `Drop`).

use super::cache::{Cache, Content, Name};
use super::manifest::edit::TableMeta;
use super::options::Options;
use super::table::block::{Block, Malformed};
use super::table::filter::Filter;
use super::table::format::{self, Handle};
use super::table::metadata::{Damage, Metadata, Parsed};
use crate::env::{Buffer, Env, File, OpenOptions};
use crate::error::{Error, Result};
use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

/// The end of a file that is read when it is opened; nearly always all that is needed.
const TAIL_BYTES: u64 = 16 << 10;

/// What all tables of a tree share.
pub struct Store {
    pub env: Env,
    pub dir: PathBuf,
    pub cache: Cache,
    /// Numbers of tables whose files may be removed.
    pub garbage: RefCell<Vec<u64>>,
    pub bytes_read: Cell<u64>,
    pub bytes_written: Cell<u64>,
    pub metadata_bytes: Cell<usize>,
    /// Blocks that readers fetched ahead and hold.
    pub ahead_bytes: Cell<usize>,
    ahead_bytes_max: usize,
}

impl Store {
    /// For a tree with these options.
    pub fn new(env: &Env, options: &Options) -> Rc<Store> {
        Rc::new(Store {
            env: env.clone(),
            dir: options.dir.clone(),
            cache: Cache::new(options.cache_bytes),
            garbage: RefCell::default(),
            bytes_read: Cell::new(0),
            bytes_written: Cell::new(0),
            metadata_bytes: Cell::new(0),
            ahead_bytes: Cell::new(0),
            ahead_bytes_max: options.cache_bytes / 8,
        })
    }

    /// Whether readers hold little enough to fetch more than they need at once.
    pub fn may_read_ahead(&self) -> bool {
        self.ahead_bytes.get() < self.ahead_bytes_max
    }

    /// Where the table of a number lies.
    pub fn table_path(&self, number: u64) -> PathBuf {
        self.dir.join(table_name(number))
    }
}

/// The file name of a table.
pub fn table_name(number: u64) -> String {
    format!("{number:010}.table")
}

/// The way back; `None` if it is no table's name.
pub fn table_number(name: &str) -> Option<u64> {
    name.strip_suffix(".table")?.parse().ok()
}

/// An open table.
pub struct Table {
    pub meta: TableMeta,
    pub metadata: Metadata,
    store: Rc<Store>,
    file: File,
    /// Filters and index blocks, kept as long as the table while the cache has room to spare for them.
    pinned: Vec<Pinned>,
    pinned_bytes: Cell<usize>,
    obsolete: Cell<bool>,
}

#[derive(Default)]
struct Pinned {
    filter: OnceCell<Rc<Filter>>,
    index: OnceCell<Rc<Block>>,
}

impl Drop for Table {
    fn drop(&mut self) {
        self.store.cache.release(self.pinned_bytes.get());
        self.store.metadata_bytes.set(self.store.metadata_bytes.get() - self.metadata.bytes());
        if self.obsolete.get() {
            self.store.garbage.borrow_mut().push(self.meta.number);
        }
    }
}

impl Table {
    /// Opens the table that the manifest describes.
    pub async fn open(store: &Rc<Store>, meta: TableMeta) -> Result<Table> {
        let path = store.table_path(meta.number);
        let doing = || format!("opening table {}", path.display());
        let file = store.env.open(&path, OpenOptions::reading()).await.map_err(|e| Error::io(doing(), e))?;
        let len = file.len().await.map_err(|e| Error::io(doing(), e))?;
        let damaged = |damage: Damage| damage_of(store, meta.number, damage);
        if len != meta.file_bytes {
            return Err(damaged(Damage {
                offset: len.min(meta.file_bytes),
                what: "another length than the manifest says",
            }));
        }
        let mut from = len.saturating_sub(TAIL_BYTES);
        let metadata = loop {
            let tail = read_exactly(&file, from, (len - from) as usize).await.map_err(|e| Error::io(doing(), e))?;
            match Metadata::parse(&tail, len).map_err(damaged)? {
                Parsed::Done(metadata) => break metadata,
                Parsed::NeedFrom(offset) => from = offset,
            }
        };
        if metadata.identity != meta.identity
            || metadata.number != meta.number
            || metadata.properties != *meta.properties
        {
            return Err(damaged(Damage { offset: len, what: "a table, but not the one the manifest means" }));
        }
        store.metadata_bytes.set(store.metadata_bytes.get() + metadata.bytes());
        let pinned = metadata.parts.iter().map(|_| Pinned::default()).collect();
        let (pinned_bytes, obsolete) = (Cell::new(0), Cell::new(false));
        Ok(Table { meta, metadata, store: store.clone(), file, pinned, pinned_bytes, obsolete })
    }

    /// The file may go when the last holder is gone.
    pub fn mark_obsolete(&self) {
        self.obsolete.set(true);
    }

    /// An error about this table's bytes.
    pub fn damage(&self, offset: u64) -> impl Fn(Malformed) -> Error {
        move |Malformed(what)| damage_of(&self.store, self.meta.number, Damage { offset, what })
    }

    /// What it shares with the other tables of its tree.
    pub fn store(&self) -> &Rc<Store> {
        &self.store
    }

    fn name(&self, handle: Handle) -> Name {
        (self.meta.number, handle.offset)
    }

    /// A part's filter, if it is in memory.
    #[inline]
    pub fn cached_filter(&self, part: usize) -> Option<Rc<Filter>> {
        if let Some(filter) = self.pinned.get(part)?.filter.get() {
            return Some(filter.clone());
        }
        match self.store.cache.get(self.name(self.metadata.parts.get(part)?.filter)) {
            Some(Content::Filter(filter)) => Some(filter),
            _ => None,
        }
    }

    /// A part's index block, if it is in memory.
    #[inline]
    pub fn cached_index(&self, part: usize) -> Option<Rc<Block>> {
        if let Some(index) = self.pinned.get(part)?.index.get() {
            return Some(index.clone());
        }
        match self.store.cache.get(self.name(self.metadata.parts.get(part)?.index)) {
            Some(Content::Block(block)) => Some(block),
            _ => None,
        }
    }

    /// A data block, if it is in memory.
    #[inline]
    pub fn cached_data(&self, handle: Handle) -> Option<Rc<Block>> {
        match self.store.cache.get(self.name(handle)) {
            Some(Content::Block(block)) => Some(block),
            _ => None,
        }
    }

    /// Reads a part's filter and index block, which lie side by side.
    pub async fn load_part(&self, part: usize) -> Result<(Rc<Filter>, Rc<Block>)> {
        let Some(place) = self.metadata.parts.get(part) else { return Err(Error::internal("no such part of a table")) };
        let (filter_at, index_at) = (place.filter, place.index);
        let start = filter_at.offset.min(index_at.offset);
        let bytes = self.read(start, filter_at.end().max(index_at.end())).await?;
        let filter = self.restore(&bytes, start, filter_at)?;
        let filter = Rc::new(Filter::new(filter).map_err(self.damage(filter_at.offset))?);
        let index = Rc::new(Block::new(self.restore(&bytes, start, index_at)?).map_err(self.damage(index_at.offset))?);
        let size = filter.bytes() + index.bytes();
        let pinned = &self.pinned[part];
        if pinned.filter.get().is_none() && self.store.cache.reserve(size) {
            self.pinned_bytes.set(self.pinned_bytes.get() + size);
            // Both are empty: they are only ever set together.
            let _ = (pinned.filter.set(filter.clone()), pinned.index.set(index.clone()));
        } else if pinned.filter.get().is_none() {
            self.store.cache.insert(self.name(filter_at), Content::Filter(filter.clone()));
            self.store.cache.insert(self.name(index_at), Content::Block(index.clone()));
        }
        Ok((filter, index))
    }

    /// Reads data blocks that lie one behind the other, ascending; keeps them in the cache if `keep`.
    pub async fn load_data(&self, handles: &[Handle], keep: bool) -> Result<Vec<Rc<Block>>> {
        let (Some(first), Some(last)) = (handles.first(), handles.last()) else { return Ok(Vec::new()) };
        let bytes = self.read(first.offset, last.end()).await?;
        let mut blocks = Vec::with_capacity(handles.len());
        for &handle in handles {
            let contents = self.restore(&bytes, first.offset, handle)?;
            let block = Rc::new(Block::new(contents).map_err(self.damage(handle.offset))?);
            if keep {
                self.store.cache.insert(self.name(handle), Content::Block(block.clone()));
            }
            blocks.push(block);
            self.store.env.yield_if_needed().await;
        }
        Ok(blocks)
    }

    fn restore(&self, bytes: &Bytes, start: u64, handle: Handle) -> Result<Box<[u8]>> {
        let from = (handle.offset - start) as usize;
        let stored = bytes.get(from..from + handle.len as usize).unwrap_or_default();
        format::restore(stored, self.metadata.salt, handle.offset).map_err(self.damage(handle.offset))
    }

    async fn read(&self, start: u64, end: u64) -> Result<Bytes> {
        let aligned = start / format::ALIGNMENT as u64 * format::ALIGNMENT as u64;
        let len = (end - aligned).next_multiple_of(format::ALIGNMENT as u64) as usize;
        self.store.bytes_read.set(self.store.bytes_read.get() + len as u64);
        let buffer = read_exactly(&self.file, aligned, len).await.map_err(|error| {
            let path = self.store.table_path(self.meta.number);
            Error::io(format_args!("reading table {} at {aligned}", path.display()), error)
        })?;
        Ok(Bytes { buffer, skip: (start - aligned) as usize })
    }
}

/// What was read, from the byte asked for on.
struct Bytes {
    buffer: Buffer,
    skip: usize,
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.skip..]
    }
}

async fn read_exactly(file: &File, offset: u64, len: usize) -> std::io::Result<Buffer> {
    let buffer = file.read_at(offset, len).await?;
    if buffer.len() < len {
        return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the file ends early"));
    }
    Ok(buffer)
}

fn damage_of(store: &Store, number: u64, damage: Damage) -> Error {
    let path = store.table_path(number);
    Error::corrupt(format!("table {} is damaged at offset {}: {}", path.display(), damage.offset, damage.what))
        .with_hint(
            "Nothing was served from the damaged place. Restore the file from a copy, or the node from a replica.",
        )
}
