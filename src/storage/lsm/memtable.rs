//! The memtable: where writes land and newest versions are found, in order.
//!
//! Entries lie in an append-only arena and are ordered by a B+ tree of their places (see `tree`). Single-threaded; readers
//! hold it by `Rc` while writers add to it.
//!
//! It does not know about snapshots or limits: the engine seals it when it is large enough.
//!
//! Invariants: entries are ordered by user key, newest version first; an entry's bytes never change; writing a version
//! (key and timestamp) a second time replaces it for new readers, while those who hold the old one keep it.

use super::arena::{Arena, Place};
use super::retention::{Provisional, View};
use super::tree::{Position, Tree};
use crate::base::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Bytes in front of each entry: key length, value length plus one (0 is a tombstone), timestamp.
const HEADER_BYTES: usize = 16;

/// One version of a key, as it lies in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    pub timestamp: Timestamp,
    /// `None` for a tombstone.
    pub value: Option<&'a [u8]>,
}

/// See the module.
#[derive(Default)]
pub struct Memtable {
    arena: Arena,
    tree: RefCell<Tree>,
    entries: Cell<usize>,
    /// Versions written here whose transaction was not decided then.
    provisionals: RefCell<BTreeSet<Timestamp>>,
    /// Set once if it was loaded at once.
    bulk: Cell<Option<Timestamp>>,
}

impl Memtable {
    /// Adds a version; `None` is a tombstone.
    pub fn insert(&self, key: &[u8], timestamp: Timestamp, value: Option<&[u8]>) {
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&(key.len() as u32).to_le_bytes());
        header[4..8].copy_from_slice(&value.map_or(0, |value| value.len() as u32 + 1).to_le_bytes());
        header[8..].copy_from_slice(&timestamp.0.to_le_bytes());
        let place = self.arena.push(&[&header, key, value.unwrap_or_default()]);
        if self.tree.borrow_mut().insert(self, key, timestamp, place) {
            self.entries.set(self.entries.get() + 1);
        }
    }

    /// Takes over entries that were laid out elsewhere, in the layout of `entry`; they count once they are loaded.
    pub fn adopt(&self, entries: Vec<u8>) -> Place {
        self.arena.adopt(entries)
    }

    /// Makes an empty memtable of entries that were adopted: of different keys, in order, all of one provisional version.
    pub fn load(&self, places: impl Iterator<Item = Place>, at: Timestamp) {
        let (tree, entries) = Tree::build(self, places);
        self.tree.replace(tree);
        self.entries.set(entries);
        self.note_provisional(at);
        self.bulk.set(Some(at));
    }

    /// The version that all entries are of, if it was loaded at once: then no key has two.
    pub fn bulk(&self) -> Option<Timestamp> {
        self.bulk.get()
    }

    /// Whether there is any version of a key in `first..=last`.
    pub fn touches(&self, first: &[u8], last: &[u8]) -> bool {
        let tree = self.tree.borrow();
        tree.place(tree.seek(self, first, Timestamp::MAX)).is_some_and(|place| self.entry(place).key <= last)
    }

    /// Notes that versions at this time are provisional.
    pub fn note_provisional(&self, at: Timestamp) {
        self.provisionals.borrow_mut().insert(at);
    }

    /// Versions written here whose transaction was not decided then.
    pub fn provisionals(&self) -> BTreeSet<Timestamp> {
        self.provisionals.borrow().clone()
    }

    /// Number of versions.
    pub fn len(&self) -> usize {
        self.entries.get()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.entries.get() == 0
    }

    /// Memory taken from the allocator.
    pub fn bytes(&self) -> usize {
        self.arena.reserved_bytes() + self.tree.borrow().bytes()
    }

    /// The entry at a place the tree handed out.
    #[inline]
    pub fn entry(&self, place: Place) -> Entry<'_> {
        let header = self.arena.get(place, 0, HEADER_BYTES);
        let Ok(header) = <&[u8; HEADER_BYTES]>::try_from(header) else {
            return Entry { key: &[], timestamp: Timestamp::MIN, value: None };
        };
        let [k0, k1, k2, k3, v0, v1, v2, v3, t @ ..] = header;
        let key_len = u32::from_le_bytes([*k0, *k1, *k2, *k3]) as usize;
        let value_len = u32::from_le_bytes([*v0, *v1, *v2, *v3]) as usize;
        let body = self.arena.get(place, HEADER_BYTES, key_len + value_len.saturating_sub(1));
        let (key, value) = body.split_at(key_len.min(body.len()));
        Entry { key, timestamp: Timestamp(u64::from_le_bytes(*t)), value: (value_len > 0).then_some(value) }
    }

    /// The newest version of a key that the view sees, and the time it counts as written at.
    pub fn get(&self, view: &View, provisional: &Provisional, key: &[u8]) -> Option<(Place, Timestamp)> {
        // Provisional versions may count as older than they stand, so the search starts at the newest then.
        let from = if provisional.is_empty() { view.snapshot } else { Timestamp::MAX };
        self.find(key, from, |timestamp| view.sees(timestamp, provisional))
    }

    /// The first version of a key, from `from` back, for which `accept` gives something.
    pub fn find<T>(&self, key: &[u8], from: Timestamp, accept: impl Fn(Timestamp) -> Option<T>) -> Option<(Place, T)> {
        let tree = self.tree.borrow();
        let mut position = tree.seek(self, key, from);
        while let Some(place) = tree.place(position) {
            let entry = self.entry(place);
            if entry.key != key {
                return None;
            }
            if let Some(accepted) = accept(entry.timestamp) {
                return Some((place, accepted));
            }
            position = tree.next(position);
        }
        None
    }
}

