//! UPDATE, DELETE and TRUNCATE.

use super::{
    Binder, Bound,
    from::scan,
    insert::is_default,
    relation::Name,
    scope::{Clause, Namespace, Scope},
};
use crate::{
    base::sqlstate::SqlState,
    catalog::Table,
    error::Result,
    sql::{
        define::Define,
        expr::Expr,
        names,
        plan::{expressions::conjuncts, logical::Logical},
    },
};
use sqlparser::{
    ast::{self, AssignmentTarget, Spanned, TableFactor},
    tokenizer::Span,
};
use std::sync::Arc;

/// The table of an UPDATE or DELETE, with the rows it may change.
struct Target {
    table: Arc<Table>,
    name: Name,
    alias: Option<String>,
    plan: Logical,
    namespace: Namespace,
}

impl Binder<'_> {
    pub(super) fn update(&mut self, update: &ast::Update) -> Result<Bound> {
        let span = update.update_token.0.span;
        if update.from.is_some() {
            return Err(self.unsupported("UPDATE … FROM", span));
        }
        if !update.order_by.is_empty() || update.limit.is_some() || update.or.is_some() {
            return Err(self.error(SqlState::SYNTAX_ERROR, "this UPDATE is not in PostgreSQL's language", span));
        }
        let mut target = self.target(&update.table, span)?;
        let mut assignments = Vec::with_capacity(update.assignments.len());
        for assignment in &update.assignments {
            self.assignment(assignment, &target, &mut assignments)?;
        }
        self.restrict(&mut target, update.selection.as_ref())?;
        let Target { table, name, alias, plan, .. } = target;
        let returning = self.returning(update.returning.as_deref(), &table, &name, alias)?;
        Ok(Bound::Update { table, input: plan, assignments, returning })
    }

    pub(super) fn delete(&mut self, delete: &ast::Delete) -> Result<Bound> {
        let span = delete.delete_token.0.span;
        if delete.using.is_some() {
            return Err(self.unsupported("DELETE … USING", span));
        }
        if !delete.order_by.is_empty() || delete.limit.is_some() || !delete.tables.is_empty() {
            return Err(self.error(SqlState::SYNTAX_ERROR, "this DELETE is not in PostgreSQL's language", span));
        }
        let (ast::FromTable::WithFromKeyword(tables) | ast::FromTable::WithoutKeyword(tables)) = &delete.from;
        let [table] = tables.as_slice() else {
            return Err(self.error(SqlState::SYNTAX_ERROR, "DELETE takes one table", span));
        };
        let mut target = self.target(table, span)?;
        self.restrict(&mut target, delete.selection.as_ref())?;
        let Target { table, name, alias, plan, .. } = target;
        let returning = self.returning(delete.returning.as_deref(), &table, &name, alias)?;
        Ok(Bound::Delete { table, input: plan, returning })
    }

    fn target(&mut self, tree: &ast::TableWithJoins, span: Span) -> Result<Target> {
        let TableFactor::Table { name, alias, args: None, .. } = &tree.relation else {
            return Err(self.error(SqlState::SYNTAX_ERROR, "the target must be a table", span));
        };
        if !tree.joins.is_empty() {
            return Err(self.error(SqlState::SYNTAX_ERROR, "the target must be a table", span));
        }
        let name = self.name(name)?;
        let table = self.table(&name)?;
        let (plan, columns) = scan(&table, true);
        let alias = alias.as_ref().map(|alias| names::fold(&alias.name));
        let schema = name.schema.as_deref().filter(|_| alias.is_none());
        let namespace = Namespace::of_table(alias.as_deref().unwrap_or(&table.name), schema, columns);
        Ok(Target { table, name, alias, plan, namespace })
    }

    fn restrict(&mut self, target: &mut Target, selection: Option<&ast::Expr>) -> Result<()> {
        let Some(tree) = selection else { return Ok(()) };
        let scope = Scope { namespace: &target.namespace, clause: Clause::Where };
        let condition = self.condition(tree, "WHERE", scope)?;
        if let Logical::Scan { filter, .. } = &mut target.plan {
            *filter = conjuncts(condition);
        }
        Ok(())
    }

    fn assignment(
        &mut self,
        assignment: &ast::Assignment,
        target: &Target,
        assignments: &mut Vec<(usize, Expr)>,
    ) -> Result<()> {
        match &assignment.target {
            AssignmentTarget::ColumnName(name) => self.assign_column(name, &assignment.value, target, assignments),
            AssignmentTarget::Tuple(columns) => {
                let values: Vec<&ast::Expr> = match super::compare::unnested(&assignment.value) {
                    ast::Expr::Tuple(values) => values.iter().collect(),
                    ast::Expr::Subquery(query) => {
                        return Err(self.unsupported("UPDATE … SET (…) = (SELECT …)", query.span()));
                    }
                    value if columns.len() == 1 => vec![value],
                    value => {
                        let message =
                            "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression";
                        return Err(self.error(SqlState::FEATURE_NOT_SUPPORTED, message, value.span()));
                    }
                };
                if values.len() != columns.len() {
                    let message = "number of columns does not match number of values";
                    return Err(self.error(SqlState::SYNTAX_ERROR, message, assignment.value.span()));
                }
                for (name, value) in columns.iter().zip(values) {
                    self.assign_column(name, value, target, assignments)?;
                }
                Ok(())
            }
        }
    }

    fn assign_column(
        &mut self,
        name: &ast::ObjectName,
        value: &ast::Expr,
        target: &Target,
        assignments: &mut Vec<(usize, Expr)>,
    ) -> Result<()> {
        let position = self.target_column(&target.table, name)?;
        let Some(stored) = target.table.columns.get(position) else { return Ok(()) };
        if assignments.iter().any(|(other, _)| *other == position) {
            let message = format!("multiple assignments to same column \"{}\"", stored.name);
            return Err(self.error(SqlState::SYNTAX_ERROR, message, name.span()));
        }
        let expression = if is_default(value) {
            self.default_of(stored)?
        } else {
            let scope = Scope { namespace: &target.namespace, clause: Clause::Update };
            let bound = self.expression(value, scope)?;
            self.assign(bound, &stored.name, stored.data_type, value.span())?
        };
        assignments.push((position, expression));
        Ok(())
    }

    pub(super) fn truncate(&mut self, truncate: &ast::Truncate) -> Result<Define> {
        let mut tables = Vec::with_capacity(truncate.table_names.len());
        for target in &truncate.table_names {
            let name = self.name(&target.name)?;
            let table = self.table(&name)?;
            if !tables.contains(&table.id) {
                tables.push(table.id);
            }
        }
        Ok(Define::Truncate { tables })
    }
}
