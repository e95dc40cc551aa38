//! The short path: a row by its whole primary key. No operators, no exchange: one key, one core, one row.

use super::{insert::layout, session::Session};
use crate::{
    base::{batch::Batch, row},
    error::{Error, Result},
    shard::{ReadView, Request, Response, Snapshot},
    sql::{self, expr::Context, plan::PointRead},
};
use std::sync::Arc;

impl Session {
    /// Reads one row; the batch has one row or none.
    pub(super) async fn point_read(&mut self, read: &PointRead, context: &Arc<Context>) -> Result<Batch> {
        let table = &read.table;
        let catalog = self.catalog();
        let Some(key) = sql::point::encode_key(table, &read.key, context)? else { return Ok(read.no_rows()) };
        let user_key = layout(&catalog, table)?.primary_key_from(&key)?;
        let shard = catalog.shard_of_key(&user_key).ok_or_else(|| Error::internal("a key without a shard"))?;
        let guard: Option<Snapshot>;
        let view = match self.transaction {
            // Outside a transaction the snapshot lasts as long as the read.
            None => {
                let snapshot = self.core.shard.begin_snapshot();
                let view = ReadView::at(snapshot.timestamp());
                guard = Some(snapshot);
                view
            }
            Some(_) => {
                guard = None;
                self.read_view()
            }
        };
        let cancel = self.cancel.clone();
        let core = self.core.clone();
        let remembered = self.transaction.is_some().then(|| user_key.clone());
        let answer = cancel.race(core.shard.call(shard, Request::Get { view, key: user_key })).await?;
        drop(guard);
        let bytes = match answer {
            Response::OwnValue(bytes) => bytes,
            Response::Value(bytes) => {
                if let (Some(transaction), Some(key)) = (&mut self.transaction, remembered) {
                    transaction.reads.key(shard, key);
                }
                bytes
            }
            _ => return Err(Error::internal("a read was answered with something else")),
        };
        let Some(bytes) = bytes else { return Ok(read.no_rows()) };
        let mut batch = Batch { rows: 1, columns: read.empty_columns() };
        row::decode_columns(&bytes, &read.positions, &read.stored, &mut batch.columns)?;
        match &read.project {
            None => Ok(batch),
            Some(expressions) => sql::expr::project(expressions, &batch, context),
        }
    }
}
