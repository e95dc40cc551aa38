//! GROUP BY: from expressions over FROM's columns to expressions over groups and aggregates.

use super::{
    Binder,
    call::AGGREGATE_BASE,
    scope::{Clause, Namespace, Scope},
};
use crate::{
    base::{ids::TableId, sqlstate::SqlState, value::Value},
    error::{Error, Result},
    sql::{
        expr::Expr,
        names,
        plan::expressions::{self, column, data_type},
    },
};
use sqlparser::{
    ast::{self, Spanned},
    tokenizer::Span,
};

/// Where group expressions and aggregates stand in an aggregate node's output.
pub(super) struct Grouping {
    pub groups: Vec<Expr>,
    /// The groups that are more than a column, as they are written.
    written: Vec<(usize, String)>,
}

impl Grouping {
    pub fn new(groups: Vec<Expr>) -> Grouping {
        let mut grouping = Grouping { groups: Vec::new(), written: Vec::new() };
        groups.into_iter().for_each(|group| grouping.add(group));
        grouping
    }

    fn add(&mut self, group: Expr) {
        if self.find(&group).is_some() {
            return;
        }
        if !matches!(group, Expr::Column { .. }) {
            self.written.push((self.groups.len(), format!("{group:?}")));
        }
        self.groups.push(group);
    }

    /// The group that an expression is.
    fn find(&self, expr: &Expr) -> Option<usize> {
        if let Expr::Column { position, .. } = expr {
            let same = |group: &Expr| matches!(group, Expr::Column { position: other, .. } if other == position);
            return self.groups.iter().position(same);
        }
        if self.written.is_empty() {
            return None;
        }
        let written = format!("{expr:?}");
        self.written.iter().find(|(_, other)| *other == written).map(|(group, _)| *group)
    }

    /// Columns that are read outside groups and aggregates.
    fn loose_columns(&self, expr: &Expr, found: &mut Vec<usize>) {
        if self.find(expr).is_some() {
            return;
        }
        if let Expr::Column { position, .. } = expr
            && *position < AGGREGATE_BASE
        {
            found.push(*position);
        }
        for child in expr.children() {
            self.loose_columns(child, found);
        }
    }

    /// The expression over the aggregate node's output.
    pub fn place(&self, expr: &mut Expr) {
        if let Expr::Column { position, .. } = expr
            && *position >= AGGREGATE_BASE
        {
            *position = *position - AGGREGATE_BASE + self.groups.len();
            return;
        }
        if let Some(group) = self.find(expr) {
            *expr = column(group, data_type(expr));
            return;
        }
        for child in expr.children_mut() {
            self.place(child);
        }
    }
}

/// One output column of a SELECT, as far as grouping and sorting need it.
pub(super) struct Output {
    pub expression: Expr,
    pub name: String,
    pub origin: Option<(u32, u16)>,
    pub span: Span,
}

