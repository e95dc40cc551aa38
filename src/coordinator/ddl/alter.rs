//! ALTER TABLE.
//!
//! Adding and dropping columns changes the description only: rows say which version they were written with, and a row
//! from before a column existed has that column's `missing` value. A primary key decides where rows lie, so adding one
//! writes all rows again in a new storage.

use super::{
    relation_exists,
    table::{plain_part, stored_column},
};
use crate::{
    base::{
        ids::{ColumnId, IndexId, TableId},
        limits,
        sqlstate::SqlState,
        value::Value,
    },
    catalog::{Index, Table},
    coordinator::session::Session,
    error::{Error, Result},
    sql::{
        self,
        define::{AlterTable, ColumnDefinition},
    },
};
use std::sync::Arc;

impl Session {
    pub(super) async fn alter_table(&mut self, id: TableId, actions: &[AlterTable]) -> Result<()> {
        if actions.iter().all(|action| matches!(action, AlterTable::Nothing)) {
            return Ok(());
        }
        self.fence(id).await?;
        for action in actions {
            let table = self.table(id)?;
            match action {
                AlterTable::AddColumn { column, if_not_exists } => {
                    self.add_column(&table, column, *if_not_exists).await?;
                }
                AlterTable::DropColumn { position } => self.drop_column(&table, *position).await?,
                AlterTable::AddPrimaryKey { name, columns } => {
                    self.add_primary_key(&table, name.as_deref(), columns).await?;
                }
                AlterTable::AddUnique { name, columns } => self.add_unique(&table, name.clone(), columns).await?,
                AlterTable::DropConstraint { name } => self.drop_constraint(&table, name).await?,
                AlterTable::RenameTable { name } => self.rename_table(&table, name)?,
                AlterTable::RenameColumn { position, name } => self.rename_column(&table, *position, name)?,
                AlterTable::SetDefault { position, default } => {
                    let mut changed = Table::clone(&table);
                    changed.columns[*position].default = default.clone();
                    self.replace_table(changed)?;
                }
                AlterTable::SetNotNull { position, not_null } => {
                    self.set_not_null(&table, *position, *not_null).await?;
                }
                AlterTable::Nothing => {}
            }
        }
        Ok(())
    }