/// Walks a memtable both ways, while others write to it.
pub struct MemoryCursor {
    memtable: Rc<Memtable>,
    position: Position,
    place: Option<Place>,
}

impl MemoryCursor {
    /// A cursor that stands nowhere yet.
    pub fn new(memtable: Rc<Memtable>) -> MemoryCursor {
        MemoryCursor { memtable, position: Position::default(), place: None }
    }

    /// Goes to the first version at or after (key, timestamp).
    pub fn seek(&mut self, key: &[u8], timestamp: Timestamp) {
        let tree = self.memtable.tree.borrow();
        self.position = tree.seek(&self.memtable, key, timestamp);
        self.place = tree.place(self.position);
    }

    /// Goes to the last version before (key, timestamp); without a key to the very last one.
    pub fn seek_before(&mut self, before: Option<(&[u8], Timestamp)>) {
        let tree = self.memtable.tree.borrow();
        let found = match before {
            Some((key, timestamp)) => tree.previous(tree.seek(&self.memtable, key, timestamp)),
            None => tree.last(),
        };
        self.position = found.unwrap_or_default();
        self.place = found.and_then(|position| tree.place(position));
    }

    /// The next version.
    #[inline]
    pub fn advance(&mut self) {
        let Some(place) = self.place else { return };
        let tree = self.memtable.tree.borrow();
        self.position = tree.next(self.found_again(&tree, place));
        self.place = tree.place(self.position);
    }

    /// The version before.
    pub fn retreat(&mut self) {
        let Some(place) = self.place else { return };
        let tree = self.memtable.tree.borrow();
        let before = tree.previous(self.found_again(&tree, place));
        self.position = before.unwrap_or_default();
        self.place = before.and_then(|position| tree.place(position));
    }

