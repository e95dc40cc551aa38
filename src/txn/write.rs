//! Writing within an open transaction: conflict checks, then the buffer.
//!
//! A write is checked once, when it is made; from then on the transaction is entered for the key, and whoever commits the
//! key dooms it. So commit reads nothing. Start with [`Transactions::write`].

use super::{
    Failure, ReadView, TableUse, Transactions,
    buffer::Own,
    failure::{conflict, gone},
    gate::Gate,
    pending::{Pending, key_hash},
    state::{Counters, Open},
};
use crate::{
    base::{
        ids::TransactionId,
        time::Timestamp,
        write::{Write, WriteKind},
    },
    storage::lsm::{Newest, Resolution},
};
use std::mem;

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
}

impl Transactions {
    /// Makes a transaction known on this core, before its first write. Never waits, so that requests that arrive in order
    /// take effect in order.
    pub fn begin(&self, transaction: TransactionId, snapshot: Timestamp) -> Result<(), Failure> {
        let now = self.0.env.now();
        let mut state = self.0.state.borrow_mut();
        if state.prepared.contains_key(&transaction) || state.decided.contains_key(&transaction) {
            return Err(gone());
        }
        let open = state.open.entry(transaction).or_insert_with(|| Open::new(snapshot, &self.0.no_versions, now));
        open.used = now;
        Ok(())
    }

    /// Buffers writes of an open transaction that [`Transactions::begin`] made known.
    pub async fn write(
        &self,
        transaction: TransactionId,
        statement: u32,
        writes: Vec<Write>,
        tables: &[TableUse],
    ) -> Result<(), Failure> {
        self.check_space()?;
        self.admit(Some(transaction), tables).await?;
        match self.0.state.borrow_mut().open.get_mut(&transaction) {
            Some(open) => open.use_tables(tables),
            None => return Err(gone()),
        }
        self.0.lsm.throttle().await;
        for (number, write) in writes.into_iter().enumerate() {
            self.write_one(transaction, statement, write).await?;
            if self.is_large(transaction) {
                self.spill(transaction).await?;
                self.0.lsm.throttle().await;
            }
            if number % ROWS_BETWEEN_YIELDS == 0 {
                self.0.env.yield_if_needed().await;
            }
        }
        Ok(())
    }

    async fn write_one(&self, transaction: TransactionId, statement: u32, mut write: Write) -> Result<(), Failure> {
        loop {
            match self.try_write(transaction, statement, &mut write)? {
                Tried::Done(()) => return Ok(()),
                Tried::Wait(obstacle) => self.wait(obstacle).await?,
                Tried::Read => {
                    let newest = match self.0.lsm.newest(&write.key).await? {
                        Some((at, live)) => Newest::Version { at, live },
                        None => Newest::Absent,
                    };
                    // Whoever committed the key while we read has doomed us, so the answer still holds.
                    return self.check_and_buffer(transaction, statement, &mut write, newest, false);
                }
            }
        }
    }

    fn try_write(&self, transaction: TransactionId, statement: u32, write: &mut Write) -> Result<Tried<()>, Failure> {
        let is_new = {
            let mut state = self.0.state.borrow_mut();
            let state = &mut *state;
            let open = state.open.get_mut(&transaction).ok_or_else(gone)?;
            let is_new = open.buffer.newest(&write.key) == Own::Nothing;
            if is_new {
                let hash = key_hash(&write.key);
                if state.interest.add(hash, transaction) {
                    open.claims.push(hash);
                }
                let others = |pending: &Pending| pending.transaction != Some(transaction);
                if let Some(pending) = state.pending.on_key(&write.key, others) {
                    return Ok(Tried::Wait(Obstacle::Commit(pending.done.clone())));
                }
            }
            is_new
        };
        match self.0.lsm.newest_cached(&write.key)? {
            Newest::Unknown => Ok(Tried::Read),
            newest => self.check_and_buffer(transaction, statement, write, newest, is_new).map(Tried::Done),
        }
    }

