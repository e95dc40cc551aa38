//! Merges memtables and runs into one sequence: by user key, newest version first; backward, exactly the reverse.
//!
//! It shows every version; what of them a reader sees is decided by `cursor`, what is kept by `compaction`.
//!
//! Invariants: sources are given youngest first; `order` lists those that stand on an entry, the next one first; those in
//! `waiting` must go on before anything is said about the order.

use super::memtable::MemoryCursor;
use super::retention::{Provisional, View};
use super::run::{RunCursor, Walk};
use super::value::ValueRef;
use crate::base::time::Timestamp;
use crate::error::Result;
use std::cmp::Ordering;

/// Something sorted to walk over.
pub enum Source {
    Memory(MemorySource),
    Run(Box<RunCursor>),
}

/// A memtable as a source.
pub struct MemorySource {
    cursor: MemoryCursor,
    forward: bool,
    started: bool,
    same_key: bool,
}

impl MemorySource {
    /// The cursor has been aimed already.
    pub fn new(cursor: MemoryCursor, forward: bool) -> MemorySource {
        MemorySource { cursor, forward, started: false, same_key: false }
    }

    #[inline]
    fn step(&mut self) -> Walk {
        if self.started {
            let before = self.cursor.place();
            if self.forward {
                self.cursor.advance()
            } else {
                self.cursor.retreat()
            }
            let memtable = self.cursor.memtable();
            self.same_key = match (before, self.cursor.place()) {
                (Some(before), Some(here)) => memtable.entry(before).key == memtable.entry(here).key,
                _ => false,
            };
        }
        self.started = true;
        if self.cursor.place().is_some() { Walk::Entry } else { Walk::End }
    }
}

impl Source {
    #[inline]
    fn step(&mut self) -> Result<Walk> {
        match self {
            Source::Memory(source) => Ok(source.step()),
            Source::Run(run) => run.step(),
        }
    }

    /// Goes to the first entry, or to the one it waited for.
    fn arrive(&mut self) -> Result<Walk> {
        match self {
            Source::Memory(source) => Ok(source.step()),
            Source::Run(run) => run.resume(),
        }
    }

    /// The current entry's user key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        match self {
            Source::Memory(source) => source.cursor.entry().map_or(&[], |entry| entry.key),
            Source::Run(run) => run.key(),
        }
    }

    /// Whether that is also the key of the entry this source stood on before.
    #[inline]
    pub fn same_key(&self) -> bool {
        match self {
            Source::Memory(source) => source.same_key,
            Source::Run(run) => run.same_key(),
        }
    }

    /// The current entry's timestamp.
    #[inline]
    pub fn timestamp(&self) -> Timestamp {
        match self {
            Source::Memory(source) => source.cursor.entry().map_or(Timestamp::MIN, |entry| entry.timestamp),
            Source::Run(run) => run.timestamp(),
        }
    }

    /// The current entry's value; `None` for a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            Source::Memory(source) => source.cursor.entry().and_then(|entry| entry.value),
            Source::Run(run) => run.value(),
        }
    }

    /// Whether the current entry is no tombstone.
    #[inline]
    pub fn is_live(&self) -> bool {
        match self {
            Source::Memory(source) => source.cursor.entry().is_some_and(|entry| entry.value.is_some()),
            Source::Run(run) => run.span().live,
        }
    }

    /// Whether the current entry surely lies within the walk's limit.
    #[inline]
    pub fn is_surely_within(&self) -> bool {
        match self {
            Source::Memory(_) => false,
            Source::Run(run) => run.is_surely_within(),
        }
    }

    /// Holds on to the current value.
    pub fn hold(&self, timestamp: Timestamp) -> Option<ValueRef> {
        match self {
            Source::Memory(source) => {
                let place = source.cursor.place()?;
                Some(ValueRef::in_memtable(source.cursor.memtable().clone(), place, timestamp))
            }
            Source::Run(run) => Some(ValueRef::in_block(run.block()?.clone(), run.span(), timestamp)),
        }
    }
}

/// See the module.
pub struct Merge {
    /// Youngest first.
    sources: Vec<Source>,
    order: Vec<u16>,
    waiting: Vec<u16>,
    forward: bool,
}

