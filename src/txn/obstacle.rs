//! Waiting: for a lock, a commit under way, or a fence.

use super::{
    Failure, Transactions,
    failure::{deadlock, fenced, lock_timeout, stale, too_many_waits},
    locks::{Refused, Wait},
    state::Counters,
    write::{Obstacle, Tried, Writer, take_lock},
};
use crate::{
    base::time::Timestamp,
    storage::lsm::{Newest, Resolution},
};
use std::{rc::Rc, time::Duration};

impl Transactions {
    /// Takes a key's lock ahead of a read that is followed by a write, and gives the snapshot to read at: the statement's, if
    /// the key has no later version. If it has one: a new snapshot if the transaction `may_move`, because it has read
    /// nothing yet that others can change; else the statement is stale.
    pub async fn lock(
        &self,
        writer: &Writer,
        key: &[u8],
        snapshot: Timestamp,
        may_move: bool,
    ) -> Result<Timestamp, Failure> {
        loop {
            match self.try_lock(writer, key)? {
                Tried::Done(()) | Tried::Read => break,
                Tried::Wait(obstacle) => self.wait_for(writer, obstacle).await?,
            }
        }
        let newest = match self.0.lsm.newest_cached(key)? {
            Newest::Unknown => self.newest(key).await?,
            newest => newest,
        };
        let Newest::Version { at, .. } = newest else { return Ok(snapshot) };
        let committed = match self.0.retained.retention.provisional.borrow().get(at) {
            None => at,
            Some(Resolution::Committed(at)) => at,
            // The write tells what is to be told.
            Some(Resolution::Open | Resolution::Aborted) => Timestamp::MIN,
        };
        if committed <= snapshot {
            return Ok(snapshot);
        }
        if !may_move {
            return Err(self.conflicts(stale()));
        }
        // Later than all commits so far, so than this one.
        let moved = self.0.sequencer.last();
        writer.open(&mut self.0.state.borrow_mut())?.snapshot = moved;
        Ok(moved)
    }

    fn try_lock(&self, writer: &Writer, key: &[u8]) -> Result<Tried<()>, Failure> {
        let mut state = self.0.state.borrow_mut();
        writer.open(&mut state)?;
        Ok(take_lock(&mut state, writer, key)?.map_or(Tried::Done(()), Tried::Wait))
    }

    /// Waits until an obstacle is gone, as long as the writer has patience.
    pub(super) async fn wait_for(&self, writer: &Writer, obstacle: Obstacle) -> Result<(), Failure> {
        let Obstacle::Lock(key) = obstacle else {
            let Some(patience) = writer.patience else { return self.wait(obstacle).await };
            let waited = self.0.env.timeout(patience, self.wait(obstacle)).await;
            return waited.unwrap_or_else(|| Err(lock_timeout()));
        };
        if writer.patience == Some(Duration::ZERO) {
            return Err(stale());
        }
        let wait = {
            let mut state = self.0.state.borrow_mut();
            let wait = state.locks.queue(key, writer.transaction, writer.statement);
            let wait = wait.map_err(|refused| self.refusal(refused))?;
            writer.open(&mut state)?.waits.push((key, wait.clone()));
            wait
        };
        Counters::count(&self.0.statistics.lock_waits);
        let waiting = Waiting { transactions: self, writer, key, wait };
        let over = waiting.wait.over.wait();
        match writer.patience {
            None => over.await,
            Some(patience) => {
                let waited = self.0.env.timeout(patience, over).await;
                waited.ok_or_else(lock_timeout)?;
            }
        }
        // If the statement was rolled back instead, the next try finds that out.
        Ok(())
    }

    fn refusal(&self, refused: Refused) -> Failure {
        match refused {
            Refused::Deadlock => {
                Counters::count(&self.0.statistics.deadlocks);
                deadlock()
            }
            Refused::Full => too_many_waits(),
        }
    }

    /// Waits until a commit is through, or a fence away; for a fence only so long.
    pub(super) async fn wait(&self, obstacle: Obstacle) -> Result<(), Failure> {
        Counters::count(&self.0.statistics.waits);
        match obstacle {
            Obstacle::Commit(gate) => gate.wait().await,
            Obstacle::Fence(table, gate) => {
                let waited = self.0.env.timeout(self.0.options.fence_wait_max, gate.wait()).await;
                waited.ok_or_else(|| fenced(table))?;
            }
            // Only an open transaction queues for locks.
            Obstacle::Lock(_) => return Err(stale()),
        }
        Ok(())
    }
}

/// A place in a queue; given up when it is dropped.
struct Waiting<'a> {
    transactions: &'a Transactions,
    writer: &'a Writer,
    key: u64,
    wait: Rc<Wait>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.wait.over.is_open() {
            return;
        }
        let mut state = self.transactions.0.state.borrow_mut();
        state.locks.leave(self.key, &self.wait);
        if let Some(open) = state.open.get_mut(&self.writer.transaction) {
            open.waits.retain(|(_, wait)| !Rc::ptr_eq(wait, &self.wait));
        }
    }
}