    /// The end of a write: nothing waits between the check and the buffer. `is_new`: the buffer is known not to have the key.
    fn check_and_buffer(
        &self,
        transaction: TransactionId,
        statement: u32,
        write: &mut Write,
        newest: Newest,
        is_new: bool,
    ) -> Result<(), Failure> {
        let mut state = self.0.state.borrow_mut();
        let state = &mut *state;
        let open = state.open.get_mut(&transaction).ok_or_else(gone)?;
        if let Some((key, live)) = &open.doomed {
            Counters::count(&self.0.statistics.conflicts);
            return Err(doom(open, key, *live));
        }
        let insert = matches!(write.kind, WriteKind::Insert(_));
        let own = if is_new { Own::Nothing } else { open.buffer.newest(&write.key) };
        match own {
            Own::Value(_) if insert => return Err(Failure::Duplicate(mem::take(&mut write.key))),
            Own::Value(_) | Own::Deleted => {}
            Own::Nothing => {
                if let Err(failure) = self.check(&write.key, newest, open.snapshot, insert, &open.own) {
                    Counters::count(&self.0.statistics.conflicts);
                    return Err(failure);
                }
            }
        }
        open.written.count(&write.key, &write.kind);
        let value = match mem::replace(&mut write.kind, WriteKind::Delete) {
            WriteKind::Put(value) | WriteKind::Insert(value) => Some(value),
            WriteKind::Delete => None,
        };
        let before = open.buffer.bytes();
        open.buffer.put(mem::take(&mut write.key), value, insert, statement);
        state.buffered_bytes = state.buffered_bytes + open.buffer.bytes() - before;
        Ok(())
    }

    /// Whether a key, of which `newest` is the newest version, may be written by a transaction of this snapshot.
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
            Some(Resolution::Open) => return Err(conflict()),
            // The tree skips these.
            Some(Resolution::Aborted) => Timestamp::MIN,
        };
        if insert && live {
            return Err(Failure::Duplicate(key.to_vec()));
        }
        if committed > snapshot { Err(conflict()) } else { Ok(()) }
    }

    /// Forgets the writes of statement `statement` and all later ones.
    pub fn rollback_to(&self, transaction: TransactionId, statement: u32) {
        let mut state = self.0.state.borrow_mut();
        let state = &mut *state;
        let Some(open) = state.open.get_mut(&transaction) else { return };
        let before = open.buffer.bytes();
        open.buffer.rollback_to(statement);
        state.buffered_bytes = state.buffered_bytes + open.buffer.bytes() - before - open.drop_load(statement);
        for claim in open.claims.drain(..) {
            state.interest.remove(claim, transaction);
        }
        for key in open.buffer.keys() {
            let hash = key_hash(key);
            if state.interest.add(hash, transaction) {
                open.claims.push(hash);
            }
        }
        let kept = open.spilled.partition_point(|(by, _)| *by < statement);
        if kept < open.spilled.len() {
            let mut provisional = self.0.retained.retention.provisional.borrow_mut();
            for (_, version) in open.spilled.drain(kept..) {
                provisional.set(version, Resolution::Aborted);
            }
            open.own = open.own[..kept].into();
            open.spills += 1;
        }
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

    /// Waits until an obstacle is gone; a fence only for so long.
    pub(super) async fn wait(&self, obstacle: Obstacle) -> Result<(), Failure> {
        Counters::count(&self.0.statistics.waits);
        match obstacle {
            Obstacle::Commit(gate) => gate.wait().await,
            Obstacle::Fence(table, gate) => {
                let waited = self.0.env.timeout(self.0.options.fence_wait_max, gate.wait()).await;
                waited.ok_or_else(|| super::failure::fenced(table))?;
            }
        }
        Ok(())
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

/// The error for a transaction that came second on a key.
pub(super) fn doom(open: &Open, key: &[u8], live: bool) -> Failure {
    if live && open.buffer.inserted(key) { Failure::Duplicate(key.to_vec()) } else { conflict() }
}
