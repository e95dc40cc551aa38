//! The writes of one open transaction on one shard, not yet in the log.
//!
//! Newest write per key, with what earlier statements wrote to it underneath, so that the writes of a statement can be
//! taken back and a statement does not see its own (an UPDATE must not meet the rows it has just written). Pure: conflict
//! checks, the log and the LSM are the manager's.
//!
//! Invariant: the versions of a key stand in rising statement order, one per statement. Start with [`Buffer::put`].

use std::{
    collections::BTreeMap,
    ops::{Bound, RangeInclusive},
};

/// What one statement did to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    statement: u32,
    /// `None`: deleted.
    value: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The transaction's first write of the key was an insert: nothing lived there in its snapshot.
    inserted: bool,
    newest: Version,
    /// Writes of earlier statements, oldest first.
    older: Vec<Version>,
}

/// What a transaction knows of a key from its own buffered writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own<'a> {
    /// Nothing buffered: look further down.
    Nothing,
    Deleted,
    Value(&'a [u8]),
}

/// Buffered writes in key order.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    entries: BTreeMap<Vec<u8>, Entry>,
    bytes: usize,
}

/// Bytes that an entry takes besides its key and values.
const ENTRY_BYTES: usize = 96;

fn cost(version: &Version) -> usize {
    version.value.as_ref().map_or(0, Vec::len) + std::mem::size_of::<Version>()
}

impl Buffer {
    /// Memory in use, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many keys are written.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes a key in a statement. `insert` says whether nothing may live there when the transaction commits; it counts
    /// only for the transaction's first write of the key.
    pub fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>, insert: bool, statement: u32) {
        let version = Version { statement, value };
        self.bytes += cost(&version);
        match self.entries.entry(key) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                self.bytes += vacant.key().len() + ENTRY_BYTES;
                vacant.insert(Entry { inserted: insert, newest: version, older: Vec::new() });
            }
            std::collections::btree_map::Entry::Occupied(mut occupied) => {
                let entry = occupied.get_mut();
                let before = std::mem::replace(&mut entry.newest, version);
                if before.statement == statement {
                    self.bytes -= cost(&before);
                } else {
                    entry.older.push(before);
                }
            }
        }
    }

    /// The newest write of a key, the running statement's included: what an insert is checked against.
    pub fn newest(&self, key: &[u8]) -> Own<'_> {
        match self.entries.get(key) {
            None => Own::Nothing,
            Some(entry) => own(&entry.newest),
        }
    }

    /// What statement `statement` sees of a key: the newest write of an earlier one.
    pub fn get(&self, key: &[u8], statement: u32) -> Own<'_> {
        self.entries.get(key).map_or(Own::Nothing, |entry| entry.seen_by(statement))
    }

    /// The first key in `range` that statement `statement` sees something of, from the front or from the back.
    pub fn next_in(
        &self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        statement: u32,
        reverse: bool,
    ) -> Option<(&[u8], Own<'_>)> {
        if is_empty_range(range) {
            return None;
        }
        let mut entries = self.entries.range::<[u8], _>(range);
        loop {
            let (key, entry) = if reverse { entries.next_back()? } else { entries.next()? };
            match entry.seen_by(statement) {
                Own::Nothing => {}
                seen => return Some((key, seen)),
            }
        }
    }

    /// Forgets the writes of some statements.
    pub fn rollback(&mut self, statements: &RangeInclusive<u32>) {
        let mut freed = 0;
        self.entries.retain(|key, entry| {
            entry.older.retain(|version| {
                let kept = !statements.contains(&version.statement);
                freed += if kept { 0 } else { cost(version) };
                kept
            });
            if !statements.contains(&entry.newest.statement) {
                return true;
            }
            freed += cost(&entry.newest);
            match entry.older.pop() {
                Some(before) => {
                    entry.newest = before;
                    true
                }
                None => {
                    freed += key.len() + ENTRY_BYTES;
                    false
                }
            }
        });
        self.bytes -= freed;
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.keys().map(Vec::as_slice)
    }

    /// Whether the transaction's first write of a key was an insert.
    pub fn inserted(&self, key: &[u8]) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.inserted)
    }

    /// The writes to commit, in key order. A key that was inserted and deleted again never was and is left out.
    pub fn into_writes(self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let kept = self.entries.into_iter().filter(|(_, entry)| !(entry.inserted && entry.newest.value.is_none()));
        kept.map(|(key, entry)| (key, entry.newest.value)).collect()
    }

    /// Everything, by statement: what is spilled as one set of versions per statement, so that it can be taken back.
    pub fn into_statements(self) -> BTreeMap<u32, Vec<(Vec<u8>, Option<Vec<u8>>)>> {
        let mut statements: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for (key, entry) in self.entries {
            for version in entry.older {
                statements.entry(version.statement).or_default().push((key.clone(), version.value));
            }
            statements.entry(entry.newest.statement).or_default().push((key, entry.newest.value));
        }
        statements
    }
}

