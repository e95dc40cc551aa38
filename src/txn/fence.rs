//! Tables under change: versions that writes were planned with, and fences that keep writers out.

use super::{
    Failure, TableUse, Transactions,
    failure::{fenced, table_changed},
    gate::Gate,
    write::{Obstacle, Writer},
};
use crate::base::{
    hash::HashMap,
    ids::{TableId, TransactionId},
};

/// Tables to which only one transaction may write, with the gate that opens when it is done.
#[derive(Default)]
pub struct Fences(HashMap<TableId, (TransactionId, Gate)>);

impl Fences {
    /// What keeps `transaction` from writing to a table.
    fn obstacle(&self, table: TableId, transaction: Option<TransactionId>) -> Option<&Gate> {
        let (owner, gate) = self.0.get(&table)?;
        (Some(*owner) != transaction).then_some(gate)
    }
}

impl Transactions {
    /// Waits until all tables may be written to, and fails if one is not what the writer takes it for.
    pub async fn admit(&self, writer: &Writer, tables: &[TableUse]) -> Result<(), Failure> {
        while let Some(obstacle) = self.check_tables(Some(writer.transaction), tables)? {
            self.wait_for(writer, obstacle).await?;
        }
        Ok(())
    }

    /// What the writer of these tables must wait for, if anything.
    pub(super) fn check_tables(
        &self,
        transaction: Option<TransactionId>,
        tables: &[TableUse],
    ) -> Result<Option<Obstacle>, Failure> {
        let (catalog, state) = (self.0.catalog.borrow(), self.0.state.borrow());
        for used in tables {
            if let Some(gate) = state.fences.obstacle(used.table, transaction) {
                return Ok(Some(Obstacle::Fence(used.table, gate.clone())));
            }
            // The owner of a fence writes with a picture of the catalog that is not installed yet.
            let owns = state.fences.0.contains_key(&used.table);
            if !owns && catalog.table(used.table).is_none_or(|table| table.version != used.version) {
                return Err(table_changed(used.table));
            }
        }
        Ok(None)
    }

    /// Lets only `transaction` write to the table from now on, and waits until nobody else is half-way through a commit
    /// that touches it. Open transactions that have written to it fail when they commit.
    pub async fn fence(&self, table: TableId, transaction: TransactionId) -> Result<(), Failure> {
        let patience = self.0.options.fence_wait_max;
        let fenced_in_time = self.0.env.timeout(patience, self.fence_patiently(table, transaction)).await;
        fenced_in_time.ok_or_else(|| {
            self.unfence_table(table, transaction);
            fenced(table)
        })
    }

    async fn fence_patiently(&self, table: TableId, transaction: TransactionId) {
        loop {
            let owner = self.0.state.borrow().fences.obstacle(table, Some(transaction)).cloned();
            match owner {
                Some(gate) => gate.wait().await,
                None => break,
            }
        }
        self.0.state.borrow_mut().fences.0.entry(table).or_insert_with(|| (transaction, Gate::default()));
        let Some(storage) = self.0.catalog.borrow().table(table).map(|table| table.storage) else { return };
        loop {
            let pending = {
                let state = self.0.state.borrow();
                let others = |pending: &super::pending::Pending| pending.transaction != Some(transaction);
                state.pending.on_storage(storage, others).map(|pending| pending.done.clone())
            };
            match pending {
                Some(gate) => gate.wait().await,
                None => return,
            }
        }
    }

    fn unfence_table(&self, table: TableId, transaction: TransactionId) {
        let mut state = self.0.state.borrow_mut();
        if state.fences.0.get(&table).is_some_and(|(owner, _)| *owner == transaction)
            && let Some((_, gate)) = state.fences.0.remove(&table)
        {
            gate.open();
        }
    }

    /// Takes all fences of a transaction away.
    pub fn unfence(&self, transaction: TransactionId) {
        let mut tables: Vec<TableId> = {
            let state = self.0.state.borrow();
            let fences = state.fences.0.iter().filter(|(_, (owner, _))| *owner == transaction);
            fences.map(|(table, _)| *table).collect()
        };
        tables.sort_unstable();
        tables.into_iter().for_each(|table| self.unfence_table(table, transaction));
    }
}
