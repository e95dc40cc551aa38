//! Queries: WITH, SELECT, VALUES, UNION, and the ORDER BY and LIMIT around them.

use super::{
    Binder, Bound, Query, WithQuery,
    scope::{Clause, Namespace, Scope},
};
use crate::{
    base::{
        sqlstate::SqlState,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
    sql::{
        expr::{
            Aggregate, Comparison, Expr,
            function::AggregateFunction,
            resolve::{common_type, is_unknown},
        },
        names,
        plan::{
            Field, SortKey,
            expressions::{BOOL, column, data_type},
            logical::Logical,
        },
    },
};
use sqlparser::{
    ast::{self, SetExpr, SetOperator, SetQuantifier, Spanned},
    tokenizer::Span,
};
use std::sync::Arc;

/// The columns of a bound subquery.
pub(super) fn subquery_columns(query: &Query) -> &[Field] {
    &query.fields
}

impl Binder<'_> {
    pub(super) fn top_query(&mut self, query: &ast::Query) -> Result<Bound> {
        // INSERT and the like inside WITH come as the body of a query.
        match &*query.body {
            SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement)
                if query.with.is_none() =>
            {
                self.sql(statement)
            }
            _ => self.query(query).map(Bound::Query),
        }
    }

    /// Binds a query; literals without a type become text.
    pub(super) fn query(&mut self, query: &ast::Query) -> Result<Query> {
        let bound = self.open_query(query)?;
        self.settle_query(bound)
    }

    /// Binds a query; literals without a type stay so in the output, for INSERT and UNION to decide.
    pub(super) fn open_query(&mut self, query: &ast::Query) -> Result<Query> {
        if !query.locks.is_empty() {
            return Err(self.unsupported("SELECT FOR UPDATE and FOR SHARE", query.span()).with_hint(
                "Transactions are snapshot isolated: write the row, and retry when a commit fails with 40001.",
            ));
        }
        if query.settings.is_some()
            || query.format_clause.is_some()
            || query.for_clause.is_some()
            || !query.pipe_operators.is_empty()
        {
            return Err(self.error(SqlState::SYNTAX_ERROR, "this query is not in PostgreSQL's language", query.span()));
        }
        let before = self.with.len();
        if let Some(with) = &query.with {
            self.with_queries(with)?;
        }
        let bound = self.query_body(query);
        self.with.truncate(before);
        bound
    }

    fn with_queries(&mut self, with: &ast::With) -> Result<()> {
        if with.recursive {
            return Err(self.unsupported("WITH RECURSIVE", with.span()));
        }
        let first = self.with.len();
        for query in &with.cte_tables {
            let name = names::fold(&query.alias.name);
            if matches!(&*query.query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_)) {
                return Err(self.unsupported("a data-modifying statement in WITH", query.alias.name.span));
            }
            if self.with[first..].iter().any(|(other, _)| *other == name) {
                let message = format!("WITH query name \"{name}\" specified more than once");
                return Err(self.error(SqlState::DUPLICATE_ALIAS, message, query.alias.name.span));
            }
            let visible = self.with.len();
            let with = WithQuery { alias: query.alias.clone(), query: (*query.query).clone(), visible };
            self.with.push((name, Arc::new(with)));
        }
        Ok(())
    }

    fn query_body(&mut self, query: &ast::Query) -> Result<Query> {
        let order_by = query.order_by.as_ref();
        let mut bound = match &*query.body {
            SetExpr::Select(select) => self.select(select, order_by)?,
            body => {
                let bound = self.set_expression(body)?;
                self.sorted_output(bound, order_by)?
            }
        };
        let (limit, offset) = self.limits(query)?;
        if limit.is_some() || offset.is_some() {
            bound.plan = Logical::Limit { input: Box::new(bound.plan), limit, offset };
        }
        Ok(bound)
    }

    fn set_expression(&mut self, body: &SetExpr) -> Result<Query> {
        match body {
            SetExpr::Select(select) => self.select(select, None),
            SetExpr::Query(query) => self.open_query(query),
            SetExpr::Values(values) => self.values(values),
            SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, .. } => self.union(body, *set_quantifier),
            SetExpr::SetOperation { op: SetOperator::Intersect, set_quantifier, left, right } => {
                self.compared(left, right, *set_quantifier, true)
            }
            SetExpr::SetOperation { op: SetOperator::Except | SetOperator::Minus, set_quantifier, left, right } => {
                self.compared(left, right, *set_quantifier, false)
            }
            SetExpr::Table(_) | SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(self.unsupported("this kind of query", body.span()))
            }
        }
    }

    /// UNION \[ALL\]; a chain of equal ones is taken apart without recursion.
    fn union(&mut self, body: &SetExpr, quantifier: SetQuantifier) -> Result<Query> {
        let all = match quantifier {
            SetQuantifier::All => true,
            SetQuantifier::None | SetQuantifier::Distinct => false,
            _ => return Err(self.unsupported("UNION BY NAME", body.span())),
        };
        let mut branches = Vec::new();
        let mut next = body;
        while let SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, left, right } = next
            && matches!(set_quantifier, SetQuantifier::All) == all
        {
            branches.push(&**right);
            next = left;
        }
        branches.push(next);
        let mut inputs = Vec::with_capacity(branches.len());
        for branch in branches.into_iter().rev() {
            inputs.push((self.set_expression(branch)?, branch.span()));
        }
        let appended = self.append(inputs)?;
        if all {
            return Ok(appended);
        }
        let appended = self.settle_query(appended)?;
        Ok(Query { plan: Logical::Distinct { input: Box::new(appended.plan) }, fields: appended.fields })
    }

    /// INTERSECT and EXCEPT: groups of equal rows, by how many of them come from each side.
    fn compared(&mut self, left: &SetExpr, right: &SetExpr, quantifier: SetQuantifier, both: bool) -> Result<Query> {
        let word = if both { "INTERSECT" } else { "EXCEPT" };
        if !matches!(quantifier, SetQuantifier::None | SetQuantifier::Distinct) {
            return Err(self.unsupported(&format!("{word} ALL"), left.span()));
        }
        let inputs = vec![(self.set_expression(left)?, left.span()), (self.set_expression(right)?, right.span())];
        let appended = self.append(inputs)?;
        let Query { plan, fields } = self.settle_query(appended)?;
        let Logical::Append { inputs } = plan else { return Err(Error::internal("sides that were not appended")) };
        let width = fields.len();
        let marked = inputs.into_iter().enumerate().map(|(side, input)| {
            let kept = input.types().into_iter().enumerate().map(|(place, data_type)| column(place, data_type));
            let mark = Expr::Literal { value: Value::Bool(side == 0), data_type: BOOL };
            let expressions = kept.chain([mark]).collect();
            input.projected(expressions)
        });
        let input = Box::new(Logical::Append { inputs: marked.collect() });
        let groups: Vec<Expr> =
            fields.iter().enumerate().map(|(place, field)| column(place, field.data_type)).collect();
        let int8 = DataType::of(TypeKind::Int8);
        let mark = column(width, BOOL);
        let rows_where = |filter: Expr| Aggregate {
            function: AggregateFunction::CountRows,
            arguments: Vec::new(),
            distinct: false,
            filter: Some(filter),
            order_by: Vec::new(),
            data_type: int8,
        };
        let aggregates = vec![rows_where(mark.clone()), rows_where(Expr::Not(Box::new(mark)))];
        let zero = Expr::Literal { value: Value::Int8(0), data_type: int8 };
        let test = |operator: Comparison, place: usize| Expr::Compare {
            operator,
            left: Box::new(column(place, int8)),
            right: Box::new(zero.clone()),
        };
        let of_right = if both { Comparison::Greater } else { Comparison::Equal };
        let kept = vec![test(Comparison::Greater, width), test(of_right, width + 1)];
        let plan = Logical::Aggregate { input, groups: groups.clone(), aggregates }.filtered(kept).projected(groups);
        Ok(Query { plan, fields })
    }

    fn append(&mut self, inputs: Vec<(Query, Span)>) -> Result<Query> {
        let width = inputs.first().map_or(0, |(query, _)| query.fields.len());
        if let Some((_, span)) = inputs.iter().find(|(query, _)| query.fields.len() != width) {
            let message = "each UNION query must have the same number of columns";
            return Err(self.error(SqlState::SYNTAX_ERROR, message, *span));
        }
        let mut types = Vec::with_capacity(width);
        for position in 0..width {
            let of_column: Vec<_> = inputs.iter().map(|(query, _)| query.fields[position].data_type).collect();
            match common_type(&of_column) {
                Some(common) => types.push(common),
                None => {
                    let clash = of_column.iter().position(|&other| common_type(&[of_column[0], other]).is_none());
                    let clash = clash.unwrap_or(1);
                    let span = inputs.get(clash).map_or(Span::empty(), |(_, span)| *span);
                    let second = of_column.get(clash).copied().unwrap_or(of_column[0]);
                    return Err(self.no_common_type("UNION", of_column[0], second, span));
                }
            }
        }
        let mut fields = inputs.first().map(|(query, _)| query.fields.clone()).unwrap_or_default();
        for (field, &data_type) in fields.iter_mut().zip(&types) {
            (field.data_type, field.origin) = (data_type, None);
        }
        let mut plans = Vec::with_capacity(inputs.len());
        for (query, span) in inputs {
            let retyped =
                self.retype(query.plan, |binder, position, expr| binder.implicit(expr, types[position], span))?;
            plans.push(retyped);
        }
        Ok(Query { plan: Logical::Append { inputs: plans }, fields })
    }

    /// Changes each output column of a plan; where the plan projects, in its expressions, so that literals without a
    /// type are reached.
    pub(super) fn retype(
        &mut self,
        plan: Logical,
        mut change: impl FnMut(&mut Self, usize, Expr) -> Result<Expr>,
    ) -> Result<Logical> {
        match plan {
            Logical::Project { input, expressions } => {
                let mut changed = Vec::with_capacity(expressions.len());
                for (position, expr) in expressions.into_iter().enumerate() {
                    changed.push(change(self, position, expr)?);
                }
                Ok(Logical::Project { input, expressions: changed })
            }
            Logical::Limit { input, limit, offset } => {
                let input = Box::new(self.retype(*input, change)?);
                Ok(Logical::Limit { input, limit, offset })
            }
            plan => {
                let mut changed = Vec::new();
                let mut different = false;
                for (position, data_type) in plan.types().into_iter().enumerate() {
                    let expr = change(self, position, column(position, data_type))?;
                    different |= !matches!(&expr, Expr::Column { data_type: other, .. } if *other == data_type);
                    changed.push(expr);
                }
                Ok(if different { plan.projected(changed) } else { plan })
            }
        }
    }

    /// Literals without a type become text.
    pub(super) fn settle_query(&mut self, mut query: Query) -> Result<Query> {
        if !query.fields.iter().any(|field| super::from::is_pseudo(field.data_type.kind)) {
            return Ok(query);
        }
        query.plan = self.retype(query.plan, |binder, _, expr| binder.settle(expr, Span::empty()))?;
        for (field, data_type) in query.fields.iter_mut().zip(query.plan.types()) {
            field.data_type = data_type;
        }
        Ok(query)
    }

    /// VALUES as a query of its own.
    fn values(&mut self, values: &ast::Values) -> Result<Query> {
        let namespace = Namespace::default();
        let scope = Scope { namespace: &namespace, clause: Clause::Values };
        let width = values.rows.first().map_or(0, |row| row.content.len());
        let mut columns: Vec<Vec<(Expr, Span)>> = vec![Vec::with_capacity(values.rows.len()); width];
        for row in &values.rows {
            if row.content.len() != width {
                let span = row.content.first().map_or(Span::empty(), Spanned::span);
                return Err(self.error(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length", span));
            }
            for (column, tree) in columns.iter_mut().zip(&row.content) {
                column.push((self.expression(tree, scope)?, tree.span()));
            }
        }
        let mut types = Vec::with_capacity(width);
        let mut unified = Vec::with_capacity(width);
        for column in columns {
            // A single row keeps its literals open for INSERT and UNION.
            let open = column.len() == 1 && column.iter().all(|(expr, _)| is_unknown(data_type(expr)));
            let (exprs, data_type) = if open {
                let kept: Vec<Expr> = column.into_iter().map(|(expr, _)| expr).collect();
                (kept, crate::base::types::DataType::of(crate::base::types::TypeKind::Unknown))
            } else {
                self.unify(column, "VALUES")?
            };
            types.push(data_type);
            unified.push(exprs.into_iter());
        }
        let rows = (0..values.rows.len()).map(|_| unified.iter_mut().filter_map(Iterator::next).collect()).collect();
        let fields = types.iter().enumerate().map(|(position, &data_type)| Field {
            name: format!("column{}", position + 1),
            data_type,
            origin: None,
        });
        let fields: Vec<Field> = fields.collect();
        let plan = match rows {
            rows if types.iter().any(|&data_type| is_unknown(data_type)) => one_row_projected(rows),
            rows => Logical::Values { rows, types },
        };
        Ok(Query { plan, fields })
    }

    /// ORDER BY over a query's output: only its names and numbers.
    fn sorted_output(&mut self, query: Query, order_by: Option<&ast::OrderBy>) -> Result<Query> {
        let trees = self.order_keys(order_by)?;
        if trees.is_empty() {
            return Ok(query);
        }
        let query = self.settle_query(query)?;
        let columns = query.fields.iter().enumerate();
        let columns =
            columns.map(|(position, field)| super::scope::plain(&field.name, position, field.data_type, None));
        let namespace = Namespace { tables: Vec::new(), columns: columns.collect() };
        let mut keys = Vec::with_capacity(trees.len());
        for tree in trees {
            let (descending, nulls_first) = self.sort_options(tree)?;
            let numbered = self.numbered_field(&tree.expr, &query.fields)?;
            let expression = match numbered {
                Some(expression) => expression,
                None => self.expression(&tree.expr, Scope { namespace: &namespace, clause: Clause::OrderBy })?,
            };
            keys.push(SortKey { expression, descending, nulls_first });
        }
        Ok(Query { plan: Logical::Sort { input: Box::new(query.plan), keys }, fields: query.fields })
    }

    fn numbered_field(&self, tree: &ast::Expr, fields: &[Field]) -> Result<Option<Expr>> {
        let ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(digits, _), span }) = tree else {
            return Ok(None);
        };
        let place = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match place.and_then(|place| fields.get(place).map(|field| (place, field))) {
            Some((place, field)) => Ok(Some(column(place, field.data_type))),
            None => {
                let message = format!("ORDER BY position {digits} is not in select list");
                Err(self.error(SqlState::INVALID_COLUMN_REFERENCE, message, *span))
            }
        }
    }

    /// LIMIT, OFFSET and FETCH FIRST.
    fn limits(&mut self, query: &ast::Query) -> Result<(Option<Expr>, Option<Expr>)> {
        let (mut limit, mut offset) = (None, None);
        match &query.limit_clause {
            None => {}
            Some(ast::LimitClause::LimitOffset { limit: limit_tree, offset: offset_tree, limit_by }) => {
                if !limit_by.is_empty() {
                    return Err(self.error(SqlState::SYNTAX_ERROR, "syntax error at or near \"BY\"", query.span()));
                }
                if let Some(tree) = limit_tree {
                    limit = self.limit(tree, "LIMIT")?;
                }
                if let Some(tree) = offset_tree {
                    offset = self.limit(&tree.value, "OFFSET")?;
                }
            }
            Some(ast::LimitClause::OffsetCommaLimit { limit: tree, .. }) => {
                return Err(self
                    .error(SqlState::SYNTAX_ERROR, "LIMIT #,# syntax is not supported", tree.span())
                    .with_hint("Use separate LIMIT and OFFSET clauses."));
            }
        }
        if let Some(fetch) = &query.fetch {
            if fetch.with_ties || fetch.percent {
                return Err(self.unsupported("FETCH … WITH TIES", query.span()));
            }
            limit = match &fetch.quantity {
                Some(tree) => self.limit(tree, "FETCH")?,
                None => Some(one()),
            };
        }
        Ok((limit, offset))
    }

    /// A count that is no column; NULL is no limit.
    fn limit(&mut self, tree: &ast::Expr, clause: &str) -> Result<Option<Expr>> {
        let namespace = Namespace::default();
        if let ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) = tree {
            let message = format!("argument of {clause} must not contain variables");
            return Err(self.error(SqlState::INVALID_COLUMN_REFERENCE, message, tree.span()));
        }
        let aggregates = self.aggregates.take();
        let bound = self.expression(tree, Scope { namespace: &namespace, clause: Clause::Limit });
        self.aggregates = aggregates;
        let counted = self.count(bound?, clause, tree.span())?;
        Ok(if super::aggregate::is_literal_null(&counted) { None } else { Some(counted) })
    }
}

fn one() -> Expr {
    use crate::base::{
        types::{DataType, TypeKind},
        value::Value,
    };
    Expr::Literal { value: Value::Int8(1), data_type: DataType::of(TypeKind::Int8) }
}

fn one_row_projected(rows: Vec<Vec<Expr>>) -> Logical {
    let expressions = rows.into_iter().next().unwrap_or_default();
    Logical::one_row().projected(expressions)
}