    async fn add_column(&mut self, table: &Arc<Table>, column: &ColumnDefinition, if_not_exists: bool) -> Result<()> {
        if table.column_by_name(&column.name).is_some() {
            let message = format!("column \"{}\" of relation \"{}\" already exists", column.name, table.name);
            if if_not_exists {
                self.skipping(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping"));
                return Ok(());
            }
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
        }
        if table.columns.len() >= limits::TABLE_COLUMNS_MAX {
            let message = format!("tables can have at most {} columns", limits::TABLE_COLUMNS_MAX);
            return Err(Error::new(SqlState::TOO_MANY_COLUMNS, message));
        }
        let missing = match &column.default {
            None => Value::Null,
            Some(text) => self.default_now(text, column)?,
        };
        if column.not_null && matches!(missing, Value::Null) && !self.is_empty(table).await? {
            return Err(contains_nulls(table, &column.name));
        }
        let mut stored = stored_column(table.columns.len(), column);
        stored.set_missing_value(&missing);
        let mut changed = Table::clone(table);
        changed.columns.push(stored);
        self.replace_table(changed)?;
        Ok(())
    }

    /// The value of a default for rows that exist, computed once.
    fn default_now(&mut self, text: &str, column: &ColumnDefinition) -> Result<Value> {
        let expression = self.bind_default(text, column.data_type)?;
        if sql::expr::volatility(&expression) == sql::expr::function::Volatility::Volatile {
            return Err(Error::unsupported("ADD COLUMN with a default that differs from row to row")
                .with_hint("Add the column without a default, UPDATE the rows, then SET DEFAULT."));
        }
        let context = self.context(Vec::new());
        sql::expr::constant(&expression, &context)
    }

    async fn drop_column(&mut self, table: &Arc<Table>, position: usize) -> Result<()> {
        let column = ColumnId(position as u16);
        if table.primary_key.as_ref().is_some_and(|key| key.columns.contains(&column)) {
            let message = format!(
                "cannot drop column {} of table {} because it is part of the primary key",
                table.columns[position].name, table.name
            );
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let mut changed = Table::clone(table);
        // As in PostgreSQL, indexes over the column go with it.
        changed.indexes.retain(|index| !index.columns.iter().any(|part| part.column == column));
        let dropped = &mut changed.columns[position];
        dropped.dropped = true;
        dropped.not_null = false;
        dropped.default = None;
        dropped.name = format!("........pg.dropped.{}........", position + 1);
        self.replace_table(changed)?;
        Ok(())
    }

    async fn add_primary_key(&mut self, table: &Arc<Table>, name: Option<&str>, columns: &[usize]) -> Result<()> {
        if table.primary_key.is_some() {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        for &position in columns {
            if !table.columns[position].not_null {
                self.check_no_nulls(table, position).await?;
            }
        }
        let mut changed = Table::clone(table);
        self.set_primary_key(&mut changed, name, columns)?;
        self.drop_storage(table.storage)?;
        changed.storage = self.new_storage()?;
        let changed = self.replace_table(changed)?;
        self.rewrite(table, &changed).await
    }

    async fn add_unique(&mut self, table: &Arc<Table>, name: Option<String>, columns: &[usize]) -> Result<()> {
        let wish = self.constraint_name(table, columns, "key");
        let name = name.unwrap_or_else(|| self.free_name(table.schema, &wish));
        let parts = columns.iter().map(|&position| plain_part(position)).collect();
        let mut changed = Table::clone(table);
        let index = self.new_index(&mut changed, name, parts, true)?;
        let fresh: IndexId = index.id;
        changed.indexes.push(Index { constraint: true, ..index });
        let changed = self.replace_table(changed)?;
        self.fill_indexes(&changed, &[fresh]).await
    }

    async fn drop_constraint(&mut self, table: &Arc<Table>, name: &str) -> Result<()> {
        if table.primary_key.as_ref().is_some_and(|key| key.name == name) {
            let mut changed = Table::clone(table);
            changed.primary_key = None;
            self.drop_storage(table.storage)?;
            changed.storage = self.new_storage()?;
            let changed = self.replace_table(changed)?;
            return self.rewrite(table, &changed).await;
        }
        match table.indexes.iter().find(|index| index.constraint && index.name == name) {
            Some(index) => self.remove_index(table, index.oid).await,
            None => {
                let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
                Err(Error::new(SqlState::UNDEFINED_OBJECT, message))
            }
        }
    }

    fn rename_table(&mut self, table: &Arc<Table>, name: &str) -> Result<()> {
        if self.catalog().relation(table.schema, name).is_some() {
            return Err(relation_exists(name));
        }
        let mut changed = Table::clone(table);
        changed.name = name.to_string();
        self.replace_table(changed)?;
        Ok(())
    }

    fn rename_column(&mut self, table: &Arc<Table>, position: usize, name: &str) -> Result<()> {
        if table.column_by_name(name).is_some() {
            let message = format!("column \"{name}\" of relation \"{}\" already exists", table.name);
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
        }
        let mut changed = Table::clone(table);
        changed.columns[position].name = name.to_string();
        self.replace_table(changed)?;
        Ok(())
    }

    async fn set_not_null(&mut self, table: &Arc<Table>, position: usize, not_null: bool) -> Result<()> {
        let column = ColumnId(position as u16);
        if !not_null && table.primary_key.as_ref().is_some_and(|key| key.columns.contains(&column)) {
            let message = format!("column \"{}\" is in a primary key", table.columns[position].name);
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        if not_null {
            self.check_no_nulls(table, position).await?;
        }
        let mut changed = Table::clone(table);
        changed.columns[position].not_null = not_null;
        self.replace_table(changed)?;
        Ok(())
    }

    /// Fails with 23502 if any row has NULL there.
    async fn check_no_nulls(&mut self, table: &Arc<Table>, position: usize) -> Result<()> {
        let live = table.live_columns().position(|(stored, _)| stored == position);
        let live = live.ok_or_else(|| Error::internal("a dropped column"))?;
        let mut query = self.scan(table)?;
        let cancel = self.cancel.clone();
        while let Some(batch) = cancel.race(query.next(&self.core)).await? {
            if (0..batch.rows).any(|row| batch.columns[live].is_null(row)) {
                return Err(contains_nulls(table, &table.columns[position].name));
            }
        }
        Ok(())
    }
}

fn contains_nulls(table: &Table, column: &str) -> Error {
    let message = format!("column \"{column}\" of relation \"{}\" contains null values", table.name);
    Error::new(SqlState::NOT_NULL_VIOLATION, message).with_table("public", &table.name).with_column(column)
}
