//! UPDATE and DELETE: fragments that change rows on the cores that hold them.
//!
//! Each fragment scans, filters, computes new rows and puts the writes of its own shard straight into the transaction's
//! buffer there. Writes for other shards (entries of unique indexes, rows whose primary key changes) come back and are
//! routed here.

use super::{commit::every_shard, gather::shards_of, session::Session};
use crate::{
    base::batch::Batch,
    catalog::Table,
    error::Result,
    shard::{FragmentRequest, Modify, ModifyKind, TableUse},
    sql::{
        expr::{Context, Expr},
        plan::{Delete, Gather, Update},
    },
};
use std::sync::Arc;

impl Session {
    /// Runs an UPDATE; gives the number of rows, and the new rows for RETURNING.
    pub(super) async fn update(&mut self, update: &Update, context: &Arc<Context>) -> Result<(u64, Vec<Batch>)> {
        let kind = ModifyKind::Update { assignments: update.assignments.clone() };
        self.change_rows(&update.table, &update.input, kind, update.returning.as_deref(), context).await
    }

    /// Runs a DELETE; gives the number of rows, and the old rows for RETURNING.
    pub(super) async fn delete(&mut self, delete: &Delete, context: &Arc<Context>) -> Result<(u64, Vec<Batch>)> {
        self.change_rows(&delete.table, &delete.input, ModifyKind::Delete, delete.returning.as_deref(), context).await
    }

    async fn change_rows(
        &mut self,
        table: &Arc<Table>,
        input: &Gather,
        kind: ModifyKind,
        returning: Option<&[Expr]>,
        context: &Arc<Context>,
    ) -> Result<(u64, Vec<Batch>)> {
        let catalog = self.catalog();
        // Before the statement is numbered: it does not read what it writes.
        let view = self.read_view();
        self.begin_statement();
        let used = TableUse { table: table.id, version: table.version };
        let fenced = self.transaction.as_ref().is_some_and(|transaction| transaction.has_fenced(table.id));
        let tables = if fenced { Vec::new() } else { vec![used] };
        let core = self.core.clone();
        let cancel = self.cancel.clone();
        if table.indexes.iter().any(|index| index.unique) {
            // A fragment may send entries of unique indexes to their shards itself.
            self.open_transaction().touched.extend(every_shard(&core));
        }
        let patience = self.settings.limits().lock;
        let may_move = self.open_transaction().reads.is_empty();
        let mut streams = Vec::new();
        for shard in shards_of(input, &catalog, context)? {
            let transaction = self.open_transaction();
            transaction.touched.insert(shard);
            let modify = Modify {
                table: table.clone(),
                kind: kind.clone(),
                transaction: transaction.id,
                statement: transaction.statement,
                tables: tables.clone(),
                patience,
                may_move,
                returning: returning.map(<[Expr]>::to_vec),
            };
            let request = FragmentRequest {
                plan: input.input.clone(),
                context: context.clone(),
                view,
                modify: Some(modify),
                watched: false,
                in_background: false,
            };
            streams.push((shard, core.shard.fragment(shard, request).await?));
        }
        // The others are at work by now; this core's own rows are changed only while they are awaited.
        streams.sort_by_key(|(_, stream)| !stream.is_local());
        let (mut rows, mut returned) = (0, Vec::new());
        let mut router = self.router(table);
        for (shard, mut stream) in streams {
            while let Some(batch) = cancel.race(stream.next()).await.map_err(|error| self.named(error))? {
                returned.push(batch);
            }
            let summary = stream.summary();
            rows += summary.rows;
            let transaction = self.open_transaction();
            // A row that was locked and left alone may be let go of before the transaction ends.
            match summary.locked && summary.rows > 0 {
                true => summary.moved.into_iter().for_each(|moved| transaction.move_to(&core.shard, moved)),
                false => transaction.reads.scans(&[shard], &input.input, context),
            }
            transaction.writers.extend(summary.writers);
            if summary.wrote {
                transaction.writers.insert(shard);
            }
            for write in summary.remote {
                if let Some(full) = router.push(write)? {
                    self.send(&mut router, Some(full)).await?;
                }
            }
        }
        self.send(&mut router, None).await?;
        Ok((rows, returned))
    }
}
