//! CREATE TABLE, DROP TABLE, TRUNCATE.

use super::relation_exists;
use crate::{
    base::{
        ids::{ColumnId, IndexId, TableId},
        limits,
        sqlstate::SqlState,
    },
    catalog::{Column, Index, IndexColumn, PrimaryKey, SQL_KEYSPACE, Table},
    coordinator::session::Session,
    error::{Error, Result},
    sql::define::{ColumnDefinition, CreateTable},
};

impl Session {
    pub(super) fn create_table(&mut self, create: &CreateTable) -> Result<()> {
        if self.catalog().relation(create.schema, &create.name).is_some() {
            if create.if_not_exists {
                let message = format!("relation \"{}\" already exists, skipping", create.name);
                self.skipping(SqlState::DUPLICATE_TABLE, message);
                return Ok(());
            }
            return Err(relation_exists(&create.name));
        }
        if create.columns.len() > limits::TABLE_COLUMNS_MAX {
            let message = format!("tables can have at most {} columns", limits::TABLE_COLUMNS_MAX);
            return Err(Error::new(SqlState::TOO_MANY_COLUMNS, message));
        }
        let storage = self.new_storage()?;
        let id = TableId(self.catalog_mut()?.next_oid());
        let columns = create.columns.iter().enumerate().map(|(position, column)| stored_column(position, column));
        let mut table = Table {
            id,
            schema: create.schema,
            name: create.name.clone(),
            keyspace: SQL_KEYSPACE,
            storage,
            version: 1,
            columns: columns.collect(),
            primary_key: None,
            indexes: Vec::new(),
            next_index: IndexId(1),
        };
        if let Some((name, positions)) = &create.primary_key {
            self.set_primary_key(&mut table, name.as_deref(), positions)?;
        }
        for (name, positions) in &create.unique {
            let parts = positions.iter().map(|&position| plain_part(position)).collect();
            let wish = self.constraint_name(&table, positions, "key");
            let name = name.clone().unwrap_or_else(|| self.free_name(table.schema, &wish));
            let index = self.new_index(&mut table, name, parts, true)?;
            table.indexes.push(Index { constraint: true, ..index });
        }
        self.catalog_mut()?.put_table(table);
        self.definition()?.fenced.insert(id);
        Ok(())
    }

    /// Gives a table its primary key; the columns become NOT NULL.
    pub(super) fn set_primary_key(&mut self, table: &mut Table, name: Option<&str>, positions: &[usize]) -> Result<()> {
        let wish = format!("{}_pkey", table.name);
        let name = match name {
            Some(name) if self.catalog().relation(table.schema, name).is_some() => return Err(relation_exists(name)),
            Some(name) => name.to_string(),
            None => self.free_name(table.schema, &wish),
        };
        for &position in positions {
            table.columns[position].not_null = true;
        }
        let columns = positions.iter().map(|&position| ColumnId(position as u16)).collect();
        let oid = self.catalog_mut()?.next_oid();
        table.primary_key = Some(PrimaryKey { name, oid, columns });
        Ok(())
    }

    /// An index descriptor with the next free number of its table.
    pub(super) fn new_index(
        &mut self,
        table: &mut Table,
        name: String,
        columns: Vec<IndexColumn>,
        unique: bool,
    ) -> Result<Index> {
        let taken = table.indexes.iter().any(|index| index.name == name);
        if taken || self.catalog().relation(table.schema, &name).is_some() {
            return Err(relation_exists(&name));
        }
        let id = table.next_index;
        table.next_index = IndexId(id.0.checked_add(1).ok_or_else(|| {
            Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "the table has had too many indexes")
                .with_hint("TRUNCATE or recreate the table.")
        })?);
        let oid = self.catalog_mut()?.next_oid();
        Ok(Index { id, oid, name, columns, unique, constraint: false })
    }

    /// `<table>_<columns>_<suffix>`.
    pub(super) fn constraint_name(&self, table: &Table, positions: &[usize], suffix: &str) -> String {
        let columns: Vec<&str> = positions.iter().map(|&position| table.columns[position].name.as_str()).collect();
        format!("{}_{}_{suffix}", table.name, columns.join("_"))
    }

    pub(super) async fn drop_tables(&mut self, tables: &[TableId], missing: &[String]) -> Result<()> {
        for name in missing {
            self.skipping(SqlState::SUCCESSFUL_COMPLETION, format!("table \"{name}\" does not exist, skipping"));
        }
        for &id in tables {
            let table = self.table(id)?;
            self.fence(id).await?;
            self.catalog_mut()?.remove_table(id);
            self.drop_storage(table.storage)?;
        }
        Ok(())
    }

    /// Gives tables new, empty storages.
    pub(super) async fn truncate(&mut self, tables: &[TableId]) -> Result<()> {
        for &id in tables {
            self.fence(id).await?;
            let mut table = Table::clone(&*self.table(id)?);
            self.drop_storage(table.storage)?;
            table.storage = self.new_storage()?;
            table.version += 1;
            self.catalog_mut()?.put_table(table);
        }
        Ok(())
    }
}

pub(super) fn stored_column(position: usize, column: &ColumnDefinition) -> Column {
    Column {
        id: ColumnId(position as u16),
        name: column.name.clone(),
        data_type: column.data_type,
        not_null: column.not_null,
        default: column.default.clone(),
        missing: None,
        dropped: false,
    }
}

/// An ascending index column with NULLs last.
pub(super) fn plain_part(position: usize) -> IndexColumn {
    IndexColumn { column: ColumnId(position as u16), descending: false, nulls_first: false }
}
