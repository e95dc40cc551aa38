//! FROM: tables, subqueries and joins, and the names they offer.

use super::{
    Binder, output_name,
    relation::Name,
    scope::{Clause, Namespace, Scope, ScopeColumn, plain},
};
use crate::{
    base::{sqlstate::SqlState, types::TypeKind},
    catalog::Table,
    error::Result,
    sql::{
        expr::{Comparison, Expr},
        names,
        plan::{
            JoinKind,
            expressions::{column, conjuncts, data_type},
            logical::Logical,
        },
        system,
    },
};
use sqlparser::{
    ast::{self, JoinConstraint, JoinOperator, Spanned, TableFactor},
    tokenizer::Span,
};
use std::sync::Arc;

/// Relations in one statement: each join nests the plan once.
const RELATIONS_MAX: usize = 200;

/// Rows, and the names their columns have.
pub(super) type Source = (Logical, Namespace);

impl Binder<'_> {
    /// All of FROM; one row without columns if there is none.
    pub(super) fn from(&mut self, items: &[ast::TableWithJoins]) -> Result<Source> {
        let mut joined: Option<Source> = None;
        for item in items {
            let next = self.table_with_joins(item)?;
            joined = Some(match joined {
                None => next,
                Some(before) => self.cross(before, next, JoinKind::Inner, item.relation.span())?,
            });
        }
        Ok(joined.unwrap_or_else(|| (Logical::one_row(), Namespace::default())))
    }

    pub(super) fn table_with_joins(&mut self, item: &ast::TableWithJoins) -> Result<Source> {
        let mut left = self.factor(&item.relation)?;
        for join in &item.joins {
            if let TableFactor::Derived { lateral: true, subquery, alias: Some(alias), .. } = &join.relation
                && matches!(join.join_operator, JoinOperator::CrossJoin(JoinConstraint::None))
                && let Some(items) = values_only(subquery)
            {
                left = self.lateral_values(left, items, alias)?;
                continue;
            }
            let right = self.factor(&join.relation)?;
            left = self.join(left, right, &join.join_operator, join.relation.span())?;
        }
        Ok(left)
    }

    /// `CROSS JOIN LATERAL (SELECT …)` without FROM: more columns for each row.
    fn lateral_values(&mut self, left: Source, items: &[ast::SelectItem], alias: &ast::TableAlias) -> Result<Source> {
        let (plan, mut namespace) = left;
        let outputs = self.outputs(items, &namespace, Clause::FromFunction)?;
        let mut expressions: Vec<Expr> = plan.types().into_iter().enumerate().map(|(at, to)| column(at, to)).collect();
        let mut columns = Vec::with_capacity(outputs.len());
        for output in outputs {
            let expression = self.settle(output.expression, output.span)?;
            columns.push(plain(&output.name, expressions.len(), data_type(&expression), None));
            expressions.push(expression);
        }
        let columns = self.aliased_columns(columns, alias)?;
        let added = Namespace::of_table(&names::fold(&alias.name), None, columns);
        namespace.tables.extend(added.tables);
        namespace.columns.extend(added.columns);
        Ok((plan.projected(expressions), namespace))
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<Source> {
        let span = factor.span();
        self.relations += 1;
        if self.relations > RELATIONS_MAX {
            let message = format!("a statement may have at most {RELATIONS_MAX} relations");
            return Err(self.error(SqlState::STATEMENT_TOO_COMPLEX, message, span));
        }
        match factor {
            TableFactor::Table { name, alias, args: None, sample: None, version: None, .. } => {
                self.named(name, alias.as_ref())
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality: false, .. } => {
                self.function_in_from(name, &args.args, alias.as_ref(), span)
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let Some(alias) = alias else {
                    return Err(self
                        .error(SqlState::SYNTAX_ERROR, "subquery in FROM must have an alias", span)
                        .with_hint("For example, FROM (SELECT ...) [AS] foo."));
                };
                let aggregates = self.aggregates.take();
                let read = std::mem::take(&mut self.read);
                let bound = self.query(subquery);
                self.aggregates = aggregates;
                self.read = read;
                self.derived(bound?, alias)
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_ordinality: false, .. }
                if array_exprs.len() == 1 =>
            {
                self.unnest(&array_exprs[0], alias.as_ref(), span)
            }
            TableFactor::Function { lateral: false, name, args, with_ordinality: false, alias } => {
                self.function_in_from(name, args, alias.as_ref(), span)
            }
            TableFactor::Derived { lateral: true, .. } => Err(self.unsupported("LATERAL", span)),
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let (plan, namespace) = self.table_with_joins(table_with_joins)?;
                match alias {
                    None => Ok((plan, namespace)),
                    Some(alias) => {
                        let columns = self.aliased_columns(namespace.columns, alias)?;
                        Ok((plan, Namespace::of_table(&names::fold(&alias.name), None, columns)))
                    }
                }
            }
            _ => Err(self.unsupported("this kind of table in FROM", span)),
        }
    }

    fn named(&mut self, tree: &ast::ObjectName, alias: Option<&ast::TableAlias>) -> Result<Source> {
        let name = self.name(tree)?;
        if name.schema.is_none()
            && let Some(with) =
                self.with.iter().rev().find(|(with, _)| *with == name.name).map(|(_, with)| with.clone())
        {
            return self.with_query(&name, &with, alias);
        }
        if self.relation(&name).is_none()
            && let Some(relation) = system::relation(name.schema.as_deref(), &name.name)
        {
            return self.system_relation(relation, &name, alias);
        }
        let table = self.table(&name)?;
        let (plan, columns) = scan(&table, false);
        self.aliased(plan, columns, &name, alias)
    }

    fn with_query(&mut self, name: &Name, with: &super::WithQuery, alias: Option<&ast::TableAlias>) -> Result<Source> {
        let hidden = self.with.split_off(with.visible.min(self.with.len()));
        let aggregates = self.aggregates.take();
        let read = std::mem::take(&mut self.read);
        let bound = self.query(&with.query);
        self.aggregates = aggregates;
        self.read = read;
        self.with.extend(hidden);
        let (plan, namespace) = self.derived(bound?, &with.alias)?;
        self.aliased(plan, namespace.columns, name, alias)
    }

    fn derived(&mut self, query: super::Query, alias: &ast::TableAlias) -> Result<Source> {
        let columns = query
            .fields
            .iter()
            .enumerate()
            .map(|(position, field)| plain(&field.name, position, field.data_type, field.origin))
            .collect();
        let columns = self.aliased_columns(columns, alias)?;
        Ok((query.plan, Namespace::of_table(&names::fold(&alias.name), None, columns)))
    }

    fn system_relation(
        &mut self,
        relation: &'static system::Relation,
        name: &Name,
        alias: Option<&ast::TableAlias>,
    ) -> Result<Source> {
        let types: Vec<_> = relation.columns.iter().map(|column| column.1).collect();
        let columns = relation.columns.iter().enumerate().map(|(position, &(name, data_type))| {
            plain(name, position, data_type, Some((relation.oid, position as u16 + 1)))
        });
        let columns = columns.collect();
        let plan = Logical::Virtual {
            relation: format!("{}.{}", relation.schema, relation.name),
            columns: (0..types.len()).collect(),
            types,
        };
        self.aliased(plan, columns, name, alias)
    }

    /// A function that gives one value, as a table of one row.
    fn function_in_from(
        &mut self,
        tree: &ast::ObjectName,
        arguments: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        span: Span,
    ) -> Result<Source> {
        let name = self.name(tree)?;
        let namespace = Namespace::default();
        let scope = Scope { namespace: &namespace, clause: Clause::FromFunction };
        let mut trees = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(tree)) => trees.push(tree),
                _ => return Err(self.unsupported("this argument of a function in FROM", span)),
            }
        }
        if name.schema.as_deref().is_some_and(|schema| schema != "pg_catalog") {
            let message = format!("function {}() does not exist", name.shown());
            return Err(self.error(SqlState::UNDEFINED_FUNCTION, message, span));
        }
        if name.name == "pg_show_all_settings"
            && trees.is_empty()
            && let Some(relation) = system::relation(None, "pg_settings")
        {
            return self.system_relation(relation, &name, alias);
        }
        if let Some(plan) = self.generator(&name.name, &trees, scope, span)? {
            let column = alias.map_or_else(|| name.name.clone(), |alias| names::fold(&alias.name));
            let columns = plan.types().first().map(|&data_type| plain(&column, 0, data_type, None)).into_iter();
            let columns = columns.collect();
            return self.aliased(plan, columns, &name, alias);
        }
        let call = self.call(&name.name, &trees, scope, span)?;
        let column = alias.map_or_else(|| name.name.clone(), |alias| names::fold(&alias.name));
        let columns = vec![plain(&column, 0, data_type(&call), None)];
        self.aliased(Logical::one_row().projected(vec![call]), columns, &name, alias)
    }

    fn unnest(&mut self, array: &ast::Expr, alias: Option<&ast::TableAlias>, span: Span) -> Result<Source> {
        let namespace = Namespace::default();
        let scope = Scope { namespace: &namespace, clause: Clause::FromFunction };
        let name = Name { schema: None, name: "unnest".to_owned(), span };
        let plan = self.generator("unnest", &[array], scope, span)?.unwrap_or_else(Logical::one_row);
        let column = alias.map_or_else(|| name.name.clone(), |alias| names::fold(&alias.name));
        let columns = plan.types().first().map(|&data_type| plain(&column, 0, data_type, None)).into_iter().collect();
        self.aliased(plan, columns, &name, alias)
    }

    fn aliased(
        &mut self,
        plan: Logical,
        columns: Vec<ScopeColumn>,
        name: &Name,
        alias: Option<&ast::TableAlias>,
    ) -> Result<Source> {
        match alias {
            None => {
                let schema = name.schema.clone().or_else(|| self.schema_of(name));
                Ok((plan, Namespace::of_table(&name.name, schema.as_deref(), columns)))
            }
            Some(alias) => {
                let columns = self.aliased_columns(columns, alias)?;
                Ok((plan, Namespace::of_table(&names::fold(&alias.name), None, columns)))
            }
        }
    }

    /// The schema in which a bare name was found.
    fn schema_of(&self, name: &Name) -> Option<String> {
        let context = self.context;
        let table = context.catalog.resolve_table(context.database, context.search_path, None, &name.name)?;
        context.catalog.schema(table.schema).map(|schema| schema.name.clone())
    }

    fn aliased_columns(&self, mut columns: Vec<ScopeColumn>, alias: &ast::TableAlias) -> Result<Vec<ScopeColumn>> {
        if alias.columns.len() > columns.len() {
            let message = format!(
                "table \"{}\" has {} columns available but {} columns specified",
                names::fold(&alias.name),
                columns.len(),
                alias.columns.len()
            );
            return Err(self.error(SqlState::INVALID_COLUMN_REFERENCE, message, alias.name.span));
        }
        for (column, alias) in columns.iter_mut().zip(&alias.columns) {
            column.name = names::fold(&alias.name);
        }
        Ok(columns)
    }

    fn cross(&mut self, left: Source, right: Source, kind: JoinKind, span: Span) -> Result<Source> {
        let (left_plan, mut namespace) = left;
        let (right_plan, mut right_namespace) = right;
        right_namespace.shift(left_plan.width());
        for table in &right_namespace.tables {
            let same = |other: &super::scope::ScopeTable| {
                other.name == table.name
                    && (other.schema == table.schema || other.schema.is_none() || table.schema.is_none())
            };
            if namespace.tables.iter().any(same) {
                let message = format!("table name \"{}\" specified more than once", table.name);
                return Err(self.error(SqlState::DUPLICATE_ALIAS, message, span));
            }
        }
        namespace.tables.extend(right_namespace.tables);
        namespace.columns.extend(right_namespace.columns);
        let plan =
            Logical::Join { left: Box::new(left_plan), right: Box::new(right_plan), kind, condition: Vec::new() };
        Ok((plan, namespace))
    }

    fn join(&mut self, left: Source, right: Source, operator: &JoinOperator, span: Span) -> Result<Source> {
        let (kind, constraint) = match operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (JoinKind::Inner, constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (JoinKind::Left, constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (JoinKind::Right, constraint),
            JoinOperator::FullOuter(constraint) => (JoinKind::Full, constraint),
            JoinOperator::CrossJoin(JoinConstraint::None) => return self.cross(left, right, JoinKind::Inner, span),
            _ => {
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    "this kind of join is not in PostgreSQL's language",
                    span,
                ));
            }
        };
        let shared = match constraint {
            JoinConstraint::On(condition) => return self.join_on(left, right, kind, condition, span),
            JoinConstraint::None => {
                return Err(self.error(SqlState::SYNTAX_ERROR, "a JOIN needs ON or USING", span));
            }
            JoinConstraint::Using(columns) => {
                let last = |column: &ast::ObjectName| column.0.last().and_then(|part| part.as_ident()).map(names::fold);
                columns.iter().filter_map(last).collect()
            }
            JoinConstraint::Natural => {
                let right_names: Vec<&str> = right.1.columns.iter().map(|column| column.name.as_str()).collect();
                let common = left.1.columns.iter().filter(|column| right_names.contains(&column.name.as_str()));
                common.map(|column| column.name.clone()).collect::<Vec<String>>()
            }
        };
        self.join_using(left, right, kind, &shared, span)
    }

    fn join_on(
        &mut self,
        left: Source,
        right: Source,
        kind: JoinKind,
        condition: &ast::Expr,
        span: Span,
    ) -> Result<Source> {
        let (mut plan, namespace) = self.cross(left, right, kind, span)?;
        let scope = Scope { namespace: &namespace, clause: Clause::JoinCondition };
        let bound = self.condition(condition, "JOIN/ON", scope)?;
        if let Logical::Join { condition, .. } = &mut plan {
            *condition = conjuncts(bound);
        }
        Ok((plan, namespace))
    }

    fn join_using(
        &mut self,
        left: Source,
        right: Source,
        kind: JoinKind,
        shared: &[String],
        span: Span,
    ) -> Result<Source> {
        let left_columns = left.1.columns.clone();
        let mut right_columns = right.1.clone();
        right_columns.shift(left.0.width());
        let right_columns = right_columns.columns;
        let (mut plan, mut namespace) = self.cross(left, right, kind, span)?;
        let mut merged = Vec::with_capacity(shared.len());
        let mut conditions = Vec::with_capacity(shared.len());
        for (place, name) in shared.iter().enumerate() {
            if shared[..place].contains(name) {
                let message = format!("column name \"{name}\" appears more than once in USING clause");
                return Err(self.error(SqlState::DUPLICATE_COLUMN, message, span));
            }
            let left = self.using_column(name, &left_columns, "left", span)?;
            let right = self.using_column(name, &right_columns, "right", span)?;
            let sides = ((left.expression.clone(), span), (right.expression.clone(), span));
            conditions.push(self.compare(Comparison::Equal, sides.0, sides.1, span)?);
            merged.push(self.merged_column(left, right, kind, span)?);
        }
        if let Logical::Join { condition, .. } = &mut plan {
            *condition = conditions;
        }
        let rest = |column: &&ScopeColumn| !shared.contains(&column.name);
        merged.extend(left_columns.iter().filter(rest).cloned());
        merged.extend(right_columns.iter().filter(rest).cloned());
        namespace.columns = merged;
        Ok((plan, namespace))
    }

    fn using_column(&self, name: &str, columns: &[ScopeColumn], side: &str, span: Span) -> Result<ScopeColumn> {
        let mut found = columns.iter().filter(|column| column.name == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(column.clone()),
            (Some(_), Some(_)) => {
                let message = format!("common column name \"{name}\" appears more than once in {side} table");
                Err(self.error(SqlState::AMBIGUOUS_COLUMN, message, span))
            }
            (None, _) => {
                let message = format!("column \"{name}\" specified in USING clause does not exist in {side} table");
                Err(self.error(SqlState::UNDEFINED_COLUMN, message, span))
            }
        }
    }

    fn merged_column(
        &mut self,
        left: ScopeColumn,
        right: ScopeColumn,
        kind: JoinKind,
        span: Span,
    ) -> Result<ScopeColumn> {
        match kind {
            JoinKind::Right => Ok(right),
            JoinKind::Full => {
                let operands = vec![(left.expression, span), (right.expression, span)];
                let (operands, data_type) = self.unify(operands, "JOIN/USING")?;
                Ok(ScopeColumn { expression: Expr::Coalesce { operands, data_type }, origin: None, ..left })
            }
            _ => Ok(left),
        }
    }
}

