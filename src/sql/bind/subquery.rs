//! Subqueries in expressions. They run once, before the statement; ones that name columns of the query around them
//! are refused (their columns are not found).

use super::{Binder, Query, query::subquery_columns, scope::Scope};
use crate::{
    base::{sqlstate::SqlState, types::DataType},
    error::Result,
    sql::{
        expr::{Comparison, Expr},
        plan::{SubplanKind, expressions::BOOL},
    },
};
use sqlparser::ast::{self, Spanned};

impl Binder<'_> {
    /// `(SELECT …)` as a value.
    pub(super) fn scalar_subquery(&mut self, query: &ast::Query) -> Result<Expr> {
        let bound = self.inner_query(query)?;
        let data_type = self.single_column(&bound, query)?;
        Ok(self.subplan(bound, SubplanKind::Scalar, data_type))
    }

    /// EXISTS.
    pub(super) fn exists(&mut self, query: &ast::Query, negated: bool) -> Result<Expr> {
        let bound = self.inner_query(query)?;
        let found = self.subplan(bound, SubplanKind::Exists, BOOL);
        Ok(if negated { Expr::Not(Box::new(found)) } else { found })
    }

    /// The first column of a subquery as an array.
    pub(super) fn array_subplan(&mut self, query: &ast::Query) -> Result<Expr> {
        let bound = self.inner_query(query)?;
        let element = self.single_column(&bound, query)?;
        if element.array {
            return Err(self.unsupported("a subquery of arrays here", query.span()));
        }
        Ok(self.subplan(bound, SubplanKind::Array, DataType { array: true, ..element }))
    }

    /// `operand [NOT] IN (SELECT …)`.
    pub(super) fn in_subquery(
        &mut self,
        operand: &ast::Expr,
        query: &ast::Query,
        negated: bool,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        let array = self.array_subplan(query)?;
        let (comparison, all) = if negated { (Comparison::NotEqual, true) } else { (Comparison::Equal, false) };
        self.quantified_over(operand, array, comparison, all, scope, query.span())
    }

    /// Binds a query that stands in an expression, with state of its own.
    fn inner_query(&mut self, query: &ast::Query) -> Result<Query> {
        let aggregates = self.aggregates.take();
        let read = std::mem::take(&mut self.read);
        let bound = self.query(query);
        self.aggregates = aggregates;
        self.read = read;
        bound
    }

    fn single_column(&self, query: &Query, tree: &ast::Query) -> Result<DataType> {
        match subquery_columns(query) {
            [field] => Ok(field.data_type),
            _ => Err(self.error(SqlState::SYNTAX_ERROR, "subquery must return only one column", tree.span())),
        }
    }

    fn subplan(&mut self, query: Query, kind: SubplanKind, data_type: DataType) -> Expr {
        self.subplans.push((query.plan, kind));
        Expr::Subplan { number: self.subplans.len() - 1, data_type }
    }
}
