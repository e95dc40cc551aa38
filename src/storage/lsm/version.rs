//! What a reader holds: the memtables and tables that made up the tree at one moment. None of it changes afterwards, but for
//! the active memtable, whose newer versions a reader's snapshot does not see.
//!
//! Invariant: of two sources that hold versions of the same key, the younger one holds the newer versions: the active
//! memtable before the sealed ones (newest first), before level 0 (newest first), before level 1, and so on. Within
//! levels 1 and up a user key is in one table at most.

use super::file::Table;
use super::memtable::Memtable;
use crate::storage::log::LogPosition;
use std::rc::Rc;

/// The tables, by level; ordered as in the manifest's state.
#[derive(Default)]
pub struct Version {
    pub levels: Vec<Vec<Rc<Table>>>,
}

/// A memtable that takes no more writes, waiting to be flushed.
#[derive(Clone)]
pub struct Sealed {
    pub memtable: Rc<Memtable>,
    /// Replay may begin here once it is flushed.
    pub position: LogPosition,
    pub attachment: Rc<Vec<u8>>,
}

/// See the module.
pub struct Snapshot {
    pub active: Rc<Memtable>,
    /// Newest first.
    pub sealed: Vec<Sealed>,
    pub version: Rc<Version>,
}

impl Snapshot {
    /// All memtables, newest first.
    pub fn memtables(&self) -> impl Iterator<Item = &Rc<Memtable>> {
        std::iter::once(&self.active).chain(self.sealed.iter().map(|sealed| &sealed.memtable))
    }
}

impl Version {
    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = &Rc<Table>> {
        self.levels.iter().flatten()
    }

    /// Tables that may hold a user key, youngest first.
    #[inline]
    pub fn tables_for<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a Rc<Table>> {
        let zero = self.levels.first().into_iter().flatten();
        let zero = zero.filter(move |table| table.meta.smallest() <= key && key <= table.meta.largest());
        let deeper = self.levels.iter().skip(1).filter_map(move |tables| {
            let at = tables.partition_point(|table| table.meta.largest() < key);
            tables.get(at).filter(|table| table.meta.smallest() <= key)
        });
        zero.chain(deeper)
    }
}
