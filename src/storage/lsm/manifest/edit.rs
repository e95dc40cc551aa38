//! What the manifest says, and how one edit changes it.
//!
//! ```text
//! edit      tag*                                        numbers are varints
//! 1         next file number
//! 2         flushed log position
//! 3         length, attachment
//! 4         level, number, file bytes, identity, properties,    a table joins a level
//!           stamp (0: none)
//! 5         level, number                                       a table leaves a level
//! 6         storage, log position                               a storage was dropped
//! 7         storage                                             nothing of a dropped storage is left
//! ```
//!
//! A snapshot is an edit from nothing. Unknown tags are an error: a newer version must raise the manifest's version.

use crate::base::ids::StorageId;
use crate::base::time::Timestamp;
use crate::storage::log::LogPosition;
use crate::storage::lsm::table::block::Malformed;
use crate::storage::lsm::table::properties::Properties;
use crate::storage::lsm::table::varint;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// Levels of the tree, level 0 among them.
pub const LEVELS: usize = 7;

/// A table as the manifest knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMeta {
    pub number: u64,
    pub file_bytes: u64,
    /// The footer's checksum.
    pub identity: u64,
    pub properties: Rc<Properties>,
    /// All versions in it count as written at this time, whatever stands in the file: it holds one provisional version of
    /// each key, and these are committed.
    pub stamp: Option<Timestamp>,
}

impl TableMeta {
    /// The first user key.
    pub fn smallest(&self) -> &[u8] {
        &self.properties.smallest
    }

    /// The last user key.
    pub fn largest(&self) -> &[u8] {
        &self.properties.largest
    }

    /// Versions in it that are provisional.
    pub fn provisionals(&self) -> &[Timestamp] {
        if self.stamp.is_some() { &[] } else { &self.properties.provisionals }
    }

    /// The provisional version that all of it is of, if no key has two versions: a stamp can settle it.
    pub fn single_provisional(&self) -> Option<Timestamp> {
        let properties = &self.properties;
        let at = properties.oldest;
        let is_single = properties.newest == at && properties.superseded == 0 && self.provisionals() == [at];
        is_single.then_some(at)
    }

    /// Whether any key of `smallest..=largest` may be in it.
    pub fn overlaps(&self, smallest: &[u8], largest: &[u8]) -> bool {
        self.smallest() <= largest && smallest <= self.largest()
    }
}

/// One atomic change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    pub next_number: Option<u64>,
    pub flushed: Option<LogPosition>,
    pub attachment: Option<Vec<u8>>,
    pub added: Vec<(usize, TableMeta)>,
    pub removed: Vec<(usize, u64)>,
    pub dropped: Vec<(StorageId, LogPosition)>,
    pub forgotten: Vec<StorageId>,
}

/// What all edits together say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Greater than the number of any file.
    pub next_number: u64,
    pub flushed: LogPosition,
    pub attachment: Vec<u8>,
    /// Level 0: newest table first. The others: by key, disjoint.
    pub levels: Vec<Vec<TableMeta>>,
    /// Storages that were dropped when the log stood there, and may still have data in tables.
    pub dropped: BTreeMap<StorageId, LogPosition>,
}

impl Default for State {
    fn default() -> State {
        State {
            next_number: 1,
            flushed: LogPosition::default(),
            attachment: Vec::new(),
            levels: vec![Vec::new(); LEVELS],
            dropped: BTreeMap::new(),
        }
    }
}

impl Edit {
    /// Appends the coded form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let numbers = |out: &mut Vec<u8>, numbers: &[u64]| numbers.iter().for_each(|&n| varint::write(out, n));
        if let Some(next_number) = self.next_number {
            numbers(out, &[1, next_number]);
        }
        if let Some(flushed) = self.flushed {
            numbers(out, &[2, flushed.0]);
        }
        if let Some(attachment) = &self.attachment {
            numbers(out, &[3, attachment.len() as u64]);
            out.extend_from_slice(attachment);
        }
        for (level, table) in &self.added {
            numbers(out, &[4, *level as u64, table.number, table.file_bytes, table.identity]);
            table.properties.encode(out);
            numbers(out, &[table.stamp.map_or(0, |stamp| stamp.0)]);
        }
        for (level, number) in &self.removed {
            numbers(out, &[5, *level as u64, *number]);
        }
        for (storage, position) in &self.dropped {
            numbers(out, &[6, u64::from(storage.0), position.0]);
        }
        for storage in &self.forgotten {
            numbers(out, &[7, u64::from(storage.0)]);
        }
    }

    /// Reads the coded form.
    pub fn decode(bytes: &[u8]) -> Result<Edit, Malformed> {
        let (mut edit, mut at) = (Edit::default(), 0);
        while at < bytes.len() {
            edit.decode_tag(bytes, &mut at)?;
        }
        Ok(edit)
    }

    fn decode_tag(&mut self, bytes: &[u8], at: &mut usize) -> Result<(), Malformed> {
        let early = Malformed("an edit that ends early");
        let tag = varint::read(bytes, at).ok_or(early)?;
        let mut number = || varint::read(bytes, at).ok_or(early);
        match tag {
            1 => self.next_number = Some(number()?),
            2 => self.flushed = Some(LogPosition(number()?)),
            3 => {
                let len = usize::try_from(number()?).map_err(|_| early)?;
                let end = at.checked_add(len).ok_or(early)?;
                self.attachment = Some(bytes.get(*at..end).ok_or(early)?.to_vec());
                *at = end;
            }
            4 => {
                let (level, number, file_bytes, identity) = (number()?, number()?, number()?, number()?);
                let properties = Rc::new(Properties::decode(bytes, at)?);
                let stamp = Some(varint::read(bytes, at).ok_or(early)?).filter(|&stamp| stamp != 0).map(Timestamp);
                self.added.push((level_of(level)?, TableMeta { number, file_bytes, identity, properties, stamp }));
            }
            5 => {
                let (level, number) = (number()?, number()?);
                self.removed.push((level_of(level)?, number));
            }
            6 => {
                let (storage, position) = (number()?, number()?);
                self.dropped.push((storage_of(storage)?, LogPosition(position)));
            }
            7 => self.forgotten.push(storage_of(number()?)?),
            _ => return Err(Malformed("an edit of unknown kind")),
        }
        Ok(())
    }
}

