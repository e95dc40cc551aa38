//! The LSM tree of one core: every version of every key that some snapshot may still need, sorted, on disk.
//!
//! ```text
//! write    apply → active memtable → (full) sealed → flush task → tables of level 0 → compaction task → levels 1 …
//! read     get, cursor → active, sealed memtables → level 0, newest first → levels 1 … (one table each per key)
//! ```
//!
//! What it does not do: it has no log (the owner replays one from `flushed` on), knows no transactions (see `retention`
//! for what it is told), and shares nothing with other cores.
//!
//! Invariants: what a manifest edit says is durable before anybody relies on it; a reader's snapshot does not change;
//! whatever fails a checksum is an error that names the file and the offset, never data; memory stays within `Options`
//! (memtables, cache, what readers hold).
//!
//! Start at `engine`, then follow a write through `flush` and `output`, and a read through `lookup` or `cursor`. The bytes
//! are drawn in `table::format`, `table::block` and `manifest::record`.

pub mod arena;
mod bulk;
pub mod cache;
pub mod compaction;
mod cursor;
mod engine;
mod file;
mod flush;
mod lookup;
pub mod manifest;
pub mod memtable;
mod merge;
mod open;
pub mod options;
mod output;
pub mod retention;
mod run;
mod statistics;
pub mod table;
#[cfg(test)]
mod tests;
mod throttle;
mod tree;
mod value;
mod version;
mod writer;

pub use bulk::{Bulk, Installed, Look};
pub use cursor::{Cursor, Direction, Range, Step};
pub use options::{Compression, Options};
pub use retention::{Provisional, Resolution, Retention, View};
pub use statistics::Statistics;
pub use value::ValueRef;

use crate::base::ids::StorageId;
use crate::base::time::Timestamp;
use crate::env::{Env, Task, TaskClass};
use crate::error::{Error, Result};
use crate::storage::log::LogPosition;
use engine::{Engine, OnFlush, OnFlushed, OnSeal};
use lookup::{Held, Lookup};
use run::Reading;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// One core's tree. Cheap to clone; dropping the last one stops its tasks where they stand, which loses nothing.
#[derive(Clone)]
pub struct Lsm(Rc<Inner>);

struct Inner {
    engine: Rc<Engine>,
    tasks: RefCell<Vec<Task<()>>>,
}

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

/// The newest version of a key, for conflict checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newest {
    /// The time it was written at (look it up in the retention if it may be provisional), and whether it is no tombstone.
    Version {
        at: Timestamp,
        live: bool,
    },
    Absent,
    /// A block must be read: ask `Lsm::newest`.
    Unknown,
}

impl Lsm {
    /// Opens the tree in a folder, or makes one there, and starts its tasks.
    pub async fn open(env: &Env, options: Options) -> Result<Lsm> {
        let engine = open::open(env, options).await?;
        let tasks = vec![
            env.spawn(TaskClass::Flush, flush::run(engine.clone())),
            env.spawn(TaskClass::Compaction, compaction::run::run(engine.clone())),
        ];
        Ok(Lsm(Rc::new(Inner { engine, tasks: RefCell::new(tasks) })))
    }

    fn engine(&self) -> &Rc<Engine> {
        &self.0.engine
    }

    /// Everything before it is in tables: replay the log from here.
    pub fn flushed(&self) -> LogPosition {
        self.engine().state.borrow().flushed
    }

    /// The bytes stored with the manifest by the last flush.
    pub fn attachment(&self) -> Vec<u8> {
        self.engine().state.borrow().attachment.clone()
    }

    /// Called when a memtable is sealed: bytes for the attachment of the manifest edit that records its flush.
    pub fn on_flush(&self, hook: OnFlush) {
        self.engine().hooks.borrow_mut().on_flush = Some(hook);
    }

