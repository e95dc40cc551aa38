//! A block: sorted versions, prefix-compressed, with places to start reading from.
//!
//! ```text
//! entry*   restart*   tail
//!
//! entry    shared      varint   bytes of the key that are the same as in the entry before
//!          unshared    varint   bytes of the key that follow here
//!          timestamp   varint   zigzag difference to the tail's timestamp
//!          value       varint   length plus one; 0 is a tombstone
//!          key suffix, value
//! restart  u32         where an entry with shared = 0 begins, ascending; the first is 0
//! tail     u64         a timestamp (the first entry's)
//!          u64         the oldest timestamp of any entry
//!          u64         the newest one
//!          u32         number of restarts
//!          u32         number of entries
//!          u32         1 if every entry has a key of its own and a value (the block is *plain*), or 0
//! ```
//!
//! Numbers are little-endian. Index blocks are the same with a table's parts as values. Compression and checksums are
//! around it (see `format`); a block that got here passed its checksum, and is still never trusted: whatever does not add
//! up gives `Malformed`.
//!
//! Invariants: keys ascend, versions of a key descend by timestamp.

use super::varint;
use crate::base::time::Timestamp;
use std::rc::Rc;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const TAIL_BYTES: usize = size_of::<Tail>();
/// The most an entry adds to its key and value: four varints, a restart.
pub const ENTRY_OVERHEAD_BYTES_MAX: usize = 5 + 5 + 10 + 5 + 4;

/// Contents that pass their checksum and yet make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Tail {
    base: U64,
    oldest: U64,
    newest: U64,
    restarts: U32,
    entries: U32,
    plain: U32,
}

/// Puts a block together.
pub struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    restart_interval: usize,
    base: u64,
    oldest: Timestamp,
    newest: Timestamp,
    plain: bool,
    entries: u32,
    last_key: Vec<u8>,
    last_timestamp: Timestamp,
}

impl BlockBuilder {
    /// An empty block with a full key every so many entries.
    pub fn new(restart_interval: usize) -> BlockBuilder {
        BlockBuilder {
            bytes: Vec::new(),
            restarts: Vec::new(),
            restart_interval: restart_interval.max(1),
            base: 0,
            oldest: Timestamp::MAX,
            newest: Timestamp::MIN,
            plain: true,
            entries: 0,
            last_key: Vec::new(),
            last_timestamp: Timestamp::MAX,
        }
    }

    /// Appends a version; the caller keeps the order.
    pub fn add(&mut self, key: &[u8], timestamp: Timestamp, value: Option<&[u8]>) {
        if self.entries == 0 {
            self.base = timestamp.0;
        }
        let common = self.last_key.iter().zip(key).take_while(|(left, right)| left == right).count();
        let repeated = self.entries > 0 && common == key.len() && common == self.last_key.len();
        self.plain &= !repeated && value.is_some();
        self.oldest = self.oldest.min(timestamp);
        self.newest = self.newest.max(timestamp);
        let shared = if (self.entries as usize).is_multiple_of(self.restart_interval) {
            self.restarts.push(self.bytes.len() as u32);
            0
        } else {
            common
        };
        varint::write(&mut self.bytes, shared as u64);
        varint::write(&mut self.bytes, (key.len() - shared) as u64);
        varint::write(&mut self.bytes, varint::zigzag(timestamp.0.wrapping_sub(self.base) as i64));
        varint::write(&mut self.bytes, value.map_or(0, |value| value.len() as u64 + 1));
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(&key[shared..]);
        self.last_timestamp = timestamp;
        self.entries += 1;
    }

    /// Bytes if it were finished now.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.restarts.len() * 4 + TAIL_BYTES
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Number of versions.
    pub fn entries(&self) -> usize {
        self.entries as usize
    }

    /// The key added last.
    pub fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// The timestamp added last.
    pub fn last_timestamp(&self) -> Timestamp {
        self.last_timestamp
    }

