//! CREATE INDEX and DROP INDEX.

use super::relation_exists;
use crate::{
    base::{ids::TableId, sqlstate::SqlState},
    catalog::Table,
    coordinator::session::Session,
    error::{Error, Result},
    sql::define::CreateIndex,
};

/// Indexes that one table may have.
const TABLE_INDEXES_MAX: usize = 64;

impl Session {
    pub(super) async fn create_index(&mut self, create: &CreateIndex) -> Result<()> {
        let table = self.table(create.table)?;
        if table.indexes.len() >= TABLE_INDEXES_MAX {
            let message = format!("table \"{}\" has {TABLE_INDEXES_MAX} indexes already", table.name);
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        let name = match &create.name {
            Some(name) if self.catalog().relation(table.schema, name).is_some() => {
                if create.if_not_exists {
                    let message = format!("relation \"{name}\" already exists, skipping");
                    self.skipping(SqlState::DUPLICATE_TABLE, message);
                    return Ok(());
                }
                return Err(relation_exists(name));
            }
            Some(name) => name.clone(),
            None => {
                let positions: Vec<usize> = create.columns.iter().map(|part| usize::from(part.column.0)).collect();
                self.free_name(table.schema, &self.constraint_name(&table, &positions, "idx"))
            }
        };
        self.fence(table.id).await?;
        let mut changed = Table::clone(&table);
        let index = self.new_index(&mut changed, name, create.columns.clone(), create.unique)?;
        let fresh = index.id;
        changed.indexes.push(index);
        let changed = self.replace_table(changed)?;
        self.fill_indexes(&changed, &[fresh]).await
    }

    pub(super) async fn drop_indexes(&mut self, indexes: &[(TableId, u32)], missing: &[String]) -> Result<()> {
        for name in missing {
            self.skipping(SqlState::SUCCESSFUL_COMPLETION, format!("index \"{name}\" does not exist, skipping"));
        }
        for &(id, oid) in indexes {
            let table = self.table(id)?;
            let Some(index) = table.indexes.iter().find(|index| index.oid == oid) else {
                let name = table.primary_key.as_ref().map_or("", |key| key.name.as_str());
                let message =
                    format!("cannot drop index {name} because constraint {name} on table {} requires it", table.name);
                return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message));
            };
            if index.constraint {
                let message = format!(
                    "cannot drop index {0} because constraint {0} on table {1} requires it",
                    index.name, table.name
                );
                return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
                    .with_hint(format!("You can drop constraint {} on table {} instead.", index.name, table.name)));
            }
            self.remove_index(&table, oid).await?;
        }
        Ok(())
    }

    /// Takes an index out of a table's description. Its entries are left behind unreachable: index numbers are not used
    /// twice while the table's storage lasts, and they go with it.
    pub(super) async fn remove_index(&mut self, table: &Table, oid: u32) -> Result<()> {
        self.fence(table.id).await?;
        let mut changed = table.clone();
        changed.indexes.retain(|index| index.oid != oid);
        self.replace_table(changed)?;
        Ok(())
    }
}
