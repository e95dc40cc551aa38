//! The LSM tree of one core.

pub mod arena;
pub mod cache;
pub mod manifest;
pub mod memtable;
pub mod options;
pub mod retention;
pub mod table;
mod tree;
mod value;

pub use options::{Compression, Options};
pub use retention::{Provisional, Resolution, Retention, View};
pub use value::ValueRef;

use crate::base::ids::StorageId;
use crate::base::time::Timestamp;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::storage::log::LogPosition;
use std::ops::Bound;
use std::rc::Rc;

/// One core's tree. Cheap to clone.
#[derive(Clone)]
pub struct Lsm(Rc<()>);

/// The answer of a lookup that does no I/O.
#[derive(Clone, Debug)]
pub enum Cached {
    /// The newest version seen, live.
    Found(ValueRef),
    /// No version seen, or a tombstone.
    Absent,
    /// A block must be read: ask `Lsm::get`.
    Unknown,
}

/// Which way a cursor walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// What `Cursor::try_next` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The cursor stands on the next entry.
    Entry,
    /// A block must be read: await `Cursor::load`, then try again.
    Load,
    /// There are no more entries.
    End,
}

/// Figures for metrics and budgets; bytes are memory unless they say disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub memtable_bytes: u64,
    pub sealed_memtables: u64,
    pub cache_bytes: u64,
    pub cache_hits: u64,
    pub cache_misses: u64,
    pub metadata_bytes: u64,
    /// For each level: tables, bytes on disk.
    pub levels: Vec<(u64, u64)>,
    pub level_zero_depth: u64,
    pub entries: u64,
    pub tombstones: u64,
    pub flushes: u64,
    pub compactions: u64,
    pub disk_bytes_read: u64,
    pub disk_bytes_written: u64,
}

/// The newest visible version of each user key in a range, tombstones skipped. Stable: what is applied, flushed or compacted
/// meanwhile does not change what it gives.
pub struct Cursor {}

fn later<T>() -> Result<T> {
    Err(Error::unsupported("the storage engine"))
}

impl Lsm {
    pub async fn open(_env: &Env, _options: Options) -> Result<Lsm> {
        later()
    }
    /// Everything before it is in tables: replay the log from here.
    pub fn flushed(&self) -> LogPosition {
        LogPosition::default()
    }
    /// Opaque bytes stored with the manifest by the last flush.
    pub fn attachment(&self) -> Vec<u8> {
        Vec::new()
    }
    /// Called when a memtable is sealed: bytes for the attachment of the manifest edit that records its flush.
    pub fn on_flush(&self, _f: Rc<dyn Fn() -> Vec<u8>>) {}
    /// Called when a memtable is sealed, with the highest position applied: the position replay must begin from, which is
    /// lower when a record before it was logged but not applied yet. Without it: the highest position applied.
    pub fn on_seal(&self, _f: Rc<dyn Fn(LogPosition) -> LogPosition>) {}
    /// Called after a manifest edit with a flush is durable: the log may be released up to there.
    pub fn on_flushed(&self, _f: Rc<dyn Fn(LogPosition)>) {}
    /// Writes versions into the memtable; never waits. Visible at once and together. A provisional `at` must be registered
    /// in the retention before.
    pub fn apply<'a>(
        &self,
        writes: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        _at: Timestamp,
        _position: LogPosition,
    ) {
        writes.into_iter().for_each(drop);
    }
    /// Call before a write: returns at once, or waits gradually longer as flush and compaction fall behind.
    pub async fn throttle(&self) {}
    /// The newest version the view sees, without I/O or allocation.
    pub fn get_cached(&self, _view: &View, _key: &[u8]) -> Result<Cached> {
        later()
    }
    /// The newest version the view sees; `None` also for a tombstone.
    pub async fn get(&self, _view: &View, _key: &[u8]) -> Result<Option<ValueRef>> {
        later()
    }
    /// The newest version that was not aborted: the time it was written at (look it up in the retention if it is
    /// provisional) and whether it is live. For conflict checks.
    pub async fn newest(&self, _key: &[u8]) -> Result<Option<(Timestamp, bool)>> {
        later()
    }
    /// The same without I/O: `Ok(Err(()))` if a block must be read.
    pub fn newest_cached(&self, _key: &[u8]) -> Result<Newest> {
        later()
    }
    pub fn cursor(&self, _view: View, _range: (Bound<Vec<u8>>, Bound<Vec<u8>>), _direction: Direction) -> Cursor {
        Cursor {}
    }
    /// Provisional versions that are still somewhere in the tree, or in what a cursor holds. The others may be forgotten.
    pub fn provisionals(&self) -> Vec<Timestamp> {
        Vec::new()
    }
    /// Seals the active memtable; its flush begins in the background.
    pub fn seal(&self) {}
    /// Seals, and waits until everything written so far is in tables.
    pub async fn flush(&self) -> Result<()> {
        later()
    }
    /// Compacts all tables that touch the range of user keys down to the last level.
    pub async fn compact_range(&self, _start: &[u8], _end: &[u8]) -> Result<()> {
        later()
    }
    /// Forgets all data of a storage, which nobody may read or write again.
    pub fn drop_storage(&self, _storage: StorageId) {}
    pub fn statistics(&self) -> Statistics {
        Statistics::default()
    }
    /// The first failure of a background task, if any: writes should be refused then.
    pub fn failure(&self) -> Option<Error> {
        None
    }
    /// Stops background work. Does not flush: the log has everything.
    pub async fn close(&self) -> Result<()> {
        later()
    }
}

/// The answer of `Lsm::newest_cached`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newest {
    Version {
        at: Timestamp,
        live: bool,
    },
    Absent,
    /// A block must be read: ask `Lsm::newest`.
    Unknown,
}

impl Cursor {
    /// Goes to the next entry. The fast path: no await, no allocation.
    pub fn try_next(&mut self) -> Result<Step> {
        later()
    }
    /// Reads what `Step::Load` asked for.
    pub async fn load(&mut self) -> Result<()> {
        later()
    }
    /// `try_next` and `load` together: false at the end.
    pub async fn next(&mut self) -> Result<bool> {
        later()
    }
    pub fn key(&self) -> &[u8] {
        &[]
    }
    pub fn value(&self) -> &[u8] {
        &[]
    }
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::MIN
    }
}
