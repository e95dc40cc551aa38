//! Syntax trees → bound statements: every name resolved, every type and cast decided.
//!
//! The rules are PostgreSQL's: unknown literals and parameters take their type from where they stand, casts are
//! implicit, of assignment or explicit, and errors carry its SQLSTATE, words, position and hint. Binding reads the
//! catalog and nothing else; it evaluates nothing (constants are folded by [`optimize`](super::optimize)).
//!
//! Invariants: a bound [`Expr`] has no `Unknown` type in it; columns name positions of their operator's input;
//! statements that come out hold no reference to the text.
//!
//! Start at [`statement`]. Queries are in [`select`] and [`query`], their tables in [`from`], expressions in
//! [`expression`], types and casts in [`coerce`].

mod aggregate;
mod alter;
mod call;
mod coerce;
mod compare;
mod copy;
mod define;
mod errors;
mod expression;
mod from;
mod generate;
mod insert;
mod literal;
mod modify;
mod output_name;
mod query;
mod relation;
mod scope;
mod select;
mod special;
mod subquery;
mod types;
mod utility;

use super::{
    expr::{Aggregate, Expr},
    parse::{Parsed, SourceText, Tree},
    plan::{ExplainFormat, ExplainShape, Field, SubplanKind, logical::Logical, statistics::Statistics},
};
use crate::{
    base::{
        ids::{DatabaseId, TableId},
        limits,
        sqlstate::SqlState,
        types::{DataType, TypeKind},
    },
    catalog::{Catalog, Table},
    error::{Error, Result},
};
use sqlparser::{ast, tokenizer::Span};
use std::{collections::BTreeMap, sync::Arc};

pub use types::data_type as ast_type;

/// What binding may look at.
pub struct BindContext<'a> {
    pub catalog: &'a Catalog,
    pub database: DatabaseId,
    /// Schemas in the order they are searched, `$user` resolved, without the implicit `pg_catalog`.
    pub search_path: &'a [String],
    pub user: &'a str,
    /// Values of the session's settings.
    pub settings: &'a dyn Fn(&str) -> Option<String>,
    pub statistics: &'a dyn Statistics,
}

/// What a statement was bound into.
#[derive(Debug)]
pub enum Bound {
    Query(Query),
    /// Input rows have one column per column of the table that is not dropped.
    Insert {
        table: Arc<Table>,
        input: Logical,
        returning: Option<Returning>,
    },
    Update {
        table: Arc<Table>,
        input: Logical,
        assignments: Vec<(usize, Expr)>,
        returning: Option<Returning>,
    },
    Delete {
        table: Arc<Table>,
        input: Logical,
        returning: Option<Returning>,
    },
    Explain {
        statement: Box<Bound>,
        shape: ExplainShape,
    },
    Define(super::define::Define),
    Utility(super::utility::Utility),
    CopyQuery(Query, super::utility::CopyOptions),
}

/// A bound query.
#[derive(Clone, Debug)]
pub struct Query {
    pub plan: Logical,
    pub fields: Vec<Field>,
}

/// RETURNING: expressions over the table's columns that are not dropped.
#[derive(Clone, Debug)]
pub struct Returning {
    pub expressions: Vec<Expr>,
    pub fields: Vec<Field>,
}

/// A bound statement with what belongs to all of it.
#[derive(Debug)]
pub struct BoundStatement {
    pub bound: Bound,
    pub parameters: Vec<DataType>,
    pub subplans: Vec<(Logical, SubplanKind)>,
    pub dependencies: Vec<(TableId, u32)>,
}

/// Binds a statement. `parameter_types` are those that the client declared.
pub fn statement(
    parsed: &Parsed,
    context: &BindContext<'_>,
    parameter_types: &[Option<DataType>],
) -> Result<BoundStatement> {
    if parameter_types.len() > limits::PARAMETERS_MAX {
        return Err(Error::new(SqlState::TOO_MANY_ARGUMENTS, "too many parameters"));
    }
    let mut binder = Binder::new(context, &parsed.source);
    binder.parameters = parameter_types.to_vec();
    let bound = parsed.with_stack(|| binder.tree(parsed.tree()))?;
    binder.finish(bound)
}

/// Binds a stored DEFAULT in the type of its column.
pub fn default_value(text: &str, data_type: DataType, context: &BindContext<'_>) -> Result<Expr> {
    let (tree, source) = super::parse::expression(text)?;
    Binder::new(context, &source).default(&tree, "", data_type)
}

