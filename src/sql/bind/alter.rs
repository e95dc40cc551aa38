//! ALTER TABLE.

use super::Binder;
use crate::{
    base::{sqlstate::SqlState, types::DataType},
    catalog::Table,
    error::{Error, Result},
    sql::{
        define::{AlterTable, Define},
        names,
    },
};
use sqlparser::{
    ast::{self, AlterColumnOperation, AlterTableOperation, ColumnOption, Spanned, TableConstraint},
    tokenizer::Span,
};

impl Binder<'_> {
    pub(super) fn alter_table(&mut self, alter: &ast::AlterTable) -> Result<Define> {
        let name = self.name(&alter.name)?;
        let table = match self.table_if_exists(&name)? {
            Some(table) => table,
            None if alter.if_exists => {
                return Ok(Define::DropTable { tables: Vec::new(), missing: vec![name.shown()] });
            }
            None => return Err(self.no_table(&name)),
        };
        let mut actions = Vec::with_capacity(alter.operations.len());
        for operation in &alter.operations {
            self.alter_action(&table, operation, name.span, &mut actions)?;
        }
        Ok(Define::AlterTable { table: table.id, actions })
    }

    fn alter_action(
        &mut self,
        table: &Table,
        operation: &AlterTableOperation,
        span: Span,
        actions: &mut Vec<AlterTable>,
    ) -> Result<()> {
        use AlterTableOperation as O;
        match operation {
            O::AddColumn { if_not_exists, column_def, .. } => {
                self.add_column(table, column_def, *if_not_exists, actions)?
            }
            O::AddConstraint { constraint, .. } => actions.push(self.add_constraint(table, constraint)?),
            O::DropColumn { column_names, if_exists, .. } => {
                for column in column_names {
                    match self.column_of_table(table, &names::fold(column), column.span) {
                        Ok(position) => actions.push(AlterTable::DropColumn { position }),
                        Err(_) if *if_exists => actions.push(AlterTable::Nothing),
                        Err(error) => return Err(error),
                    }
                }
            }
            O::DropConstraint { if_exists, name, .. } => {
                actions.push(self.drop_constraint(table, &names::fold(name), *if_exists)?);
            }
            O::RenameColumn { old_column_name, new_column_name } => {
                let position = self.column_of_table(table, &names::fold(old_column_name), old_column_name.span)?;
                actions.push(AlterTable::RenameColumn { position, name: names::fold(new_column_name) });
            }
            O::RenameTable { table_name } => {
                let (ast::RenameTableNameKind::As(name) | ast::RenameTableNameKind::To(name)) = table_name;
                actions.push(AlterTable::RenameTable { name: self.name(name)?.name });
            }
            O::AlterColumn { column_name, op } => {
                let position = self.column_of_table(table, &names::fold(column_name), column_name.span)?;
                actions.push(self.alter_column(table, position, op, column_name.span)?);
            }
            O::OwnerTo { .. } | O::SetOptionsParens { .. } | O::SetLogged | O::ReplicaIdentity { .. } => {
                actions.push(AlterTable::Nothing);
            }
            _ => return Err(self.unsupported("this action of ALTER TABLE", span)),
        }
        Ok(())
    }

    fn add_column(
        &mut self,
        table: &Table,
        tree: &ast::ColumnDef,
        if_not_exists: bool,
        actions: &mut Vec<AlterTable>,
    ) -> Result<()> {
        let column = self.column_definition(tree)?;
        let position = table.columns.len()
            + actions.iter().filter(|action| matches!(action, AlterTable::AddColumn { .. })).count();
        if !if_not_exists && table.column_by_name(&column.name).is_some() {
            let message = format!("column \"{}\" of relation \"{}\" already exists", column.name, table.name);
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
        }
        actions.push(AlterTable::AddColumn { column, if_not_exists });
        for option in &tree.options {
            let name = option.name.as_ref().map(names::fold);
            match &option.option {
                ColumnOption::PrimaryKey(_) => {
                    actions.push(AlterTable::AddPrimaryKey { name, columns: vec![position] })
                }
                ColumnOption::Unique(_) => actions.push(AlterTable::AddUnique { name, columns: vec![position] }),
                _ => {}
            }
        }
        Ok(())
    }

    fn add_constraint(&mut self, table: &Table, constraint: &TableConstraint) -> Result<AlterTable> {
        let find = |name: &str| table.column_by_name(name).map(|(position, _)| position);
        match constraint {
            TableConstraint::PrimaryKey(key) => {
                if table.primary_key.is_some() {
                    let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
                    return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
                }
                let columns = self.key_columns(&key.columns, find, "primary key")?;
                Ok(AlterTable::AddPrimaryKey { name: key.name.as_ref().map(names::fold), columns })
            }
            TableConstraint::Unique(unique) => {
                let columns = self.key_columns(&unique.columns, find, "unique constraint")?;
                Ok(AlterTable::AddUnique { name: unique.name.as_ref().map(names::fold), columns })
            }
            TableConstraint::ForeignKey(_) => Err(self.unsupported("FOREIGN KEY", constraint.span())),
            TableConstraint::Check(_) => Err(self.unsupported("CHECK", constraint.span())),
            _ => Err(self.unsupported("this constraint", constraint.span())),
        }
    }

    fn drop_constraint(&self, table: &Table, name: &str, if_exists: bool) -> Result<AlterTable> {
        let is_key = table.primary_key.as_ref().is_some_and(|key| key.name == name);
        let is_unique = table.indexes.iter().any(|index| index.constraint && index.name == name);
        if is_key || is_unique {
            return Ok(AlterTable::DropConstraint { name: name.to_owned() });
        }
        if if_exists {
            return Ok(AlterTable::Nothing);
        }
        let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
        Err(Error::new(SqlState::UNDEFINED_OBJECT, message))
    }

    fn alter_column(
        &mut self,
        table: &Table,
        position: usize,
        operation: &AlterColumnOperation,
        span: Span,
    ) -> Result<AlterTable> {
        let stored = table.columns.get(position);
        let (name, data_type) = stored
            .map_or((String::new(), DataType::of(crate::base::types::TypeKind::Text)), |column| {
                (column.name.clone(), column.data_type)
            });
        match operation {
            AlterColumnOperation::SetNotNull => Ok(AlterTable::SetNotNull { position, not_null: true }),
            AlterColumnOperation::DropNotNull => {
                if table.key_positions().any(|key| key == position) {
                    let message = format!("column \"{name}\" is in a primary key");
                    return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
                }
                Ok(AlterTable::SetNotNull { position, not_null: false })
            }
            AlterColumnOperation::SetDefault { value } => {
                self.default(value, &name, data_type)?;
                Ok(AlterTable::SetDefault { position, default: Some(value.to_string()) })
            }
            AlterColumnOperation::DropDefault => Ok(AlterTable::SetDefault { position, default: None }),
            AlterColumnOperation::SetDataType { .. } => Err(self.unsupported("ALTER COLUMN … TYPE", span)),
            AlterColumnOperation::AddGenerated { .. } => Err(self.unsupported("ALTER COLUMN … ADD GENERATED", span)),
        }
    }
}
