//! Writing within an open transaction: the key's lock, conflict checks, then the buffer.
//!
//! A write is checked once, when it is made; from then on the transaction holds the key's lock, and whoever commits the key
//! without taking locks dooms it. So commit reads nothing. A write of a key whose newest version is later than the
//! transaction's snapshot is refused as *stale*: the lock is kept, so that the statement may be run again at a later
//! snapshot and then meets nobody else. Start with [`Transactions::write`]; `obstacle.rs` waits for locks.

use super::{
    Failure, ReadView, TableUse, Transactions,
    buffer::Own,
    failure::{conflict, gone, stale},
    gate::Gate,
    locks::{Acquired, Wait},
    pending::{Pending, key_hash},
    state::{Counters, Open, State},
};
use crate::{
    base::{
        hash::HashSet,
        ids::TransactionId,
        time::Timestamp,
        write::{Write, WriteKind},
    },
    storage::lsm::{Newest, Resolution},
};
use std::{mem, ops::RangeInclusive, rc::Rc, time::Duration};

/// Rows between two looks at the clock.
const ROWS_BETWEEN_YIELDS: usize = 16;

/// How a step that must not wait ended.
pub(super) enum Tried<T> {
    Done(T),
    /// Another transaction is half-way through its commit, or the table is being changed: wait, then try again.
    Wait(Obstacle),
    /// A block must be read from disk first.
    Read,
}

/// What stands in the way.
pub(super) enum Obstacle {
    Commit(Gate),
    Fence(crate::base::ids::TableId, Gate),
    /// The lock of the key with this hash.
    Lock(u64),
}

/// A statement that writes, as [`Transactions::begin`] made it known on this core.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    pub transaction: TransactionId,
    pub statement: u32,
    /// How long it waits for a lock; `None`: as long as it takes; nothing: it is stale instead.
    pub patience: Option<Duration>,
}

impl Writer {
    /// Its transaction, unless that has ended or the statement was rolled back.
    pub(super) fn open<'s>(&self, state: &'s mut State) -> Result<&'s mut Open, Failure> {
        let open = state.open.get_mut(&self.transaction);
        open.filter(|open| open.first_alive <= self.statement).ok_or_else(gone)
    }
}

impl Transactions {
    /// Makes a transaction known on this core, before its first write, and the snapshot of a statement. Never waits, so that
    /// requests that arrive in order take effect in order.
    pub fn begin(
        &self,
        transaction: TransactionId,
        statement: u32,
        snapshot: Timestamp,
        patience: Option<Duration>,
    ) -> Result<Writer, Failure> {
        let now = self.0.env.now();
        let mut state = self.0.state.borrow_mut();
        let is_over = state.prepared.contains_key(&transaction) || state.decided.contains_key(&transaction);
        if is_over || state.aborted.contains(transaction) {
            return Err(gone());
        }
        let open = state.open.entry(transaction).or_insert_with(|| Open::new(snapshot, &self.0.no_versions, now));
        open.used = now;
        open.snapshot = snapshot;
        Ok(Writer { transaction, statement, patience })
    }

    /// Buffers writes of an open transaction that [`Transactions::begin`] made known.
    pub async fn write(&self, writer: &Writer, writes: Vec<Write>, tables: &[TableUse]) -> Result<(), Failure> {
        self.check_space()?;
        self.admit(writer, tables).await?;
        writer.open(&mut self.0.state.borrow_mut())?.use_tables(tables);
        self.0.lsm.throttle().await;
        for (number, write) in writes.into_iter().enumerate() {
            self.write_one(writer, write).await?;
            if self.is_large(writer.transaction) {
                self.spill(writer.transaction).await?;
                self.0.lsm.throttle().await;
            }
            if number % ROWS_BETWEEN_YIELDS == 0 {
                self.0.env.yield_if_needed().await;
            }
        }
        Ok(())
    }

    async fn write_one(&self, writer: &Writer, mut write: Write) -> Result<(), Failure> {
        loop {
            match self.try_write(writer, &mut write)? {
                Tried::Done(()) => return Ok(()),
                Tried::Wait(obstacle) => self.wait_for(writer, obstacle).await?,
                Tried::Read => {
                    let newest = self.newest(&write.key).await?;
                    // We hold the lock; whoever committed the key without one while we read has doomed us. So the answer
                    // still holds.
                    return self.check_and_buffer(writer, &mut write, newest, false);
                }
            }
        }
    }