/// The state of binding one statement.
pub(in crate::sql) struct Binder<'a> {
    pub(super) context: &'a BindContext<'a>,
    pub(super) source: &'a SourceText,
    /// Types of `$1`, `$2` …, as far as they are declared or were found.
    parameters: Vec<Option<DataType>>,
    subplans: Vec<(Logical, SubplanKind)>,
    dependencies: Vec<(TableId, u32)>,
    /// Queries of WITH by name, the innermost last.
    with: Vec<(String, Arc<WithQuery>)>,
    /// Aggregate calls of the SELECT that is being bound, where they are allowed.
    aggregates: Option<Vec<Aggregate>>,
    /// Columns read outside aggregate calls in the SELECT that is being bound: where, and by what name.
    read: BTreeMap<usize, (Span, String)>,
    /// Relations in the statement so far.
    relations: usize,
}

/// A query of WITH.
struct WithQuery {
    alias: ast::TableAlias,
    query: ast::Query,
    /// How many of `Binder::with` it may see.
    visible: usize,
}

impl<'a> Binder<'a> {
    pub(super) fn new(context: &'a BindContext<'a>, source: &'a SourceText) -> Binder<'a> {
        Binder {
            context,
            source,
            parameters: Vec::new(),
            subplans: Vec::new(),
            dependencies: Vec::new(),
            with: Vec::new(),
            aggregates: None,
            read: BTreeMap::new(),
            relations: 0,
        }
    }

    fn finish(self, bound: Bound) -> Result<BoundStatement> {
        let mut parameters = Vec::with_capacity(self.parameters.len());
        for (index, decided) in self.parameters.into_iter().enumerate() {
            let Some(data_type) = decided.filter(|data_type| data_type.kind != TypeKind::Unknown) else {
                let message = format!("could not determine data type of parameter ${}", index + 1);
                return Err(Error::new(SqlState::INDETERMINATE_DATATYPE, message));
            };
            parameters.push(data_type);
        }
        Ok(BoundStatement { bound, parameters, subplans: self.subplans, dependencies: self.dependencies })
    }

    fn tree(&mut self, tree: &Tree) -> Result<Bound> {
        match tree {
            Tree::Sql(statement) => self.sql(statement),
            Tree::Utility(utility) => self.utility(utility).map(Bound::Utility),
            Tree::Explain(explain) => self.explain(explain),
            Tree::Copy(copy) => self.copy(copy),
            Tree::Empty => Ok(Bound::Utility(super::utility::Utility::Empty)),
        }
    }

    fn sql(&mut self, statement: &ast::Statement) -> Result<Bound> {
        match statement {
            ast::Statement::Query(query) => self.top_query(query),
            ast::Statement::Insert(insert) => self.insert(insert),
            ast::Statement::Update(update) => self.update(update),
            ast::Statement::Delete(delete) => self.delete(delete),
            ast::Statement::Truncate(truncate) => self.truncate(truncate).map(Bound::Define),
            ast::Statement::Savepoint { name } => {
                Ok(Bound::Utility(super::utility::Utility::Savepoint(super::names::fold(name))))
            }
            ast::Statement::ReleaseSavepoint { name } => {
                Ok(Bound::Utility(super::utility::Utility::ReleaseSavepoint(super::names::fold(name))))
            }
            ast::Statement::Rollback { savepoint: Some(name), .. } => {
                Ok(Bound::Utility(super::utility::Utility::RollbackTo(super::names::fold(name))))
            }
            other => self.define(other).map(Bound::Define),
        }
    }

    fn explain(&mut self, explain: &super::parse::ExplainTree) -> Result<Bound> {
        let (mut analyze, mut verbose, mut costs, mut timing) = (false, false, true, true);
        let mut format = ExplainFormat::Text;
        for (name, value) in &explain.options {
            let on = !matches!(value.as_str(), "false" | "off" | "0");
            match name.as_str() {
                "analyze" => analyze = on,
                "verbose" => verbose = on,
                "costs" => costs = on,
                "timing" => timing = on,
                "format" if value == "text" => {}
                "format" if value == "json" => format = ExplainFormat::Json,
                "format" => return Err(Error::unsupported(format_args!("EXPLAIN (FORMAT {})", value.to_uppercase()))),
                "buffers" | "summary" | "settings" | "wal" => {}
                _ => {
                    let message = format!("unrecognized EXPLAIN option \"{name}\"");
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                }
            }
        }
        let statement = Box::new(self.tree(&explain.statement)?);
        Ok(Bound::Explain { statement, shape: ExplainShape { analyze, verbose, costs, timing, format } })
    }

    /// Notes that the statement depends on a table.
    fn depend(&mut self, table: &Table) {
        let dependency = (table.id, table.version);
        if !self.dependencies.contains(&dependency) {
            self.dependencies.push(dependency);
        }
    }

    /// Puts the position of a piece of the tree on an error that has none.
    pub(super) fn at(&self, error: Error, span: Span) -> Error {
        if error.position().is_some() || span.start.line == 0 {
            return error;
        }
        error.with_position(self.source.position(span.start))
    }

    /// An error at a piece of the tree.
    pub(super) fn error(&self, state: SqlState, message: impl Into<String>, span: Span) -> Error {
        self.at(Error::new(state, message), span)
    }
}