fn level_of(number: u64) -> Result<usize, Malformed> {
    usize::try_from(number)
        .ok()
        .filter(|&level| level < LEVELS)
        .ok_or(Malformed("an edit for a level that is not there"))
}

fn storage_of(number: u64) -> Result<StorageId, Malformed> {
    u32::try_from(number).map(StorageId).map_err(|_| Malformed("an edit for a storage that cannot be"))
}

impl State {
    /// Carries out an edit; the state is unusable if it fails.
    pub fn apply(&mut self, edit: &Edit) -> Result<(), Malformed> {
        self.next_number = edit.next_number.unwrap_or(self.next_number).max(self.next_number);
        if let Some(flushed) = edit.flushed {
            self.flushed = flushed;
        }
        if let Some(attachment) = &edit.attachment {
            self.attachment.clone_from(attachment);
        }
        for &(level, number) in &edit.removed {
            let tables = self.levels.get_mut(level).ok_or(Malformed("no such level"))?;
            let Some(at) = tables.iter().position(|table| table.number == number) else {
                return Err(Malformed("an edit removes a table that is not there"));
            };
            tables.remove(at);
        }
        for (level, table) in &edit.added {
            if table.number >= self.next_number {
                return Err(Malformed("a table with a number not given out yet"));
            }
            let tables = self.levels.get_mut(*level).ok_or(Malformed("no such level"))?;
            let at = match level {
                0 => tables.partition_point(|other| other.number > table.number),
                _ => tables.partition_point(|other| other.smallest() < table.smallest()),
            };
            tables.insert(at, table.clone());
        }
        self.dropped.extend(edit.dropped.iter().copied());
        self.dropped.retain(|storage, _| !edit.forgotten.contains(storage));
        self.check()
    }

    fn check(&self) -> Result<(), Malformed> {
        let ordered = |tables: &Vec<TableMeta>| tables.windows(2).all(|pair| pair[0].largest() < pair[1].smallest());
        if self.levels.iter().skip(1).all(ordered) { Ok(()) } else { Err(Malformed("tables of a level overlap")) }
    }

    /// The edit that makes this state from nothing.
    pub fn snapshot(&self) -> Edit {
        let tables = |(level, tables): (usize, &Vec<TableMeta>)| {
            tables.iter().map(|table| (level, table.clone())).collect::<Vec<_>>()
        };
        Edit {
            next_number: Some(self.next_number),
            flushed: Some(self.flushed),
            attachment: Some(self.attachment.clone()),
            added: self.levels.iter().enumerate().flat_map(tables).collect(),
            removed: Vec::new(),
            dropped: self.dropped.iter().map(|(&storage, &position)| (storage, position)).collect(),
            forgotten: Vec::new(),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "next {} flushed {} attachment {:?}", self.next_number, self.flushed.0, self.attachment)?;
        for (level, tables) in self.levels.iter().enumerate().filter(|(_, tables)| !tables.is_empty()) {
            write!(f, "L{level}")?;
            for table in tables {
                let (smallest, largest) = (table.smallest().escape_ascii(), table.largest().escape_ascii());
                write!(f, "  {}[{smallest}..{largest} {}B", table.number, table.file_bytes)?;
                table.stamp.map_or(Ok(()), |stamp| write!(f, " at {}", stamp.0))?;
                write!(f, "]")?;
            }
            writeln!(f)?;
        }
        for (storage, position) in &self.dropped {
            writeln!(f, "dropped {storage} at {}", position.0)?;
        }
        Ok(())
    }
}
