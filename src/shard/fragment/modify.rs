//! UPDATE and DELETE where the rows are.
//!
//! Each batch of rows becomes writes. Those for keys of this core go into the transaction's buffer; the few for other
//! cores (entries of unique indexes, rows that get another primary key) are returned with the summary, or sent there from
//! here when they are many. The scan does not see any of them: they belong to the statement that reads.

use super::{Modify, ModifyKind, Summary, source::join_all};
use crate::{
    base::{
        batch::{Batch, Column},
        ids::ShardId,
        key,
        time::Timestamp,
        value::Value,
        write::Write,
    },
    catalog::Keyspace,
    error::{Error, Result},
    shard::{ReadView, Request, Shard},
    sql::{
        expr::{self, Context},
        modify::Layout,
        plan::Scan,
    },
    txn::Writer,
};
use std::{collections::BTreeMap, sync::Arc};

/// Bytes of writes for other cores that are kept for the summary; beyond it they are sent.
const REMOTE_BYTES_MAX: usize = 1 << 20;

/// Turns rows into writes.
pub struct Modifier {
    shard: Shard,
    modify: Modify,
    writer: Writer,
    keyspace: Arc<Keyspace>,
    context: Arc<Context>,
    view: ReadView,
    /// Stored position of each column that the scan puts out, before the key.
    positions: Vec<usize>,
    summary: Summary,
    remote_bytes: usize,
    /// The summary was taken: the coordinator knows of everything.
    told: bool,
}

impl Modifier {
    /// Nothing is changed yet.
    pub fn new(
        shard: Shard,
        modify: Modify,
        writer: Writer,
        scan: &Scan,
        context: Arc<Context>,
        view: ReadView,
    ) -> Result<Modifier> {
        if !scan.with_key {
            return Err(Error::internal("a change of rows whose keys are not read"));
        }
        let keyspace = shard.catalog().keyspace(modify.table.keyspace).cloned();
        let keyspace = keyspace.ok_or_else(|| Error::internal("a table without a keyspace"))?;
        let (positions, summary) = (scan.columns.clone(), Summary::default());
        Ok(Modifier {
            shard,
            modify,
            writer,
            keyspace,
            context,
            view,
            positions,
            summary,
            remote_bytes: 0,
            told: false,
        })
    }

    /// Locks the only row that is going to be changed; gives the snapshot to read it at.
    pub async fn lock(&mut self, key: &[u8]) -> Result<Timestamp> {
        let transactions = self.shard.transactions();
        transactions.admit(&self.writer, &self.modify.tables).await.map_err(|failure| self.shard.error(failure))?;
        let locked = transactions.lock(&self.writer, key, self.view.snapshot, self.modify.may_move).await;
        let snapshot = locked.map_err(|failure| self.shard.error(failure))?;
        self.summary.locked = true;
        if snapshot != self.view.snapshot {
            self.summary.moved = Some(snapshot);
            self.view.snapshot = snapshot;
        }
        Ok(snapshot)
    }

    /// Changes the rows of a batch; gives what RETURNING asks for.
    pub async fn change(&mut self, batch: Batch) -> Result<Option<Batch>> {
        let (writes, changed) = self.writes(&batch)?;
        let mut local = Vec::with_capacity(writes.len());
        for write in writes {
            let owner = key::split(&write.key)
                .and_then(|(_, _, partition, _)| self.keyspace.partitions.get(usize::from(partition.0)).copied());
            if owner == Some(self.shard.id()) {
                local.push(write);
            } else {
                self.remote_bytes += write.key.len() + write.value().map_or(0, <[u8]>::len) + size_of::<Write>();
                self.summary.remote.push(write);
            }
        }
        self.summary.wrote |= !local.is_empty();
        let written = self.shard.transactions().write(&self.writer, local, &self.modify.tables).await;
        written.map_err(|failure| self.shard.error(failure))?;
        if self.remote_bytes > REMOTE_BYTES_MAX {
            self.send_remote().await?;
        }
        self.summary.rows += batch.rows as u64;
        match &self.modify.returning {
            None => Ok(None),
            Some(expressions) => expr::project(expressions, &changed, &self.context).map(Some),
        }
    }

