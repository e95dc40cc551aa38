//! The block cache: S3-FIFO over (table, offset), bounded in bytes.
//!
//! New blocks enter a small queue, a tenth of the cache. What is asked for again before it reaches the end goes to the
//! main queue; the rest leaves, remembered for a while by its hash, and enters the main queue directly if it comes back.
//! So one scan, however long, passes through the small queue without touching what is used again and again.
//! (Yang et al., "FIFO queues are all you need for cache eviction", 2023.)
//!
//! It holds contents that passed their checksum, does no I/O, and never waits.
//!
//! Invariants: the bytes of both queues together stay within the capacity, less what was reserved; a block larger than
//! a quarter of it is not kept.

use super::table::block::Block;
use super::table::filter::Filter;
use hashbrown::HashTable;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// What is cached.
#[derive(Clone)]
pub enum Content {
    /// A data or index block.
    Block(Rc<Block>),
    Filter(Rc<Filter>),
}

impl Content {
    fn bytes(&self) -> usize {
        match self {
            Content::Block(block) => block.bytes(),
            Content::Filter(filter) => filter.bytes(),
        }
    }
}

/// Which block: the table's number and the offset.
pub type Name = (u64, u64);

/// What an entry costs beside its contents.
const ENTRY_BYTES: usize = 96;
const USES_MAX: u8 = 3;

/// Figures for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub hits: u64,
    pub misses: u64,
    pub bytes: usize,
    pub reserved_bytes: usize,
}

/// See the module.
pub struct Cache(RefCell<Inner>);

struct Inner {
    capacity_bytes: usize,
    /// Taken by what others pin on the cache's account.
    reserved_bytes: usize,
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashTable<u32>,
    small: Queue,
    main: Queue,
    /// Hashes of blocks that left the small queue unused, oldest first.
    ghosts: VecDeque<u64>,
    ghost_index: hashbrown::HashSet<u64, std::hash::BuildHasherDefault<Plain>>,
    hits: u64,
    misses: u64,
}

struct Slot {
    name: Name,
    content: Option<Content>,
    bytes: usize,
    uses: u8,
}

#[derive(Default)]
struct Queue {
    slots: VecDeque<u32>,
    bytes: usize,
}

/// The keys are hashes already.
#[derive(Default)]
pub struct Plain(u64);

