//! ANALYZE: every core draws a sample of its rows, the samples become statistics, and these become rows of the catalog.
//!
//! The rows are read before the catalog is fenced, so that a large table does not keep others from changing the catalog.
//! What was found is part of the transaction, as in PostgreSQL, and every core plans with it once that has committed.

use super::{Core, session::Session};
use crate::{
    base::{ids::ColumnId, sqlstate::SqlState},
    catalog::{Catalog, ColumnStatistics, Table, TableStatistics},
    error::{Error, Result},
    sql::{
        plan::{Gather, Node, Scan, Targets},
        statistics::Sample,
        utility::AnalyzeTable,
    },
};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// A table's sample, finished.
struct Found {
    table: Arc<Table>,
    /// Whether all columns were asked for.
    whole: bool,
    rows: u64,
    columns: BTreeMap<ColumnId, ColumnStatistics>,
}

impl Session {
    /// Gathers the statistics of these tables, or of all tables of the database.
    pub(super) async fn analyze(&mut self, asked: &[AnalyzeTable], verbose: bool) -> Result<()> {
        let catalog = self.catalog();
        let tables = match asked {
            [] => all_tables(&catalog, self.database),
            asked => asked.to_vec(),
        };
        super::live::tell_now(&self.core).await?;
        let mut found = Vec::with_capacity(tables.len());
        for AnalyzeTable { table, columns } in &tables {
            let Some(table) = catalog.table(*table) else { continue };
            let of_table = self.look_at(table, columns).await?;
            if verbose {
                let message = format!(
                    "analyzed \"{}\": {} live rows, {} columns",
                    table.name,
                    of_table.rows,
                    of_table.columns.len()
                );
                self.info(Error::new(SqlState::SUCCESSFUL_COMPLETION, message));
            }
            found.push(of_table);
        }
        if found.is_empty() {
            return Ok(());
        }
        self.begin_definition().await?;
        let gathered_micros = self.core.shard.env().wall_micros();
        let catalog = self.catalog_mut()?;
        found.into_iter().for_each(|found| store(catalog, found, gathered_micros));
        Ok(())
    }

    /// Reads a table on all cores that hold rows of it.
    async fn look_at(&mut self, table: &Arc<Table>, columns: &[ColumnId]) -> Result<Found> {
        let wanted = |column: &ColumnId| columns.is_empty() || columns.contains(column);
        let live = table.live_columns().filter(|(_, column)| wanted(&column.id));
        let (positions, columns_of_table): (Vec<usize>, Vec<_>) = live.unzip();
        let types: Vec<_> = columns_of_table.iter().map(|column| column.data_type).collect();
        let context = self.context(Vec::new());
        let scan = Scan::whole(table.clone(), positions, false);
        let input = Arc::new(Node::Sample { input: Box::new(Node::Scan(scan)), seed: context.seed });
        let gather = Gather { input, targets: Targets::All, merge: None, types: Sample::batch_types(types.len()) };
        let mut sample = Sample::new(&types, context.seed);
        let mut query = self.query(&Node::Gather(gather), context).await?;
        let (cancel, core): (_, Rc<Core>) = (self.cancel.clone(), self.core.clone());
        while let Some(batch) = cancel.race(query.next(&core)).await? {
            sample.merge(&batch)?;
        }
        let ids = columns_of_table.iter().map(|column| column.id);
        let (rows, found) = sample.finish();
        Ok(Found { table: table.clone(), whole: columns.is_empty(), rows, columns: ids.zip(found).collect() })
    }
}

fn all_tables(catalog: &Catalog, database: crate::base::ids::DatabaseId) -> Vec<AnalyzeTable> {
    let here = |table: &&Arc<Table>| catalog.schema(table.schema).is_some_and(|schema| schema.database == database);
    let tables = catalog.tables().filter(here);
    tables.map(|table| AnalyzeTable { table: table.id, columns: Vec::new() }).collect()
}

/// Puts what was found into the catalog, unless the table has gone or its rows have been replaced meanwhile. Columns that
/// were not asked for keep what is known of them.
fn store(catalog: &mut Catalog, found: Found, gathered_micros: i64) {
    let Found { table, whole, rows, mut columns } = found;
    let Some(current) = catalog.table(table.id).filter(|current| current.storage == table.storage).cloned() else {
        return;
    };
    if !whole && let Some(before) = catalog.statistics(&current) {
        for (column, known) in &before.columns {
            columns.entry(*column).or_insert_with(|| known.clone());
        }
    }
    columns.retain(|column, _| current.live_columns().any(|(_, live)| live.id == *column));
    let row_bytes = columns.values().map(|column| column.width_bytes * (1.0 - column.null_fraction)).sum();
    catalog.put_statistics(TableStatistics {
        table: table.id,
        storage: table.storage,
        // That of the catalog when this transaction has committed.
        version: catalog.version() + 1,
        gathered_micros,
        rows: rows as f64,
        row_bytes,
        columns,
    });
}