    /// Gives the block's bytes to `take` and begins a new one.
    pub fn finish<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> T {
        for restart in &self.restarts {
            self.bytes.extend_from_slice(&restart.to_le_bytes());
        }
        let tail = Tail {
            base: U64::new(self.base),
            oldest: U64::new(self.oldest.0),
            newest: U64::new(self.newest.0),
            restarts: U32::new(self.restarts.len() as u32),
            entries: U32::new(self.entries),
            plain: U32::new(u32::from(self.plain)),
        };
        self.bytes.extend_from_slice(tail.as_bytes());
        let taken = take(&self.bytes);
        self.bytes.clear();
        self.restarts.clear();
        self.last_key.clear();
        (self.oldest, self.newest, self.plain) = (Timestamp::MAX, Timestamp::MIN, true);
        self.entries = 0;
        taken
    }
}

/// A block's contents, checked as far as that is cheap.
pub struct Block {
    bytes: Box<[u8]>,
    /// Where the entries end and the restarts begin.
    entries_end: usize,
    restarts: usize,
    base: u64,
    oldest: Timestamp,
    newest: Timestamp,
    plain: bool,
}

impl Block {
    /// Takes over uncompressed contents.
    pub fn new(bytes: Box<[u8]>) -> Result<Block, Malformed> {
        let Ok((rest, tail)) = Tail::read_from_suffix(&bytes) else { return Err(Malformed("too short")) };
        let restarts = tail.restarts.get() as usize;
        let Some(entries_end) = restarts.checked_mul(4).and_then(|len| rest.len().checked_sub(len)) else {
            return Err(Malformed("more restarts than bytes"));
        };
        if restarts == 0 {
            return Err(Malformed("no restarts"));
        }
        let (oldest, newest) = (Timestamp(tail.oldest.get()), Timestamp(tail.newest.get()));
        let (base, plain) = (tail.base.get(), tail.plain.get() == 1);
        let block = Block { entries_end, restarts, base, oldest, newest, plain, bytes };
        for index in 0..restarts {
            let expected = if index == 0 { 0..=0 } else { block.restart(index - 1) + 1..=entries_end };
            if !expected.contains(&block.restart(index)) || block.restart(index) >= entries_end {
                return Err(Malformed("restarts out of order"));
            }
        }
        Ok(block)
    }