    /// The writes for a batch of rows, and the rows as RETURNING sees them: live columns, new values (old ones of deleted
    /// rows).
    fn writes(&self, batch: &Batch) -> Result<(Vec<Write>, Batch)> {
        let table = self.modify.table.clone();
        let layout = Layout::new(&table, &self.keyspace);
        let assigned: Vec<(usize, Column)> = match &self.modify.kind {
            ModifyKind::Delete => Vec::new(),
            ModifyKind::Update { assignments } => {
                let evaluate = |(position, value): &(usize, expr::Expr)| {
                    Ok((*position, expr::evaluate(value, batch, &self.context)?))
                };
                assignments.iter().map(evaluate).collect::<Result<_>>()?
            }
        };
        let mut changed = Batch::new(table.live_columns().map(|(_, column)| column.data_type));
        let Some((keys, columns)) = batch.columns.split_last() else {
            return Err(Error::internal("a change of rows without columns"));
        };
        let mut writes = Vec::with_capacity(batch.rows);
        for row in 0..batch.rows {
            let Value::Bytea(key) = keys.value(row) else {
                return Err(Error::internal("a change of rows without their keys"));
            };
            let mut old = vec![Value::Null; table.columns.len()];
            for (position, column) in self.positions.iter().zip(columns) {
                old[*position] = column.value(row);
            }
            let after = match &self.modify.kind {
                ModifyKind::Delete => {
                    writes.extend(layout.delete(&key, &old)?);
                    old
                }
                ModifyKind::Update { .. } => {
                    let mut new = old.clone();
                    for (position, column) in &assigned {
                        new[*position] = column.value(row);
                    }
                    writes.extend(layout.update(&key, &old, &new)?);
                    new
                }
            };
            if self.modify.returning.is_some() {
                changed.push_row(table.live_columns().map(|(position, _)| after[position].clone()));
            }
        }
        Ok((writes, changed))
    }

    /// Sends the writes for other cores there.
    async fn send_remote(&mut self) -> Result<()> {
        let mut by_shard: BTreeMap<ShardId, Vec<Write>> = BTreeMap::new();
        for write in std::mem::take(&mut self.summary.remote) {
            let owner = key::split(&write.key)
                .and_then(|(_, _, partition, _)| self.keyspace.partitions.get(usize::from(partition.0)).copied());
            let owner = owner.ok_or_else(|| Error::internal("a write for a key without a shard"))?;
            by_shard.entry(owner).or_default().push(write);
        }
        self.remote_bytes = 0;
        let mut calls = Vec::with_capacity(by_shard.len());
        for (owner, writes) in by_shard {
            if !self.summary.writers.contains(&owner) {
                self.summary.writers.push(owner);
            }
            let request = Request::Write {
                transaction: self.modify.transaction,
                snapshot: self.view.snapshot,
                statement: self.modify.statement,
                writes,
                tables: self.modify.tables.clone(),
                patience: self.modify.patience,
            };
            calls.push(Box::pin(self.shard.call(owner, request)));
        }
        for answer in join_all(calls).await {
            answer?;
        }
        Ok(())
    }

    /// What was changed, after the end.
    pub fn take_summary(&mut self) -> Summary {
        self.told = true;
        std::mem::take(&mut self.summary)
    }
}

impl Drop for Modifier {
    /// The coordinator will not hear of the cores that were written to from here, so the writes are taken back.
    fn drop(&mut self) {
        if self.told || self.summary.writers.is_empty() {
            return;
        }
        let (shard, writers) = (self.shard.clone(), std::mem::take(&mut self.summary.writers));
        let (transaction, statement) = (self.modify.transaction, self.modify.statement);
        let taking_back = async move {
            for writer in writers {
                // It may be run again as another statement by now: only this one is taken back.
                let statements = statement..=statement;
                let request = Request::Rollback { transaction, statements, keep_locks: false };
                if let Err(error) = shard.call(writer, request).await {
                    tracing::warn!(%error, "writes of a failed statement stay until their transaction ends");
                }
            }
        };
        self.shard.env().spawn(crate::env::TaskClass::Query, taking_back).detach();
    }
}
