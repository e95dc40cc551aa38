//! Which columns can be named where, and what each name means.

use super::Binder;
use crate::{
    base::{sqlstate::SqlState, types::DataType},
    error::{Error, Result},
    sql::{expr::Expr, names, plan::expressions},
};
use sqlparser::{ast::Ident, tokenizer::Span};

/// A column that a name may mean.
#[derive(Clone, Debug)]
pub struct ScopeColumn {
    pub name: String,
    /// What it is computed from: mostly a column of the input, COALESCE for a column that USING merged.
    pub expression: Expr,
    pub origin: Option<(u32, u16)>,
}

/// A table in FROM, by the name it has there.
#[derive(Clone, Debug)]
pub struct ScopeTable {
    pub name: String,
    /// Its schema, when it can be named with it (no alias).
    pub schema: Option<String>,
    pub columns: Vec<ScopeColumn>,
}

/// All that FROM offers.
#[derive(Clone, Debug, Default)]
pub struct Namespace {
    pub tables: Vec<ScopeTable>,
    /// What `*` gives and bare names search, in order.
    pub columns: Vec<ScopeColumn>,
}

impl Namespace {
    /// The namespace of one table whose columns come in order from position 0.
    pub fn of_table(name: &str, schema: Option<&str>, columns: Vec<ScopeColumn>) -> Namespace {
        let table = ScopeTable { name: name.to_owned(), schema: schema.map(str::to_owned), columns: columns.clone() };
        Namespace { tables: vec![table], columns }
    }

    /// Moves all columns by a number of positions, to stand right of others.
    pub fn shift(&mut self, by: usize) {
        let columns = self.tables.iter_mut().flat_map(|table| &mut table.columns).chain(&mut self.columns);
        for column in columns {
            expressions::move_columns(&mut column.expression, &|position| position + by);
        }
    }
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub struct Scope<'s> {
    pub namespace: &'s Namespace,
    /// The clause, for messages.
    pub clause: Clause,
}

/// Clauses that restrict what may stand in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    Select,
    Having,
    OrderBy,
    Where,
    JoinCondition,
    GroupBy,
    Limit,
    Values,
    Update,
    Returning,
    Default,
    FromFunction,
    Filter,
    Execute,
}

impl Clause {
    /// Its name in messages about aggregates.
    pub fn name(self) -> &'static str {
        match self {
            Clause::Select => "SELECT",
            Clause::Having => "HAVING",
            Clause::OrderBy => "ORDER BY",
            Clause::Where => "WHERE",
            Clause::JoinCondition => "JOIN conditions",
            Clause::GroupBy => "GROUP BY",
            Clause::Limit => "LIMIT",
            Clause::Values => "VALUES",
            Clause::Update => "UPDATE",
            Clause::Returning => "RETURNING",
            Clause::Default => "DEFAULT expressions",
            Clause::FromFunction => "functions in FROM",
            Clause::Filter => "FILTER",
            Clause::Execute => "EXECUTE parameters",
        }
    }
}

