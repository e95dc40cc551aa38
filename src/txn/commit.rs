//! Commits on this core alone: one record in the log.
//!
//! Validate, draw the timestamp, mark the keys as pending and append the record: one step that nothing interrupts. Then
//! the log syncs, the writes are applied in log order, and the keys are let go.

use super::{
    Failure, TableUse, Transactions,
    applying::{Changes, Work},
    changed::Written,
    failure::gone,
    gate::Gate,
    pending::{Pending, key_hash, storages_of},
    record::Encoder,
    spill::pairs,
    state::{Counters, Open, State},
    write::{Obstacle, Tried, doom},
};
use crate::{
    base::{
        ids::{StorageId, TransactionId},
        time::Timestamp,
        write::{Write, WriteKind},
    },
    storage::{
        log::LogPosition,
        lsm::{Newest, Resolution},
    },
};
use std::{mem, rc::Rc, time::Duration};

/// Writes of a single statement that are checked pair by pair for the same key; more go through a transaction's buffer.
const SHORT_COMMIT_WRITES_MAX: usize = 8;

/// What became of a whole transaction.
#[derive(Debug)]
pub enum Whole {
    Committed(Timestamp),
    /// Nothing was done: an open transaction holds the lock of a key. Here are the writes again.
    Locked(Vec<Write>),
}

/// A commit whose record is in the log.
struct Ticket {
    at: Timestamp,
    end: LogPosition,
}

impl Transactions {
    /// A whole transaction, which takes no locks and does not wait for any. With `snapshot` = [`Timestamp::MAX`] its writes
    /// come after whatever is there, and locks do not concern it.
    pub async fn commit_one(
        &self,
        snapshot: Timestamp,
        mut writes: Vec<Write>,
        tables: &[TableUse],
    ) -> Result<Whole, Failure> {
        self.check_space()?;
        self.0.log.room().await;
        self.0.lsm.throttle().await;
        let committed = if writes.len() > SHORT_COMMIT_WRITES_MAX || has_duplicates(&writes) {
            if self.is_locked(snapshot, &writes) {
                return Ok(Whole::Locked(writes));
            }
            self.commit_long(snapshot, writes, tables).await
        } else {
            loop {
                match self.try_commit_one(snapshot, &mut writes, tables)? {
                    Tried::Done(ticket) => break self.applied(ticket).await,
                    Tried::Wait(Obstacle::Lock(_)) => return Ok(Whole::Locked(writes)),
                    Tried::Wait(obstacle) => self.wait(obstacle).await?,
                    Tried::Read => break self.commit_long(snapshot, writes, tables).await,
                }
            }
        };
        committed.map(Whole::Committed)
    }

    /// Whether an open transaction holds one of the keys' locks.
    fn is_locked(&self, snapshot: Timestamp, writes: &[Write]) -> bool {
        let state = self.0.state.borrow();
        let held = |write: &Write| state.locks.holder(key_hash(&write.key)).is_some();
        snapshot != Timestamp::MAX && !state.locks.is_empty() && writes.iter().any(held)
    }

    /// The same through a buffer, as a transaction that lives only here.
    async fn commit_long(
        &self,
        snapshot: Timestamp,
        writes: Vec<Write>,
        tables: &[TableUse],
    ) -> Result<Timestamp, Failure> {
        let transaction = TransactionId(self.draw().0);
        let writer = self.begin(transaction, 0, snapshot, Some(Duration::ZERO))?;
        // Also when this future is dropped half-way.
        let _abort = AbortOnDrop { transactions: self, transaction };
        self.write(&writer, writes, tables).await?;
        self.commit(transaction).await
    }