    /// The newest version of a key, from disk if it must be.
    pub(super) async fn newest(&self, key: &[u8]) -> Result<Newest, Failure> {
        Ok(match self.0.lsm.newest(key).await? {
            Some((at, live)) => Newest::Version { at, live },
            None => Newest::Absent,
        })
    }

    fn try_write(&self, writer: &Writer, write: &mut Write) -> Result<Tried<()>, Failure> {
        let is_new = {
            let mut state = self.0.state.borrow_mut();
            let is_new = writer.open(&mut state)?.buffer.newest(&write.key) == Own::Nothing;
            if is_new && let Some(obstacle) = take_lock(&mut state, writer, &write.key)? {
                return Ok(Tried::Wait(obstacle));
            }
            is_new
        };
        match self.0.lsm.newest_cached(&write.key)? {
            Newest::Unknown => Ok(Tried::Read),
            newest => self.check_and_buffer(writer, write, newest, is_new).map(Tried::Done),
        }
    }

    /// The end of a write: nothing waits between the check and the buffer. `is_new`: the buffer is known not to have the key.
    fn check_and_buffer(
        &self,
        writer: &Writer,
        write: &mut Write,
        newest: Newest,
        is_new: bool,
    ) -> Result<(), Failure> {
        let mut state = self.0.state.borrow_mut();
        let open = writer.open(&mut state)?;
        self.check_doom(open)?;
        let insert = matches!(write.kind, WriteKind::Insert(_));
        let own = if is_new { Own::Nothing } else { open.buffer.newest(&write.key) };
        match own {
            Own::Value(_) if insert => return Err(Failure::Duplicate(mem::take(&mut write.key))),
            Own::Value(_) | Own::Deleted => {}
            Own::Nothing => {
                self.check(&write.key, newest, open.snapshot, insert, &open.own)?;
            }
        }
        open.written.count(&write.key, &write.kind);
        let value = match mem::replace(&mut write.kind, WriteKind::Delete) {
            WriteKind::Put(value) | WriteKind::Insert(value) => Some(value),
            WriteKind::Delete => None,
        };
        let before = open.buffer.bytes();
        open.buffer.put(mem::take(&mut write.key), value, insert, writer.statement);
        let after = open.buffer.bytes();
        state.buffered_bytes = state.buffered_bytes + after - before;
        Ok(())
    }

    /// Whether a key, of which `newest` is the newest version, may be written by a transaction of this snapshot. If not, that
    /// counts as a conflict.
    pub(super) fn check(
        &self,
        key: &[u8],
        newest: Newest,
        snapshot: Timestamp,
        insert: bool,
        own: &[Timestamp],
    ) -> Result<(), Failure> {
        let Newest::Version { at, live } = newest else { return Ok(()) };
        let resolution = self.0.retained.retention.provisional.borrow().get(at);
        let committed = match resolution {
            None => at,
            Some(Resolution::Committed(at)) => at,
            Some(Resolution::Open) if own.binary_search(&at).is_ok() => Timestamp::MIN,
            Some(Resolution::Open) => return Err(self.conflicts(conflict())),
            // The tree skips these.
            Some(Resolution::Aborted) => Timestamp::MIN,
        };
        if insert && live {
            return Err(self.conflicts(Failure::Duplicate(key.to_vec())));
        }
        if committed > snapshot { Err(self.conflicts(stale())) } else { Ok(()) }
    }

    /// Counts a conflict.
    pub(super) fn conflicts(&self, failure: Failure) -> Failure {
        Counters::count(&self.0.statistics.conflicts);
        failure
    }

