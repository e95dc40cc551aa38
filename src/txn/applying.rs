//! Log records on their way into the tree, in log order.
//!
//! The tree is told, with everything that is applied, up to where the log is applied *without a gap*; what it has flushed
//! it may then ask the log to forget. So commits are applied in the order of their records, when those are durable.
//! Records that have nothing to apply then, or were applied before, only move the mark.

use super::pending::PendingNumber;
use crate::{base::time::Timestamp, storage::log::LogPosition};
use std::collections::VecDeque;

/// User keys with their new values; `None` where the key is deleted.
pub type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// What to do when a record is durable.
pub enum Work {
    /// Nothing but to move the mark.
    Nothing,
    /// Apply a commit, then let go of its pending keys.
    Commit { at: Timestamp, changes: Changes, versions: Vec<Timestamp>, pending: PendingNumber },
}

/// The queue.
#[derive(Default)]
pub struct Applying {
    records: VecDeque<(LogPosition, Work)>,
    /// Everything before is applied, and durable.
    applied: LogPosition,
}

impl Applying {
    /// Starts with everything up to `applied` done.
    pub fn new(applied: LogPosition) -> Applying {
        Applying { records: VecDeque::new(), applied }
    }

    /// Adds the record that was just appended and ends at `end`.
    pub fn push(&mut self, end: LogPosition, work: Work) {
        debug_assert!(self.records.back().is_none_or(|(before, _)| *before < end), "records are added in log order");
        self.records.push_back((end, work));
    }

    /// Takes the next record off, if it is durable, and moves the mark behind it: the caller applies it at once.
    pub fn pop(&mut self, durable: LogPosition) -> Option<(LogPosition, Work)> {
        self.records.front().filter(|(end, _)| *end <= durable)?;
        let (end, work) = self.records.pop_front()?;
        self.applied = end;
        Some((end, work))
    }

    /// Everything before is applied.
    pub fn applied(&self) -> LogPosition {
        self.applied
    }

    /// How many records wait.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.records.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_moves_only_over_durable_records() {
        let mut applying = Applying::new(LogPosition(10));
        applying.push(LogPosition(20), Work::Nothing);
        applying.push(LogPosition(30), Work::Nothing);
        assert!(applying.pop(LogPosition(19)).is_none());
        assert_eq!(applying.applied(), LogPosition(10));
        assert_eq!(applying.pop(LogPosition(29)).unwrap().0, LogPosition(20));
        assert!(applying.pop(LogPosition(29)).is_none());
        assert_eq!((applying.applied(), applying.len()), (LogPosition(20), 1));
    }
}
