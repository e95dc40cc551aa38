//! What a reader walks: the newest version of each user key that its view sees, tombstones skipped.
//!
//! It holds one `Snapshot` of the tree, so what is applied, flushed or compacted meanwhile does not change what it gives.
//! `try_next` never waits and does not allocate once its buffers have grown; `load` fetches what it asked for.
//!
//! Forward, the first version seen of a key decides. Backward, versions of a key come oldest first, so the last one
//! seen decides, and the walk is one key ahead of what it shows.
//!
//! Invariant: every key is shown once at most; an error is final.

use super::memtable::MemoryCursor;
use super::merge::{MemorySource, Merge, Source};
use super::retention::{Retention, View};
use super::run::{Reading, RunCursor, Walk};
use super::value::ValueRef;
use super::version::Snapshot;
use crate::base::time::Timestamp;
use crate::error::Result;
use std::ops::Bound;
use std::rc::Rc;

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

/// A range of user keys.
pub type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// See the module.
pub struct Cursor {
    merge: Merge,
    view: View,
    retention: Rc<Retention>,
    /// The end of the range in the walk's direction.
    limit: Bound<Vec<u8>>,
    direction: Direction,
    ended: bool,
    /// Forward: what is left of `last_key` is older than what was decided on.
    decided: bool,
    /// Forward: the version looked at before came from the only source left, so it knows whether the key is the same.
    chained: bool,
    /// Forward: `drain` has moved on since the last step.
    drained: bool,
    last_key: Vec<u8>,
    timestamp: Timestamp,
    /// Backward: the merge stands on a version not looked at yet.
    fresh: bool,
    candidate: Option<Candidate>,
    shown_key: Vec<u8>,
    shown: Option<ValueRef>,
    _snapshot: Rc<Snapshot>,
}

/// Backward: the newest version seen so far of the key in `last_key`.
struct Candidate {
    /// `None` for a tombstone.
    value: Option<ValueRef>,
}

impl Cursor {
    pub(super) fn new(
        snapshot: Rc<Snapshot>,
        retention: Rc<Retention>,
        view: View,
        range: Range,
        direction: Direction,
        reading: Reading,
    ) -> Cursor {
        let forward = direction == Direction::Forward;
        let sources = if is_empty(&range) { Vec::new() } else { sources(&snapshot, &range, forward, reading) };
        let (start, end) = range;
        Cursor {
            merge: Merge::new(sources, forward),
            view,
            retention,
            limit: if forward { end } else { start },
            direction,
            ended: false,
            decided: false,
            chained: false,
            drained: false,
            last_key: Vec::new(),
            timestamp: Timestamp::MIN,
            fresh: false,
            candidate: None,
            shown_key: Vec::new(),
            shown: None,
            _snapshot: snapshot,
        }
    }

    /// Goes to the next entry. The fast path: no await, no allocation.
    #[inline]
    pub fn try_next(&mut self) -> Result<Step> {
        if self.ended {
            return Ok(Step::End);
        }
        match self.direction {
            Direction::Forward => self.try_forward(),
            Direction::Backward => self.try_backward(),
        }
    }

    #[inline]
    fn try_forward(&mut self) -> Result<Step> {
        if self.drained {
            self.drained = false;
            self.note_drained();
        }
        let provisional = self.retention.provisional.borrow();
        loop {
            match self.merge.step()? {
                Walk::Entry => {}
                Walk::Load => return Ok(Step::Load),
                Walk::End => {
                    self.ended = true;
                    return Ok(Step::End);
                }
            }
            let Some(source) = self.merge.current() else { return Ok(Step::End) };
            let single = self.merge.is_single();
            let same = if self.chained && single { source.same_key() } else { self.last_key == source.key() };
            self.chained = single;
            if same && self.decided {
                continue;
            }
            self.decided = false;
            if !source.is_surely_within() && is_beyond(&self.limit, source.key(), true) {
                self.ended = true;
                return Ok(Step::End);
            }
            let seen = self.view.sees(source.timestamp(), &provisional);
            if !single || seen.is_none() {
                // Needed to know the key again: in a merge, and behind a version that is not seen.
                self.last_key.clear();
                self.last_key.extend_from_slice(source.key());
            }
            let Some(timestamp) = seen else { continue };
            self.decided = true;
            if source.is_live() {
                self.timestamp = timestamp;
                return Ok(Step::Entry);
            }
        }
    }

    /// In a merge, the last key that `drain` passed must be known. (Of a block it is one before, which does as well: no other
    /// source has keys between the two.)
    fn note_drained(&mut self) {
        if !self.merge.is_single()
            && let Some(source) = self.merge.current()
        {
            self.last_key.clear();
            self.last_key.extend_from_slice(source.key());
        }
    }

    fn try_backward(&mut self) -> Result<Step> {
        loop {
            if !self.fresh {
                match self.merge.step()? {
                    Walk::Entry => self.fresh = true,
                    Walk::Load => return Ok(Step::Load),
                    Walk::End => {
                        self.ended = true;
                        return Ok(if self.show() { Step::Entry } else { Step::End });
                    }
                }
            }
            let Some(source) = self.merge.current() else { return Ok(Step::End) };
            if self.candidate.is_some() && self.last_key != source.key() && self.show() {
                return Ok(Step::Entry);
            }
            let Some(source) = self.merge.current() else { return Ok(Step::End) };
            if is_beyond(&self.limit, source.key(), false) {
                self.ended = true;
                return Ok(Step::End);
            }
            if let Some(timestamp) = self.view.sees(source.timestamp(), &self.retention.provisional.borrow()) {
                let value = if source.is_live() { source.hold(timestamp) } else { None };
                self.candidate = Some(Candidate { value });
                self.last_key.clear();
                self.last_key.extend_from_slice(source.key());
            }
            self.fresh = false;
        }
    }

