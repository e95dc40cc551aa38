//! All that a core knows of transactions under way, in one place: plain data and the steps that keep it consistent.

use super::{
    Queue, TableUse,
    applying::Changes,
    buffer::Buffer,
    changed::Written,
    fence::Fences,
    load::{Installing, Load},
    pending::{Interest, Pending, PendingNumber, PendingTable},
    record::Decision,
};
use crate::{
    base::{
        hash::HashMap,
        ids::{ShardId, StorageId, TransactionId},
        time::Timestamp,
    },
    storage::{log::LogPosition, lsm::Installed},
};
use std::{cell::Cell, collections::BTreeMap, rc::Rc, time::Duration};

/// A transaction that has written here and has not begun to commit.
pub struct Open {
    pub snapshot: Timestamp,
    pub buffer: Buffer,
    /// What was spilled: (statement, version), in rising order of both.
    pub spilled: Vec<(u32, Timestamp)>,
    /// The versions in `spilled`, ascending, as readers take them.
    pub own: Rc<[Timestamp]>,
    /// What was loaded in bulk: not installed, being installed, and installed but not known to be saved.
    pub load: Load,
    pub installing: Option<Installing>,
    pub installed: Vec<Installed>,
    /// Grows with every spill, so that scans notice.
    pub spills: u64,
    /// The storages that spilled keys lie in, ascending.
    pub spilled_storages: Vec<StorageId>,
    /// Hashes of the keys it is entered for in [`Interest`].
    pub claims: Vec<u64>,
    /// Rows it has written.
    pub written: Written,
    /// Tables its writes were planned with.
    pub tables: Vec<TableUse>,
    /// A key of it that another transaction has committed first, and whether that left a live version.
    pub doomed: Option<(Vec<u8>, bool)>,
    /// When it was last used.
    pub used: Duration,
}

/// A transaction that has promised to commit.
pub struct Prepared {
    pub pending: Rc<Pending>,
    pub number: PendingNumber,
    pub participants: Vec<ShardId>,
    pub versions: Vec<Timestamp>,
    pub changes: Changes,
    /// Not after the start of its record.
    pub start: LogPosition,
    /// The end of its record.
    pub end: LogPosition,
    /// When it was prepared.
    pub since: Duration,
}

/// Everything under way.
pub struct State {
    pub open: HashMap<TransactionId, Open>,
    pub prepared: BTreeMap<TransactionId, Prepared>,
    /// Decisions that a participant may still ask for, with the start of their prepare.
    pub decided: BTreeMap<TransactionId, (Decision, LogPosition)>,
    pub pending: PendingTable,
    pub interest: Interest,
    pub applying: Queue,
    pub fences: Fences,
    /// Bytes in all buffers.
    pub buffered_bytes: usize,
}

impl State {
    /// Nothing under way; the log is applied up to `applied`.
    pub fn new(applied: LogPosition) -> State {
        State {
            open: HashMap::default(),
            prepared: BTreeMap::new(),
            decided: BTreeMap::new(),
            pending: PendingTable::default(),
            interest: Interest::default(),
            applying: Queue::new(applied),
            fences: Fences::default(),
            buffered_bytes: 0,
        }
    }

    /// Takes an open transaction out, with its claims.
    pub fn take_open(&mut self, transaction: TransactionId) -> Option<Open> {
        let open = self.open.remove(&transaction)?;
        self.buffered_bytes -= open.buffer.bytes() + open.load.bytes();
        for claim in &open.claims {
            self.interest.remove(*claim, transaction);
        }
        Some(open)
    }

    /// Tells the transactions that have buffered writes of these keys that they came second.
    pub fn doom_others<'k>(&mut self, keys: impl Iterator<Item = (&'k [u8], bool)>, except: Option<TransactionId>) {
        if self.interest.is_empty() {
            return;
        }
        for (key, live) in keys {
            for other in self.interest.others(key, except) {
                // Blind writers come after whatever there is.
                if let Some(open) = self.open.get_mut(&other).filter(|open| open.snapshot != Timestamp::MAX) {
                    open.doomed.get_or_insert_with(|| (key.to_vec(), live));
                }
            }
        }
    }

    /// Open transactions that were last used before `then`, oldest id first.
    pub fn idle_since(&self, then: Duration) -> Vec<TransactionId> {
        let idle = self.open.iter().filter(|(_, open)| open.used < then);
        let mut idle: Vec<TransactionId> = idle.map(|(transaction, _)| *transaction).collect();
        idle.sort_unstable();
        idle
    }
}

impl Open {
    /// A transaction that has written nothing yet.
    pub fn new(snapshot: Timestamp, no_versions: &Rc<[Timestamp]>, now: Duration) -> Open {
        Open {
            snapshot,
            buffer: Buffer::default(),
            spilled: Vec::new(),
            own: no_versions.clone(),
            load: Load::default(),
            installing: None,
            installed: Vec::new(),
            spills: 0,
            spilled_storages: Vec::new(),
            claims: Vec::new(),
            written: Written::default(),
            tables: Vec::new(),
            doomed: None,
            used: now,
        }
    }

    /// The spilled versions that statement `statement` sees.
    pub fn own_before(&self, statement: u32) -> Rc<[Timestamp]> {
        let seen = self.spilled.partition_point(|(by, _)| *by < statement);
        if seen == self.own.len() { self.own.clone() } else { self.own[..seen].into() }
    }

    /// Remembers the tables that writes were planned with.
    pub fn use_tables(&mut self, tables: &[TableUse]) {
        for table in tables {
            if !self.tables.contains(table) {
                self.tables.push(*table);
            }
        }
    }
}

/// Counts since the start.
#[derive(Default)]
pub(super) struct Counters {
    pub committed: Cell<u64>,
    pub prepared: Cell<u64>,
    pub aborted: Cell<u64>,
    pub conflicts: Cell<u64>,
    pub spills: Cell<u64>,
    pub waits: Cell<u64>,
}

impl Counters {
    /// One more.
    pub fn count(counter: &Cell<u64>) {
        counter.set(counter.get() + 1);
    }
}

/// Figures of a core's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commits on this core alone.
    pub committed: u64,
    /// Prepares of transactions over several cores.
    pub prepared: u64,
    pub aborted: u64,
    /// Writes and commits refused with 40001.
    pub conflicts: u64,
    /// Times that a buffer was spilled.
    pub spills: u64,
    /// Times that a reader or writer waited for a commit under way.
    pub waits: u64,
    /// Open transactions with writes here.
    pub open: usize,
    /// Transactions between their commit's begin and end.
    pub pending: usize,
    /// Open snapshots that began on this core.
    pub snapshots: usize,
    /// Bytes of buffered writes.
    pub buffered_bytes: usize,
    /// Provisional versions the tree may hold.
    pub provisional: usize,
}

impl super::Transactions {
    /// Figures as of now.
    pub fn statistics(&self) -> Statistics {
        let (state, counters) = (self.0.state.borrow(), &self.0.statistics);
        Statistics {
            committed: counters.committed.get(),
            prepared: counters.prepared.get(),
            aborted: counters.aborted.get(),
            conflicts: counters.conflicts.get(),
            spills: counters.spills.get(),
            waits: counters.waits.get(),
            open: state.open.len(),
            pending: state.pending.len(),
            snapshots: self.0.snapshots.count(),
            buffered_bytes: state.buffered_bytes,
            provisional: self.0.retained.retention.provisional.borrow().iter().count(),
        }
    }
}
