//! Large transactions: buffers that go into the tree before their transaction has ended.
//!
//! Each statement's writes become versions of a timestamp of their own, which the tree takes for *open*: only the
//! transaction itself sees them, and taking a statement back is to call its version aborted. The record in the log need not
//! be durable: if the node stops, the transaction is gone anyway.

use super::{
    Failure, Transactions,
    applying::{Changes, Work},
    failure::{conflict, gone},
    pending::{Pending, storages_of},
    record::Encoder,
    state::Counters,
    write::{Obstacle, Tried},
};
use crate::{
    base::{ids::TransactionId, time::Timestamp},
    storage::lsm::Resolution,
};

impl Transactions {
    /// Moves a transaction's buffer into the tree.
    pub(super) async fn spill(&self, transaction: TransactionId) -> Result<(), Failure> {
        self.0.log.room().await;
        loop {
            match self.try_spill(transaction)? {
                Tried::Wait(obstacle) => self.wait(obstacle).await?,
                Tried::Done(()) | Tried::Read => return Ok(()),
            }
        }
    }

    fn try_spill(&self, transaction: TransactionId) -> Result<Tried<()>, Failure> {
        let (statements, base) = {
            let mut state = self.0.state.borrow_mut();
            let state = &mut *state;
            let open = state.open.get_mut(&transaction).ok_or_else(gone)?;
            if open.doomed.is_some() {
                return Err(conflict());
            }
            if open.buffer.is_empty() {
                return Ok(Tried::Done(()));
            }
            // From the spill on, the tree says that the keys are taken; who was before us must be through.
            let others = |pending: &Pending| pending.transaction != Some(transaction);
            let busy = open.buffer.keys().find_map(|key| state.pending.on_key(key, others));
            if let Some(pending) = busy {
                return Ok(Tried::Wait(Obstacle::Commit(pending.done.clone())));
            }
            let buffer = std::mem::take(&mut open.buffer);
            state.buffered_bytes -= buffer.bytes();
            open.spilled_storages = storages_of(buffer.keys(), &open.spilled_storages);
            // From here on the open versions in the tree keep others off.
            let claims = std::mem::take(&mut open.claims);
            state.release(claims, transaction);
            let statements = buffer.into_statements();
            let base = self.0.sequencer.draw_many(statements.len() as u64, self.0.env.wall_micros());
            (statements, base)
        };
        Counters::count(&self.0.statistics.spills);
        let mut versions = Vec::with_capacity(statements.len());
        for (number, (statement, changes)) in statements.into_iter().enumerate() {
            let at = Timestamp(base.0 + number as u64);
            versions.push((statement, at));
            if let Err(failure) = self.apply_provisional(transaction, at, &changes) {
                // What was in the buffer is lost (the disk is full), and so is the transaction.
                versions.iter().for_each(|(_, version)| self.resolve(&[*version], Resolution::Aborted));
                self.abort_open(transaction);
                return Err(failure);
            }
        }
        if let Some(open) = self.0.state.borrow_mut().open.get_mut(&transaction) {
            open.spilled.extend_from_slice(&versions);
            open.own = open.spilled.iter().map(|(_, version)| *version).collect();
            open.spills += 1;
        }
        Ok(Tried::Done(()))
    }

    fn apply_provisional(&self, transaction: TransactionId, at: Timestamp, changes: &Changes) -> Result<(), Failure> {
        self.0.retained.retention.provisional.borrow_mut().set(at, Resolution::Open);
        let end = {
            let mut record = self.0.record.borrow_mut();
            Encoder::provisional(&mut record, transaction, at).writes(pairs(changes));
            self.0.log.append(&[&record])?
        };
        let applied = {
            let mut state = self.0.state.borrow_mut();
            state.applying.push(end, Work::Nothing);
            state.applying.applied()
        };
        self.0.lsm.apply(pairs(changes), at, applied);
        Ok(())
    }
}

/// Changes as the log and the tree take them.
pub(super) fn pairs(changes: &Changes) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
    changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
}