/// The select list of a query that is nothing else.
fn values_only(query: &ast::Query) -> Option<&[ast::SelectItem]> {
    let ast::SetExpr::Select(select) = &*query.body else { return None };
    let plain = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && select.from.is_empty()
        && select.selection.is_none()
        && select.having.is_none()
        && select.distinct.is_none()
        && matches!(&select.group_by, ast::GroupByExpr::Expressions(groups, _) if groups.is_empty());
    plain.then_some(&select.projection)
}

/// All columns of a table that are not dropped, as a scan and as names.
pub(super) fn scan(table: &Arc<Table>, with_key: bool) -> (Logical, Vec<ScopeColumn>) {
    let columns: Vec<usize> = table.live_columns().map(|(position, _)| position).collect();
    let named = table.live_columns().enumerate().map(|(output, (position, column))| {
        let origin = u16::try_from(position + 1).ok().map(|number| (table.id.0, number));
        plain(&column.name, output, column.data_type, origin)
    });
    let named = named.collect();
    (Logical::Scan { table: table.clone(), columns, filter: Vec::new(), with_key }, named)
}

/// What a column of output is called when its expression has no name and no alias.
pub(super) fn anonymous(tree: &ast::Expr) -> String {
    output_name::of(tree)
}

/// Whether a type can be a column of a result.
pub(super) fn is_pseudo(kind: TypeKind) -> bool {
    matches!(kind, TypeKind::Unknown)
}
