//! What to compact next: a pure choice from the shape of the tree.
//!
//! - Level 0 takes whatever is flushed; its tables may overlap. Its *depth* is how many of them overlap at worst.
//! - Levels 1 and up are disjoint runs, each about ten times larger than the one above. A level that is too large hands
//!   one table at a time down, the one that drags the least data of the next level along.
//! - A table that overlaps nothing on its way is moved by a manifest edit alone, so sorted loads cost no rewriting.
//! - Tables of dropped storages, with decided provisional versions, or mostly of garbage, are rewritten when there is
//!   nothing more urgent.
//!
//! Invariant that every choice keeps: what moves down from level 0 takes all older tables of level 0 that it overlaps
//! along, so that the younger source always has the newer versions.

use crate::base::ids::StorageId;
use crate::base::time::Timestamp;
use crate::storage::lsm::manifest::edit::{LEVELS, State, TableMeta};
use crate::storage::lsm::options::Options;
use std::collections::BTreeSet;
use std::fmt;

/// A compaction of level 0 takes no more than this, beyond what correctness asks for.
const LEVEL_ZERO_BYTES_MAX: u64 = 1 << 30;
/// A table is not moved down to where it would overlap more than this many tables' worth of the level below that.
const GRANDPARENT_TABLES_MAX: u64 = 10;

/// Why a compaction was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All data of the tables was dropped.
    Dropped,
    /// Level 0 is deep.
    Depth,
    /// A level is larger than it should be.
    Size,
    /// Nothing is in the way further down.
    Move,
    /// Parts of the table were dropped, decided, or are garbage.
    Rewrite,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub reason: Reason,
    /// Level and number of the tables taken, the upper level's first.
    pub inputs: Vec<(usize, u64)>,
    /// Where the result goes; `None`: the tables are only removed.
    pub target: Option<usize>,
    /// The tables go there as they are.
    pub is_move: bool,
}

/// What the choice depends on beside the tables.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    pub horizon: Timestamp,
    pub dropped: BTreeSet<StorageId>,
    /// Provisional versions that are still undecided.
    pub open: BTreeSet<Timestamp>,
}

/// The best thing to do, if there is anything.
pub fn pick(state: &State, situation: &Situation, options: &Options) -> Option<Choice> {
    wholly_dropped(state, situation)
        .or_else(|| level_zero_moves(state, options))
        .or_else(|| largest_need(state, options))
        .or_else(|| rewrite(state, situation))
}

/// The most tables of level 0 that overlap at one key.
pub fn level_zero_depth(tables: &[TableMeta]) -> usize {
    let covers =
        |table: &TableMeta| tables.iter().filter(|other| other.overlaps(table.smallest(), table.smallest())).count();
    tables.iter().map(covers).max().unwrap_or(0)
}

fn numbers(level: usize, tables: &[&TableMeta]) -> Vec<(usize, u64)> {
    tables.iter().map(|table| (level, table.number)).collect()
}

/// Whether all keys of a table belong to dropped storages.
fn is_wholly_dropped(meta: &TableMeta, dropped: &BTreeSet<StorageId>) -> bool {
    let properties = &meta.properties;
    properties.homeless == 0 && properties.storages.iter().all(|storage| dropped.contains(storage))
}

fn wholly_dropped(state: &State, situation: &Situation) -> Option<Choice> {
    let of_level = |(level, tables): (usize, &Vec<TableMeta>)| {
        let gone = tables.iter().filter(|table| is_wholly_dropped(table, &situation.dropped));
        gone.map(|table| (level, table.number)).collect::<Vec<_>>()
    };
    let inputs: Vec<_> = state.levels.iter().enumerate().flat_map(of_level).collect();
    (!inputs.is_empty()).then_some(Choice { reason: Reason::Dropped, inputs, target: None, is_move: false })
}

/// Tables of level 0 that nothing older overlaps, and that find room further down.
fn level_zero_moves(state: &State, options: &Options) -> Option<Choice> {
    let zero = state.levels.first()?;
    let moved = zero.iter().rev().find_map(|table| {
        let is_older = |other: &&TableMeta| other.number < table.number;
        let is_free = !zero.iter().filter(is_older).any(|other| other.overlaps(table.smallest(), table.largest()));
        let target = if is_free { resting_level(state, table, 0, options) } else { 0 };
        (target > 0).then_some((table.number, target))
    });
    moved.map(|(number, target)| Choice {
        reason: Reason::Move,
        inputs: vec![(0, number)],
        target: Some(target),
        is_move: true,
    })
}

/// How far down a table can go without overlapping anything on the way, or too much below.
fn resting_level(state: &State, table: &TableMeta, from: usize, options: &Options) -> usize {
    let overlapped = |level: usize| overlapping(state, level, table.smallest(), table.largest());
    let mut target = from;
    for level in from + 1..LEVELS {
        let below: u64 = overlapped(level + 1).iter().map(|table| table.file_bytes).sum();
        if !overlapped(level).is_empty() || below > GRANDPARENT_TABLES_MAX * options.table_bytes {
            break;
        }
        target = level;
        // Where it fits, it stays: deeper levels are for what pushes it there.
        let bytes: u64 = state.levels[level].iter().map(|table| table.file_bytes).sum();
        if bytes + table.file_bytes <= options.level_bytes_max(level) {
            break;
        }
    }
    target
}

fn overlapping<'a>(state: &'a State, level: usize, smallest: &[u8], largest: &[u8]) -> Vec<&'a TableMeta> {
    let tables = state.levels.get(level).map(Vec::as_slice).unwrap_or_default();
    tables.iter().filter(|table| table.overlaps(smallest, largest)).collect()
}

