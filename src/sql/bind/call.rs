//! Calls of functions and aggregates.

use super::{
    Binder,
    scope::{Clause, Scope, nearest},
};
use crate::{
    base::{
        sqlstate::SqlState,
        types::{DataType, TypeKind},
    },
    error::Result,
    sql::{
        expr::{Aggregate, Expr, aggregate, function},
        names,
        plan::expressions::{self, data_type},
    },
};
use sqlparser::{
    ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned},
    tokenizer::Span,
};

/// Columns from this position on stand for aggregate calls until the grouping of their SELECT is laid out.
pub(super) const AGGREGATE_BASE: usize = 1 << 32;

impl Binder<'_> {
    pub(super) fn function(&mut self, call: &ast::Function, scope: Scope<'_>) -> Result<Expr> {
        let span = call.name.span();
        let name = self.function_name(&call.name, span)?;
        if call.over.is_some() {
            return Err(self.unsupported("a window function", span));
        }
        if !matches!(call.parameters, FunctionArguments::None) || !call.within_group.is_empty() {
            return Err(self.unsupported("ordered-set aggregates", span));
        }
        if call.null_treatment.is_some() {
            return Err(self.unsupported("IGNORE NULLS", span));
        }
        if aggregate::exists(&name) {
            return self.aggregate_call(&name, call, scope, span);
        }
        let list = match &call.args {
            FunctionArguments::None => &[][..],
            FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
                &list.args
            }
            FunctionArguments::List(_) => {
                let message = format!("DISTINCT or ORDER BY specified, but {name} is not an aggregate function");
                return Err(self.error(SqlState::WRONG_OBJECT_TYPE, message, span));
            }
            FunctionArguments::Subquery(query) if name == "array" => return self.array_subplan(query),
            FunctionArguments::Subquery(_) => return Err(self.unsupported("a subquery as only argument", span)),
        };
        if call.filter.is_some() {
            let message = format!("FILTER specified, but {name} is not an aggregate function");
            return Err(self.error(SqlState::WRONG_OBJECT_TYPE, message, span));
        }
        let trees = self.plain_arguments(list, span)?;
        match name.as_str() {
            "coalesce" => self.coalesce(&trees, scope, span),
            "row" => self.row_of(&trees, scope),
            "nullif" => self.null_if(&trees, scope, span),
            _ => self.call(&name, &trees, scope, span),
        }
    }

    fn function_name(&self, name: &ast::ObjectName, span: Span) -> Result<String> {
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(names::fold).collect();
        match parts.as_slice() {
            [name] => Ok(name.clone()),
            [schema, name] if schema == "pg_catalog" => Ok(name.clone()),
            _ => {
                let message = format!("function {} does not exist", parts.join("."));
                Err(self.error(SqlState::UNDEFINED_FUNCTION, message, span))
            }
        }
    }

    fn plain_arguments<'t>(&self, list: &'t [FunctionArg], span: Span) -> Result<Vec<&'t ast::Expr>> {
        let mut trees = Vec::with_capacity(list.len());
        for argument in list {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(tree)) => trees.push(tree),
                FunctionArg::Unnamed(_) => {
                    return Err(self.error(SqlState::SYNTAX_ERROR, "syntax error at or near \"*\"", span));
                }
                _ => return Err(self.unsupported("a named argument", span)),
            }
        }
        Ok(trees)
    }

    /// A call of a function of the table, with arguments as trees.
    pub(super) fn call(&mut self, name: &str, trees: &[&ast::Expr], scope: Scope<'_>, span: Span) -> Result<Expr> {
        let mut arguments = Vec::with_capacity(trees.len());
        for tree in trees {
            arguments.push((self.expression(tree, scope)?, *tree));
        }
        self.call_bound(name, arguments, span)
    }

    /// A call of a function of the table, with bound arguments.
    pub(super) fn call_bound(&mut self, name: &str, arguments: Vec<(Expr, &ast::Expr)>, span: Span) -> Result<Expr> {
        let types: Vec<DataType> = arguments.iter().map(|(argument, _)| data_type(argument)).collect();
        if !function::exists(name)
            && let [(argument, tree)] = arguments.as_slice()
            && let Some(to) = DataType::from_name(name)
        {
            // `int4(x)` is a cast written as a call.
            return self.explicit(argument.clone(), DataType { modifier: -1, ..to }, tree.span());
        }
        if super::generate::is_generator(name) {
            return Err(self.unsupported(&format!("{name} here"), span).with_hint("Call it in FROM."));
        }
        let resolved = match function::resolve(name, &types) {
            Ok(resolved) => resolved,
            Err(error) => {
                let error = match nearest(name, function::names().map(|name| (None, name))) {
                    Some((_, near)) if !function::exists(name) => {
                        error.with_hint(format!("Perhaps you meant the function \"{near}\"."))
                    }
                    _ => error,
                };
                return Err(self.at(error, span));
            }
        };
        let mut converted = Vec::with_capacity(arguments.len());
        for ((argument, tree), &to) in arguments.into_iter().zip(&resolved.arguments) {
            converted.push(self.argument(argument, to, tree)?);
        }
        Ok(Expr::Call { function: resolved.function, arguments: converted, data_type: resolved.result })
    }

    fn coalesce(&mut self, trees: &[&ast::Expr], scope: Scope<'_>, span: Span) -> Result<Expr> {
        if trees.is_empty() {
            return Err(self.error(SqlState::SYNTAX_ERROR, "syntax error at or near \")\"", span));
        }
        let mut operands = Vec::with_capacity(trees.len());
        for tree in trees {
            operands.push((self.expression(tree, scope)?, tree.span()));
        }
        let (operands, data_type) = self.unify(operands, "COALESCE")?;
        Ok(Expr::Coalesce { operands, data_type })
    }

    fn row_of(&mut self, trees: &[&ast::Expr], scope: Scope<'_>) -> Result<Expr> {
        let parts: Result<Vec<Expr>> = trees.iter().map(|tree| self.expression(tree, scope)).collect();
        Ok(Expr::Row(parts?))
    }

    /// NULLIF(a, b) has the type of a: a unless they are equal.
    fn null_if(&mut self, trees: &[&ast::Expr], scope: Scope<'_>, span: Span) -> Result<Expr> {
        let [left, right] = trees else {
            return Err(self.error(SqlState::SYNTAX_ERROR, "NULLIF takes two arguments", span));
        };
        let bound = self.expression(left, scope)?;
        let bound = self.settle(bound, left.span())?;
        let other = self.expression(right, scope)?;
        let data_type = data_type(&bound);
        let equal = self.compare(
            crate::sql::expr::Comparison::Equal,
            (bound.clone(), left.span()),
            (other, right.span()),
            span,
        )?;
        let null = Expr::Literal { value: crate::base::value::Value::Null, data_type };
        Ok(Expr::Case { branches: vec![(equal, null)], otherwise: Some(Box::new(bound)), data_type })
    }

    fn aggregate_call(&mut self, name: &str, call: &ast::Function, scope: Scope<'_>, span: Span) -> Result<Expr> {
        let allowed = matches!(scope.clause, Clause::Select | Clause::Having | Clause::OrderBy);
        let Some(calls) = self.aggregates.take().filter(|_| allowed) else {
            let message = if allowed || scope.clause == Clause::Filter {
                "aggregate function calls cannot be nested".to_owned()
            } else {
                format!("aggregate functions are not allowed in {}", scope.clause.name())
            };
            return Err(self.error(SqlState::GROUPING_ERROR, message, span));
        };
        // While the arguments are bound there is no list to put aggregates in, and columns read are not "outside".
        let read = self.read.clone();
        let bound = self.aggregate_of(name, call, scope, span);
        self.read = read;
        let mut calls = calls;
        let placed = bound.map(|aggregate| {
            let data_type = aggregate.data_type;
            let written = format!("{aggregate:?}");
            let place = calls.iter().position(|other| format!("{other:?}") == written).unwrap_or_else(|| {
                calls.push(aggregate);
                calls.len() - 1
            });
            expressions::column(AGGREGATE_BASE + place, data_type)
        });
        self.aggregates = Some(calls);
        placed
    }

    fn aggregate_of(&mut self, name: &str, call: &ast::Function, scope: Scope<'_>, span: Span) -> Result<Aggregate> {
        let FunctionArguments::List(list) = &call.args else {
            return Err(self.error(SqlState::SYNTAX_ERROR, format!("{name} takes arguments in brackets"), span));
        };
        let star = matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
        let trees = if star { Vec::new() } else { self.plain_arguments(&list.args, span)? };
        if name == "count" && trees.is_empty() && !star {
            let message = "count(*) must be used to call a parameterless aggregate function";
            return Err(self.error(SqlState::WRONG_OBJECT_TYPE, message, span));
        }
        let mut order_by = Vec::new();
        for clause in &list.clauses {
            match clause {
                ast::FunctionArgumentClause::OrderBy(keys) => {
                    for key in keys {
                        order_by.push(self.sort_key_of(key, scope)?);
                    }
                }
                _ => return Err(self.unsupported("this clause of an aggregate call", span)),
            }
        }
        let mut arguments = Vec::with_capacity(trees.len());
        for tree in &trees {
            arguments.push((self.expression(tree, scope)?, *tree));
        }
        let types: Vec<DataType> = arguments.iter().map(|(argument, _)| data_type(argument)).collect();
        let resolved = aggregate::resolve(name, &types).map_err(|error| self.at(error, span))?;
        let mut converted = Vec::with_capacity(arguments.len());
        for ((argument, tree), &to) in arguments.into_iter().zip(&resolved.arguments) {
            converted.push(self.argument(argument, to, tree)?);
        }
        let filter = match &call.filter {
            Some(filter) => Some(self.condition(filter, "FILTER", Scope { clause: Clause::Filter, ..scope })?),
            None => None,
        };
        let distinct = matches!(list.duplicate_treatment, Some(ast::DuplicateTreatment::Distinct));
        if distinct && star {
            return Err(self.error(SqlState::SYNTAX_ERROR, "syntax error at or near \"*\"", span));
        }
        let data_type = aggregate_type(resolved.result, &converted);
        Ok(Aggregate { function: resolved.function, arguments: converted, distinct, filter, order_by, data_type })
    }

    /// An ORDER BY key over the scope itself.
    pub(super) fn sort_key_of(
        &mut self,
        key: &ast::OrderByExpr,
        scope: Scope<'_>,
    ) -> Result<crate::sql::plan::SortKey> {
        let bound = self.expression(&key.expr, scope)?;
        let expression = self.settle(bound, key.expr.span())?;
        let (descending, nulls_first) = self.sort_options(key)?;
        Ok(crate::sql::plan::SortKey { expression, descending, nulls_first })
    }

    /// Direction and place of NULLs: they are greater than everything unless said otherwise.
    pub(super) fn sort_options(&self, key: &ast::OrderByExpr) -> Result<(bool, bool)> {
        let descending = match &key.options.sort {
            None | Some(ast::OrderBySort::Asc) => false,
            Some(ast::OrderBySort::Desc) => true,
            Some(_) => return Err(self.unsupported("ORDER BY … USING", key.expr.span())),
        };
        Ok((descending, key.options.nulls_first.unwrap_or(descending)))
    }
}

/// Aggregates without a type of their own (min of an array) keep their argument's.
fn aggregate_type(result: DataType, arguments: &[Expr]) -> DataType {
    match arguments.first() {
        Some(argument) if result.kind == TypeKind::Unknown => DataType { modifier: -1, ..data_type(argument) },
        _ => result,
    }
}
