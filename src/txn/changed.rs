//! How many rows were written since somebody last asked, by storage: the planner's live figures come from here.
//!
//! Counted are the writes that were accepted; of those that are rolled back nobody subtracts anything. So the figures are
//! about right, and cost next to nothing.

use crate::{
    base::{
        hash::HashMap,
        ids::{IndexId, StorageId},
        key,
        write::WriteKind,
    },
    env::signal::Signal,
};
use std::{cell::RefCell, mem};

/// Rows written in one storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
}

impl Counts {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Counts) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
    }

    /// What came after `before`.
    pub fn since(self, before: Counts) -> Counts {
        Counts {
            inserted: self.inserted.saturating_sub(before.inserted),
            updated: self.updated.saturating_sub(before.updated),
            deleted: self.deleted.saturating_sub(before.deleted),
        }
    }

    /// All of them.
    pub fn all(self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// See the module.
#[derive(Default)]
pub struct Changed {
    counts: RefCell<HashMap<StorageId, Counts>>,
    first: Signal,
}

impl Changed {
    /// A write was accepted.
    pub(super) fn count(&self, key: &[u8], kind: &WriteKind) {
        let Some((storage, IndexId::PRIMARY, ..)) = key::split(key) else { return };
        let mut counts = self.counts.borrow_mut();
        if counts.is_empty() {
            self.first.set();
        }
        let counts = counts.entry(storage).or_default();
        match kind {
            WriteKind::Insert(_) => counts.inserted += 1,
            WriteKind::Put(_) => counts.updated += 1,
            WriteKind::Delete => counts.deleted += 1,
        }
    }

    /// Waits until something was counted that was not taken.
    pub async fn wait(&self) {
        while self.counts.borrow().is_empty() {
            self.first.wait().await;
        }
    }

    /// What was counted since the last time.
    pub fn take(&self) -> Vec<(StorageId, Counts)> {
        let mut counts: Vec<_> = mem::take(&mut *self.counts.borrow_mut()).into_iter().collect();
        counts.sort_unstable_by_key(|(storage, _)| *storage);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::PartitionId;

    #[test]
    fn rows_are_counted_and_entries_of_indexes_are_not() {
        let changed = Changed::default();
        let key = |storage, index| key::prefix(StorageId(storage), IndexId(index), PartitionId(0)).to_vec();
        changed.count(&key(101, 0), &WriteKind::Insert(Vec::new()));
        changed.count(&key(101, 0), &WriteKind::Delete);
        changed.count(&key(101, 1), &WriteKind::Insert(Vec::new()));
        changed.count(&key(100, 0), &WriteKind::Put(Vec::new()));
        changed.count(b"short", &WriteKind::Delete);
        let taken = changed.take();
        let both = Counts { inserted: 1, updated: 0, deleted: 1 };
        assert_eq!(taken, [(StorageId(100), Counts { updated: 1, ..Counts::default() }), (StorageId(101), both)]);
        assert!(changed.take().is_empty());
        assert_eq!(both.since(Counts { inserted: 1, ..Counts::default() }).all(), 1);
    }
}
