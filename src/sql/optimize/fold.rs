//! Constant folding: what depends on nothing is computed once, when the statement is planned.
//!
//! An expression whose evaluation fails (1/0) is left as it is, so that the error comes only if a row needs it.

use super::map_inputs;
use crate::{
    base::value::Value,
    sql::{
        expr::{Context, Expr, function::Volatility},
        plan::{Generator, expressions::of_aggregate_mut, logical::Logical},
    },
};

/// Folds every expression of a plan.
pub fn rule(plan: Logical) -> Logical {
    let context = Context::default();
    folded(plan, &context)
}

fn folded(plan: Logical, context: &Context) -> Logical {
    let mut plan = map_inputs(plan, &mut |input| folded(input, context));
    each_expression(&mut plan, &mut |expr| one(expr, context));
    match plan {
        Logical::Filter { input, predicate } => {
            let predicate = predicate.into_iter().filter(|part| !is_true(part)).collect();
            input.filtered(predicate)
        }
        plan => plan,
    }
}

/// Folds one expression.
pub fn one(expr: &mut Expr, context: &Context) {
    crate::sql::expr::fold(expr, Volatility::Immutable, context);
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal { value: Value::Bool(true), .. })
}

fn each_expression(plan: &mut Logical, change: &mut dyn FnMut(&mut Expr)) {
    match plan {
        Logical::Scan { filter: list, .. }
        | Logical::Filter { predicate: list, .. }
        | Logical::Project { expressions: list, .. }
        | Logical::Join { condition: list, .. } => list.iter_mut().for_each(change),
        Logical::Values { rows, .. } => rows.iter_mut().flatten().for_each(change),
        Logical::Aggregate { groups, aggregates, .. } => {
            groups.iter_mut().chain(aggregates.iter_mut().flat_map(of_aggregate_mut)).for_each(change);
        }
        Logical::Sort { keys, .. } => keys.iter_mut().for_each(|key| change(&mut key.expression)),
        Logical::Limit { limit, offset, .. } => limit.iter_mut().chain(offset).for_each(change),
        Logical::Generate { generator, .. } => match generator {
            Generator::Series { start, stop, step } => [start, stop, step].into_iter().for_each(change),
            Generator::Unnest(array) => change(array),
        },
        Logical::Virtual { .. } | Logical::Distinct { .. } | Logical::Append { .. } => {}
    }
}
