//! CREATE and DROP.

use super::{Binder, relation::Name};
use crate::{
    base::{ids::SchemaId, limits::TABLE_COLUMNS_MAX, sqlstate::SqlState, types::TypeKind},
    catalog::{IndexColumn, Relation, Table},
    error::{Error, Result},
    sql::{
        define::{ColumnDefinition, CreateIndex, CreateTable, Define},
        names,
    },
};
use sqlparser::{
    ast::{self, ColumnOption, ObjectType, Spanned, TableConstraint},
    tokenizer::Span,
};

impl Binder<'_> {
    pub(super) fn define(&mut self, statement: &ast::Statement) -> Result<Define> {
        use ast::Statement as S;
        match statement {
            S::CreateTable(create) => self.create_table(create),
            S::CreateIndex(create) => self.create_index(create),
            S::AlterTable(alter) => self.alter_table(alter),
            S::CreateSchema { schema_name, if_not_exists, .. } => self.create_schema(schema_name, *if_not_exists),
            S::CreateDatabase { db_name, if_not_exists: false, .. } => {
                Ok(Define::CreateDatabase { name: self.name(db_name)?.name })
            }
            S::Drop { object_type, if_exists, names, cascade, .. } => {
                self.drop(*object_type, names, *if_exists, *cascade, statement.span())
            }
            other => Err(unsupported_statement(other)),
        }
    }

    fn create_schema(&mut self, tree: &ast::SchemaName, if_not_exists: bool) -> Result<Define> {
        let name = match tree {
            ast::SchemaName::Simple(name) | ast::SchemaName::NamedAuthorization(name, _) => self.name(name)?.name,
            ast::SchemaName::UnnamedAuthorization(name) => names::fold(name),
        };
        if name.starts_with("pg_") {
            return Err(Error::new(SqlState::RESERVED_NAME, format!("unacceptable schema name \"{name}\""))
                .with_detail("The prefix \"pg_\" is reserved for system schemas."));
        }
        Ok(Define::CreateSchema { name, if_not_exists })
    }

    /// The schema that a new object goes to.
    pub(super) fn schema_for(&self, name: &Name) -> Result<SchemaId> {
        let context = self.context;
        if let Some(schema) = &name.schema {
            if crate::sql::system::namespace_oid(schema).is_some() {
                let message = format!("permission denied to create \"{}\"", name.shown());
                return Err(self.error(SqlState::INSUFFICIENT_PRIVILEGE, message, name.span));
            }
            let found = context.catalog.resolve_schema(context.database, schema);
            return found.map(|schema| schema.id).ok_or_else(|| {
                self.error(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"), name.span)
            });
        }
        let mut searched = context.search_path.iter();
        let found = searched.find_map(|schema| context.catalog.resolve_schema(context.database, schema));
        found.map(|schema| schema.id).ok_or_else(|| {
            self.error(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in", name.span)
        })
    }

    fn create_table(&mut self, create: &ast::CreateTable) -> Result<Define> {
        let span = create.name.span();
        let refused = [
            (create.temporary, "a temporary table"),
            (create.query.is_some(), "CREATE TABLE AS"),
            (create.inherits.is_some(), "INHERITS"),
            (create.partition_of.is_some(), "PARTITION OF"),
            (create.partition_by.is_some(), "PARTITION BY"),
            (create.on_commit.is_some(), "ON COMMIT"),
        ];
        if let Some((_, what)) = refused.iter().find(|(refused, _)| *refused) {
            return Err(self.unsupported(what, span));
        }
        self.table_options(&create.table_options, span)?;
        let name = self.name(&create.name)?;
        let mut table = CreateTable {
            schema: self.schema_for(&name)?,
            name: name.name.clone(),
            if_not_exists: create.if_not_exists,
            columns: Vec::with_capacity(create.columns.len()),
            primary_key: None,
            unique: Vec::new(),
        };
        if create.columns.len() > TABLE_COLUMNS_MAX {
            let message = format!("tables can have at most {TABLE_COLUMNS_MAX} columns");
            return Err(self.error(SqlState::TOO_MANY_COLUMNS, message, span));
        }
        if let Some(like) = &create.like {
            self.like_table(like, &mut table)?;
        }
        for column in &create.columns {
            self.table_column(column, &mut table)?;
        }
        for constraint in &create.constraints {
            self.table_constraint(constraint, &mut table)?;
        }
        for &position in table.primary_key.iter().flat_map(|key| &key.1) {
            table.columns[position].not_null = true;
        }
        Ok(Define::CreateTable(table))
    }

    /// The columns of another table with their types and NOT NULL, and with INCLUDING DEFAULTS their defaults.
    fn like_table(&mut self, like: &ast::CreateTableLikeKind, table: &mut CreateTable) -> Result<()> {
        let like = match like {
            ast::CreateTableLikeKind::Parenthesized(like) => like,
            ast::CreateTableLikeKind::Plain(like) => {
                return Err(self.error(SqlState::SYNTAX_ERROR, "syntax error at or near \"LIKE\"", like.name.span()));
            }
        };
        let name = self.name(&like.name)?;
        let source = self.table(&name)?;
        let with_defaults = matches!(like.defaults, Some(ast::CreateTableLikeDefaults::Including));
        table.columns.extend(source.live_columns().map(|(_, column)| ColumnDefinition {
            name: column.name.clone(),
            data_type: column.data_type,
            not_null: column.not_null,
            default: column.default.clone().filter(|_| with_defaults),
        }));
        Ok(())
    }

    /// Storage parameters of PostgreSQL are accepted; they have no effect.
    fn table_options(&self, options: &ast::CreateTableOptions, span: Span) -> Result<()> {
        let (ast::CreateTableOptions::With(options) | ast::CreateTableOptions::Options(options)) = options else {
            return Ok(());
        };
        for option in options {
            let name = match option {
                ast::SqlOption::KeyValue { key, .. } | ast::SqlOption::Ident(key) => names::fold(key),
                other => other.to_string(),
            };
            let known = matches!(name.as_str(), "fillfactor" | "oids" | "parallel_workers" | "user_catalog_table")
                || name.starts_with("autovacuum_")
                || name.starts_with("toast");
            if !known {
                let message = format!("unrecognized parameter \"{name}\"");
                return Err(self.error(SqlState::INVALID_PARAMETER_VALUE, message, span));
            }
        }
        Ok(())
    }

    fn table_column(&mut self, tree: &ast::ColumnDef, table: &mut CreateTable) -> Result<()> {
        let position = table.columns.len();
        let column = self.column_definition(tree)?;
        if table.columns.iter().any(|other| other.name == column.name) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(self.error(SqlState::DUPLICATE_COLUMN, message, tree.name.span));
        }
        table.columns.push(column);
        for option in &tree.options {
            let name = option.name.as_ref().map(names::fold);
            match &option.option {
                ColumnOption::PrimaryKey(_) => self.set_primary_key(table, name, vec![position], tree.name.span)?,
                ColumnOption::Unique(_) => table.unique.push((name, vec![position])),
                _ => {}
            }
        }
        Ok(())
    }

    /// Name, type, NOT NULL and DEFAULT of a column; keys are the caller's to read.
    pub(super) fn column_definition(&mut self, tree: &ast::ColumnDef) -> Result<ColumnDefinition> {
        let span = tree.name.span;
        let name = names::fold(&tree.name);
        let data_type = super::types::data_type(&tree.data_type).map_err(|error| self.at(error, self.behind(span)))?;
        if matches!(data_type.kind, TypeKind::Unknown | TypeKind::Void | TypeKind::Record) {
            let message = format!("column \"{name}\" has pseudo-type {}", data_type.name());
            return Err(self.error(SqlState::INVALID_TABLE_DEFINITION, message, span));
        }
        if is_system_column(&name) {
            let message = format!("column name \"{name}\" conflicts with a system column name");
            return Err(self.error(SqlState::DUPLICATE_COLUMN, message, span));
        }
        let mut column = ColumnDefinition { name, data_type, not_null: false, default: None };
        self.check_column_options(tree, &column.name)?;
        for option in &tree.options {
            match &option.option {
                ColumnOption::NotNull => column.not_null = true,
                ColumnOption::Null | ColumnOption::PrimaryKey(_) | ColumnOption::Unique(_) => {}
                ColumnOption::Default(tree) => {
                    self.default(tree, &column.name, data_type)?;
                    column.default = Some(tree.to_string());
                }
                ColumnOption::Collation(_) => {}
                ColumnOption::Check(_) => return Err(self.unsupported("CHECK", span)),
                ColumnOption::ForeignKey(_) => return Err(self.unsupported("REFERENCES", span)),
                ColumnOption::Generated { .. } | ColumnOption::Identity(_) => {
                    return Err(self.unsupported("a generated column", span));
                }
                other => return Err(self.unsupported(&format!("the column option {other}"), span)),
            }
        }
        Ok(column)
    }

    /// No option twice, and none against another.
    fn check_column_options(&self, tree: &ast::ColumnDef, name: &str) -> Result<()> {
        let count = |test: fn(&ColumnOption) -> bool| tree.options.iter().filter(|option| test(&option.option)).count();
        let message = if count(|option| matches!(option, ColumnOption::Default(_))) > 1 {
            format!("multiple default values specified for column \"{name}\"")
        } else if count(|option| matches!(option, ColumnOption::NotNull)) > 0
            && count(|option| matches!(option, ColumnOption::Null)) > 0
        {
            format!("conflicting NULL/NOT NULL declarations for column \"{name}\"")
        } else {
            return Ok(());
        };
        Err(self.error(SqlState::SYNTAX_ERROR, message, tree.name.span))
    }

    fn set_primary_key(
        &self,
        table: &mut CreateTable,
        name: Option<String>,
        columns: Vec<usize>,
        span: Span,
    ) -> Result<()> {
        if table.primary_key.is_some() {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
            return Err(self.error(SqlState::INVALID_TABLE_DEFINITION, message, span));
        }
        table.primary_key = Some((name, columns));
        Ok(())
    }

    fn table_constraint(&mut self, constraint: &TableConstraint, table: &mut CreateTable) -> Result<()> {
        let find = |name: &str| table.columns.iter().position(|column| column.name == name);
        match constraint {
            TableConstraint::PrimaryKey(key) => {
                let columns = self.key_columns(&key.columns, find, "primary key")?;
                self.set_primary_key(table, key.name.as_ref().map(names::fold), columns, constraint.span())
            }
            TableConstraint::Unique(unique) => {
                let columns = self.key_columns(&unique.columns, find, "unique constraint")?;
                table.unique.push((unique.name.as_ref().map(names::fold), columns));
                Ok(())
            }
            TableConstraint::ForeignKey(_) => Err(self.unsupported("FOREIGN KEY", constraint.span())),
            TableConstraint::Check(_) => Err(self.unsupported("CHECK", constraint.span())),
            _ => Err(self.unsupported("this constraint", constraint.span())),
        }
    }

    /// Positions of the columns of a key.
    pub(super) fn key_columns(
        &self,
        trees: &[ast::IndexColumn],
        find: impl Fn(&str) -> Option<usize>,
        what: &str,
    ) -> Result<Vec<usize>> {
        let mut columns = Vec::with_capacity(trees.len());
        for tree in trees {
            let ast::Expr::Identifier(name) = &tree.column.expr else {
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    format!("a {what} takes column names"),
                    tree.column.expr.span(),
                ));
            };
            let folded = names::fold(name);
            let Some(position) = find(&folded) else {
                let message = format!("column \"{folded}\" named in key does not exist");
                return Err(self.error(SqlState::UNDEFINED_COLUMN, message, name.span));
            };
            if columns.contains(&position) {
                let message = format!("column \"{folded}\" appears twice in {what} constraint");
                let message = message.replace(" constraint constraint", " constraint");
                return Err(self.error(SqlState::DUPLICATE_COLUMN, message, name.span));
            }
            columns.push(position);
        }
        Ok(columns)
    }

    fn create_index(&mut self, create: &ast::CreateIndex) -> Result<Define> {
        let name = self.name(&create.table_name)?;
        let table = self.table(&name)?;
        let refused = [
            (create.predicate.is_some(), "a partial index"),
            (!create.include.is_empty(), "INCLUDE"),
            (create.nulls_distinct == Some(false), "NULLS NOT DISTINCT"),
        ];
        if let Some((_, what)) = refused.iter().find(|(refused, _)| *refused) {
            return Err(self.unsupported(what, name.span));
        }
        if let Some(method) = &create.using {
            let method = method.to_string().to_lowercase();
            if !matches!(method.as_str(), "btree" | "hash") {
                return Err(self.unsupported(&format!("the index method {method}"), name.span));
            }
        }
        let mut columns = Vec::with_capacity(create.columns.len());
        for tree in &create.columns {
            columns.push(self.index_column(tree, &table)?);
        }
        let index_name = match &create.name {
            Some(tree) => Some(self.name(tree)?.name),
            None => None,
        };
        Ok(Define::CreateIndex(CreateIndex {
            table: table.id,
            name: index_name,
            columns,
            unique: create.unique,
            if_not_exists: create.if_not_exists,
        }))
    }

    fn index_column(&mut self, tree: &ast::IndexColumn, table: &Table) -> Result<IndexColumn> {
        let ast::Expr::Identifier(name) = &tree.column.expr else {
            return Err(self.unsupported("an index on an expression", tree.column.expr.span()));
        };
        let position = self.column_of_index(table, &names::fold(name), name.span)?;
        let (descending, nulls_first) = self.sort_options(&tree.column)?;
        let column = table.columns.get(position).map(|column| column.id).unwrap_or_default();
        Ok(IndexColumn { column, descending, nulls_first })
    }

    fn column_of_index(&self, table: &Table, name: &str, span: Span) -> Result<usize> {
        self.column_of_table(table, name, span).map_err(|error| {
            let plain = Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"));
            let plain = match error.hint() {
                Some(hint) => plain.with_hint(hint),
                None => plain,
            };
            self.at(plain, span)
        })
    }

    fn drop(
        &mut self,
        kind: ObjectType,
        trees: &[ast::ObjectName],
        if_exists: bool,
        cascade: bool,
        span: Span,
    ) -> Result<Define> {
        let mut names = Vec::with_capacity(trees.len());
        for tree in trees {
            names.push(self.name(tree)?);
        }
        match kind {
            ObjectType::Table => self.drop_tables(&names, if_exists),
            ObjectType::Index => self.drop_indexes(&names, if_exists),
            ObjectType::Schema => {
                let names = names.into_iter().map(|name| name.name).collect();
                Ok(Define::DropSchema { names, if_exists, cascade })
            }
            ObjectType::Database => match names.as_slice() {
                [name] => Ok(Define::DropDatabase { name: name.name.clone(), if_exists }),
                _ => Err(self.error(SqlState::SYNTAX_ERROR, "DROP DATABASE takes one name", span)),
            },
            // There are none, so nothing by that name exists.
            ObjectType::View | ObjectType::MaterializedView | ObjectType::Sequence if if_exists => {
                let missing = names.iter().map(Name::shown).collect();
                Ok(Define::DropTable { tables: Vec::new(), missing })
            }
            other => Err(self.unsupported(&format!("DROP {other}"), span)),
        }
    }

    fn drop_tables(&mut self, names: &[Name], if_exists: bool) -> Result<Define> {
        let (mut tables, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            match self.relation(name) {
                Some(Relation::Table(id)) if !tables.contains(&id) => tables.push(id),
                Some(Relation::Table(_)) => {}
                Some(Relation::Index(..)) => {
                    let error = Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a table", name.name));
                    return Err(error.with_hint("Use DROP INDEX to remove an index."));
                }
                None if if_exists => missing.push(name.shown()),
                None => {
                    let message = format!("table \"{}\" does not exist", name.shown());
                    return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
                }
            }
        }
        Ok(Define::DropTable { tables, missing })
    }

    fn drop_indexes(&mut self, names: &[Name], if_exists: bool) -> Result<Define> {
        let (mut indexes, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            match self.relation(name) {
                Some(Relation::Index(table, index)) => indexes.push((table, self.index_to_drop(table, index, name)?)),
                Some(Relation::Table(_)) => {
                    let error = Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not an index", name.name));
                    return Err(error.with_hint("Use DROP TABLE to remove a table."));
                }
                None if if_exists => missing.push(name.shown()),
                None => {
                    let message = format!("index \"{}\" does not exist", name.shown());
                    return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
                }
            }
        }
        Ok(Define::DropIndex { indexes, missing })
    }

    fn index_to_drop(
        &self,
        table: crate::base::ids::TableId,
        index: Option<crate::base::ids::IndexId>,
        name: &Name,
    ) -> Result<u32> {
        let stored = self.context.catalog.table(table);
        let found = stored.and_then(|stored| index.and_then(|index| stored.index(index).cloned()));
        match found {
            Some(found) if !found.constraint => Ok(found.oid),
            _ => {
                let owner = stored.map(|table| table.name.clone()).unwrap_or_default();
                let message = format!(
                    "cannot drop index {} because constraint {} on table {owner} requires it",
                    name.name, name.name
                );
                Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
                    .with_hint(format!("You can drop constraint {} on table {owner} instead.", name.name)))
            }
        }
    }
}

fn is_system_column(name: &str) -> bool {
    matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid")
}

/// A statement that is known and not there: named by its first words.
fn unsupported_statement(statement: &ast::Statement) -> Error {
    let text = statement.to_string();
    let words = text.split_whitespace().take(2).filter(|word| word.chars().all(|c| c.is_ascii_uppercase()));
    let words: Vec<&str> = words.collect();
    if words.is_empty() { Error::unsupported("this statement") } else { Error::unsupported(words.join(" ")) }
}