impl Binder<'_> {
    /// The column that a name means.
    pub(super) fn column(&mut self, parts: &[Ident], scope: Scope<'_>) -> Result<Expr> {
        let span = parts.iter().fold(Span::empty(), |span, part| span.union(&part.span));
        let names: Vec<String> = parts.iter().map(names::fold).collect();
        let found = self.find_column(&names, scope, span)?;
        let shown = names.join(".");
        expressions::walk(&found.expression, &mut |part| {
            if let Expr::Column { position, .. } = part {
                self.read.entry(*position).or_insert_with(|| (span, shown.clone()));
            }
        });
        Ok(found.expression)
    }

    /// As [`Binder::column`], with all that is known of the column.
    pub(super) fn find_column(&self, names: &[String], scope: Scope<'_>, span: Span) -> Result<ScopeColumn> {
        let namespace = scope.namespace;
        match names {
            [name] => self.only_match(namespace.columns.iter(), name, span, || self.no_column(name, namespace, span)),
            [table, name] => {
                let table = self.find_table(None, table, namespace, span)?;
                self.column_of(table, name, span)
            }
            [schema, table, name] => {
                let table = self.find_table(Some(schema), table, namespace, span)?;
                self.column_of(table, name, span)
            }
            [database, schema, table, name] if self.is_this_database(database) => {
                let table = self.find_table(Some(schema), table, namespace, span)?;
                self.column_of(table, name, span)
            }
            _ => {
                let message = format!("improper qualified name (too many dotted names): {}", names.join("."));
                Err(self.error(SqlState::SYNTAX_ERROR, message, span))
            }
        }
    }

    fn column_of(&self, table: &ScopeTable, name: &str, span: Span) -> Result<ScopeColumn> {
        self.only_match(table.columns.iter(), name, span, || {
            let message = format!("column {}.{name} does not exist", table.name);
            let error = Error::new(SqlState::UNDEFINED_COLUMN, message);
            let near =
                nearest(name, table.columns.iter().map(|column| (Some(table.name.as_str()), column.name.as_str())));
            self.at(with_near_column(error, near), span)
        })
    }

    fn only_match<'c>(
        &self,
        mut columns: impl Iterator<Item = &'c ScopeColumn>,
        name: &str,
        span: Span,
        missing: impl Fn() -> Error,
    ) -> Result<ScopeColumn> {
        let Some(first) = columns.find(|column| column.name == name) else { return Err(missing()) };
        if columns.any(|column| column.name == name) {
            let message = format!("column reference \"{name}\" is ambiguous");
            return Err(self.error(SqlState::AMBIGUOUS_COLUMN, message, span));
        }
        Ok(first.clone())
    }

    fn no_column(&self, name: &str, namespace: &Namespace, span: Span) -> Error {
        let error = Error::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"));
        let hidden = namespace
            .tables
            .iter()
            .find_map(|table| table.columns.iter().any(|column| column.name == name).then_some(table.name.as_str()));
        if let Some(table) = hidden {
            return self
                .at(error.with_hint(format!("Perhaps you meant to reference the column \"{table}.{name}\".")), span);
        }
        let candidates = namespace
            .tables
            .iter()
            .flat_map(|table| table.columns.iter().map(|column| (Some(table.name.as_str()), column.name.as_str())));
        self.at(with_near_column(error, nearest(name, candidates)), span)
    }

    /// The table of FROM that a name means.
    pub(super) fn find_table<'n>(
        &self,
        schema: Option<&str>,
        name: &str,
        namespace: &'n Namespace,
        span: Span,
    ) -> Result<&'n ScopeTable> {
        let fits = |table: &&ScopeTable| table.name == name && (schema.is_none() || table.schema.as_deref() == schema);
        let mut found = namespace.tables.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(table), None) => Ok(table),
            (Some(_), Some(_)) => {
                let message = format!("table reference \"{name}\" is ambiguous");
                Err(self.error(SqlState::AMBIGUOUS_COLUMN, message, span))
            }
            (None, _) => {
                let error =
                    Error::new(SqlState::UNDEFINED_TABLE, format!("missing FROM-clause entry for table \"{name}\""));
                let near = nearest(name, namespace.tables.iter().map(|table| (None, table.name.as_str())));
                let error = match near {
                    Some((_, near)) => error.with_hint(format!("Perhaps you meant to reference the table \"{near}\".")),
                    None => error,
                };
                Err(self.at(error, span))
            }
        }
    }

    fn is_this_database(&self, name: &str) -> bool {
        self.context.catalog.database(name).is_some_and(|database| database.id == self.context.database)
    }
}

fn with_near_column(error: Error, near: Option<(Option<&str>, &str)>) -> Error {
    match near {
        Some((Some(table), column)) => {
            error.with_hint(format!("Perhaps you meant to reference the column \"{table}.{column}\"."))
        }
        Some((None, column)) => error.with_hint(format!("Perhaps you meant to reference the column \"{column}\".")),
        None => error,
    }
}

/// The candidate that is spelled most alike, if any is alike enough to be meant.
pub(in crate::sql) fn nearest<'c>(
    name: &str,
    candidates: impl Iterator<Item = (Option<&'c str>, &'c str)>,
) -> Option<(Option<&'c str>, &'c str)> {
    let farthest = (name.chars().count() / 2).clamp(1, 3);
    candidates
        .map(|candidate| (strsim::osa_distance(name, candidate.1), candidate))
        .filter(|&(distance, _)| distance <= farthest)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// A plain column at a position.
pub(super) fn plain(name: &str, position: usize, data_type: DataType, origin: Option<(u32, u16)>) -> ScopeColumn {
    ScopeColumn { name: name.to_owned(), expression: expressions::column(position, data_type), origin }
}