/// The level that is furthest over its target; level 0, which every lookup reads, goes first unless another is far worse.
fn largest_need(state: &State, options: &Options) -> Option<Choice> {
    let zero_percent = (level_zero_depth(state.levels.first()?) * 100 / options.level_zero_depth.max(1)) as u64;
    let percent = |level: usize| {
        let bytes: u64 = state.levels[level].iter().map(|table| table.file_bytes).sum();
        bytes.saturating_mul(100) / options.level_bytes_max(level).max(1)
    };
    let (worst, level) =
        (1..LEVELS - 1).map(|level| (percent(level), level)).max_by_key(|&(p, level)| (p, LEVELS - level))?;
    match (zero_percent >= 100, worst > 100) {
        (true, true) if worst > 2 * zero_percent => one_table_down(state, level, options),
        (true, _) => level_zero(state),
        (false, true) => one_table_down(state, level, options),
        (false, false) => None,
    }
}

/// The oldest table of level 0, with what must and may go along, into level 1.
fn level_zero(state: &State) -> Option<Choice> {
    let zero = state.levels.first()?;
    let oldest = zero.last()?;
    let (mut taken, mut bytes) = (vec![oldest], oldest.file_bytes);
    // Newer ones that overlap come along up to a bound. Each brings all older ones that overlap what is taken by then.
    for newer in zero.iter().rev().skip(1) {
        let mut trial = taken.clone();
        if !is_touching(&trial, newer) || bytes + newer.file_bytes > LEVEL_ZERO_BYTES_MAX {
            continue;
        }
        trial.push(newer);
        close_over_older(zero, &mut trial);
        bytes = trial.iter().map(|table| table.file_bytes).sum();
        taken = trial;
    }
    let smallest = taken.iter().map(|table| table.smallest()).min()?;
    let largest = taken.iter().map(|table| table.largest()).max()?;
    taken.sort_by_key(|table| std::cmp::Reverse(table.number));
    let mut inputs = numbers(0, &taken);
    inputs.extend(numbers(1, &overlapping(state, 1, smallest, largest)));
    Some(Choice { reason: Reason::Depth, inputs, target: Some(1), is_move: false })
}

fn is_touching(taken: &[&TableMeta], table: &TableMeta) -> bool {
    taken.iter().any(|other| other.overlaps(table.smallest(), table.largest()))
}

fn close_over_older<'a>(zero: &'a [TableMeta], taken: &mut Vec<&'a TableMeta>) {
    loop {
        let is_missing = |table: &&TableMeta| {
            let is_taken = taken.iter().any(|other| other.number == table.number);
            let is_under =
                |other: &&TableMeta| other.number > table.number && other.overlaps(table.smallest(), table.largest());
            !is_taken && taken.iter().any(is_under)
        };
        let Some(missing) = zero.iter().find(|table| is_missing(table)) else { return };
        taken.push(missing);
    }
}

/// The table of a level that is cheapest to hand down.
fn one_table_down(state: &State, level: usize, options: &Options) -> Option<Choice> {
    let cost = |table: &&TableMeta| {
        let below: u64 =
            overlapping(state, level + 1, table.smallest(), table.largest()).iter().map(|t| t.file_bytes).sum();
        (below.saturating_mul(1000) / table.file_bytes.max(1), table.number)
    };
    let table = state.levels[level].iter().min_by_key(cost)?;
    let target = resting_level(state, table, level, options);
    if target > level {
        let inputs = vec![(level, table.number)];
        return Some(Choice { reason: Reason::Move, inputs, target: Some(target), is_move: true });
    }
    let mut inputs = vec![(level, table.number)];
    inputs.extend(numbers(level + 1, &overlapping(state, level + 1, table.smallest(), table.largest())));
    Some(Choice { reason: Reason::Size, inputs, target: Some(level + 1), is_move: false })
}

/// A table of which much would go if it were written anew.
fn rewrite(state: &State, situation: &Situation) -> Option<Choice> {
    for (level, tables) in state.levels.iter().enumerate().skip(1) {
        for table in tables {
            if gains_by_rewriting(state, level, table, situation) {
                let inputs = vec![(level, table.number)];
                return Some(Choice { reason: Reason::Rewrite, inputs, target: Some(level), is_move: false });
            }
        }
    }
    // Level 0 can only be rewritten by merging it down.
    let zero = state.levels.first()?;
    zero.iter().any(|table| gains_by_rewriting(state, 0, table, situation)).then(|| level_zero(state))?
}

fn gains_by_rewriting(state: &State, level: usize, table: &TableMeta, situation: &Situation) -> bool {
    let properties = &table.properties;
    let is_decided = |at: &Timestamp| !situation.open.contains(at);
    let has_dropped = properties.storages.iter().any(|storage| situation.dropped.contains(storage));
    if table.provisionals().iter().any(is_decided) || has_dropped {
        return true;
    }
    let is_bottom =
        (level + 1..LEVELS).all(|deeper| overlapping(state, deeper, table.smallest(), table.largest()).is_empty());
    let tombstones = if is_bottom && level > 0 { properties.tombstones } else { 0 };
    let garbage = properties.superseded + tombstones;
    level > 0 && properties.newest <= situation.horizon && garbage * 2 > properties.entries
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:", self.reason)?;
        for (level, number) in &self.inputs {
            write!(f, " L{level}/{number}")?;
        }
        match (self.target, self.is_move) {
            (None, _) => write!(f, " removed"),
            (Some(level), true) => write!(f, " moved to L{level}"),
            (Some(level), false) => write!(f, " merged into L{level}"),
        }
    }
}