impl Merge {
    /// Sources that have been aimed and not walked yet, youngest first.
    pub fn new(sources: Vec<Source>, forward: bool) -> Merge {
        let waiting = (0..sources.len() as u16).collect();
        Merge { order: Vec::with_capacity(sources.len()), sources, waiting, forward }
    }

    /// Goes to the next version.
    #[inline]
    pub fn step(&mut self) -> Result<Walk> {
        if self.waiting.is_empty()
            && let Some(&top) = self.order.first()
        {
            match self.sources[top as usize].step()? {
                Walk::Entry => {
                    if self.order.len() > 1 {
                        self.sink();
                    }
                    return Ok(Walk::Entry);
                }
                Walk::End => {
                    self.order.remove(0);
                    self.close(top);
                }
                Walk::Load => {
                    self.order.remove(0);
                    self.waiting.push(top);
                    return Ok(Walk::Load);
                }
            }
        }
        self.settle()
    }

    /// Lets those that wait go on.
    fn settle(&mut self) -> Result<Walk> {
        while let Some(&next) = self.waiting.last() {
            match self.sources[next as usize].arrive()? {
                Walk::Load => return Ok(Walk::Load),
                Walk::End => self.close(next),
                Walk::Entry => {
                    self.order.insert(0, next);
                    self.sink();
                }
            }
            self.waiting.pop();
        }
        Ok(if self.order.is_empty() { Walk::End } else { Walk::Entry })
    }

    /// Lets go of what a source at its end still holds.
    fn close(&mut self, source: u16) {
        if let Source::Run(run) = &mut self.sources[source as usize] {
            **run = RunCursor::finished();
        }
    }

    /// Reads what `Walk::Load` asked for.
    pub async fn load(&mut self) -> Result<()> {
        for &waiting in self.waiting.iter().rev() {
            if let Source::Run(run) = &mut self.sources[waiting as usize]
                && run.needs_load()?
            {
                run.load().await?;
            }
        }
        Ok(())
    }

    /// Walks on, forward, over a piece of the current source that lies before the keys of all others, and gives the values
    /// that a view sees, about as many as `wanted`. The current version must have decided on its key; the answer is
    /// whether the last one passed has. `is_within` says whether a key is within the limit.
    pub fn drain<'a>(
        &'a mut self,
        seen_by: (&View, &Provisional),
        is_within: impl Fn(&[u8]) -> bool,
        wanted: usize,
        values: &mut Vec<&'a [u8]>,
    ) -> Result<bool> {
        if !self.waiting.is_empty() {
            return Ok(true);
        }
        let (top, others) = match self.order[..] {
            [] => return Ok(true),
            [top] => (&mut self.sources[top as usize], None),
            [top, next, ..] => match self.sources.get_disjoint_mut([top as usize, next as usize]) {
                Ok([top, next]) => (top, Some(next.key())),
                Err(_) => return Ok(true),
            },
        };
        match top {
            Source::Run(run) => run.drain(seen_by, others, wanted, values).map(|()| true),
            Source::Memory(source) => {
                let wanted = |key: &[u8]| others.is_none_or(|others| key < others) && is_within(key);
                Ok(source.cursor.drain(seen_by, wanted, values))
            }
        }
    }

    /// Moves the first of the order to where it belongs.
    #[inline]
    fn sink(&mut self) {
        let mut at = 0;
        while at + 1 < self.order.len() && self.compare(self.order[at], self.order[at + 1]).is_gt() {
            self.order.swap(at, at + 1);
            at += 1;
        }
    }

    #[inline]
    fn compare(&self, left: u16, right: u16) -> Ordering {
        let (one, other) = (&self.sources[left as usize], &self.sources[right as usize]);
        let order = one.key().cmp(other.key());
        let order = order.then_with(|| other.timestamp().cmp(&one.timestamp())).then(left.cmp(&right));
        if self.forward { order } else { order.reverse() }
    }

    /// The source that stands on the current version.
    #[inline]
    pub fn current(&self) -> Option<&Source> {
        Some(&self.sources[*self.order.first()? as usize])
    }

    /// Whether all that is left comes from one source.
    #[inline]
    pub fn is_single(&self) -> bool {
        self.order.len() == 1 && self.waiting.is_empty()
    }
}