    /// Shows the candidate, if it is live; there is none afterwards.
    fn show(&mut self) -> bool {
        let Some(value) = self.candidate.take().and_then(|candidate| candidate.value) else { return false };
        std::mem::swap(&mut self.shown_key, &mut self.last_key);
        self.timestamp = value.timestamp();
        self.shown = Some(value);
        true
    }

    /// Walks on over entries that lie side by side and gives their values, about as many as `wanted`. May be called when the
    /// cursor stands on an entry, only goes forward, and gives nothing where versions must be told from each other one by
    /// one: `try_next` goes on from there. Until then, key, value and timestamp mean nothing.
    pub fn drain<'a>(&'a mut self, wanted: usize, values: &mut Vec<&'a [u8]>) -> Result<()> {
        if self.ended || self.direction == Direction::Backward || !self.decided {
            return Ok(());
        }
        let provisional = self.retention.provisional.borrow();
        let limit = &self.limit;
        let is_within = |key: &[u8]| !is_beyond(limit, key, true);
        self.drained = true;
        self.decided = self.merge.drain((&self.view, &provisional), is_within, wanted, values)?;
        Ok(())
    }

    /// Reads what `Step::Load` asked for.
    pub async fn load(&mut self) -> Result<()> {
        self.merge.load().await
    }

    /// `try_next` and `load` together; false at the end.
    pub async fn next(&mut self) -> Result<bool> {
        loop {
            match self.try_next()? {
                Step::Entry => return Ok(true),
                Step::End => return Ok(false),
                Step::Load => self.load().await?,
            }
        }
    }

    /// The user key of the entry the cursor stands on.
    #[inline]
    pub fn key(&self) -> &[u8] {
        match self.direction {
            Direction::Forward => self.merge.current().map_or(&[], Source::key),
            Direction::Backward => &self.shown_key,
        }
    }

    /// Its value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        match self.direction {
            Direction::Forward => self.merge.current().and_then(Source::value).unwrap_or_default(),
            Direction::Backward => self.shown.as_deref().unwrap_or_default(),
        }
    }

    /// The value, kept beyond the next step without a copy.
    pub fn value_ref(&self) -> Option<ValueRef> {
        match self.direction {
            Direction::Forward => self.merge.current()?.hold(self.timestamp),
            Direction::Backward => self.shown.clone(),
        }
    }

    /// When the version counts as written.
    #[inline]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

fn is_empty((start, end): &Range) -> bool {
    match (start, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => start >= end,
    }
}

/// Whether a key lies behind the limit.
#[inline]
fn is_beyond(limit: &Bound<Vec<u8>>, key: &[u8], forward: bool) -> bool {
    match limit {
        Bound::Unbounded => false,
        Bound::Included(limit) => {
            if forward {
                key > limit.as_slice()
            } else {
                key < limit.as_slice()
            }
        }
        Bound::Excluded(limit) => {
            if forward {
                key >= limit.as_slice()
            } else {
                key <= limit.as_slice()
            }
        }
    }
}

/// Where a walk over a range begins: at the first version at or after this, or, backward, at the last before it.
fn target(range: &Range, forward: bool) -> Option<(&[u8], Timestamp)> {
    let edge = if forward { &range.0 } else { &range.1 };
    match (edge, forward) {
        (Bound::Unbounded, _) => None,
        (Bound::Included(key), true) | (Bound::Excluded(key), false) => Some((key, Timestamp::MAX)),
        // Behind all versions of the key: there is none older than 0, which is never written.
        (Bound::Excluded(key), true) | (Bound::Included(key), false) => Some((key, Timestamp::MIN)),
    }
}

/// All that may hold keys of a range, youngest first, aimed at its beginning.
pub(super) fn sources(snapshot: &Snapshot, range: &Range, forward: bool, reading: Reading) -> Vec<Source> {
    let target = target(range, forward);
    let limit = if forward { &range.1 } else { &range.0 };
    let mut sources = Vec::new();
    for memtable in snapshot.memtables().filter(|memtable| !memtable.is_empty()) {
        let mut cursor = MemoryCursor::new(memtable.clone());
        match (target, forward) {
            (None, true) => cursor.seek(&[], Timestamp::MAX),
            (Some((key, timestamp)), true) => cursor.seek(key, timestamp),
            (before, false) => cursor.seek_before(before),
        }
        if cursor.entry().is_some_and(|entry| !is_beyond(limit, entry.key, forward)) {
            sources.push(Source::Memory(MemorySource::new(cursor, forward)));
        }
    }
    for (level, tables) in snapshot.version.levels.iter().enumerate() {
        let in_range = tables.iter().filter(|table| {
            !is_beyond(&range.1, table.meta.smallest(), true) && !is_beyond(&range.0, table.meta.largest(), false)
        });
        let runs: Vec<Vec<_>> = match level {
            0 => in_range.map(|table| vec![table.clone()]).collect(),
            _ => vec![in_range.cloned().collect()],
        };
        for tables in runs.into_iter().filter(|tables| !tables.is_empty()) {
            let mut run = RunCursor::new(tables, forward, limit.clone(), reading);
            run.seek(target);
            sources.push(Source::Run(Box::new(run)));
        }
    }
    sources
}
