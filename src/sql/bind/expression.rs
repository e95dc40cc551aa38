//! Expressions: the tree's forms, each to what it means.

use super::{Binder, scope::Scope};
use crate::{
    base::{
        sqlstate::SqlState,
        types::{DataType, TypeKind},
    },
    error::Result,
    sql::{
        expr::{Comparison, Expr, function::Function, operator},
        plan::expressions::{BOOL, data_type},
    },
};
use sqlparser::{
    ast::{self, BinaryOperator, Spanned, UnaryOperator},
    tokenizer::Span,
};

/// Operators in a row up to which they are calls within calls, which the rest of the planner knows more about.
const NESTED_LINKS_MAX: usize = 16;

impl Binder<'_> {
    /// Binds an expression; its type may still be unknown (a literal or parameter that nothing decided).
    pub(super) fn expression(&mut self, tree: &ast::Expr, scope: Scope<'_>) -> Result<Expr> {
        use ast::Expr as E;
        match tree {
            E::Nested(inner) => self.expression(inner, scope),
            E::Identifier(name) => self.column(std::slice::from_ref(name), scope),
            E::CompoundIdentifier(parts) => self.column(parts, scope),
            E::Value(value) => self.literal(value),
            E::TypedString(typed) => self.typed_string(typed),
            E::Interval(interval) => self.interval(interval, tree.span()),
            E::BinaryOp { left, op, right } => self.binary(tree, left, op, right, scope),
            E::UnaryOp { op, expr } => self.unary(*op, expr, tree, scope),
            E::Cast { expr, data_type, kind: kind @ (ast::CastKind::Cast | ast::CastKind::DoubleColon), .. } => {
                self.cast(expr, data_type, *kind == ast::CastKind::DoubleColon, scope)
            }
            E::IsNull(operand) => self.is_null(operand, false, scope),
            E::IsNotNull(operand) => self.is_null(operand, true, scope),
            E::IsTrue(operand) => self.is_bool(operand, true, false, "IS TRUE", scope),
            E::IsNotTrue(operand) => self.is_bool(operand, true, true, "IS NOT TRUE", scope),
            E::IsFalse(operand) => self.is_bool(operand, false, false, "IS FALSE", scope),
            E::IsNotFalse(operand) => self.is_bool(operand, false, true, "IS NOT FALSE", scope),
            E::IsUnknown(operand) => self.is_unknown(operand, false, scope),
            E::IsNotUnknown(operand) => self.is_unknown(operand, true, scope),
            E::IsDistinctFrom(left, right) => self.distinct_from(left, right, Comparison::DistinctFrom, scope),
            E::IsNotDistinctFrom(left, right) => self.distinct_from(left, right, Comparison::NotDistinctFrom, scope),
            E::InList { expr, list, negated } => self.in_list(expr, list, *negated, scope),
            E::InSubquery { expr, subquery, negated } => self.in_subquery(expr, subquery, *negated, scope),
            E::Between { expr, negated, low, high } => self.between(expr, low, high, *negated, scope),
            E::AnyOp { left, compare_op, right, .. } => self.quantified(left, compare_op, right, false, scope),
            E::AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, true, scope),
            E::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), scope)
            }
            E::Tuple(parts) => self.row(parts, scope),
            E::Array(array) => self.array(&array.elem, scope),
            E::Exists { subquery, negated } => self.exists(subquery, *negated),
            E::Subquery(query) => self.scalar_subquery(query),
            E::Function(function) => self.function(function, scope),
            E::Collate { expr, collation } => self.collate(expr, collation, scope),
            other => self.special(other, scope),
        }
    }

    /// Binds an expression that must be a condition.
    pub(super) fn condition(&mut self, tree: &ast::Expr, place: &str, scope: Scope<'_>) -> Result<Expr> {
        let bound = self.expression(tree, scope)?;
        if is_bool(&bound) { Ok(bound) } else { self.boolean(bound, place, tree.span()) }
    }

    fn typed_string(&mut self, typed: &ast::TypedString) -> Result<Expr> {
        let span = typed.value.span;
        let to = super::types::data_type(&typed.data_type).map_err(|error| self.at(error, span))?;
        let literal = self.literal(&typed.value)?;
        self.explicit(literal, to, span)
    }

    fn cast(&mut self, operand: &ast::Expr, to: &ast::DataType, colons: bool, scope: Scope<'_>) -> Result<Expr> {
        let data_type = super::types::data_type(to).map_err(|error| {
            let operator = self.operator_span(operand);
            let behind = sqlparser::tokenizer::Location::new(operator.start.line, operator.start.column + 2);
            self.at(error, if colons { Span::new(behind, behind) } else { operand.span() })
        })?;
        let bound = self.expression(operand, scope)?;
        self.explicit(bound, data_type, operand.span()).map_err(|error| {
            // A missing cast is shown at the `::`, a bad value where it stands.
            if colons && error.state() == SqlState::CANNOT_COERCE {
                let position = self.source.position(self.operator_span(operand).start);
                return error.with_position(position);
            }
            error
        })
    }

    fn is_null(&mut self, operand: &ast::Expr, negated: bool, scope: Scope<'_>) -> Result<Expr> {
        let bound = self.expression(operand, scope)?;
        let bound = self.settle(bound, operand.span())?;
        Ok(Expr::IsNull { operand: Box::new(bound), negated })
    }

    fn is_bool(&mut self, operand: &ast::Expr, is: bool, negated: bool, place: &str, scope: Scope<'_>) -> Result<Expr> {
        let bound = self.condition(operand, place, scope)?;
        Ok(Expr::IsBool { operand: Box::new(bound), is, negated })
    }

    fn is_unknown(&mut self, operand: &ast::Expr, negated: bool, scope: Scope<'_>) -> Result<Expr> {
        let place = if negated { "IS NOT UNKNOWN" } else { "IS UNKNOWN" };
        let bound = self.condition(operand, place, scope)?;
        Ok(Expr::IsNull { operand: Box::new(bound), negated })
    }

    fn distinct_from(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        comparison: Comparison,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        let left_bound = (self.expression(left, scope)?, left.span());
        let right_bound = (self.expression(right, scope)?, right.span());
        let span = self.operator_span(left);
        self.compare(comparison, left_bound, right_bound, span)
    }

    fn binary(
        &mut self,
        tree: &ast::Expr,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
            return self.logic(tree, op, scope);
        }
        if chains(op) {
            return self.chain(tree, scope);
        }
        let symbol = operator_symbol(op);
        let left_bound = self.expression(left, scope)?;
        let right_bound = self.expression(right, scope)?;
        if let Some(comparison) = operator::comparison_of(&symbol) {
            let (left_span, right_span) = (left.span(), right.span());
            let span = self.operator_span(left);
            return self.compare(comparison, (left_bound, left_span), (right_bound, right_span), span);
        }
        let sides = [(left_bound, left), (right_bound, right)];
        self.operator(&symbol, sides.into(), left)
    }

    /// An operator that is a function, over bound operands.
    pub(super) fn operator(
        &mut self,
        symbol: &str,
        operands: Vec<(Expr, &ast::Expr)>,
        before: &ast::Expr,
    ) -> Result<Expr> {
        let types: Vec<DataType> = operands.iter().map(|(operand, _)| data_type(operand)).collect();
        let resolved = match operator::resolve(symbol, &types) {
            Ok(resolved) => resolved,
            Err(error) => {
                let span = if operands.len() == 1 { before.span() } else { self.operator_span(before) };
                return Err(self.at(error, span));
            }
        };
        let mut arguments = Vec::with_capacity(operands.len());
        for ((operand, tree), &to) in operands.into_iter().zip(&resolved.arguments) {
            arguments.push(self.argument(operand, to, tree)?);
        }
        Ok(Expr::Call { function: resolved.function, arguments, data_type: resolved.result })
    }

    /// An argument in the type that resolution chose; its place is looked up only if it must be converted.
    pub(super) fn argument(&mut self, bound: Expr, to: DataType, tree: &ast::Expr) -> Result<Expr> {
        let from = data_type(&bound);
        if from.kind == to.kind && from.array == to.array && from.kind != TypeKind::Unknown {
            return Ok(bound);
        }
        self.implicit_or_text(bound, to, tree.span())
    }

    /// As an implicit cast, or to text what `||` writes as text.
    fn implicit_or_text(&mut self, bound: Expr, to: DataType, span: Span) -> Result<Expr> {
        if to.kind == TypeKind::Text && !to.array {
            self.explicit(bound, to, span)
        } else {
            self.implicit(bound, to, span)
        }
    }

    /// Operators that follow each other, without recursion along the chain.
    fn chain(&mut self, tree: &ast::Expr, scope: Scope<'_>) -> Result<Expr> {
        let mut links = Vec::new();
        let mut next = tree;
        while let ast::Expr::BinaryOp { left, op, right } = next
            && chains(op)
        {
            links.push((op, &**left, &**right));
            next = left;
        }
        let is_long = links.len() > NESTED_LINKS_MAX;
        let mut bound = self.expression(next, scope)?;
        for (op, left, right) in links.into_iter().rev() {
            let right_bound = self.expression(right, scope)?;
            bound = self.operator(&operator_symbol(op), vec![(bound, left), (right_bound, right)], left)?;
            if is_long {
                bound = flattened(bound);
            }
        }
        Ok(bound)
    }

    /// AND and OR chains, without recursion along the chain.
    fn logic(&mut self, tree: &ast::Expr, op: &BinaryOperator, scope: Scope<'_>) -> Result<Expr> {
        let mut operands = Vec::new();
        let mut next = tree;
        loop {
            match next {
                ast::Expr::BinaryOp { left, op: other, right } if other == op => {
                    operands.push(&**right);
                    next = left;
                }
                first => {
                    operands.push(first);
                    break;
                }
            }
        }
        let place = if *op == BinaryOperator::And { "AND" } else { "OR" };
        let bound: Result<Vec<Expr>> =
            operands.into_iter().rev().map(|operand| self.condition(operand, place, scope)).collect();
        Ok(if *op == BinaryOperator::And { Expr::And(bound?) } else { Expr::Or(bound?) })
    }

    fn unary(&mut self, op: UnaryOperator, operand: &ast::Expr, tree: &ast::Expr, scope: Scope<'_>) -> Result<Expr> {
        let symbol = match op {
            UnaryOperator::Not => {
                let bound = self.condition(operand, "NOT", scope)?;
                return Ok(Expr::Not(Box::new(bound)));
            }
            UnaryOperator::Minus => {
                if let ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(digits, _), span }) = operand {
                    return self.number(digits, true, *span);
                }
                "-"
            }
            UnaryOperator::Plus => "+",
            UnaryOperator::BitwiseNot => "~",
            UnaryOperator::PGSquareRoot => "|/",
            UnaryOperator::PGCubeRoot => "||/",
            UnaryOperator::PGAbs => "@",
            other => return Err(self.unsupported(&format!("the operator {other}"), tree.span())),
        };
        let bound = self.expression(operand, scope)?;
        self.operator(symbol, vec![(bound, operand)], tree)
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        let subject = match operand {
            Some(operand) => {
                let bound = self.expression(operand, scope)?;
                Some((self.settle(bound, operand.span())?, operand.span()))
            }
            None => None,
        };
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            let span = when.condition.span();
            tests.push(match &subject {
                Some(subject) => {
                    let value = (self.expression(&when.condition, scope)?, span);
                    self.compare(Comparison::Equal, subject.clone(), value, span)?
                }
                None => self.condition(&when.condition, "CASE/WHEN", scope)?,
            });
            results.push((self.expression(&when.result, scope)?, when.result.span()));
        }
        let has_else = otherwise.is_some();
        if let Some(otherwise) = otherwise {
            // PostgreSQL lets ELSE speak first when it looks for the common type.
            results.insert(0, (self.expression(otherwise, scope)?, otherwise.span()));
        }
        let (mut results, data_type) = self.unify(results, "CASE")?;
        let otherwise = has_else.then(|| Box::new(results.remove(0)));
        Ok(Expr::Case { branches: tests.into_iter().zip(results).collect(), otherwise, data_type })
    }

    pub(super) fn row(&mut self, parts: &[ast::Expr], scope: Scope<'_>) -> Result<Expr> {
        let bound: Result<Vec<Expr>> = parts.iter().map(|part| self.expression(part, scope)).collect();
        Ok(Expr::Row(bound?))
    }

    /// ARRAY[…]
    fn array(&mut self, elements: &[ast::Expr], scope: Scope<'_>) -> Result<Expr> {
        let mut bound = Vec::with_capacity(elements.len());
        for element in elements {
            bound.push((self.expression(element, scope)?, element.span()));
        }
        if bound.is_empty() {
            return Ok(Expr::Array { elements: Vec::new(), data_type: DataType::array_of(TypeKind::Unknown) });
        }
        let (elements, element) = self.unify(bound, "ARRAY")?;
        Ok(Expr::Array { elements, data_type: DataType { array: true, ..element } })
    }

    fn collate(&mut self, operand: &ast::Expr, collation: &ast::ObjectName, scope: Scope<'_>) -> Result<Expr> {
        let name =
            collation.0.last().and_then(|part| part.as_ident()).map(|name| name.value.clone()).unwrap_or_default();
        if !matches!(name.as_str(), "C" | "POSIX" | "default" | "ucs_basic") {
            let message = format!("collation \"{name}\" for encoding \"UTF8\" does not exist");
            return Err(self
                .error(SqlState::UNDEFINED_OBJECT, message, operand.span())
                .with_hint("The only collation is \"C\"."));
        }
        let bound = self.expression(operand, scope)?;
        self.settle(bound, operand.span())
    }

    /// `[NOT] [I]LIKE` with its ESCAPE.
    pub(super) fn like(
        &mut self,
        symbol: &str,
        operand: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
        scope: Scope<'_>,
    ) -> Result<Expr> {
        let bound = self.expression(operand, scope)?;
        let bound_pattern = self.expression(pattern, scope)?;
        let mut call = self.operator(symbol, vec![(bound, operand), (bound_pattern, pattern)], operand)?;
        if let Some(escape) = escape {
            let bound = self.expression(escape, scope)?;
            let bound = self.implicit(bound, DataType::of(TypeKind::Text), escape.span())?;
            if let Expr::Call { arguments, .. } = &mut call {
                arguments.push(bound);
            }
        }
        Ok(call)
    }

    /// Where the operator behind an operand stands in the text.
    pub(super) fn operator_span(&self, left: &ast::Expr) -> Span {
        self.behind(left.span())
    }

    /// The place of the next word or symbol behind a piece of the text.
    pub(super) fn behind(&self, span: Span) -> Span {
        let end = span.end;
        if end.line == 0 {
            return Span::empty();
        }
        let text = self.source.text();
        let from = self.source.offset(end).min(text.len());
        let rest = text.get(from..).unwrap_or_default();
        let skipped =
            rest.chars().take_while(|&c| c.is_whitespace() || c == ')').fold((0_u64, 0_u64), |(lines, columns), c| {
                if c == '\n' { (lines + 1, 0) } else { (lines, columns + 1) }
            });
        let (line, column) = match skipped {
            (0, columns) => (end.line, end.column + columns),
            (lines, columns) => (end.line + lines, columns + 1),
        };
        let start = sqlparser::tokenizer::Location::new(line, column);
        Span::new(start, start)
    }

    /// `a[i]` and `a[low:high]`.
    pub(super) fn access(&mut self, root: &ast::Expr, chain: &[ast::AccessExpr], scope: Scope<'_>) -> Result<Expr> {
        let mut bound = self.expression(root, scope)?;
        let integer = DataType::of(TypeKind::Int4);
        let mut indexes = Vec::new();
        for access in chain {
            let array_type = data_type(&bound);
            if !array_type.array {
                let message = "cannot subscript a value that is not an array";
                return Err(self.error(SqlState::DATATYPE_MISMATCH, message, root.span()));
            }
            match access {
                ast::AccessExpr::Subscript(ast::Subscript::Index { index }) => {
                    let bound_index = self.expression(index, scope)?;
                    indexes.push(self.implicit(bound_index, integer, index.span())?);
                }
                ast::AccessExpr::Subscript(ast::Subscript::Slice { lower_bound, upper_bound, stride: None }) => {
                    let mut arguments = vec![bound];
                    for limit in [lower_bound, upper_bound] {
                        arguments.push(match limit {
                            Some(limit) => {
                                let bound_limit = self.expression(limit, scope)?;
                                self.implicit(bound_limit, integer, limit.span())?
                            }
                            None => Expr::Literal { value: crate::base::value::Value::Null, data_type: integer },
                        });
                    }
                    bound = Expr::Call { function: Function::Slice, arguments, data_type: array_type };
                }
                _ => return Err(self.unsupported("field selection", root.span())),
            }
        }
        if indexes.is_empty() {
            return Ok(bound);
        }
        let element = data_type(&bound).element();
        let arguments = std::iter::once(bound).chain(indexes).collect();
        Ok(Expr::Call { function: Function::Subscript, arguments, data_type: element })
    }
}

/// Whether an operator may stand in a row of thousands.
fn chains(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(op, B::Plus | B::Minus | B::Multiply | B::Divide | B::Modulo | B::StringConcat)
}

/// A call of which the first argument is a chain, or a call that may begin one, as one chain.
fn flattened(bound: Expr) -> Expr {
    let Expr::Call { function, mut arguments, data_type } = bound else { return bound };
    match (arguments.pop(), arguments.pop()) {
        (Some(right), Some(Expr::Chain { mut operands, mut links })) => {
            operands.push(right);
            links.push((function, data_type));
            Expr::Chain { operands, links }
        }
        (Some(right), Some(left)) => Expr::Chain { operands: vec![left, right], links: vec![(function, data_type)] },
        (last, _) => Expr::Call { function, arguments: last.into_iter().collect(), data_type },
    }
}

fn is_bool(expr: &Expr) -> bool {
    data_type(expr) == BOOL
}

/// The operator's symbol as the operator tables have it.
fn operator_symbol(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::NotEq => "<>".to_owned(),
        BinaryOperator::PGBitwiseXor => "#".to_owned(),
        BinaryOperator::PGExp | BinaryOperator::BitwiseXor => "^".to_owned(),
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        other => other.to_string(),
    }
}
