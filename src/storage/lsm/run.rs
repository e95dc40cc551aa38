//! Walks a run: tables that lie one behind the other by key, one of level 0 or all of a deeper level.
//!
//! It never waits: when a block is not in memory it says so, and `load` fetches it, with those that will be needed next
//! when the walk has been going on for a while. It decides nothing about visibility.
//!
//! Invariant: between two calls the cursor stands on an entry, or waits for a block at `stage`, or is at its end.

use super::file::{Store, Table};
use super::retention::{Provisional, View};
use super::table::block::{Block, BlockCursor, Span};
use super::table::format::Handle;
use super::table::metadata::read_handle;
use crate::base::time::Timestamp;
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::ops::Bound;
use std::rc::Rc;

/// Blocks read and not walked yet, in the order of the walk; accounted for, because many readers hold some.
#[derive(Default)]
struct Ahead {
    blocks: VecDeque<(u64, Rc<Block>)>,
    account: Option<Rc<Store>>,
}

impl Ahead {
    fn fill(&mut self, store: &Rc<Store>, blocks: impl Iterator<Item = (u64, Rc<Block>)>, reversed: bool) {
        self.clear();
        self.account = Some(store.clone());
        for (offset, block) in blocks {
            store.ahead_bytes.set(store.ahead_bytes.get() + block.bytes());
            match reversed {
                true => self.blocks.push_front((offset, block)),
                false => self.blocks.push_back((offset, block)),
            }
        }
    }

    /// The block at an offset; those before it are not wanted any more.
    fn take(&mut self, wanted: u64) -> Option<Rc<Block>> {
        while let Some((offset, block)) = self.blocks.pop_front() {
            if let Some(store) = &self.account {
                store.ahead_bytes.set(store.ahead_bytes.get() - block.bytes());
            }
            if offset == wanted {
                return Some(block);
            }
        }
        None
    }

    fn clear(&mut self) {
        self.take(u64::MAX);
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// It stands on an entry.
    Entry,
    /// `load` first, then `resume`.
    Load,
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Table,
    Index,
    Data,
    Entry,
    End,
}

/// What is looked for when the next block is entered.
enum Goal {
    /// The first or last entry, as the walk goes.
    Edge,
    /// Forward: the first at or after. Backward: the last before.
    Seek(Vec<u8>, Timestamp),
}

/// How much is fetched at once, and whether it goes into the cache.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub read_ahead_bytes: usize,
    pub keep: bool,
    /// Expect to read on: fetch ahead from the start.
    pub eager: bool,
}

/// See the module.
pub struct RunCursor {
    tables: Vec<Rc<Table>>,
    table: usize,
    part: usize,
    forward: bool,
    stage: Stage,
    goal: Goal,
    /// Entries beyond it are not wanted; blocks there are not fetched ahead.
    limit: Bound<Vec<u8>>,
    index: BlockCursor,
    data: BlockCursor,
    /// What all versions of the table count as written at, if they stand at another time.
    stamp: Option<Timestamp>,
    /// The block walked lies within the limit as a whole.
    block_is_within: bool,
    reading: Reading,
    /// How much to fetch at the next load.
    window_bytes: usize,
    ahead: Ahead,
    loaded_index: Option<(usize, usize, Rc<Block>)>,
}

impl RunCursor {
    /// A walk over tables that are ordered by key and disjoint. `limit` is where it will end, in its direction.
    pub fn new(tables: Vec<Rc<Table>>, forward: bool, limit: Bound<Vec<u8>>, reading: Reading) -> RunCursor {
        RunCursor {
            tables,
            table: 0,
            part: 0,
            forward,
            stage: Stage::End,
            goal: Goal::Edge,
            limit,
            index: BlockCursor::default(),
            data: BlockCursor::default(),
            stamp: None,
            block_is_within: false,
            window_bytes: if reading.eager { reading.read_ahead_bytes } else { 1 },
            reading,
            ahead: Ahead::default(),
            loaded_index: None,
        }
    }

    /// A walk that is over and holds nothing.
    pub fn finished() -> RunCursor {
        let reading = Reading { read_ahead_bytes: 0, keep: false, eager: false };
        RunCursor::new(Vec::new(), true, Bound::Unbounded, reading)
    }

    /// Whether the walk cannot go on without `load`.
    pub fn needs_load(&mut self) -> Result<bool> {
        Ok(self.stage != Stage::Entry && self.resume()? == Walk::Load)
    }

    /// Aims at the first entry at or after (key, timestamp), or, backward, the last before it; without a key at the edge.
    pub fn seek(&mut self, target: Option<(&[u8], Timestamp)>) {
        self.stage = Stage::Table;
        match (target, self.forward) {
            (None, true) => self.table = 0,
            (None, false) => self.table = self.tables.len().wrapping_sub(1),
            (Some((key, _)), true) => self.table = self.tables.partition_point(|table| table.meta.largest() < key),
            (Some((key, _)), false) => {
                self.table = self.tables.partition_point(|table| table.meta.smallest() <= key).wrapping_sub(1);
            }
        }
        self.goal = match target {
            Some((key, timestamp)) => Goal::Seek(key.to_vec(), timestamp),
            None => Goal::Edge,
        };
    }

