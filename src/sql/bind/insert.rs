//! INSERT: rows with one value for each column of the table, in its type, defaults filled in.

use super::{
    Binder, Bound, Returning,
    relation::Name,
    scope::{Clause, Namespace, Scope, nearest},
};
use crate::{
    base::{sqlstate::SqlState, value::Value},
    catalog::{Column, Table},
    error::{Error, Result},
    sql::{
        expr::Expr,
        names, parse,
        plan::{
            Field,
            expressions::{column, data_type},
            logical::Logical,
        },
    },
};
use sqlparser::{
    ast::{self, SetExpr, Spanned},
    tokenizer::Span,
};
use std::sync::Arc;

impl Binder<'_> {
    pub(super) fn insert(&mut self, insert: &ast::Insert) -> Result<Bound> {
        let span = insert.insert_token.0.span;
        let ast::TableObject::TableName(tree) = &insert.table else {
            return Err(self.unsupported("INSERT INTO something that is no table", span));
        };
        if insert.on.is_some() {
            return Err(self.unsupported("INSERT … ON CONFLICT", span));
        }
        if insert.or.is_some()
            || insert.ignore
            || insert.overwrite
            || insert.replace_into
            || !insert.assignments.is_empty()
        {
            return Err(self.error(SqlState::SYNTAX_ERROR, "this INSERT is not in PostgreSQL's language", span));
        }
        let name = self.name(tree)?;
        let table = self.table(&name)?;
        let targets = self.targets(&table, &insert.columns)?;
        let input = match &insert.source {
            None => self.default_rows(&table)?,
            Some(query) => self.insert_source(&table, targets, query, !insert.columns.is_empty())?,
        };
        let alias = insert.table_alias.as_ref().map(|alias| names::fold(&alias.alias));
        let returning = self.returning(insert.returning.as_deref(), &table, &name, alias)?;
        Ok(Bound::Insert { table, input, returning })
    }

    /// Positions in `table.columns` that the values go to, in their order.
    fn targets(&self, table: &Table, columns: &[ast::ObjectName]) -> Result<Vec<usize>> {
        if columns.is_empty() {
            return Ok(table.live_columns().map(|(position, _)| position).collect());
        }
        let mut targets = Vec::with_capacity(columns.len());
        for tree in columns {
            let position = self.target_column(table, tree)?;
            if targets.contains(&position) {
                let message = format!("column \"{}\" specified more than once", table.columns[position].name);
                return Err(self.error(SqlState::DUPLICATE_COLUMN, message, tree.span()));
            }
            targets.push(position);
        }
        Ok(targets)
    }

    /// The position of a column that is written to.
    pub(super) fn target_column(&self, table: &Table, tree: &ast::ObjectName) -> Result<usize> {
        match tree.0.as_slice() {
            [ast::ObjectNamePart::Identifier(name)] => self.column_of_table(table, &names::fold(name), name.span),
            _ => Err(self.unsupported("a part of a column as the target", tree.span())),
        }
    }

    /// The position of a column by name, with the nearest name if there is none.
    pub(super) fn column_of_table(&self, table: &Table, name: &str, span: Span) -> Result<usize> {
        if let Some((position, _)) = table.column_by_name(name) {
            return Ok(position);
        }
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
        let error = Error::new(SqlState::UNDEFINED_COLUMN, message);
        let near = nearest(name, table.live_columns().map(|(_, column)| (None, column.name.as_str())));
        let error = match near {
            Some((_, near)) => error.with_hint(format!("Perhaps you meant the column \"{near}\".")),
            None => error,
        };
        Err(self.at(error, span))
    }

    fn insert_source(
        &mut self,
        table: &Arc<Table>,
        mut targets: Vec<usize>,
        query: &ast::Query,
        named: bool,
    ) -> Result<Logical> {
        if let (SetExpr::Values(values), None, None, None) =
            (&*query.body, &query.with, &query.order_by, &query.limit_clause)
        {
            return self.insert_values(table, &targets, values, named);
        }
        let bound = self.open_query(query)?;
        let width = bound.fields.len();
        if width > targets.len() {
            return Err(self.error(
                SqlState::SYNTAX_ERROR,
                "INSERT has more expressions than target columns",
                query.span(),
            ));
        }
        if named && width < targets.len() {
            return Err(self.error(
                SqlState::SYNTAX_ERROR,
                "INSERT has more target columns than expressions",
                query.span(),
            ));
        }
        targets.truncate(width);
        let plan = self.retype(bound.plan, |binder, position, expr| {
            let target = &table.columns[targets[position]];
            binder.assign(expr, &target.name, target.data_type, Span::empty())
        })?;
        let types = plan.types();
        let mut row = Vec::with_capacity(table.columns.len());
        for (position, stored) in table.live_columns() {
            row.push(match targets.iter().position(|&target| target == position) {
                Some(source) => column(source, types.get(source).copied().unwrap_or(stored.data_type)),
                None => self.default_of(stored)?,
            });
        }
        Ok(plan.projected(row))
    }

    fn insert_values(
        &mut self,
        table: &Arc<Table>,
        targets: &[usize],
        values: &ast::Values,
        named: bool,
    ) -> Result<Logical> {
        let columns: Vec<(usize, &Column)> = table.live_columns().collect();
        let mut defaults = Vec::with_capacity(columns.len());
        for (_, column) in &columns {
            defaults.push(self.default_of(column)?);
        }
        // For each column of the row the place of its value in a VALUES row.
        let places: Vec<Option<usize>> =
            columns.iter().map(|(position, _)| targets.iter().position(|target| target == position)).collect();
        let namespace = Namespace::default();
        let scope = Scope { namespace: &namespace, clause: Clause::Values };
        let mut rows = Vec::with_capacity(values.rows.len());
        let width = values.rows.first().map_or(0, |row| row.content.len());
        for row in &values.rows {
            self.check_width(&row.content, width, targets.len(), named)?;
            let mut cells = Vec::with_capacity(columns.len());
            for (index, (_, stored)) in columns.iter().enumerate() {
                let tree = places[index].and_then(|place| row.content.get(place));
                cells.push(match tree {
                    Some(tree) if !is_default(tree) => {
                        let bound = self.expression(tree, scope)?;
                        if data_type(&bound) == stored.data_type {
                            bound
                        } else {
                            self.assign(bound, &stored.name, stored.data_type, tree.span())?
                        }
                    }
                    _ => defaults[index].clone(),
                });
            }
            rows.push(cells);
        }
        let types = columns.iter().map(|(_, column)| column.data_type).collect();
        Ok(Logical::Values { rows, types })
    }

    fn check_width(&self, row: &[ast::Expr], width: usize, targets: usize, named: bool) -> Result<()> {
        let span = || row.first().map_or(Span::empty(), Spanned::span);
        if row.len() != width {
            return Err(self.error(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length", span()));
        }
        if let Some(extra) = row.get(targets) {
            let message = "INSERT has more expressions than target columns";
            return Err(self.error(SqlState::SYNTAX_ERROR, message, extra.span()));
        }
        if named && row.len() < targets {
            let message = "INSERT has more target columns than expressions";
            return Err(self.error(SqlState::SYNTAX_ERROR, message, span()));
        }
        Ok(())
    }

    /// INSERT … DEFAULT VALUES.
    fn default_rows(&mut self, table: &Table) -> Result<Logical> {
        let mut row = Vec::with_capacity(table.columns.len());
        for (_, column) in table.live_columns() {
            row.push(self.default_of(column)?);
        }
        let types = table.live_columns().map(|(_, column)| column.data_type).collect();
        Ok(Logical::Values { rows: vec![row], types })
    }

    /// The default of a column in its type; NULL if it has none.
    pub(super) fn default_of(&mut self, column: &Column) -> Result<Expr> {
        let Some(text) = &column.default else {
            return Ok(Expr::Literal { value: Value::Null, data_type: column.data_type });
        };
        let (tree, source) = parse::expression(text)?;
        let mut binder = Binder::new(self.context, &source);
        binder.default(&tree, &column.name, column.data_type)
    }

    /// A default expression in the type of its column.
    pub(super) fn default(&mut self, tree: &ast::Expr, name: &str, to: crate::base::types::DataType) -> Result<Expr> {
        let namespace = Namespace::default();
        let scope = Scope { namespace: &namespace, clause: Clause::Default };
        if let ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) = tree {
            let message = "cannot use column reference in DEFAULT expression";
            return Err(self.error(SqlState::FEATURE_NOT_SUPPORTED, message, tree.span()));
        }
        let (parameters, subplans) = (self.parameters.len(), self.subplans.len());
        let bound = self.expression(tree, scope)?;
        if self.subplans.len() != subplans {
            let message = "cannot use subquery in DEFAULT expression";
            return Err(self.error(SqlState::FEATURE_NOT_SUPPORTED, message, tree.span()));
        }
        if self.parameters.len() != parameters {
            return Err(self.error(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1", tree.span()));
        }
        let from = data_type(&bound);
        self.assign(bound, name, to, tree.span()).map_err(|error| {
            if error.state() != SqlState::DATATYPE_MISMATCH {
                return error;
            }
            let type_name = crate::sql::expr::function::type_name;
            let message = format!(
                "column \"{name}\" is of type {} but default expression is of type {}",
                type_name(to),
                type_name(from)
            );
            let error = Error::new(SqlState::DATATYPE_MISMATCH, message);
            self.at(error.with_hint("You will need to rewrite or cast the expression."), tree.span())
        })
    }

    /// RETURNING, over the table's columns that are not dropped.
    pub(super) fn returning(
        &mut self,
        items: Option<&[ast::SelectItem]>,
        table: &Arc<Table>,
        name: &Name,
        alias: Option<String>,
    ) -> Result<Option<Returning>> {
        let Some(items) = items else { return Ok(None) };
        let (_, columns) = super::from::scan(table, false);
        let schema = name.schema.as_deref().filter(|_| alias.is_none());
        let namespace = Namespace::of_table(alias.as_deref().unwrap_or(&table.name), schema, columns);
        let outputs = self.outputs(items, &namespace, Clause::Returning)?;
        let mut expressions = Vec::with_capacity(outputs.len());
        let mut fields = Vec::with_capacity(outputs.len());
        for output in outputs {
            let expression = self.settle(output.expression, output.span)?;
            fields.push(Field { name: output.name, data_type: data_type(&expression), origin: output.origin });
            expressions.push(expression);
        }
        Ok(Some(Returning { expressions, fields }))
    }
}

/// Whether a value is the word DEFAULT.
pub(super) fn is_default(tree: &ast::Expr) -> bool {
    matches!(tree, ast::Expr::Identifier(name)
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default"))
}
