//! One SELECT: from its tables to its sorted output.

use super::{
    Binder, Query,
    aggregate::{Grouping, Output},
    from,
    scope::{Clause, Namespace, Scope},
};
use crate::{
    base::sqlstate::SqlState,
    error::Result,
    sql::{
        expr::Expr,
        names,
        plan::{
            Field, SortKey,
            expressions::{self, conjuncts, data_type},
            logical::Logical,
        },
    },
};
use sqlparser::{
    ast::{self, SelectItem, SelectItemQualifiedWildcardKind, Spanned},
    tokenizer::Span,
};

/// What one ORDER BY key sorts by.
enum SortBy {
    Output(usize),
    Expression(Expr),
}

struct SortItem {
    by: SortBy,
    descending: bool,
    nulls_first: bool,
    span: Span,
}

impl Binder<'_> {
    /// Binds a SELECT with the ORDER BY of its query. Literals without a type stay so in the output.
    pub(super) fn select(&mut self, select: &ast::Select, order_by: Option<&ast::OrderBy>) -> Result<Query> {
        self.refuse_foreign(select)?;
        let outer_aggregates = self.aggregates.take();
        let outer_read = std::mem::take(&mut self.read);
        let bound = self.select_body(select, order_by);
        self.aggregates = outer_aggregates;
        self.read = outer_read;
        bound
    }

    /// Refuses clauses of other databases' languages and those that are not there yet.
    fn refuse_foreign(&self, select: &ast::Select) -> Result<()> {
        let span = select.select_token.0.span;
        let foreign = select.top.is_some()
            || select.prewhere.is_some()
            || !select.lateral_views.is_empty()
            || !select.connect_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
            || select.qualify.is_some()
            || select.exclude.is_some()
            || select.flavor != ast::SelectFlavor::Standard;
        if foreign {
            return Err(self.error(SqlState::SYNTAX_ERROR, "this SELECT is not in PostgreSQL's language", span));
        }
        if select.into.is_some() {
            return Err(self.unsupported("SELECT INTO", span));
        }
        if !select.named_window.is_empty() {
            return Err(self.unsupported("WINDOW", span));
        }
        Ok(())
    }

    fn select_body(&mut self, select: &ast::Select, order_by: Option<&ast::OrderBy>) -> Result<Query> {
        let (mut plan, namespace) = self.from(&select.from)?;
        let generated = match select.from.is_empty() && select.selection.is_none() {
            true => {
                let scope = Scope { namespace: &namespace, clause: Clause::Select };
                self.generator_item(&select.projection, scope)?
            }
            false => None,
        };
        if let Some(tree) = &select.selection {
            let scope = Scope { namespace: &namespace, clause: Clause::Where };
            let condition = self.condition(tree, "WHERE", scope)?;
            plan = plan.filtered(conjuncts(condition));
        }
        self.read.clear();
        self.aggregates = Some(Vec::new());
        let mut outputs = match generated {
            None => self.outputs(&select.projection, &namespace, Clause::Select)?,
            Some((rows, item)) => {
                plan = rows;
                self.outputs_around(&select.projection, item, &plan, &namespace)?
            }
        };
        let groups = self.group_by(&select.group_by, &outputs, &namespace)?;
        let mut having = match &select.having {
            Some(tree) => {
                Some(self.condition(tree, "HAVING", Scope { namespace: &namespace, clause: Clause::Having })?)
            }
            None => None,
        };
        let mut order = self.order_items(order_by, &outputs, &namespace)?;
        let aggregates = self.aggregates.take().unwrap_or_default();
        if !groups.is_empty() || !aggregates.is_empty() || having.is_some() {
            let grouping = self.layout(groups, &namespace, &outputs, having.as_ref(), &order)?;
            outputs.iter_mut().for_each(|output| grouping.place(&mut output.expression));
            having.iter_mut().for_each(|having| grouping.place(having));
            for item in &mut order {
                if let SortBy::Expression(expression) = &mut item.by {
                    grouping.place(expression);
                }
            }
            plan = Logical::Aggregate { input: Box::new(plan), groups: grouping.groups, aggregates };
            plan = plan.filtered(having.map(conjuncts).unwrap_or_default());
        }
        let distinct = self.distinct(select)?;
        self.finish_select(plan, outputs, order, distinct)
    }

    /// A select list of which one item is the only column of `rows`.
    fn outputs_around(
        &mut self,
        items: &[SelectItem],
        generated: usize,
        rows: &Logical,
        namespace: &Namespace,
    ) -> Result<Vec<Output>> {
        let mut outputs = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            if place != generated {
                outputs.extend(self.outputs(std::slice::from_ref(item), namespace, Clause::Select)?);
                continue;
            }
            let name = match item {
                SelectItem::ExprWithAlias { alias, .. } => names::fold(alias),
                SelectItem::UnnamedExpr(tree) => from::anonymous(tree),
                _ => String::new(),
            };
            for data_type in rows.types() {
                let expression = expressions::column(0, data_type);
                outputs.push(Output { expression, name: name.clone(), origin: None, span: item.span() });
            }
        }
        Ok(outputs)
    }

    fn layout(
        &self,
        groups: Vec<Expr>,
        namespace: &Namespace,
        outputs: &[Output],
        having: Option<&Expr>,
        order: &[SortItem],
    ) -> Result<Grouping> {
        let sorted = order.iter().filter_map(|item| match &item.by {
            SortBy::Expression(expression) => Some(expression),
            SortBy::Output(_) => None,
        });
        let exprs: Vec<&Expr> = outputs.iter().map(|output| &output.expression).chain(having).chain(sorted).collect();
        self.grouping(groups, namespace, &exprs)
    }

    fn distinct(&self, select: &ast::Select) -> Result<bool> {
        match &select.distinct {
            None | Some(ast::Distinct::All) => Ok(false),
            Some(ast::Distinct::Distinct) => Ok(true),
            Some(ast::Distinct::On(_)) => Err(self.unsupported("DISTINCT ON", select.select_token.0.span)),
        }
    }

    /// Projection, DISTINCT and ORDER BY.
    fn finish_select(
        &mut self,
        plan: Logical,
        mut outputs: Vec<Output>,
        order: Vec<SortItem>,
        distinct: bool,
    ) -> Result<Query> {
        if distinct || !order.is_empty() {
            for output in &mut outputs {
                let settled = self.settle(output.expression.clone(), output.span)?;
                output.expression = settled;
            }
        }
        let width = outputs.len();
        let mut columns: Vec<Expr> = outputs.iter().map(|output| output.expression.clone()).collect();
        let mut keys = Vec::with_capacity(order.len());
        for item in order {
            let position = match item.by {
                SortBy::Output(position) => position,
                SortBy::Expression(expression) => {
                    match columns.iter().position(|column| expressions::same(column, &expression)) {
                        Some(position) => position,
                        None if distinct => {
                            let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                            return Err(self.error(SqlState::INVALID_COLUMN_REFERENCE, message, item.span));
                        }
                        None => {
                            columns.push(expression);
                            columns.len() - 1
                        }
                    }
                }
            };
            let expression = expressions::column(position, data_type(&columns[position]));
            keys.push(SortKey { expression, descending: item.descending, nulls_first: item.nulls_first });
        }
        let fields = outputs.into_iter().map(|output| Field {
            data_type: data_type(&output.expression),
            name: output.name,
            origin: output.origin,
        });
        let fields: Vec<Field> = fields.collect();
        let has_more = columns.len() > width;
        let mut plan = plan.projected(columns);
        if distinct {
            plan = Logical::Distinct { input: Box::new(plan) };
        }
        if !keys.is_empty() {
            plan = Logical::Sort { input: Box::new(plan), keys };
        }
        if has_more {
            let kept =
                fields.iter().enumerate().map(|(position, field)| expressions::column(position, field.data_type));
            plan = plan.projected(kept.collect());
        }
        Ok(Query { plan, fields })
    }

    /// The select list, with `*` spelled out. Also RETURNING.
    pub(super) fn outputs(
        &mut self,
        items: &[SelectItem],
        namespace: &Namespace,
        clause: Clause,
    ) -> Result<Vec<Output>> {
        let scope = Scope { namespace, clause };
        let mut outputs = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::UnnamedExpr(tree) => outputs.push(self.output(tree, from::anonymous(tree), scope)?),
                SelectItem::ExprWithAlias { expr, alias } => {
                    outputs.push(self.output(expr, names::fold(alias), scope)?)
                }
                SelectItem::Wildcard(_) => {
                    if namespace.tables.is_empty() {
                        let message = "SELECT * with no tables specified is not valid";
                        return Err(self.error(SqlState::SYNTAX_ERROR, message, item.span()));
                    }
                    self.star(&namespace.columns, item.span(), &mut outputs);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(tree), _) => {
                    let name = self.name(tree)?;
                    let table = self.find_table(name.schema.as_deref(), &name.name, namespace, name.span)?;
                    self.star(&table.columns, name.span, &mut outputs);
                }
                _ => return Err(self.unsupported("this item of a select list", item.span())),
            }
        }
        Ok(outputs)
    }

    fn star(&mut self, columns: &[super::scope::ScopeColumn], span: Span, outputs: &mut Vec<Output>) {
        for column in columns {
            expressions::walk(&column.expression, &mut |part| {
                if let Expr::Column { position, .. } = part {
                    self.read.entry(*position).or_insert_with(|| (span, column.name.clone()));
                }
            });
            outputs.push(Output {
                expression: column.expression.clone(),
                name: column.name.clone(),
                origin: column.origin,
                span,
            });
        }
    }

    fn output(&mut self, tree: &ast::Expr, name: String, scope: Scope<'_>) -> Result<Output> {
        let expression = self.expression(tree, scope)?;
        let origin = match (&expression, super::compare::unnested(tree)) {
            (Expr::Column { .. }, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_)) => {
                self.origin_of(&expression, scope.namespace)
            }
            _ => None,
        };
        Ok(Output { expression, name, origin, span: tree.span() })
    }

    fn origin_of(&self, expression: &Expr, namespace: &Namespace) -> Option<(u32, u16)> {
        let Expr::Column { position, .. } = expression else { return None };
        let columns = namespace.tables.iter().flat_map(|table| &table.columns);
        let mut here = columns
            .filter(|column| matches!(column.expression, Expr::Column { position: other, .. } if other == *position));
        here.next().and_then(|column| column.origin)
    }

    /// ORDER BY: names and numbers of output columns, or expressions over FROM.
    fn order_items(
        &mut self,
        order_by: Option<&ast::OrderBy>,
        outputs: &[Output],
        namespace: &Namespace,
    ) -> Result<Vec<SortItem>> {
        let mut items = Vec::new();
        for key in self.order_keys(order_by)? {
            let (descending, nulls_first) = self.sort_options(key)?;
            let span = key.expr.span();
            let output = match &key.expr {
                ast::Expr::Identifier(name) => self.output_named(&names::fold(name), outputs, "ORDER BY", span)?,
                tree => self.output_numbered(tree, outputs, "ORDER BY")?,
            };
            let by = match output {
                Some(output) => SortBy::Output(output),
                None => {
                    let bound = self.expression(&key.expr, Scope { namespace, clause: Clause::OrderBy })?;
                    SortBy::Expression(self.settle(bound, span)?)
                }
            };
            items.push(SortItem { by, descending, nulls_first, span });
        }
        Ok(items)
    }

    pub(super) fn order_keys<'t>(&self, order_by: Option<&'t ast::OrderBy>) -> Result<&'t [ast::OrderByExpr]> {
        match order_by.map(|order_by| &order_by.kind) {
            None => Ok(&[]),
            Some(ast::OrderByKind::Expressions(keys)) => Ok(keys),
            Some(ast::OrderByKind::All(_)) => Err(crate::error::Error::unsupported("ORDER BY ALL")),
        }
    }
}