impl std::hash::Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[inline]
fn hash(name: Name) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&name.0.to_le_bytes());
    bytes[8..].copy_from_slice(&name.1.to_le_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

impl Cache {
    /// An empty cache.
    pub fn new(capacity_bytes: usize) -> Cache {
        Cache(RefCell::new(Inner {
            capacity_bytes,
            reserved_bytes: 0,
            slots: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            small: Queue::default(),
            main: Queue::default(),
            ghosts: VecDeque::new(),
            ghost_index: hashbrown::HashSet::default(),
            hits: 0,
            misses: 0,
        }))
    }

    /// A block, if it is here.
    #[inline]
    pub fn get(&self, name: Name) -> Option<Content> {
        let inner = &mut *self.0.borrow_mut();
        let slots = &inner.slots;
        match inner.index.find(hash(name), |&slot| slots[slot as usize].name == name) {
            Some(&slot) => {
                inner.hits += 1;
                let slot = &mut inner.slots[slot as usize];
                slot.uses = (slot.uses + 1).min(USES_MAX);
                slot.content.clone()
            }
            None => {
                inner.misses += 1;
                None
            }
        }
    }

    /// Takes a block in, putting others out as needed.
    pub fn insert(&self, name: Name, content: Content) {
        let inner = &mut *self.0.borrow_mut();
        let hash = hash(name);
        let bytes = content.bytes() + ENTRY_BYTES;
        let slots = &inner.slots;
        let known = inner.index.find(hash, |&slot| slots[slot as usize].name == name).is_some();
        if known || bytes > inner.room_bytes() / 4 {
            return;
        }
        inner.evict_to(inner.room_bytes() - bytes);
        let entry = Slot { name, content: Some(content), bytes, uses: 0 };
        let slot = match inner.free.pop() {
            Some(slot) => {
                inner.slots[slot as usize] = entry;
                slot
            }
            None => {
                inner.slots.push(entry);
                inner.slots.len() as u32 - 1
            }
        };
        let slots = &inner.slots;
        inner.index.insert_unique(hash, slot, |&slot| self::hash(slots[slot as usize].name));
        let queue = if inner.ghost_index.remove(&hash) { &mut inner.main } else { &mut inner.small };
        queue.slots.push_back(slot);
        queue.bytes += bytes;
    }

    /// Takes `bytes` of the capacity for something pinned outside, unless half of it is taken already.
    pub fn reserve(&self, bytes: usize) -> bool {
        let inner = &mut *self.0.borrow_mut();
        if inner.reserved_bytes + bytes > inner.capacity_bytes / 2 {
            return false;
        }
        inner.reserved_bytes += bytes;
        inner.evict_to(inner.room_bytes());
        true
    }

    /// Gives back what `reserve` took.
    pub fn release(&self, bytes: usize) {
        let inner = &mut *self.0.borrow_mut();
        inner.reserved_bytes = inner.reserved_bytes.saturating_sub(bytes);
    }

    /// Figures for metrics.
    pub fn counts(&self) -> Counts {
        let inner = self.0.borrow();
        Counts {
            hits: inner.hits,
            misses: inner.misses,
            bytes: inner.small.bytes + inner.main.bytes,
            reserved_bytes: inner.reserved_bytes,
        }
    }
}

impl Inner {
    fn room_bytes(&self) -> usize {
        self.capacity_bytes.saturating_sub(self.reserved_bytes)
    }

    fn evict_to(&mut self, bytes: usize) {
        while self.small.bytes + self.main.bytes > bytes {
            if self.small.bytes * 10 > self.room_bytes() || self.main.slots.is_empty() {
                self.evict_small();
            } else {
                self.evict_main();
            }
        }
    }

    fn evict_small(&mut self) {
        let Some(slot) = self.small.slots.pop_front() else { return };
        let entry = &mut self.slots[slot as usize];
        self.small.bytes -= entry.bytes;
        if entry.uses > 0 {
            entry.uses = 0;
            self.main.bytes += entry.bytes;
            self.main.slots.push_back(slot);
            return;
        }
        let hash = hash(entry.name);
        self.forget(slot);
        if self.ghost_index.insert(hash) {
            self.ghosts.push_back(hash);
        }
        // As many ghosts as there are blocks, so that one that comes back after a cache's worth of others is known.
        while self.ghosts.len() > self.main.slots.len() + self.small.slots.len() + 16 {
            let Some(oldest) = self.ghosts.pop_front() else { break };
            self.ghost_index.remove(&oldest);
        }
    }

    fn evict_main(&mut self) {
        let Some(slot) = self.main.slots.pop_front() else { return };
        let entry = &mut self.slots[slot as usize];
        if entry.uses > 0 {
            entry.uses -= 1;
            self.main.slots.push_back(slot);
            return;
        }
        self.main.bytes -= entry.bytes;
        self.forget(slot);
    }

    fn forget(&mut self, slot: u32) {
        let hash = hash(self.slots[slot as usize].name);
        if let Ok(entry) = self.index.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        self.slots[slot as usize].content = None;
        self.free.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(bytes: usize) -> Content {
        Content::Filter(Rc::new(Filter::new(vec![0; bytes].into()).unwrap()))
    }

    #[test]
    fn stays_within_its_bytes() {
        let cache = Cache::new(100 << 10);
        for i in 0..10_000u64 {
            cache.insert((i % 7, i), filter(64 * (1 + i as usize % 20)));
            cache.get((i % 7, i / 2));
            assert!(cache.counts().bytes <= 100 << 10);
        }
        assert!(cache.counts().bytes > 90 << 10);
        cache.insert((1, 1 << 40), filter(64 << 10));
        assert!(cache.get((1, 1 << 40)).is_none(), "larger than a quarter");
    }

    #[test]
    fn a_scan_leaves_what_is_used_alone() {
        let cache = Cache::new(1 << 20);
        for round in 0..3 {
            for i in 0..300u64 {
                if cache.get((1, i)).is_none() {
                    assert!(round == 0, "block {i} was put out in round {round}");
                    cache.insert((1, i), filter(1024));
                }
            }
            // In the first round, the blocks are used twice before the scan.
            (0..300u64).for_each(|i| assert!(cache.get((1, i)).is_some()));
            for i in 0..20_000u64 {
                cache.insert((2, round * 20_000 + i), filter(1024));
            }
        }
    }

    #[test]
    fn what_is_reserved_is_not_used() {
        let cache = Cache::new(100 << 10);
        (0..1000u64).for_each(|i| cache.insert((1, i), filter(512)));
        assert!(cache.reserve(40 << 10));
        assert!(cache.counts().bytes <= 60 << 10);
        assert!(!cache.reserve(20 << 10), "no more than half");
        cache.release(40 << 10);
        assert!(cache.reserve(20 << 10));
    }
}