    /// Memory held.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + size_of::<Block>()
    }

    /// If every entry has a key of its own and a value: the oldest and the newest timestamp.
    #[inline]
    pub fn plain_times(&self) -> Option<(Timestamp, Timestamp)> {
        self.plain.then_some((self.oldest, self.newest))
    }

    /// Part of the contents, as a cursor named it.
    #[inline]
    pub fn slice(&self, start: u32, end: u32) -> &[u8] {
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }

    #[inline]
    fn restart(&self, index: usize) -> usize {
        if index >= self.restarts {
            return self.entries_end;
        }
        let at = self.entries_end + index * 4;
        match self.bytes.get(at..at + 4) {
            Some([a, b, c, d]) => u32::from_le_bytes([*a, *b, *c, *d]) as usize,
            _ => self.entries_end,
        }
    }

    /// The number of the first restart behind `at`; `restarts` if there is none.
    fn restart_after(&self, at: usize) -> usize {
        let (mut low, mut high) = (0, self.restarts);
        while low < high {
            let middle = (low + high) / 2;
            if self.restart(middle) <= at { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Reads an entry's head at `at`.
    #[inline]
    fn head(&self, at: usize) -> Result<Head, Malformed> {
        let entries = &self.bytes[..self.entries_end];
        let mut next = at;
        let (shared, unshared, delta, value) = match entries.get(at..at + 4) {
            Some(&[shared, unshared, delta, value]) if (shared | unshared | delta | value) < 0x80 => {
                next += 4;
                (shared as usize, unshared as usize, u64::from(delta), value as usize)
            }
            _ => Self::long_head(entries, &mut next).ok_or(Malformed("an entry's lengths end early"))?,
        };
        let value_start = next.checked_add(unshared).ok_or(Malformed("a key longer than its block"))?;
        let value_end = value_start.checked_add(value.saturating_sub(1)).filter(|&end| end <= self.entries_end);
        let value_end = value_end.ok_or(Malformed("an entry beyond its block"))?;
        let timestamp = Timestamp(self.base.wrapping_add(varint::unzigzag(delta) as u64));
        Ok(Head { shared, key_start: next, value_start, value_end, live: value > 0, timestamp })
    }

    fn long_head(entries: &[u8], at: &mut usize) -> Option<(usize, usize, u64, usize)> {
        let shared = usize::try_from(varint::read(entries, at)?).ok()?;
        let unshared = usize::try_from(varint::read(entries, at)?).ok()?;
        let delta = varint::read(entries, at)?;
        Some((shared, unshared, delta, usize::try_from(varint::read(entries, at)?).ok()?))
    }

    /// The last restart whose entry is before (key, timestamp), or the first one.
    fn restart_before(&self, key: &[u8], timestamp: Timestamp) -> Result<usize, Malformed> {
        let (mut low, mut high) = (0, self.restarts);
        while high - low > 1 {
            let middle = (low + high) / 2;
            let head = self.head(self.restart(middle))?;
            if head.shared != 0 {
                return Err(Malformed("a restart with a shortened key"));
            }
            let here = &self.bytes[head.key_start..head.value_start];
            if here.cmp(key).then(timestamp.cmp(&head.timestamp)).is_lt() {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

struct Head {
    shared: usize,
    key_start: usize,
    value_start: usize,
    value_end: usize,
    live: bool,
    timestamp: Timestamp,
}

/// Where a version's value lies in its block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
    /// False for a tombstone.
    pub live: bool,
}

/// Walks a block both ways. The key is put together in a buffer that is kept from block to block.
#[derive(Default)]
pub struct BlockCursor {
    block: Option<Rc<Block>>,
    /// Where the current entry begins, and the one after it.
    here: usize,
    next: usize,
    key: Vec<u8>,
    timestamp: Timestamp,
    value: Span,
    valid: bool,
    /// The entry's key is that of the entry before, in the direction walked.
    same_key: bool,
    /// For walking back: the entries from the restart up to the current one.
    trail: Vec<Step>,
    trail_keys: Vec<u8>,
}

/// An entry passed on the way to the current one.
#[derive(Clone, Copy)]
struct Step {
    here: usize,
    next: usize,
    key_start: usize,
    key_end: usize,
    timestamp: Timestamp,
    value: Span,
}

impl BlockCursor {
    /// Stands before the first entry of a block. The key last seen is kept, to tell whether the next is the same.
    pub fn enter(&mut self, block: Rc<Block>) {
        (self.here, self.next, self.valid) = (0, 0, false);
        self.trail.clear();
        self.block = Some(block);
    }

    /// Leaves the block, holding none.
    pub fn leave(&mut self) {
        self.block = None;
        self.valid = false;
    }

    /// Goes to the next entry; false behind the last.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, Malformed> {
        let Some(block) = &self.block else { return Ok(false) };
        self.here = self.next;
        if self.here >= block.entries_end {
            self.valid = false;
            return Ok(false);
        }
        let head = block.head(self.here)?;
        let suffix = &block.bytes[head.key_start..head.value_start];
        if head.shared > 0 {
            if head.shared > self.key.len() || !self.valid {
                return Err(Malformed("a key shares more than there is"));
            }
            self.same_key = suffix.is_empty() && head.shared == self.key.len();
            if !self.same_key {
                self.key.truncate(head.shared);
                self.key.extend_from_slice(suffix);
            }
        } else {
            self.same_key = self.key == suffix;
            if !self.same_key {
                self.key.clear();
                self.key.extend_from_slice(suffix);
            }
        }
        self.timestamp = head.timestamp;
        self.value = Span { start: head.value_start as u32, end: head.value_end as u32, live: head.live };
        self.next = head.value_end;
        self.valid = true;
        Ok(true)
    }

    /// Walks on over a plain block without putting keys together: gives the values behind the current entry, to the
    /// block's end or, once `wanted` were given, to the next restart. Afterwards the cursor's key is one passed before;
    /// `advance` goes on.
    pub fn drain<'a>(&'a mut self, wanted: usize, values: &mut Vec<&'a [u8]>) -> Result<(), Malformed> {
        let Some(block) = self.block.as_ref().filter(|block| block.plain) else { return Ok(()) };
        let (mut at, begin) = (self.next, values.len());
        let mut restart = block.restart_after(at);
        while at < block.entries_end && values.len() - begin < wanted {
            let end = block.restart(restart);
            while at < end {
                let head = block.head(at)?;
                if !head.live {
                    return Err(Malformed("a tombstone in a plain block"));
                }
                at = head.value_end;
                values.push(&block.bytes[head.value_start..at]);
            }
            restart += 1;
        }
        self.next = at;
        Ok(())
    }

    /// Whether nothing of the block is left to walk over.
    pub fn is_at_end(&self) -> bool {
        self.block.as_ref().is_none_or(|block| self.next >= block.entries_end)
    }

    /// Goes to the first entry at or after (key, timestamp); false if there is none.
    #[inline]
    pub fn seek(&mut self, key: &[u8], timestamp: Timestamp) -> Result<bool, Malformed> {
        let Some(block) = &self.block else { return Ok(false) };
        self.next = block.restart(block.restart_before(key, timestamp)?);
        self.valid = false;
        while self.advance()? {
            if self.key.as_slice().cmp(key).then(timestamp.cmp(&self.timestamp)).is_ge() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes to the last entry before (key, timestamp), or without a key to the very last; false if there is none.
    pub fn seek_before(&mut self, before: Option<(&[u8], Timestamp)>) -> Result<bool, Malformed> {
        let Some(block) = self.block.clone() else { return Ok(false) };
        let restart = match before {
            Some((key, timestamp)) => block.restart_before(key, timestamp)?,
            None => block.restarts - 1,
        };
        self.collect(&block, block.restart(restart), |cursor| match before {
            Some((key, timestamp)) => cursor.key.as_slice().cmp(key).then(timestamp.cmp(&cursor.timestamp)).is_lt(),
            None => true,
        })?;
        self.step_on_trail();
        Ok(self.valid)
    }

    /// Goes to the entry before; false if there is none.
    pub fn retreat(&mut self) -> Result<bool, Malformed> {
        let Some(block) = self.block.clone() else { return Ok(false) };
        if self.trail.is_empty() {
            let (here, mut low, mut high) = (self.here, 0, block.restarts);
            while high - low > 1 {
                let middle = (low + high) / 2;
                if block.restart(middle) < here { low = middle } else { high = middle }
            }
            if here == 0 || !self.valid {
                self.valid = false;
                return Ok(false);
            }
            let key = std::mem::take(&mut self.key);
            self.collect(&block, block.restart(low), |cursor| cursor.here < here)?;
            self.key = key;
        }
        self.step_on_trail();
        Ok(self.valid)
    }

    /// Notes the entries from `start` on for which `wanted` holds.
    fn collect(&mut self, block: &Rc<Block>, start: usize, wanted: impl Fn(&Self) -> bool) -> Result<(), Malformed> {
        let mut walker = BlockCursor { block: Some(block.clone()), next: start, ..BlockCursor::default() };
        self.trail.clear();
        self.trail_keys.clear();
        while walker.advance()? && wanted(&walker) {
            let key_start = self.trail_keys.len();
            self.trail_keys.extend_from_slice(&walker.key);
            self.trail.push(Step {
                here: walker.here,
                next: walker.next,
                key_start,
                key_end: self.trail_keys.len(),
                timestamp: walker.timestamp,
                value: walker.value,
            });
        }
        Ok(())
    }

    fn step_on_trail(&mut self) {
        let Some(step) = self.trail.pop() else {
            self.valid = false;
            return;
        };
        let key = &self.trail_keys[step.key_start..step.key_end];
        self.same_key = self.key == key;
        self.key.clear();
        self.key.extend_from_slice(key);
        (self.here, self.next) = (step.here, step.next);
        (self.timestamp, self.value, self.valid) = (step.timestamp, step.value, true);
    }

    /// Whether the cursor stands on an entry.
    #[inline]
    pub fn is_valid(&self) -> bool {
        self.valid
    }

    /// The current entry's key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whether the current key is that of the entry walked over before.
    #[inline]
    pub fn same_key(&self) -> bool {
        self.same_key
    }

    /// The current entry's timestamp.
    #[inline]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Where the current entry's value lies.
    #[inline]
    pub fn span(&self) -> Span {
        self.value
    }

    /// The current entry's value; `None` for a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        let block = self.block.as_ref()?;
        self.value.live.then(|| block.slice(self.value.start, self.value.end))
    }

    /// The block walked.
    pub fn block(&self) -> Option<&Rc<Block>> {
        self.block.as_ref()
    }
}
