//! All that a core knows of transactions under way, in one place: plain data and the steps that keep it consistent.

use super::{
    Queue, TableUse,
    applying::Changes,
    buffer::Buffer,
    changed::Written,
    fence::Fences,
    load::{Installing, Load},
    locks::{Locks, Wait},
    pending::{Pending, PendingNumber, PendingTable, key_hash},
    record::Decision,
    sequencer::Sequencer,
};
use crate::{
    base::{
        hash::{HashMap, HashSet},
        ids::{ShardId, StorageId, TransactionId},
        limits::ABORTED_REMEMBERED_MAX,
        time::Timestamp,
    },
    storage::{log::LogPosition, lsm::Installed},
};
use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// A transaction that has written here and has not begun to commit.
pub struct Open {
    /// That of the running statement: it may move from one to the next.
    pub snapshot: Timestamp,
    /// Statements before this one are over: what is still under way for them was rolled back and has no effect any more.
    pub first_alive: u32,
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
    /// Hashes of the keys whose locks it holds.
    pub claims: Vec<u64>,
    /// The locks it waits for, by the same hashes.
    pub waits: Vec<(u64, Rc<Wait>)>,
    /// Rows it has written.
    pub written: Written,
    /// Tables its writes were planned with.
    pub tables: Vec<TableUse>,
    /// A key of it that was committed by somebody who takes no locks, and whether that left a live version.
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

/// The transactions aborted last, so that a write of theirs that comes late, by way of another core, does not open them
/// again: nobody would end them then. Such a write is sent before its sender hears of the end, so it is never late by much.
#[derive(Default)]
pub struct Aborted {
    known: HashSet<TransactionId>,
    order: VecDeque<TransactionId>,
}

impl Aborted {
    /// Remembers one and forgets the oldest.
    pub fn add(&mut self, transaction: TransactionId) {
        if self.known.insert(transaction) {
            self.order.push_back(transaction);
        }
        if self.order.len() > ABORTED_REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether it is one of them.
    pub fn contains(&self, transaction: TransactionId) -> bool {
        self.known.contains(&transaction)
    }
}

/// Everything under way.
pub struct State {
    pub open: HashMap<TransactionId, Open>,
    pub prepared: BTreeMap<TransactionId, Prepared>,
    /// Decisions that a participant may still ask for, with the start of their prepare.
    pub decided: BTreeMap<TransactionId, (Decision, LogPosition)>,
    pub aborted: Aborted,
    pub pending: PendingTable,
    pub locks: Locks,
    pub applying: Queue,
    pub fences: Fences,
    /// Bytes in all buffers.
    pub buffered_bytes: usize,
}

impl State {
    /// Nothing under way; the log is applied up to `applied`.
    pub fn new(applied: LogPosition, sequencer: Arc<Sequencer>) -> State {
        State {
            open: HashMap::default(),
            prepared: BTreeMap::new(),
            decided: BTreeMap::new(),
            aborted: Aborted::default(),
            pending: PendingTable::default(),
            locks: Locks::new(sequencer),
            applying: Queue::new(applied),
            fences: Fences::default(),
            buffered_bytes: 0,
        }
    }

    /// Takes an open transaction out: it neither holds nor waits for anything after this.
    pub fn take_open(&mut self, transaction: TransactionId) -> Option<Open> {
        let mut open = self.open.remove(&transaction)?;
        self.buffered_bytes -= open.buffer.bytes() + open.load.bytes();
        for (key, wait) in open.waits.drain(..) {
            self.locks.leave(key, &wait);
        }
        let claims = std::mem::take(&mut open.claims);
        self.release(claims, transaction);
        Some(open)
    }

    /// Gives locks back, or hands them on.
    pub fn release(&mut self, claims: Vec<u64>, transaction: TransactionId) {
        for key in claims {
            let Some(next) = self.locks.release(key, transaction) else { continue };
            // Who waits is open: its end takes its waits away.
            if let Some(open) = self.open.get_mut(&next) {
                open.claims.push(key);
                open.waits.retain(|(_, wait)| !wait.granted.get());
            }
        }
    }

    /// Tells the transactions that hold the locks of these keys that a commit which takes no locks came first.
    /// `except` is the transaction that commits, or loads, them.
    pub fn doom_holders<'k>(&mut self, keys: impl Iterator<Item = (&'k [u8], bool)>, except: Option<TransactionId>) {
        if self.locks.is_empty() {
            return;
        }
        for (key, live) in keys {
            let Some(holder) = self.locks.holder(key_hash(key)).filter(|holder| Some(*holder) != except) else {
                continue;
            };
            // Blind writers come after whatever there is.
            if let Some(open) = self.open.get_mut(&holder).filter(|open| open.snapshot != Timestamp::MAX) {
                open.doomed.get_or_insert_with(|| (key.to_vec(), live));
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
            first_alive: 0,
            buffer: Buffer::default(),
            spilled: Vec::new(),
            own: no_versions.clone(),
            load: Load::default(),
            installing: None,
            installed: Vec::new(),
            spills: 0,
            spilled_storages: Vec::new(),
            claims: Vec::new(),
            waits: Vec::new(),
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
    pub lock_waits: Cell<u64>,
    pub deadlocks: Cell<u64>,
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
    /// Times that a writer waited for another transaction's lock.
    pub lock_waits: u64,
    /// Waits refused because they would have closed a circle.
    pub deadlocks: u64,
    /// Locks held, and waits for one, right now.
    pub locks: usize,
    pub lock_waiters: usize,
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
        let (locks, lock_waiters) = state.locks.counts();
        Statistics {
            committed: counters.committed.get(),
            prepared: counters.prepared.get(),
            aborted: counters.aborted.get(),
            conflicts: counters.conflicts.get(),
            spills: counters.spills.get(),
            waits: counters.waits.get(),
            lock_waits: counters.lock_waits.get(),
            deadlocks: counters.deadlocks.get(),
            locks,
            lock_waiters,
            open: state.open.len(),
            pending: state.pending.len(),
            snapshots: self.0.snapshots.count(),
            buffered_bytes: state.buffered_bytes,
            provisional: self.0.retained.retention.provisional.borrow().iter().count(),
        }
    }
}
