//! Set-returning functions: in FROM, and as an item of a SELECT without FROM.

use super::{Binder, scope::Scope};
use crate::{
    base::{
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::{
        expr::{
            Expr, function,
            resolve::{Failure, common_type},
        },
        names,
        plan::{Generator, expressions::data_type, logical::Logical},
    },
};
use sqlparser::{
    ast::{self, Spanned},
    tokenizer::Span,
};

impl Binder<'_> {
    /// The rows of a set-returning function; `None` if the name is not one's.
    pub(super) fn generator(
        &mut self,
        name: &str,
        trees: &[&ast::Expr],
        scope: Scope<'_>,
        span: Span,
    ) -> Result<Option<Logical>> {
        if !is_generator(name) {
            return Ok(None);
        }
        let mut arguments = Vec::with_capacity(trees.len());
        for tree in trees {
            arguments.push((self.expression(tree, scope)?, tree.span()));
        }
        let types: Vec<DataType> = arguments.iter().map(|(argument, _)| data_type(argument)).collect();
        let made = if name == "unnest" { unnest(&arguments) } else { self.series(arguments)? };
        made.map(Some).ok_or_else(|| self.at(function::unresolved(name, &types, Failure::None), span))
    }

    /// generate_series of integers, numerics, or times with an interval.
    fn series(&mut self, arguments: Vec<(Expr, Span)>) -> Result<Option<Logical>> {
        let mut arguments = arguments.into_iter();
        let (Some(start), Some(stop), step, None) =
            (arguments.next(), arguments.next(), arguments.next(), arguments.next())
        else {
            return Ok(None);
        };
        let ends = [data_type(&start.0), data_type(&stop.0)];
        let Some(common) = common_type(&ends).map(|common| DataType { modifier: -1, ..common }) else {
            return Ok(None);
        };
        let step_type = match (common.kind, &step) {
            (TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8 | TypeKind::Numeric, None) => common,
            (TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8 | TypeKind::Numeric, Some((step, _))) => {
                match common_type(&[common, data_type(step)]) {
                    Some(step_type) => step_type,
                    None => return Ok(None),
                }
            }
            (TypeKind::Date | TypeKind::Timestamp | TypeKind::Timestamptz, Some(_)) => DataType::of(TypeKind::Interval),
            _ => return Ok(None),
        };
        let column = match (common.kind, step_type.kind) {
            (TypeKind::Date, _) => DataType::of(TypeKind::Timestamptz),
            (_, TypeKind::Interval) => common,
            (_, TypeKind::Int2) => DataType::of(TypeKind::Int4),
            (_, kind) => DataType::of(kind),
        };
        let step_type = if step_type.kind == TypeKind::Interval { step_type } else { column };
        let step = match step {
            Some(step) => self.implicit(step.0, step_type, step.1)?,
            None => self.implicit(one(), step_type, Span::empty())?,
        };
        let start = self.implicit(start.0, column, start.1)?;
        let stop = self.implicit(stop.0, column, stop.1)?;
        Ok(Some(Logical::Generate { generator: Generator::Series { start, stop, step }, types: vec![column] }))
    }

    /// A SELECT without FROM one of whose items is a set-returning function: its rows, and which item it is.
    pub(super) fn generator_item(
        &mut self,
        items: &[ast::SelectItem],
        scope: Scope<'_>,
    ) -> Result<Option<(Logical, usize)>> {
        for (place, item) in items.iter().enumerate() {
            let (ast::SelectItem::UnnamedExpr(tree) | ast::SelectItem::ExprWithAlias { expr: tree, .. }) = item else {
                continue;
            };
            if let Some((name, trees)) = generator_call(tree)
                && let Some(plan) = self.generator(&name, &trees, scope, tree.span())?
            {
                return Ok(Some((plan, place)));
            }
        }
        Ok(None)
    }
}

pub(super) fn is_generator(name: &str) -> bool {
    matches!(name, "generate_series" | "unnest")
}

/// A call of a set-returning function with plain arguments.
pub(super) fn generator_call(tree: &ast::Expr) -> Option<(String, Vec<&ast::Expr>)> {
    let ast::Expr::Function(call) = tree else { return None };
    let name = names::fold(call.name.0.last()?.as_ident()?);
    let ast::FunctionArguments::List(list) = &call.args else { return None };
    let plain = |argument| match argument {
        &ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ref tree)) => Some(tree),
        _ => None,
    };
    let trees: Option<Vec<&ast::Expr>> = list.args.iter().map(plain).collect();
    is_generator(&name).then_some((name, trees?))
}

fn unnest(arguments: &[(Expr, Span)]) -> Option<Logical> {
    let [(array, _)] = arguments else { return None };
    let found = data_type(array);
    let types = vec![found.element()];
    found.array.then(|| Logical::Generate { generator: Generator::Unnest(array.clone()), types })
}

fn one() -> Expr {
    Expr::Literal { value: Value::Int4(1), data_type: DataType::of(TypeKind::Int4) }
}
