//! Filling new indexes and storages from the rows that exist.
//!
//! Reads every row that is committed now (writers are fenced) and those of the transaction itself, and writes under the
//! transaction. It does not stop other readers.

use crate::{
    base::{
        ids::{IndexId, TableId},
        sqlstate::SqlState,
        value::Value,
        write::Write,
    },
    catalog::Table,
    coordinator::{
        gather::Query,
        insert::{Router, layout},
        session::Session,
    },
    error::{Error, Result},
    shard::ReadView,
    sql::{
        modify::Layout,
        plan::{Gather, Node, Scan, Targets},
    },
};
use std::{rc::Rc, sync::Arc};

impl Session {
    /// Fills the indexes `fresh` of a table (a description that already has them) from its rows.
    pub(super) async fn fill_indexes(&mut self, table: &Arc<Table>, fresh: &[IndexId]) -> Result<()> {
        let wanted = fresh.to_vec();
        let result = self
            .each_row(table, table, |layout, key, values, _| {
                let indexes = table.indexes.iter().filter(|index| wanted.contains(&index.id));
                let entries = indexes.map(|index| {
                    let (key, kind) = layout.index_entry(index, key, values)?;
                    Ok(Write { key, kind })
                });
                entries.collect()
            })
            .await;
        let name = |id: &IndexId| table.index(*id).map_or(String::new(), |index| index.name.clone());
        result.map_err(|error| could_not_create(error, &fresh.first().map(name).unwrap_or_default()))
    }

    /// Writes every row of `old` into the storage and indexes of `new`, which has the same columns.
    pub(super) async fn rewrite(&mut self, old: &Arc<Table>, new: &Arc<Table>) -> Result<()> {
        let result = self.each_row(old, new, |layout, _, values, row_id| layout.insert(values, row_id)).await;
        let name = new.primary_key.as_ref().map_or("", |key| key.name.as_str());
        result.map_err(|error| could_not_create(error, name))
    }

    /// Whether a table has no rows.
    pub(super) async fn is_empty(&mut self, table: &Arc<Table>) -> Result<bool> {
        let mut query = self.scan(table)?;
        let cancel = self.cancel.clone();
        Ok(cancel.race(query.next(&self.core)).await?.is_none())
    }

    /// Calls `make` for every row of `from`, with its key and values by stored position, and routes what it makes.
    async fn each_row(
        &mut self,
        from: &Arc<Table>,
        into: &Arc<Table>,
        make: impl Fn(&Layout<'_>, &[u8], &[Value], i64) -> Result<Vec<Write>>,
    ) -> Result<()> {
        let catalog = self.catalog();
        let layout = layout(&catalog, into)?;
        let mut router = Router::new(catalog.clone(), into, true);
        let mut query = self.scan(from)?;
        let cancel = self.cancel.clone();
        while let Some(batch) = cancel.race(query.next(&self.core)).await? {
            let Some((keys, columns)) = batch.columns.split_last() else { continue };
            for row in 0..batch.rows {
                let Value::Bytea(key) = keys.value(row) else { return Err(Error::internal("a row without a key")) };
                let mut live = columns.iter();
                let value = |column: &crate::catalog::Column| match column.dropped {
                    true => Value::Null,
                    false => live.next().map_or(Value::Null, |column| column.value(row)),
                };
                let values: Vec<Value> = from.columns.iter().map(value).collect();
                let row_id = self.row_id(into);
                for write in make(&layout, &key, &values, row_id)? {
                    if let Some(full) = router.push(write)? {
                        self.send(&mut router, Some(full)).await?;
                    }
                }
            }
        }
        self.send(&mut router, None).await
    }

    /// All rows of a table with their keys, as of now.
    pub(super) fn scan(&mut self, table: &Arc<Table>) -> Result<Query> {
        let columns: Vec<usize> = table.live_columns().map(|(position, _)| position).collect();
        let mut types: Vec<_> = table.live_columns().map(|(_, column)| column.data_type).collect();
        types.push(crate::base::types::DataType::of(crate::base::types::TypeKind::Bytea));
        let scan = Scan::whole(table.clone(), columns, true);
        let input = Arc::new(Node::Scan(scan));
        let gather = Node::Gather(Gather { input, targets: Targets::All, merge: None, types });
        let snapshot = Rc::new(self.core.shard.begin_snapshot());
        let transaction = self.open_transaction();
        let own = (!transaction.writers.is_empty()).then_some(transaction.id);
        let view = ReadView { snapshot: snapshot.timestamp(), transaction: own, statement: u32::MAX };
        let context = self.context(Vec::new());
        Query::new(&gather, context, view, Some(snapshot), &self.catalog(), self.database, None)
    }

    /// Puts a changed description in place of the old one.
    pub(super) fn replace_table(&mut self, mut table: Table) -> Result<Arc<Table>> {
        table.version += 1;
        let id: TableId = table.id;
        self.catalog_mut()?.put_table(table);
        self.table(id)
    }
}

/// A duplicate found while filling is told as PostgreSQL tells it.
fn could_not_create(error: Error, name: &str) -> Error {
    match error.state() {
        SqlState::UNIQUE_VIOLATION => {
            let told = Error::new(SqlState::UNIQUE_VIOLATION, format!("could not create unique index \"{name}\""));
            let told = told.with_constraint(name);
            match error.detail() {
                Some(detail) => told.with_detail(detail.replace("already exists", "is duplicated")),
                None => told.with_hint("Find the duplicates with GROUP BY over the columns and HAVING count(*) > 1."),
            }
        }
        _ => error,
    }
}