    /// Forgets the writes of some statements, the last of which is the last there was, and ends what they still wait for.
    /// Their locks are given back, unless `keep_locks`: then the same statement is about to be run again.
    pub fn rollback(&self, transaction: TransactionId, statements: RangeInclusive<u32>, keep_locks: bool) {
        let mut state = self.0.state.borrow_mut();
        let state = &mut *state;
        let Some(open) = state.open.get_mut(&transaction) else { return };
        open.first_alive = open.first_alive.max(statements.end().saturating_add(1));
        let before = open.buffer.bytes();
        open.buffer.rollback(&statements);
        state.buffered_bytes =
            state.buffered_bytes + open.buffer.bytes() - before - open.drop_load(*statements.start());
        if open.spilled.iter().any(|(by, _)| statements.contains(by)) {
            let mut provisional = self.0.retained.retention.provisional.borrow_mut();
            let undone = |(by, version): &(u32, Timestamp)| match statements.contains(by) {
                true => {
                    provisional.set(*version, Resolution::Aborted);
                    false
                }
                false => true,
            };
            open.spilled.retain(undone);
            open.own = open.spilled.iter().map(|(_, version)| *version).collect();
            open.spills += 1;
        }
        let over = |(_, wait): &(u64, Rc<Wait>)| wait.statement <= *statements.end();
        let (over, waits): (Vec<_>, Vec<_>) = mem::take(&mut open.waits).into_iter().partition(over);
        open.waits = waits;
        for (key, wait) in over {
            state.locks.leave(key, &wait);
        }
        if !keep_locks {
            let kept: HashSet<u64> = open.buffer.keys().map(key_hash).collect();
            let (keep, release) = mem::take(&mut open.claims).into_iter().partition(|claim| kept.contains(claim));
            open.claims = keep;
            state.release(release, transaction);
        }
    }

    /// Ends a transaction that may have writes here, now or on their way by way of another core: those come too late.
    pub fn abort(&self, transaction: TransactionId) {
        self.0.state.borrow_mut().aborted.add(transaction);
        self.abort_open(transaction);
    }

    /// Ends an open transaction without a trace. It may be unknown.
    pub fn abort_open(&self, transaction: TransactionId) {
        let Some(open) = self.0.state.borrow_mut().take_open(transaction) else { return };
        Counters::count(&self.0.statistics.aborted);
        let mut provisional = self.0.retained.retention.provisional.borrow_mut();
        for (_, version) in open.spilled {
            provisional.set(version, Resolution::Aborted);
        }
    }

    fn is_large(&self, transaction: TransactionId) -> bool {
        let (state, options) = (self.0.state.borrow(), &self.0.options);
        let Some(open) = state.open.get(&transaction) else { return false };
        let bytes = open.buffer.bytes();
        // Under pressure from all together, small ones are left alone: spilling them frees little.
        bytes > options.buffer_bytes_max
            || (state.buffered_bytes > options.buffers_bytes_max && bytes > options.buffer_bytes_max / 16)
    }

    /// While memtables cannot be written out (the disk is full) nothing more is taken in, so that memory stays bounded.
    pub(super) fn check_space(&self) -> Result<(), Failure> {
        self.0.lsm.failure().map_or(Ok(()), |error| Err(error.into()))
    }

    /// The view that the tree is read with.
    pub(super) fn tree_view(&self, view: &ReadView) -> crate::storage::lsm::View {
        let own = match view.transaction {
            None => None,
            Some(transaction) => {
                self.0.state.borrow().open.get(&transaction).map(|open| open.own_before(view.statement))
            }
        };
        crate::storage::lsm::View { snapshot: view.snapshot, own: own.unwrap_or_else(|| self.0.no_versions.clone()) }
    }
}

/// Takes a key's lock for a transaction that may not have it yet; gives what it must wait for first.
pub(super) fn take_lock(state: &mut State, writer: &Writer, key: &[u8]) -> Result<Option<Obstacle>, Failure> {
    let hash = key_hash(key);
    match state.locks.acquire(hash, writer.transaction) {
        Acquired::Busy => return Ok(Some(Obstacle::Lock(hash))),
        Acquired::Taken => writer.open(state)?.claims.push(hash),
        Acquired::Held => {}
    }
    // Who held the lock before may be half-way through its commit.
    let others = |pending: &Pending| pending.transaction != Some(writer.transaction);
    Ok(state.pending.on_key(key, others).map(|pending| Obstacle::Commit(pending.done.clone())))
}

/// The error for a transaction that came second on a key.
pub(super) fn doom(open: &Open, key: &[u8], live: bool) -> Failure {
    if live && open.buffer.inserted(key) { Failure::Duplicate(key.to_vec()) } else { conflict() }
}
