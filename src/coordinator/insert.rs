//! INSERT, and the router that takes any statement's writes to the shards that own the keys.
//!
//! A statement that is a transaction of its own and writes on one core takes one hop: the whole transaction goes to that
//! core, which answers when it is durable. Otherwise writes are sent while rows are made, in batches of bounded size, and
//! lie on their shards until the transaction ends.

use super::{commit::end_unknown, gather::Query, session::Session};
use crate::{
    base::{
        batch::Batch,
        ids::{ShardId, TableId},
        value::Value,
        write::Write,
    },
    catalog::{Catalog, Table},
    error::{Error, Result},
    shard::{Request, Response, TableUse},
    sql::{
        self,
        expr::Context,
        modify::Layout,
        plan::{Insert, Node},
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// Bytes of writes that are collected for one shard before they are sent.
const ROUTE_BYTES: usize = 256 << 10;

/// Statements of a transaction whose single rows without a primary key are put near its other rows.
const NEARBY_STATEMENTS_MAX: u32 = 16;
/// Row numbers that are tried for that.
const NEARBY_TRIES_MAX: usize = 8;

/// Writes on their way to their shards.
pub(super) struct Router {
    catalog: Arc<Catalog>,
    tables: Vec<TableUse>,
    pending: BTreeMap<ShardId, Pending>,
    /// Whether any was sent already.
    sent: bool,
}

#[derive(Default)]
struct Pending {
    writes: Vec<Write>,
    bytes: usize,
}

impl Router {
    /// A router for writes to one table; `fenced` tables need no version check.
    pub(super) fn new(catalog: Arc<Catalog>, table: &Table, fenced: bool) -> Router {
        let used = TableUse { table: table.id, version: table.version };
        Router { catalog, tables: if fenced { Vec::new() } else { vec![used] }, pending: BTreeMap::new(), sent: false }
    }

    /// Takes a write; gives the shard whose batch is full now.
    pub(super) fn push(&mut self, write: Write) -> Result<Option<ShardId>> {
        let shard = self.catalog.shard_of_key(&write.key);
        let shard = shard.ok_or_else(|| Error::internal("a write without a shard"))?;
        let pending = self.pending.entry(shard).or_default();
        pending.bytes += write.key.len() + write.value().map_or(0, <[u8]>::len);
        pending.writes.push(write);
        Ok((pending.bytes >= ROUTE_BYTES).then_some(shard))
    }

    /// The only shard, if everything is still here and lies on one.
    fn only_shard(&self) -> Option<ShardId> {
        match (self.sent, self.pending.len()) {
            (false, 1) => self.pending.keys().next().copied(),
            _ => None,
        }
    }
}

impl Session {
    /// Runs an INSERT; gives the number of rows, and the rows for RETURNING.
    pub(super) async fn insert(&mut self, insert: &Insert, context: &Arc<Context>) -> Result<(u64, Vec<Batch>)> {
        let catalog = self.catalog();
        let table = &insert.table;
        let layout = layout(&catalog, table)?;
        // Before the statement is numbered: it does not read what it writes.
        let mut input = self.insert_input(&insert.input, context).await?;
        self.begin_statement();
        let mut router = self.router(table);
        let (mut rows, mut returned) = (0, Vec::new());
        while let Some(batch) = input.next(self).await? {
            for row in 0..batch.rows {
                let values = stored_values(table, &batch, row);
                let row_id = match batch.rows {
                    1 => self.row_id_nearby(table, &layout, &catalog)?,
                    _ => self.row_id(table),
                };
                for write in layout.insert(&values, row_id)? {
                    if let Some(full) = router.push(write)? {
                        self.send(&mut router, Some(full)).await?;
                    }
                }
            }
            rows += batch.rows as u64;
            if let Some(project) = &insert.returning {
                returned.push(sql::expr::project(project, &batch, context)?);
            }
        }
        self.deliver(router).await?;
        Ok((rows, returned))
    }

    async fn insert_input(&mut self, input: &Node, context: &Arc<Context>) -> Result<InsertInput> {
        if let Node::Values { rows, types } = input {
            return Ok(InsertInput::Values(Some(sql::execute::values(rows, types, context)?)));
        }
        Ok(InsertInput::Query(Box::new(self.query(input, context.clone()).await?)))
    }

    /// A number for a row of a table without a primary key; unique on this node.
    pub(super) fn row_id(&self, table: &Table) -> i64 {
        match table.primary_key {
            Some(_) => 0,
            None => self.core.shard.sequencer().next().0 as i64,
        }
    }

    /// The same for one of a few rows: where the row lies follows from its number, so a short transaction takes one that
    /// lies on a core it has written to already, and commits on fewer of them. Long ones spread their rows.
    fn row_id_nearby(&self, table: &Table, layout: &Layout<'_>, catalog: &Catalog) -> Result<i64> {
        let writers = self.transaction.as_ref().filter(|open| open.statement <= NEARBY_STATEMENTS_MAX);
        let writers = writers.map(|open| &open.writers).filter(|writers| !writers.is_empty());
        if table.primary_key.is_none()
            && let Some(writers) = writers
        {
            for _ in 0..NEARBY_TRIES_MAX {
                let row_id = self.row_id(table);
                let key = layout.row_key(&[], row_id)?;
                if catalog.shard_of_key(&key).is_some_and(|shard| writers.contains(&shard)) {
                    return Ok(row_id);
                }
            }
        }
        Ok(self.row_id(table))
    }

    /// A router for writes of this session to a table.
    pub(super) fn router(&self, table: &Table) -> Router {
        Router::new(self.catalog(), table, self.is_fenced(table.id))
    }

    pub(super) fn is_fenced(&self, table: TableId) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.has_fenced(table))
    }

    /// Sends what a statement has left. If that is all of an implicit transaction and lies on one shard, it commits there
    /// in the same hop.
    pub(super) async fn deliver(&mut self, mut router: Router) -> Result<()> {
        let whole = self.last_in_batch
            && self
                .transaction
                .as_ref()
                .is_none_or(|open| !open.explicit && open.writers.is_empty() && open.definition.is_none());
        if whole && let Some(shard) = router.only_shard() {
            let snapshot = self.read_view().snapshot;
            let writes = router.pending.remove(&shard).unwrap_or_default().writes;
            let request = Request::CommitOne { snapshot, writes, tables: router.tables.clone() };
            // Not raced against a cancel: once it is sent its outcome must be known.
            match self.core.shard.call(shard, request).await.map_err(end_unknown)? {
                // Somebody has to be waited for, and that can be cancelled.
                Response::Locked(writes) => router.pending.entry(shard).or_default().writes = writes,
                _ => {
                    self.transaction = None;
                    return Ok(());
                }
            }
        }
        self.send(&mut router, None).await
    }

    /// Sends one shard's writes, or everyone's.
    pub(super) async fn send(&mut self, router: &mut Router, only: Option<ShardId>) -> Result<()> {
        let view = self.read_view();
        let shards: Vec<ShardId> = match only {
            Some(shard) => vec![shard],
            None => router.pending.keys().copied().collect(),
        };
        let core = self.core.clone();
        let mut calls = Vec::with_capacity(shards.len());
        for shard in shards {
            let Some(pending) = router.pending.remove(&shard) else { continue };
            let patience = self.settings.limits().lock;
            let transaction = self.open_transaction();
            transaction.writers.insert(shard);
            let request = Request::Write {
                transaction: transaction.id,
                snapshot: view.snapshot,
                statement: transaction.statement,
                writes: pending.writes,
                tables: router.tables.clone(),
                patience,
            };
            calls.push(core.shard.call(shard, request));
        }
        router.sent = true;
        let cancel = self.cancel.clone();
        cancel.race(all(calls)).await.map_err(|error| self.named(error))?;
        Ok(())
    }

    /// A duplicate key of a constraint that this transaction has made, which the shards' catalogs do not know yet.
    pub(super) fn named(&self, error: Error) -> Error {
        match error.key() {
            Some(key) => sql::modify::duplicate_key(&self.catalog(), key),
            None => error,
        }
    }
}

