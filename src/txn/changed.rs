//! How many rows were written since somebody last asked, by storage: the planner's live figures come from here.
//!
//! A transaction's writes are counted as they are made and added up when it commits or prepares; what a savepoint takes
//! back is not subtracted. So the figures are about right, and cost next to nothing.

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

/// What one transaction has written here, by storage; nearly always one.
#[derive(Default)]
pub struct Written {
    first: Option<(StorageId, Counts)>,
    others: Vec<(StorageId, Counts)>,
}

impl Written {
    /// A write was accepted.
    pub fn count(&mut self, key: &[u8], kind: &WriteKind) {
        let Some((storage, IndexId::PRIMARY, ..)) = key::split(key) else { return };
        let first = self.first.get_or_insert((storage, Counts::default()));
        let counts = match self.others.iter().position(|(known, _)| *known == storage) {
            _ if first.0 == storage => &mut first.1,
            Some(place) => &mut self.others[place].1,
            None => {
                self.others.push((storage, Counts::default()));
                let last = self.others.len() - 1;
                &mut self.others[last].1
            }
        };
        match kind {
            WriteKind::Insert(_) => counts.inserted += 1,
            WriteKind::Put(_) => counts.updated += 1,
            WriteKind::Delete => counts.deleted += 1,
        }
    }
}

/// See the module.
#[derive(Default)]
pub struct Changed {
    counts: RefCell<HashMap<StorageId, Counts>>,
    first: Signal,
}

impl Changed {
    /// Adds what a transaction has written.
    pub(super) fn add(&self, written: &Written) {
        if written.first.is_none() {
            return;
        }
        let mut counts = self.counts.borrow_mut();
        if counts.is_empty() {
            self.first.set();
        }
        for (storage, of_storage) in written.first.iter().chain(&written.others) {
            counts.entry(*storage).or_default().add(*of_storage);
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
        let (changed, mut written) = (Changed::default(), Written::default());
        let key = |storage, index| key::prefix(StorageId(storage), IndexId(index), PartitionId(0)).to_vec();
        written.count(&key(101, 0), &WriteKind::Insert(Vec::new()));
        written.count(&key(101, 0), &WriteKind::Delete);
        written.count(&key(101, 1), &WriteKind::Insert(Vec::new()));
        written.count(&key(100, 0), &WriteKind::Put(Vec::new()));
        written.count(b"short", &WriteKind::Delete);
        assert!(changed.take().is_empty(), "not committed yet");
        changed.add(&written);
        let taken = changed.take();
        let both = Counts { inserted: 1, updated: 0, deleted: 1 };
        assert_eq!(taken, [(StorageId(100), Counts { updated: 1, ..Counts::default() }), (StorageId(101), both)]);
        assert!(changed.take().is_empty());
        assert_eq!(both.since(Counts { inserted: 1, ..Counts::default() }).all(), 1);
    }
}