    /// Walks on, forward, over a piece of the memtable all of whose keys are `wanted`, standing behind a version that decided
    /// on its key. Gives the values that the view sees. Afterwards it stands on the last version passed, and the answer
    /// is whether that one's key is decided on.
    pub fn drain<'a>(
        &'a mut self,
        (view, provisional): (&View, &Provisional),
        wanted: impl Fn(&[u8]) -> bool,
        values: &mut Vec<&'a [u8]>,
    ) -> bool {
        let Some(place) = self.place else { return true };
        let tree = self.memtable.tree.borrow();
        let here = self.found_again(&tree, place);
        if !tree.last_neighbour(here).is_some_and(|last| wanted(self.memtable.entry(last).key)) {
            return true;
        }
        let (mut key, mut decided) = (self.memtable.entry(place).key, true);
        // The time last looked at, and whether it is seen: neighbours were often written together.
        let mut known = (Timestamp::MIN, view.sees(Timestamp::MIN, provisional).is_some());
        for (position, place) in tree.neighbours(here) {
            (self.position, self.place) = (position, Some(place));
            let entry = self.memtable.entry(place);
            if decided && entry.key == key {
                continue;
            }
            if entry.timestamp != known.0 {
                known = (entry.timestamp, view.sees(entry.timestamp, provisional).is_some());
            }
            (key, decided) = (entry.key, known.1);
            values.extend(entry.value.filter(|_| decided));
        }
        decided
    }

    /// Where the current entry stands now: the tree may have grown since.
    #[inline]
    fn found_again(&self, tree: &Tree, place: Place) -> Position {
        if tree.is_current(self.position) {
            return self.position;
        }
        let entry = self.memtable.entry(place);
        tree.seek(&self.memtable, entry.key, entry.timestamp)
    }

    /// The place of the current version, if the cursor stands on one.
    #[inline]
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// The memtable walked.
    pub fn memtable(&self) -> &Rc<Memtable> {
        &self.memtable
    }

    /// The current version.
    #[inline]
    pub fn entry(&self) -> Option<Entry<'_>> {
        self.place.map(|place| self.memtable.entry(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        *state >> 33
    }

    fn all(memtable: &Rc<Memtable>) -> Vec<(Vec<u8>, u64, Option<Vec<u8>>)> {
        let mut cursor = MemoryCursor::new(memtable.clone());
        cursor.seek(&[], Timestamp::MAX);
        let mut found = Vec::new();
        while let Some(entry) = cursor.entry() {
            found.push((entry.key.to_vec(), entry.timestamp.0, entry.value.map(<[u8]>::to_vec)));
            cursor.advance();
        }
        found
    }

    fn random_key(state: &mut u64, kind: u64) -> Vec<u8> {
        match kind {
            0 => format!("key{:06}", next(state) % 3000).into_bytes(),
            1 => (0..next(state) % 4).map(|_| (next(state) % 3) as u8).collect(),
            _ => [&[0, 0, 0, 1, 0, 0, 0, (next(state) % 4) as u8][..], &next(state).to_be_bytes()].concat(),
        }
    }

    #[test]
    fn equals_a_model_in_any_order_of_writes() {
        for kind in 0..3 {
            let (mut state, memtable, mut model) = (kind + 7, Rc::new(Memtable::default()), BTreeMap::new());
            for i in 0..20_000u64 {
                let key = random_key(&mut state, kind);
                let timestamp = next(&mut state) % 50;
                let value = (i % 5 != 0).then(|| i.to_string().into_bytes());
                memtable.insert(&key, Timestamp(timestamp), value.as_deref());
                model.insert((key, !timestamp), value);
            }
            let expected: Vec<_> = model.iter().map(|((k, t), v)| (k.clone(), !t, v.clone())).collect();
            assert_eq!(all(&memtable), expected);
            assert_eq!(memtable.len(), expected.len());
            let mut cursor = MemoryCursor::new(memtable.clone());
            cursor.seek_before(None);
            for (key, timestamp, _) in expected.iter().rev() {
                let entry = cursor.entry().unwrap();
                assert_eq!((entry.key, entry.timestamp.0), (&key[..], *timestamp));
                cursor.retreat();
            }
            assert!(cursor.entry().is_none());
            for _ in 0..2000 {
                let (key, timestamp) = (random_key(&mut state, kind), next(&mut state) % 52);
                let expected = model.range((key.clone(), !timestamp)..).next();
                cursor.seek(&key, Timestamp(timestamp));
                assert_eq!(cursor.entry().map(|e| (e.key.to_vec(), !e.timestamp.0)), expected.map(|(k, _)| k.clone()));
                let expected = model.range(..(key.clone(), !timestamp)).next_back();
                cursor.seek_before(Some((&key, Timestamp(timestamp))));
                assert_eq!(cursor.entry().map(|e| (e.key.to_vec(), !e.timestamp.0)), expected.map(|(k, _)| k.clone()));
                let expected = model.range((key.clone(), !timestamp)..=(key.clone(), u64::MAX)).next();
                let found = memtable.get(&View::at(Timestamp(timestamp)), &Provisional::default(), &key);
                let found = found.map(|(place, _)| memtable.entry(place).value.map(<[u8]>::to_vec));
                assert_eq!(found, expected.map(|(_, value)| value.clone()));
            }
        }
    }

    #[test]
    fn sorted_and_reversed_writes_keep_the_order() {
        for reversed in [false, true] {
            let memtable = Rc::new(Memtable::default());
            for i in 0..50_000u32 {
                let i = if reversed { 50_000 - i } else { i };
                memtable.insert(&i.to_be_bytes(), Timestamp(1), Some(b"v"));
            }
            assert!(all(&memtable).windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert_eq!(memtable.len(), 50_000);
        }
    }

    #[test]
    fn a_cursor_stays_in_order_while_others_write() {
        let memtable = Rc::new(Memtable::default());
        let mut state = 1;
        for i in (0..4000u32).step_by(2) {
            memtable.insert(&i.to_be_bytes(), Timestamp(1), Some(b"old"));
        }
        let mut cursor = MemoryCursor::new(memtable.clone());
        cursor.seek(&[], Timestamp::MAX);
        let (mut old, mut before) = (0, None);
        while let Some(entry) = cursor.entry() {
            old += usize::from(entry.value == Some(b"old"));
            assert!(before < Some(entry.key.to_vec()));
            before = Some(entry.key.to_vec());
            for _ in 0..3 {
                memtable.insert(&((next(&mut state) as u32 % 4000) | 1).to_be_bytes(), Timestamp(2), Some(b"new"));
            }
            cursor.advance();
        }
        assert_eq!(old, 2000);
    }
}