impl Entry {
    fn seen_by(&self, statement: u32) -> Own<'_> {
        if self.newest.statement < statement {
            return own(&self.newest);
        }
        self.older.iter().rev().find(|version| version.statement < statement).map_or(Own::Nothing, own)
    }
}

fn own(version: &Version) -> Own<'_> {
    version.value.as_deref().map_or(Own::Deleted, Own::Value)
}

/// Whether a range can hold nothing; `BTreeMap::range` panics on some of these.
fn is_empty_range(range: (Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    match range {
        (Bound::Excluded(start), Bound::Excluded(end)) => start >= end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => start > end,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(buffer: &mut Buffer, key: &str, value: Option<&str>, statement: u32) {
        buffer.put(key.into(), value.map(|value| value.as_bytes().to_vec()), false, statement);
    }

    #[test]
    fn a_statement_sees_what_earlier_ones_wrote() {
        let mut buffer = Buffer::default();
        put(&mut buffer, "a", Some("1"), 1);
        put(&mut buffer, "a", Some("2"), 2);
        put(&mut buffer, "a", Some("2b"), 2);
        put(&mut buffer, "a", None, 4);
        assert_eq!(buffer.get(b"a", 1), Own::Nothing);
        assert_eq!(buffer.get(b"a", 2), Own::Value(b"1"));
        assert_eq!(buffer.get(b"a", 4), Own::Value(b"2b"));
        assert_eq!(buffer.get(b"a", 5), Own::Deleted);
        assert_eq!(buffer.newest(b"a"), Own::Deleted);
        assert_eq!(buffer.get(b"b", 5), Own::Nothing);
    }

    #[test]
    fn rolling_back_restores_bytes_and_values() {
        let mut buffer = Buffer::default();
        put(&mut buffer, "a", Some("1"), 1);
        let bytes = buffer.bytes();
        put(&mut buffer, "a", Some("2222"), 2);
        put(&mut buffer, "b", Some("3"), 3);
        put(&mut buffer, "a", None, 3);
        buffer.rollback(&(2..=3));
        assert_eq!((buffer.bytes(), buffer.len()), (bytes, 1));
        assert_eq!(buffer.newest(b"a"), Own::Value(b"1"));
        put(&mut buffer, "a", Some("4"), 4);
        put(&mut buffer, "a", Some("5"), 5);
        buffer.rollback(&(4..=4));
        assert_eq!((buffer.get(b"a", 5), buffer.newest(b"a")), (Own::Value(b"1"), Own::Value(b"5")));
        buffer.rollback(&(0..=9));
        assert_eq!((buffer.bytes(), buffer.len()), (0, 0));
    }

    #[test]
    fn ranges_skip_what_the_statement_does_not_see() {
        let mut buffer = Buffer::default();
        for (key, statement) in [("a", 1), ("b", 2), ("c", 1), ("d", 3)] {
            put(&mut buffer, key, Some("x"), statement);
        }
        let all = (Bound::Unbounded, Bound::Unbounded);
        assert_eq!(buffer.next_in(all, 2, false).unwrap().0, b"a");
        assert_eq!(buffer.next_in((Bound::Excluded(&b"a"[..]), Bound::Unbounded), 2, false).unwrap().0, b"c");
        assert_eq!(buffer.next_in(all, 3, true).unwrap().0, b"c");
        assert!(buffer.next_in((Bound::Included(&b"d"[..]), Bound::Unbounded), 3, false).is_none());
        assert!(buffer.next_in((Bound::Excluded(&b"d"[..]), Bound::Included(&b"a"[..])), 3, false).is_none());
        assert!(buffer.next_in((Bound::Excluded(&b"a"[..]), Bound::Excluded(&b"a"[..])), 3, false).is_none());
    }

    #[test]
    fn what_was_inserted_and_deleted_again_is_not_committed() {
        let mut buffer = Buffer::default();
        buffer.put(b"new".to_vec(), Some(vec![1]), true, 1);
        buffer.put(b"new".to_vec(), None, false, 2);
        buffer.put(b"old".to_vec(), None, false, 2);
        assert!(buffer.inserted(b"new") && !buffer.inserted(b"old"));
        let statements = buffer.clone().into_statements();
        assert_eq!(statements[&1], [(b"new".to_vec(), Some(vec![1]))]);
        assert_eq!(statements[&2].len(), 2);
        assert_eq!(buffer.into_writes(), [(b"old".to_vec(), None)]);
    }
}