    fn try_commit_one(
        &self,
        snapshot: Timestamp,
        writes: &mut Vec<Write>,
        tables: &[TableUse],
    ) -> Result<Tried<Ticket>, Failure> {
        if let Some(obstacle) = self.check_tables(None, tables)? {
            return Ok(Tried::Wait(obstacle));
        }
        if self.is_locked(snapshot, writes) {
            return Ok(Tried::Wait(Obstacle::Lock(0)));
        }
        let blind = snapshot == Timestamp::MAX;
        if let Some(gate) = self.busy(writes.iter().map(|write| write.key.as_slice()), None, blind) {
            return Ok(Tried::Wait(Obstacle::Commit(gate)));
        }
        let ordinary = self.0.retained.retention.provisional.borrow().is_empty();
        for write in writes.iter() {
            let insert = matches!(write.kind, WriteKind::Insert(_));
            if blind && !insert && ordinary {
                continue;
            }
            match self.0.lsm.newest_cached(&write.key)? {
                Newest::Unknown => return Ok(Tried::Read),
                newest => self.check(&write.key, newest, snapshot, insert, &[])?,
            }
        }
        let mut written = Written::default();
        writes.iter().for_each(|write| written.count(&write.key, &write.kind));
        let changes = mem::take(writes).into_iter().map(|write| match write.kind {
            WriteKind::Put(value) | WriteKind::Insert(value) => (write.key, Some(value)),
            WriteKind::Delete => (write.key, None),
        });
        let changes: Changes = changes.collect();
        let started = self.start_commit(None, changes, Vec::new(), &[])?;
        self.0.changed.add(&written);
        Ok(Tried::Done(started))
    }