    /// Goes to the next entry in the walk's direction.
    #[inline]
    pub fn step(&mut self) -> Result<Walk> {
        if self.stage != Stage::Entry {
            return self.resume();
        }
        let moved = if self.forward { self.data.advance() } else { self.data.retreat() };
        match moved {
            Ok(true) => Ok(Walk::Entry),
            Ok(false) => self.next_block(),
            Err(malformed) => Err(self.data_damage()(malformed)),
        }
    }

    /// Walks on over the current block where nothing needs to be decided: it lies within the limit and before every key of
    /// `others`, each of its entries has a key and a value of its own, and the view sees them all. See
    /// [`BlockCursor::drain`].
    pub fn drain<'a>(
        &'a mut self,
        (view, provisional): (&View, &Provisional),
        others: Option<&[u8]>,
        wanted: usize,
        values: &mut Vec<&'a [u8]>,
    ) -> Result<()> {
        // Every key of the block is at or before its index key, which bears a time only if the last one goes on behind it.
        let within = self.stage == Stage::Entry
            && self.block_is_within
            && self.index.timestamp() == Timestamp::MIN
            && others.is_none_or(|others| self.index.key() < others);
        let times =
            self.data.block().filter(|_| within && !self.data.is_at_end()).and_then(|block| block.plain_times());
        let times = times.map(|times| self.stamp.map_or(times, |stamp| (stamp, stamp)));
        if !times.is_some_and(|(oldest, newest)| view.sees_all(oldest, newest, provisional)) {
            return Ok(());
        }
        let (table, handle) = (&self.tables[self.table], self.handle()?);
        self.data.drain(wanted, values).map_err(table.damage(handle.offset))
    }

    fn next_block(&mut self) -> Result<Walk> {
        self.goal = Goal::Edge;
        let moved = if self.forward { self.index.advance() } else { self.index.retreat() };
        self.stage = if moved.map_err(self.index_damage())? { Stage::Data } else { self.next_part() };
        self.resume()
    }

    fn next_part(&mut self) -> Stage {
        self.goal = Goal::Edge;
        self.part = if self.forward { self.part + 1 } else { self.part.wrapping_sub(1) };
        Stage::Index
    }

    /// Goes on after `load`, or after `seek`.
    pub fn resume(&mut self) -> Result<Walk> {
        loop {
            self.stage = match self.stage {
                Stage::Entry => return Ok(Walk::Entry),
                Stage::End => return Ok(Walk::End),
                Stage::Table => self.enter_table(),
                Stage::Index => match self.enter_index()? {
                    Some(stage) => stage,
                    None => return Ok(Walk::Load),
                },
                Stage::Data => match self.enter_data()? {
                    Some(stage) => stage,
                    None => return Ok(Walk::Load),
                },
            };
        }
    }

    fn enter_table(&mut self) -> Stage {
        let Some(table) = self.tables.get(self.table) else {
            self.data.leave();
            return Stage::End;
        };
        self.stamp = table.meta.stamp;
        let parts = table.metadata.parts.len();
        self.part = match &self.goal {
            Goal::Seek(key, timestamp) if self.forward => table.metadata.part_for(key, *timestamp),
            Goal::Seek(key, timestamp) => table.metadata.part_for(key, *timestamp).min(parts.wrapping_sub(1)),
            Goal::Edge if self.forward => 0,
            Goal::Edge => parts.wrapping_sub(1),
        };
        Stage::Index
    }

    /// `None` if the index block must be loaded.
    fn enter_index(&mut self) -> Result<Option<Stage>> {
        let table = &self.tables[self.table];
        if self.part >= table.metadata.parts.len() {
            self.table = if self.forward { self.table + 1 } else { self.table.wrapping_sub(1) };
            self.goal = Goal::Edge;
            return Ok(Some(Stage::Table));
        }
        let loaded = self.loaded_index.take().filter(|&(table, part, _)| (table, part) == (self.table, self.part));
        let Some(block) = loaded.map(|(.., block)| block).or_else(|| table.cached_index(self.part)) else {
            return Ok(None);
        };
        self.index.enter(block);
        let found = match (&self.goal, self.forward) {
            (Goal::Seek(key, timestamp), true) => self.index.seek(key, *timestamp),
            // The block that holds (key, timestamp) holds what is before it, too, or the block before does.
            (Goal::Seek(key, timestamp), false) => match self.index.seek(key, *timestamp) {
                Ok(false) => self.index.seek_before(None),
                found => found,
            },
            (Goal::Edge, true) => self.index.advance(),
            (Goal::Edge, false) => self.index.seek_before(None),
        };
        let found = found.map_err(self.index_damage())?;
        Ok(Some(if found { Stage::Data } else { self.next_part() }))
    }

    /// `None` if the data block must be loaded.
    fn enter_data(&mut self) -> Result<Option<Stage>> {
        let handle = self.handle()?;
        let ready = self.ahead.take(handle.offset);
        let Some(block) = ready.or_else(|| self.tables[self.table].cached_data(handle)) else { return Ok(None) };
        self.data.enter(block);
        self.block_is_within = self.forward && self.is_within(self.index.key());
        let found = match (&self.goal, self.forward) {
            (Goal::Seek(key, timestamp), true) => self.data.seek(key, *timestamp),
            (Goal::Seek(key, timestamp), false) => self.data.seek_before(Some((key, *timestamp))),
            (Goal::Edge, true) => self.data.advance(),
            (Goal::Edge, false) => self.data.seek_before(None),
        };
        if found.map_err(self.data_damage())? {
            self.goal = Goal::Edge;
            return Ok(Some(Stage::Entry));
        }
        self.goal = Goal::Edge;
        let moved = if self.forward { self.index.advance() } else { self.index.retreat() };
        Ok(Some(if moved.map_err(self.index_damage())? { Stage::Data } else { self.next_part() }))
    }

    /// Fetches what `Walk::Load` asked for.
    pub async fn load(&mut self) -> Result<()> {
        let Some(table) = self.tables.get(self.table).cloned() else { return Ok(()) };
        match self.stage {
            Stage::Index => {
                let (_, index) = table.load_part(self.part).await?;
                self.loaded_index = Some((self.table, self.part, index));
            }
            Stage::Data => {
                let mut handles = self.handles_ahead()?;
                let backward = !self.forward;
                if backward {
                    handles.reverse();
                }
                let blocks = table.load_data(&handles, self.reading.keep).await?;
                let blocks = handles.iter().map(|handle| handle.offset).zip(blocks);
                self.ahead.fill(table.store(), blocks, backward);
                self.window_bytes =
                    (self.window_bytes * 4).clamp(64 << 10, self.reading.read_ahead_bytes.max(64 << 10));
            }
            Stage::Table | Stage::Entry | Stage::End => {}
        }
        Ok(())
    }

    /// The block to load, and those after it, in the walk's direction, that fit the window and lie side by side.
    fn handles_ahead(&self) -> Result<Vec<Handle>> {
        let first = self.handle()?;
        let (mut handles, mut bytes) = (vec![first], first.len as usize);
        let Some(block) = self.index.block() else { return Ok(handles) };
        let mut index = BlockCursor::default();
        index.enter(block.clone());
        index.seek(self.index.key(), self.index.timestamp()).map_err(self.index_damage())?;
        let window_bytes =
            if self.reading.eager || self.tables[self.table].store().may_read_ahead() { self.window_bytes } else { 1 };
        while bytes < window_bytes && self.is_within(index.key()) {
            let moved = if self.forward { index.advance() } else { index.retreat() };
            if !moved.map_err(self.index_damage())? {
                break;
            }
            let handle = self.handle_of(&index)?;
            let last = handles[handles.len() - 1];
            let adjacent = if self.forward { last.end() == handle.offset } else { handle.end() == last.offset };
            if !adjacent {
                break;
            }
            bytes += handle.len as usize;
            handles.push(handle);
        }
        Ok(handles)
    }

    fn handle(&self) -> Result<Handle> {
        self.handle_of(&self.index)
    }

    fn handle_of(&self, index: &BlockCursor) -> Result<Handle> {
        let end = self.tables[self.table].metadata.parts[self.part].filter.offset;
        read_handle(index.value().unwrap_or_default(), &mut 0, end).map_err(self.index_damage())
    }

    fn index_damage(&self) -> impl Fn(super::table::block::Malformed) -> Error {
        let table = &self.tables[self.table];
        table.damage(table.metadata.parts.get(self.part).map_or(0, |part| part.index.offset))
    }

    fn data_damage(&self) -> impl Fn(super::table::block::Malformed) -> Error {
        let offset = self.handle().map_or(0, |handle| handle.offset);
        self.tables[self.table].damage(offset)
    }

    /// Whether a key lies before the limit.
    fn is_within(&self, key: &[u8]) -> bool {
        match (&self.limit, self.forward) {
            (Bound::Unbounded, _) => true,
            (Bound::Included(limit), true) => key <= limit.as_slice(),
            (Bound::Excluded(limit), true) => key < limit.as_slice(),
            (Bound::Included(limit), false) => key >= limit.as_slice(),
            (Bound::Excluded(limit), false) => key > limit.as_slice(),
        }
    }

    /// Whether the limit need not be compared with the current entry: its whole block lies within.
    #[inline]
    pub fn is_surely_within(&self) -> bool {
        self.block_is_within
    }

    /// The current entry's user key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.data.key()
    }

    /// Whether that is also the key of the entry walked over before.
    #[inline]
    pub fn same_key(&self) -> bool {
        self.data.same_key()
    }

    /// The current entry's timestamp.
    #[inline]
    pub fn timestamp(&self) -> Timestamp {
        self.stamp.unwrap_or(self.data.timestamp())
    }

    /// Where the current entry's value lies.
    #[inline]
    pub fn span(&self) -> Span {
        self.data.span()
    }

    /// The current entry's value.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        self.data.value()
    }

    /// The current block.
    pub fn block(&self) -> Option<&Rc<Block>> {
        self.data.block()
    }
}
