//! Finds the newest version of one key that is wanted: memtables first, then the tables that may hold it.
//!
//! Nothing here waits. A lookup that needs a block says which; `Lsm::get` reads it and asks again, handing in what it has
//! read, so that even a cache that keeps nothing cannot make it go round for ever.

use super::file::Table;
use super::table::block::{Block, BlockCursor, Span};
use super::table::filter::{self, Filter};
use super::table::format::Handle;
use super::table::metadata::read_handle;
use super::value::ValueRef;
use super::version::Snapshot;
use crate::base::time::Timestamp;
use crate::error::Result;
use std::rc::Rc;

/// A version that was found: the time it stands at, the time it counts as written at, its value unless it is a tombstone.
pub struct Version {
    pub at: Timestamp,
    pub value: Option<ValueRef>,
}

/// What came of a lookup.
pub enum Lookup {
    Found(Version),
    Absent,
    /// This must be read first.
    Need(Need),
}

/// Something to read.
pub struct Need {
    pub table: Rc<Table>,
    pub what: What,
}

/// Which piece of a table.
pub enum What {
    /// Filter and index block of a part.
    Part(usize),
    Data(Handle),
}

/// What was read for this lookup already.
#[derive(Default)]
pub struct Held {
    parts: Vec<(u64, usize, Rc<Filter>, Rc<Block>)>,
    blocks: Vec<(u64, u64, Rc<Block>)>,
}

impl Held {
    /// Reads what a lookup needs.
    pub async fn load(&mut self, need: Need) -> Result<()> {
        let number = need.table.meta.number;
        match need.what {
            What::Part(part) => {
                let (filter, index) = need.table.load_part(part).await?;
                self.parts.push((number, part, filter, index));
            }
            What::Data(handle) => {
                let blocks = need.table.load_data(&[handle], true).await?;
                self.blocks.extend(blocks.into_iter().map(|block| (number, handle.offset, block)));
            }
        }
        Ok(())
    }

    fn filter(&self, table: &Table, part: usize) -> Option<Rc<Filter>> {
        let held = self.parts.iter().find(|held| (held.0, held.1) == (table.meta.number, part));
        held.map(|held| held.2.clone()).or_else(|| table.cached_filter(part))
    }

    fn index(&self, table: &Table, part: usize) -> Option<Rc<Block>> {
        let held = self.parts.iter().find(|held| (held.0, held.1) == (table.meta.number, part));
        held.map(|held| held.3.clone()).or_else(|| table.cached_index(part))
    }

    fn data(&self, table: &Table, handle: Handle) -> Option<Rc<Block>> {
        let held = self.blocks.iter().find(|held| (held.0, held.1) == (table.meta.number, handle.offset));
        held.map(|held| held.2.clone()).or_else(|| table.cached_data(handle))
    }
}

/// Cursors whose buffers are kept from one lookup to the next.
#[derive(Default)]
pub struct Scratch {
    index: BlockCursor,
    data: BlockCursor,
}

/// The newest version of `key`, from `from` back, to which `accept` gives a time.
pub fn find(
    snapshot: &Snapshot,
    held: &Held,
    scratch: &mut Scratch,
    key: &[u8],
    from: Timestamp,
    accept: &dyn Fn(Timestamp) -> Option<Timestamp>,
) -> Result<Lookup> {
    for memtable in snapshot.memtables() {
        if let Some((place, (at, counts))) = memtable.find(key, from, |at| Some((at, accept(at)?))) {
            let live = memtable.entry(place).value.is_some();
            let value = live.then(|| ValueRef::in_memtable(memtable.clone(), place, counts));
            return Ok(Lookup::Found(Version { at, value }));
        }
    }
    let mut hash = None;
    for table in snapshot.version.tables_for(key) {
        let hash = *hash.get_or_insert_with(|| filter::hash(key));
        let mut search = TableSearch { table, held, key, accept };
        let found = search.run(scratch, hash, from);
        scratch.index.leave();
        scratch.data.leave();
        match found? {
            Lookup::Absent => {}
            other => return Ok(other),
        }
    }
    Ok(Lookup::Absent)
}

struct TableSearch<'a> {
    table: &'a Rc<Table>,
    held: &'a Held,
    key: &'a [u8],
    accept: &'a dyn Fn(Timestamp) -> Option<Timestamp>,
}

impl TableSearch<'_> {
    fn run(&mut self, scratch: &mut Scratch, hash: u64, from: Timestamp) -> Result<Lookup> {
        let metadata = &self.table.metadata;
        let mut part = metadata.part_for(self.key, from);
        while let Some(place) = metadata.parts.get(part) {
            let Some(filter) = self.held.filter(self.table, part) else { return Ok(self.need(What::Part(part))) };
            if !filter.may_contain(hash) {
                return Ok(Lookup::Absent);
            }
            let Some(index) = self.held.index(self.table, part) else { return Ok(self.need(What::Part(part))) };
            scratch.index.enter(index);
            let damage = self.table.damage(place.index.offset);
            let mut found = scratch.index.seek(self.key, from).map_err(&damage)?;
            while found {
                let value = scratch.index.value().unwrap_or_default();
                let handle = read_handle(value, &mut 0, place.filter.offset).map_err(&damage)?;
                match self.search_block(scratch, handle, from)? {
                    Lookup::Absent if scratch.index.key() == self.key => {}
                    other => return Ok(other),
                }
                found = scratch.index.advance().map_err(&damage)?;
            }
            // The key's versions go on in the next part only if it ends this one.
            if *place.last_key != *self.key {
                return Ok(Lookup::Absent);
            }
            part += 1;
        }
        Ok(Lookup::Absent)
    }

    fn search_block(&self, scratch: &mut Scratch, handle: Handle, from: Timestamp) -> Result<Lookup> {
        let Some(block) = self.held.data(self.table, handle) else { return Ok(self.need(What::Data(handle))) };
        let damage = self.table.damage(handle.offset);
        scratch.data.enter(block.clone());
        let mut found = scratch.data.seek(self.key, from).map_err(&damage)?;
        while found && scratch.data.key() == self.key {
            let at = self.table.meta.stamp.unwrap_or(scratch.data.timestamp());
            if let Some(counts) = (self.accept)(at) {
                return Ok(Lookup::Found(Version { at, value: self.value(block, scratch.data.span(), counts) }));
            }
            found = scratch.data.advance().map_err(&damage)?;
        }
        Ok(Lookup::Absent)
    }

    fn value(&self, block: Rc<Block>, span: Span, counts: Timestamp) -> Option<ValueRef> {
        span.live.then(|| ValueRef::in_block(block, span, counts))
    }

    fn need(&self, what: What) -> Lookup {
        Lookup::Need(Need { table: self.table.clone(), what })
    }
}
