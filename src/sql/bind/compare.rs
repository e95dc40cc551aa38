//! Comparisons, of rows too, and IN.

use super::{Binder, scope::Scope};
use crate::{
    base::{sqlstate::SqlState, types::DataType},
    error::Result,
    sql::{
        expr::{
            Comparison, Expr,
            cast::is_relabel,
            function::Function,
            operator,
            resolve::{common_type, is_unknown},
        },
        plan::expressions::{BOOL, data_type},
    },
};
use sqlparser::{
    ast::{self, Spanned},
    tokenizer::Span,
};

impl Binder<'_> {
    /// A comparison of two bound sides; `span` is the operator's place.
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        left: (Expr, Span),
        right: (Expr, Span),
        span: Span,
    ) -> Result<Expr> {
        if let (Expr::Row(lefts), Expr::Row(rights)) = (&left.0, &right.0) {
            let (lefts, rights) = (lefts.clone(), rights.clone());
            return self.compare_rows(comparison, lefts, rights, span);
        }
        let symbol = symbol(comparison);
        let common = operator::comparison(symbol, data_type(&left.0), data_type(&right.0));
        let common = common.map_err(|error| self.at(error, span))?;
        let left = self.side(left, common)?;
        let right = self.side(right, common)?;
        Ok(Expr::Compare { operator: comparison, left: Box::new(left), right: Box::new(right) })
    }

    /// One side of a comparison in the type that is compared. varchar and text compare as they are.
    fn side(&mut self, side: (Expr, Span), common: DataType) -> Result<Expr> {
        let from = data_type(&side.0);
        if !is_unknown(from) && is_relabel(from, common) {
            return Ok(side.0);
        }
        self.implicit(side.0, common, side.1)
    }

    fn compare_rows(
        &mut self,
        comparison: Comparison,
        lefts: Vec<Expr>,
        rights: Vec<Expr>,
        span: Span,
    ) -> Result<Expr> {
        if lefts.len() != rights.len() {
            return Err(self.error(SqlState::SYNTAX_ERROR, "unequal number of entries in row expressions", span));
        }
        if lefts.is_empty() {
            return Err(self.error(SqlState::FEATURE_NOT_SUPPORTED, "cannot compare rows of zero length", span));
        }
        let pairs: Vec<(Expr, Expr)> = lefts.into_iter().zip(rights).collect();
        let each = |binder: &mut Self, comparison: Comparison| -> Result<Vec<Expr>> {
            let compared = pairs.iter().cloned();
            compared.map(|(left, right)| binder.compare(comparison, (left, span), (right, span), span)).collect()
        };
        match comparison {
            Comparison::Equal | Comparison::NotDistinctFrom => Ok(all(each(self, comparison)?)),
            Comparison::NotEqual | Comparison::DistinctFrom => Ok(some(each(self, comparison)?)),
            _ => {
                let strict = match comparison {
                    Comparison::Less | Comparison::LessOrEqual => Comparison::Less,
                    _ => Comparison::Greater,
                };
                let (equal, strictly) = (each(self, Comparison::Equal)?, each(self, strict)?);
                let last = each(self, comparison)?;
                let mut choices = Vec::with_capacity(pairs.len());
                for place in 0..pairs.len() {
                    let decides = if place + 1 == pairs.len() { &last[place] } else { &strictly[place] };
                    let mut conditions = equal[..place].to_vec();
                    conditions.push(decides.clone());
                    choices.push(all(conditions));
                }
                Ok(some(choices))
            }
        }
    }

    /// `operand [NOT] IN (list)`.
    pub(super) fn in_list(
        &mut self,
        operand: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        let span = operand.span();
        let bound = self.expression(operand, scope)?;
        if matches!(bound, Expr::Row(_)) {
            let mut choices = Vec::with_capacity(list.len());
            for item in list {
                let right = (self.expression(item, scope)?, item.span());
                choices.push(self.compare(Comparison::Equal, (bound.clone(), span), right, span)?);
            }
            let found = some(choices);
            return Ok(if negated { Expr::Not(Box::new(found)) } else { found });
        }
        let mut operand_type = data_type(&bound);
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push((self.expression(item, scope)?, item));
        }
        let all: Vec<DataType> = items.iter().map(|(item, _)| data_type(item)).chain([operand_type]).collect();
        if is_unknown(operand_type)
            && let Some(common) = common_type(&all)
        {
            operand_type = DataType { modifier: -1, ..common };
        }
        for (item, tree) in &items {
            let item_type = data_type(item);
            // The type that compares with every item; unknown ones follow it.
            if !is_unknown(item_type) || is_unknown(operand_type) {
                let common = operator::comparison("=", operand_type, item_type);
                let common = common.map_err(|error| self.at(error, tree.span()))?;
                if !is_relabel(operand_type, common) || is_unknown(operand_type) {
                    operand_type = common;
                }
            }
        }
        let operand = self.side((bound, span), operand_type)?;
        let mut bound_list = Vec::with_capacity(items.len());
        for (item, tree) in items {
            // Spans of long lists cost more than the list: they are found only for an error.
            let from = data_type(&item);
            let item = match item {
                item if from == operand_type || (!is_unknown(from) && is_relabel(from, operand_type)) => item,
                item => self.implicit(item, DataType { modifier: -1, ..operand_type }, tree.span())?,
            };
            bound_list.push(item);
        }
        Ok(Expr::InList { operand: Box::new(operand), list: bound_list, negated })
    }

    /// `left operator ANY | ALL (right)`.
    pub(super) fn quantified(
        &mut self,
        left: &ast::Expr,
        operator: &ast::BinaryOperator,
        right: &ast::Expr,
        all: bool,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        let symbol = operator.to_string();
        let span = left.span();
        let Some(comparison) = operator::comparison_of(&symbol) else {
            return Err(self.unsupported(&format!("{symbol} ANY/ALL"), span));
        };
        if let ast::Expr::Subquery(query) = unnested(right) {
            let member = matches!((comparison, all), (Comparison::Equal, false) | (Comparison::NotEqual, true));
            if member {
                return self.in_subquery(left, query, all, scope);
            }
            let array = self.array_subplan(query)?;
            return self.quantified_over(left, array, comparison, all, scope, right.span());
        }
        let right_bound = self.expression(right, scope)?;
        self.quantified_over(left, right_bound, comparison, all, scope, right.span())
    }

    /// The comparison of a value with every element of a bound array.
    pub(super) fn quantified_over(
        &mut self,
        left: &ast::Expr,
        right: Expr,
        comparison: Comparison,
        all: bool,
        scope: Scope<'_>,
        right_span: Span,
    ) -> Result<Expr> {
        let span = left.span();
        let bound = self.expression(left, scope)?;
        let (left_type, right_type) = (data_type(&bound), data_type(&right));
        if !right_type.array && !is_unknown(right_type) {
            let message = "op ANY/ALL (array) requires array on right side";
            return Err(self.error(SqlState::WRONG_OBJECT_TYPE, message, span));
        }
        let element = if is_unknown(right_type) { right_type } else { right_type.element() };
        let common = operator::comparison(symbol(comparison), left_type, element);
        let common = common.map_err(|error| self.at(error, span))?;
        let left = self.side((bound, span), common)?;
        let array_type = DataType { array: true, ..common };
        let right = if !is_unknown(right_type) && is_relabel(element, common) {
            right
        } else {
            self.implicit(right, array_type, right_span)?
        };
        let function = Function::Quantified { comparison, all };
        Ok(Expr::Call { function, arguments: vec![left, right], data_type: BOOL })
    }

    /// `operand [NOT] BETWEEN low AND high`.
    pub(super) fn between(
        &mut self,
        operand: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        negated: bool,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        let span = operand.span();
        let bound = self.expression(operand, scope)?;
        let low = (self.expression(low, scope)?, low.span());
        let high = (self.expression(high, scope)?, high.span());
        let (first, second) = if negated {
            (Comparison::Less, Comparison::Greater)
        } else {
            (Comparison::GreaterOrEqual, Comparison::LessOrEqual)
        };
        let first = self.compare(first, (bound.clone(), span), low, span)?;
        let second = self.compare(second, (bound, span), high, span)?;
        Ok(if negated { Expr::Or(vec![first, second]) } else { Expr::And(vec![first, second]) })
    }
}

/// The symbol of a comparison, as messages show it.
pub(super) fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal | Comparison::DistinctFrom | Comparison::NotDistinctFrom => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// The expression inside brackets.
pub(super) fn unnested(expr: &ast::Expr) -> &ast::Expr {
    let mut inner = expr;
    while let ast::Expr::Nested(nested) = inner {
        inner = nested;
    }
    inner
}

fn all(mut parts: Vec<Expr>) -> Expr {
    if parts.len() == 1
        && let Some(part) = parts.pop()
    {
        part
    } else {
        Expr::And(parts)
    }
}

fn some(mut parts: Vec<Expr>) -> Expr {
    if parts.len() == 1
        && let Some(part) = parts.pop()
    {
        part
    } else {
        Expr::Or(parts)
    }
}
