//! Point reads: own writes first, then the tree, after every commit that the snapshot must see.

use super::{Failure, ReadView, Transactions, buffer::Own, gate::Gate, pending::Pending, state::Counters};
use crate::{
    base::ids::StorageId,
    storage::lsm::{Cached, ValueRef},
};

/// What a key holds, as far as a look without waiting can tell.
pub enum Look<R> {
    Value(Option<R>),
    /// The same, from the transaction's own buffer: nobody else can change that.
    Own(Option<R>),
    /// Wait for this commit, then look again.
    Wait(Gate),
    /// Not in memory.
    Read,
}

impl Transactions {
    /// Gives the value of a key to `read`, without copying it. `None` if the key has none.
    pub async fn get_with<R>(
        &self,
        view: &ReadView,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Failure> {
        let mut read = Some(read);
        let mut once = |value: &[u8]| read.take().map(|read| read(value));
        loop {
            match self.look_with(view, key, &mut once)? {
                Look::Value(value) | Look::Own(value) => return Ok(value.flatten()),
                Look::Wait(gate) => {
                    Counters::count(&self.0.statistics.waits);
                    gate.wait().await;
                }
                Look::Read => break,
            }
        }
        let value: Option<ValueRef> = self.0.lsm.get(&self.tree_view(view), key).await?;
        Ok(value.and_then(|value| once(&value)))
    }

    /// The same as far as it goes without waiting.
    pub fn look_with<R>(&self, view: &ReadView, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> Result<Look<R>, Failure> {
        if let Some(transaction) = view.transaction {
            let state = self.0.state.borrow();
            if let Some(open) = state.open.get(&transaction) {
                match open.buffer.get(key, view.statement) {
                    Own::Value(value) => return Ok(Look::Own(Some(read(value)))),
                    Own::Deleted => return Ok(Look::Own(None)),
                    Own::Nothing => {}
                }
            }
        }
        if let Some(gate) = self.commit_before(view, key) {
            return Ok(Look::Wait(gate));
        }
        Ok(match self.0.lsm.get_cached(&self.tree_view(view), key)? {
            Cached::Found(value) => Look::Value(Some(read(&value))),
            Cached::Absent => Look::Value(None),
            Cached::Unknown => Look::Read,
        })
    }

    /// A copy of a key's value.
    pub async fn get(&self, view: &ReadView, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        self.get_with(view, key, <[u8]>::to_vec).await
    }

    /// Copies of several keys' values.
    pub async fn get_many(&self, view: &ReadView, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let mut values = Vec::with_capacity(keys.len());
        for (number, key) in keys.iter().enumerate() {
            values.push(self.get(view, key).await?);
            if number % 16 == 15 {
                self.0.env.yield_if_needed().await;
            }
        }
        Ok(values)
    }

    /// A commit of the key that is under way and that the view will see, if it comes about. Commits that begin later draw
    /// a later timestamp than any snapshot there is, so there is nothing to watch for after this.
    fn commit_before(&self, view: &ReadView, key: &[u8]) -> Option<Gate> {
        let state = self.0.state.borrow();
        state.pending.on_key(key, |pending| matters(pending, view)).map(|pending| pending.done.clone())
    }

    /// Waits for all commits under way in a storage that the view will see.
    pub(super) async fn wait_for_commits(&self, view: &ReadView, storage: StorageId) {
        loop {
            let gate = {
                let state = self.0.state.borrow();
                let pending = state.pending.on_storage(storage, |pending| matters(pending, view));
                pending.map(|pending| pending.done.clone())
            };
            let Some(gate) = gate else { return };
            Counters::count(&self.0.statistics.waits);
            gate.wait().await;
        }
    }
}

fn matters(pending: &Pending, view: &ReadView) -> bool {
    pending.proposed <= view.snapshot && (view.transaction.is_none() || pending.transaction != view.transaction)
}