    /// Called when a memtable is sealed, with the highest position applied: gives the position that replay must begin from,
    /// which is lower when a record before it is in the log but not applied yet. Without it, the highest applied.
    pub fn on_seal(&self, hook: OnSeal) {
        self.engine().hooks.borrow_mut().on_seal = Some(hook);
    }

    /// Called after a flush is durable: the log may be released up to there.
    pub fn on_flushed(&self, hook: OnFlushed) {
        self.engine().hooks.borrow_mut().on_flushed = Some(hook);
    }

    /// Writes versions (user key, value or `None` for a tombstone); `position` is the end of their record in the log. Never
    /// waits; visible at once and together. A provisional `at` must be registered in the retention before. Versions of
    /// the same key are applied in the order of their timestamps.
    pub fn apply<'a>(
        &self,
        writes: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        at: Timestamp,
        position: LogPosition,
    ) {
        self.engine().apply(writes, at, position);
    }

    /// Call before a write: returns at once, or waits longer and longer as flush and compaction fall behind.
    pub async fn throttle(&self) {
        let engine = self.engine();
        let start = engine.env.now();
        loop {
            let wait = throttle::delay(engine.debt(), &engine.options);
            let waited = engine.env.now().saturating_sub(start);
            if wait <= waited {
                if !waited.is_zero() && !wait.is_zero() {
                    let throttled = &engine.counters.throttled_micros;
                    throttled.set(throttled.get() + waited.as_micros() as u64);
                }
                return;
            }
            // Looks again now and then: what is owed may have been paid meanwhile.
            engine.env.sleep((wait - waited).min(Duration::from_millis(10))).await;
        }
    }

    /// The newest version the view sees, without waiting or allocating.
    #[inline]
    pub fn get_cached(&self, view: &View, key: &[u8]) -> Result<Cached> {
        let engine = self.engine();
        let snapshot = engine.snapshot.borrow();
        Ok(match engine.find_visible(&snapshot, &Held::default(), view, key)? {
            Lookup::Found(version) => version.value.map_or(Cached::Absent, Cached::Found),
            Lookup::Absent => Cached::Absent,
            Lookup::Need(_) => Cached::Unknown,
        })
    }

    /// The newest version the view sees; `None` also for a tombstone.
    pub async fn get(&self, view: &View, key: &[u8]) -> Result<Option<ValueRef>> {
        let engine = self.engine();
        let (snapshot, mut held) = (engine.current(), Held::default());
        loop {
            match engine.find_visible(&snapshot, &held, view, key)? {
                Lookup::Found(version) => return Ok(version.value),
                Lookup::Absent => return Ok(None),
                Lookup::Need(need) => held.load(need).await?,
            }
        }
    }

    /// The newest version that was not aborted, without waiting or allocating.
    pub fn newest_cached(&self, key: &[u8]) -> Result<Newest> {
        let engine = self.engine();
        let snapshot = engine.snapshot.borrow();
        Ok(match engine.find_newest(&snapshot, &Held::default(), key)? {
            Lookup::Found(version) => Newest::Version { at: version.at, live: version.value.is_some() },
            Lookup::Absent => Newest::Absent,
            Lookup::Need(_) => Newest::Unknown,
        })
    }

    /// The newest version that was not aborted: the time it was written at, and whether it is no tombstone.
    pub async fn newest(&self, key: &[u8]) -> Result<Option<(Timestamp, bool)>> {
        let engine = self.engine();
        let mut held = Held::default();
        loop {
            // The tree as it is now, each time: a conflict check must not miss what came while it waited.
            let snapshot = engine.current();
            match engine.find_newest(&snapshot, &held, key)? {
                Lookup::Found(version) => return Ok(Some((version.at, version.value.is_some()))),
                Lookup::Absent => return Ok(None),
                Lookup::Need(need) => held.load(need).await?,
            }
        }
    }

    /// Walks a range of user keys.
    pub fn cursor(&self, view: View, range: Range, direction: Direction) -> Cursor {
        let engine = self.engine();
        let reading = Reading { read_ahead_bytes: engine.options.read_ahead_bytes, keep: true, eager: false };
        Cursor::new(engine.current(), engine.options.retention.clone(), view, range, direction, reading)
    }

    /// Provisional versions that are still somewhere in the tree, or in what a cursor holds. Others may be forgotten.
    pub fn provisionals(&self) -> BTreeSet<Timestamp> {
        let mut found = BTreeSet::new();
        for snapshot in self.engine().held_snapshots() {
            snapshot.memtables().for_each(|memtable| found.append(&mut memtable.provisionals()));
            found.extend(snapshot.version.tables().flat_map(|table| table.meta.provisionals().iter().copied()));
        }
        found
    }

    /// Tells that provisional versions were decided: what they are in can be settled.
    pub fn note_decisions(&self) {
        self.engine().compaction_wanted.set();
    }

    /// The latest time that all of a table counts as written at.
    pub fn newest_stamp(&self) -> Timestamp {
        let state = self.engine().state.borrow();
        state.levels.iter().flatten().filter_map(|table| table.stamp).max().unwrap_or(Timestamp::MIN)
    }

    /// Seals the active memtable; its flush goes on in the background.
    pub fn seal(&self) {
        self.engine().seal();
    }

    /// Seals, and waits until everything written so far is in tables.
    pub async fn flush(&self) -> Result<()> {
        let engine = self.engine();
        engine.seal();
        let Some(newest) = engine.current().sealed.first().cloned() else { return Ok(()) };
        loop {
            if !engine.current().sealed.iter().any(|sealed| Rc::ptr_eq(&sealed.memtable, &newest.memtable)) {
                return Ok(());
            }
            if let Some(error) = self.failure() {
                return Err(error);
            }
            self.check_open()?;
            engine.changed.wait().await;
        }
    }

    /// Compacts all tables that touch a range of user keys down to the last level in use, and waits for it.
    pub async fn compact_range(&self, start: &[u8], end: &[u8]) -> Result<()> {
        let engine = self.engine();
        let request = (start.to_vec(), end.to_vec());
        engine.compaction_failure.take();
        engine.compact_requests.borrow_mut().push(request.clone());
        engine.compaction_wanted.set();
        while engine.compact_requests.borrow().contains(&request) {
            self.check_open()?;
            engine.changed.wait().await;
        }
        match engine.compaction_failure.borrow().clone() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Waits until no compaction is due.
    pub async fn settle(&self) -> Result<()> {
        let engine = self.engine();
        while compaction::run::is_due(engine) {
            self.check_open()?;
            engine.compaction_wanted.set();
            engine.changed.wait().await;
        }
        Ok(())
    }

    pub(super) fn check_open(&self) -> Result<()> {
        match self.engine().closing.get() {
            true => Err(Error::internal("the storage engine was closed")),
            false => Ok(()),
        }
    }

    /// Forgets all data of a storage, which nobody may read or write again.
    pub fn drop_storage(&self, storage: StorageId) {
        let engine = self.engine();
        engine.dropping.borrow_mut().insert(storage, engine.applied.get());
        engine.compaction_wanted.set();
    }

    /// Figures for metrics.
    pub fn statistics(&self) -> Statistics {
        self.engine().statistics()
    }

    /// Why flushing does not get on, if it does not: writes should be refused with it.
    pub fn failure(&self) -> Option<Error> {
        self.engine().failure.borrow().clone()
    }

    /// Stops the tasks, letting them end what they are at. Does not flush: the log has everything.
    pub async fn close(&self) -> Result<()> {
        let engine = self.engine();
        engine.closing.set(true);
        engine.flush_wanted.set();
        engine.compaction_wanted.set();
        engine.changed.set();
        let tasks = self.0.tasks.take();
        for task in tasks {
            task.await;
        }
        Ok(())
    }
}