impl Binder<'_> {
    /// The expressions of GROUP BY: numbers and names of output columns, or expressions over FROM.
    pub(super) fn group_by(
        &mut self,
        tree: &ast::GroupByExpr,
        outputs: &[Output],
        namespace: &Namespace,
    ) -> Result<Vec<Expr>> {
        let ast::GroupByExpr::Expressions(trees, modifiers) = tree else {
            return Err(Error::unsupported("GROUP BY ALL"));
        };
        if !modifiers.is_empty() {
            return Err(Error::unsupported("ROLLUP, CUBE and GROUPING SETS"));
        }
        let mut groups = Vec::with_capacity(trees.len());
        for tree in trees {
            groups.push(self.group(tree, outputs, namespace)?);
        }
        Ok(groups)
    }

    fn group(&mut self, tree: &ast::Expr, outputs: &[Output], namespace: &Namespace) -> Result<Expr> {
        let span = tree.span();
        let scope = Scope { namespace, clause: Clause::GroupBy };
        let chosen = match tree {
            ast::Expr::Identifier(name) => {
                let name = names::fold(name);
                let in_from = namespace.columns.iter().any(|column| column.name == name);
                if in_from { None } else { self.output_named(&name, outputs, "GROUP BY", span)? }
            }
            tree => self.output_numbered(tree, outputs, "GROUP BY")?,
        };
        let Some(output) = chosen else {
            let aggregates = self.aggregates.take();
            let bound = self.expression(tree, scope).and_then(|bound| self.settle(bound, span));
            self.aggregates = aggregates;
            return bound;
        };
        let expression = outputs[output].expression.clone();
        if expressions::any(
            &expression,
            &|part| matches!(part, Expr::Column { position, .. } if *position >= AGGREGATE_BASE),
        ) {
            return Err(self.error(SqlState::GROUPING_ERROR, "aggregate functions are not allowed in GROUP BY", span));
        }
        Ok(expression)
    }

    /// The output column with a name; an error if several different ones have it.
    pub(super) fn output_named(
        &self,
        name: &str,
        outputs: &[Output],
        clause: &str,
        span: Span,
    ) -> Result<Option<usize>> {
        let mut found: Option<usize> = None;
        for (place, output) in outputs.iter().enumerate().filter(|(_, output)| output.name == name) {
            match found {
                Some(first) if !expressions::same(&outputs[first].expression, &output.expression) => {
                    return Err(self.error(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!("{clause} \"{name}\" is ambiguous"),
                        span,
                    ));
                }
                Some(_) => {}
                None => found = Some(place),
            }
        }
        Ok(found)
    }

    /// The output column that a bare integer numbers.
    pub(super) fn output_numbered(&self, tree: &ast::Expr, outputs: &[Output], clause: &str) -> Result<Option<usize>> {
        let ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(digits, _), span }) = tree else {
            if let ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(_), span }) = tree {
                let message = format!("non-integer constant in {clause}");
                return Err(self.error(SqlState::SYNTAX_ERROR, message, *span));
            }
            return Ok(None);
        };
        let Ok(number) = digits.parse::<usize>() else {
            return Err(self.error(SqlState::SYNTAX_ERROR, format!("non-integer constant in {clause}"), *span));
        };
        if number == 0 || number > outputs.len() {
            let message = format!("{clause} position {number} is not in select list");
            return Err(self.error(SqlState::INVALID_COLUMN_REFERENCE, message, *span));
        }
        Ok(Some(number - 1))
    }

    /// Lays out the groups for some expressions. A column outside groups and aggregates is an error, unless the
    /// primary key of its table is grouped by: then it has one value for each group, and is added.
    pub(super) fn grouping(&self, groups: Vec<Expr>, namespace: &Namespace, exprs: &[&Expr]) -> Result<Grouping> {
        let mut grouping = Grouping::new(groups);
        let mut loose = Vec::new();
        exprs.iter().for_each(|expr| grouping.loose_columns(expr, &mut loose));
        for position in loose {
            match self.determined(position, namespace, &grouping) {
                Some(dependent) => grouping.add(dependent),
                None => {
                    let (span, name) = self.read.get(&position).cloned().unwrap_or((Span::empty(), String::new()));
                    let shown = qualified(position, namespace).unwrap_or(name);
                    let message = format!(
                        "column \"{shown}\" must appear in the GROUP BY clause or be used in an aggregate function"
                    );
                    return Err(self.error(SqlState::GROUPING_ERROR, message, span));
                }
            }
        }
        Ok(grouping)
    }

    /// The column at a position, if grouping by its table's primary key determines it.
    fn determined(&self, position: usize, namespace: &Namespace, grouping: &Grouping) -> Option<Expr> {
        let is_here = |expr: &Expr| matches!(expr, Expr::Column { position: other, .. } if *other == position);
        let table =
            namespace.tables.iter().find(|table| table.columns.iter().any(|column| is_here(&column.expression)))?;
        let here = table.columns.iter().find(|column| is_here(&column.expression))?;
        let (oid, _) = here.origin?;
        let stored = self.context.catalog.table(TableId(oid))?;
        let mut keys = stored.key_positions().peekable();
        keys.peek()?;
        let grouped = keys.all(|key| {
            let number = u16::try_from(key + 1).ok();
            let of_key = table.columns.iter().find(|column| column.origin.map(|origin| origin.1) == number);
            of_key.is_some_and(|column| grouping.find(&column.expression).is_some())
        });
        grouped.then(|| here.expression.clone())
    }
}

fn qualified(position: usize, namespace: &Namespace) -> Option<String> {
    namespace.tables.iter().find_map(|table| {
        let found = table
            .columns
            .iter()
            .find(|column| matches!(column.expression, Expr::Column { position: other, .. } if other == position))?;
        Some(format!("{}.{}", table.name, found.name))
    })
}

/// A literal count.
pub(super) fn is_literal_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal { value: Value::Null, .. })
}