/// Where an INSERT's rows come from.
enum InsertInput {
    Values(Option<Batch>),
    Query(Box<Query>),
}

impl InsertInput {
    async fn next(&mut self, session: &Session) -> Result<Option<Batch>> {
        match self {
            InsertInput::Values(batch) => Ok(batch.take()),
            InsertInput::Query(query) => {
                let cancel = session.cancel.clone();
                cancel.race(query.next(&session.core)).await
            }
        }
    }
}

/// The layout of a table as a catalog has it.
pub(super) fn layout<'a>(catalog: &Catalog, table: &'a Table) -> Result<Layout<'a>> {
    let keyspace = catalog.keyspace(table.keyspace);
    Ok(Layout::new(table, keyspace.ok_or_else(|| Error::internal("a table without a keyspace"))?))
}

/// A row of live columns as a row of stored positions.
pub(super) fn stored_values(table: &Table, batch: &Batch, row: usize) -> Vec<Value> {
    let mut live = batch.columns.iter();
    let value = |column: &crate::catalog::Column| match column.dropped {
        true => Value::Null,
        false => live.next().map_or(Value::Null, |values| values.value(row)),
    };
    table.columns.iter().map(value).collect()
}

/// Awaits all calls at the same time; the first error, after all have answered.
pub(super) async fn all<F: Future<Output = Result<Response>>>(calls: Vec<F>) -> Result<Vec<Response>> {
    all_answers(calls).await.into_iter().collect()
}

/// Awaits all calls at the same time; gives what each came to.
pub(super) async fn all_answers<F: Future<Output = Result<Response>>>(calls: Vec<F>) -> Vec<Result<Response>> {
    let mut calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<Result<Response>>> = calls.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (call, result) in calls.iter_mut().zip(&mut results) {
            if result.is_none() {
                match call.as_mut().poll(context) {
                    std::task::Poll::Ready(answer) => *result = Some(answer),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    results.into_iter().flatten().collect()
}