    /// The gate of a pending transaction on one of the keys. Blind writes wait only for those that are not sure of their
    /// place in time yet.
    fn busy<'k>(
        &self,
        mut keys: impl Iterator<Item = &'k [u8]>,
        except: Option<TransactionId>,
        blind: bool,
    ) -> Option<Gate> {
        let state = self.0.state.borrow();
        if state.pending.is_empty() {
            return None;
        }
        let matters = |pending: &Pending| {
            (except.is_none() || pending.transaction != except) && (!blind || pending.prepared || pending.spilled)
        };
        keys.find_map(|key| state.pending.on_key(key, matters)).map(|pending| pending.done.clone())
    }

    /// Commits a transaction that has written on this core alone. If it fails, the transaction is rolled back.
    pub async fn commit(&self, transaction: TransactionId) -> Result<Timestamp, Failure> {
        self.save_loads(transaction).await?;
        self.0.log.room().await;
        loop {
            match self.try_commit(transaction) {
                Ok(Tried::Done(ticket)) => return self.applied(ticket).await,
                Ok(Tried::Wait(obstacle)) => {
                    if let Err(failure) = self.wait(obstacle).await {
                        self.abort_open(transaction);
                        return Err(failure);
                    }
                }
                Ok(Tried::Read) => {}
                Err(failure) => {
                    self.abort_open(transaction);
                    return Err(failure);
                }
            }
        }
    }

    fn try_commit(&self, transaction: TransactionId) -> Result<Tried<Ticket>, Failure> {
        let tables = {
            let mut state = self.0.state.borrow_mut();
            let open = state.open.get_mut(&transaction).ok_or_else(gone)?;
            self.check_doom(open)?;
            mem::take(&mut open.tables)
        };
        let admitted = self.check_tables(Some(transaction), &tables);
        let blind = {
            let mut state = self.0.state.borrow_mut();
            let open = state.open.get_mut(&transaction).ok_or_else(gone)?;
            open.tables = tables;
            open.snapshot == Timestamp::MAX
        };
        if let Some(obstacle) = admitted? {
            return Ok(Tried::Wait(obstacle));
        }
        let mut state = self.0.state.borrow_mut();
        if let Some(gate) = self.busy_open(&state, transaction, blind) {
            return Ok(Tried::Wait(Obstacle::Commit(gate)));
        }
        let open = state.take_open(transaction).ok_or_else(gone)?;
        drop(state);
        let versions: Vec<Timestamp> = open.spilled.iter().map(|(_, version)| *version).collect();
        let changes = open.buffer.into_writes();
        if changes.is_empty() && versions.is_empty() {
            // Nothing is left to make durable.
            return Ok(Tried::Done(Ticket { at: self.0.sequencer.last(), end: LogPosition::default() }));
        }
        let started = self.start_commit(Some(transaction), changes, versions, &open.spilled_storages)?;
        self.0.changed.add(&open.written);
        Ok(Tried::Done(started))
    }

    fn busy_open(&self, state: &State, transaction: TransactionId, blind: bool) -> Option<Gate> {
        let open = state.open.get(&transaction)?;
        let matters = |pending: &Pending| {
            pending.transaction != Some(transaction) && (!blind || pending.prepared || pending.spilled)
        };
        if state.pending.is_empty() {
            return None;
        }
        open.buffer.keys().find_map(|key| state.pending.on_key(key, matters)).map(|pending| pending.done.clone())
    }

    /// Fails if a commit without locks has overtaken this transaction on a key.
    pub(super) fn check_doom(&self, open: &Open) -> Result<(), Failure> {
        match &open.doomed {
            None => Ok(()),
            Some((key, live)) => Err(self.conflicts(doom(open, key, *live))),
        }
    }

    /// From here on the commit happens, unless the node stops before the log has synced.
    fn start_commit(
        &self,
        transaction: Option<TransactionId>,
        changes: Changes,
        versions: Vec<Timestamp>,
        spilled_storages: &[StorageId],
    ) -> Result<Ticket, Failure> {
        let at = self.draw();
        let appended = {
            let mut record = self.0.record.borrow_mut();
            Encoder::commit(&mut record, at, &versions).writes(pairs(&changes));
            self.0.log.append(&[&record])
        };
        let end = appended.inspect_err(|_| self.resolve(&versions, Resolution::Aborted))?;
        let pending = Rc::new(Pending {
            proposed: at,
            prepared: false,
            transaction,
            storages: storages_of(changes.iter().map(|(key, _)| key.as_slice()), spilled_storages),
            spilled: !versions.is_empty(),
            done: Gate::default(),
        });
        let mut state = self.0.state.borrow_mut();
        if transaction.is_none() {
            state.doom_holders(changes.iter().map(|(key, value)| (key.as_slice(), value.is_some())), None);
        }
        let number = state.pending.insert(pending, changes.iter().map(|(key, _)| key.as_slice()));
        state.applying.push(end, Work::Commit { at, changes, versions, pending: number });
        Counters::count(&self.0.statistics.committed);
        Ok(Ticket { at, end })
    }

    /// The caller may tell its client when this is over.
    async fn applied(&self, ticket: Ticket) -> Result<Timestamp, Failure> {
        if self.0.options.acknowledge_before_sync {
            self.apply_until(ticket.end);
        } else {
            self.0.log.durable(ticket.end).await?;
            self.apply_durable();
        }
        Ok(ticket.at)
    }

    /// Applies, in log order, all that the log has synced.
    pub(super) fn apply_durable(&self) {
        self.apply_until(self.0.log.durable_end());
    }

    fn apply_until(&self, durable: LogPosition) {
        loop {
            let next = self.0.state.borrow_mut().applying.pop(durable);
            match next {
                None => return,
                Some((_, Work::Nothing)) => {}
                Some((end, Work::Commit { at, changes, versions, pending })) => {
                    self.resolve(&versions, Resolution::Committed(at));
                    self.0.lsm.apply(pairs(&changes), at, end);
                    let keys = changes.iter().map(|(key, _)| key.as_slice());
                    self.0.state.borrow_mut().pending.remove(pending, keys);
                }
            }
        }
    }

    /// Tells the tree what became of provisional versions.
    pub(super) fn resolve(&self, versions: &[Timestamp], resolution: Resolution) {
        if versions.is_empty() {
            return;
        }
        let mut provisional = self.0.retained.retention.provisional.borrow_mut();
        versions.iter().for_each(|version| provisional.set(*version, resolution));
        drop(provisional);
        if resolution != Resolution::Open {
            self.0.lsm.note_decisions();
        }
    }
}

fn has_duplicates(writes: &[Write]) -> bool {
    writes.iter().enumerate().any(|(number, write)| writes[..number].iter().any(|before| before.key == write.key))
}

/// Rolls a transaction back that was not committed.
struct AbortOnDrop<'a> {
    transactions: &'a Transactions,
    transaction: TransactionId,
}

impl Drop for AbortOnDrop<'_> {
    fn drop(&mut self) {
        self.transactions.abort_open(self.transaction);
    }
}
