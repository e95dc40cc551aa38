//! Evaluating ahead of time.

use super::{Evaluator, Operand};
use crate::{
    base::{
        batch::Batch,
        types::{DataType, TypeKind},
        value::Value,
    },
    error::Result,
    sql::expr::{
        Context, Expr,
        function::{self, Volatility},
    },
};

/// The value of an expression that names no column.
pub fn constant(expr: &Expr, context: &Context) -> Result<Value> {
    if let Expr::Literal { value, .. } = expr {
        return Ok(value.clone());
    }
    let batch = Batch { rows: 1, columns: Vec::new() };
    let evaluator = Evaluator { batch: &batch, context, depth: 0 };
    Ok(match evaluator.operand(expr)? {
        Operand::Constant(value) => value,
        Operand::Column(column) => column.value(0),
    })
}

/// How much the value of an expression depends on other things than its input row. Parameters and subqueries are
/// stable: fixed within a run of the statement.
pub fn volatility(expr: &Expr) -> Volatility {
    expr.children().into_iter().map(volatility).fold(own_volatility(expr), Volatility::max)
}

/// Text forms of times with a zone, and times of the day they are read on, depend on the session.
fn cast_volatility(from: DataType, to: DataType) -> Volatility {
    let depends = |kind| {
        matches!(
            kind,
            TypeKind::Timestamptz | TypeKind::Timetz | TypeKind::Date | TypeKind::Timestamp | TypeKind::Regclass
        )
    };
    if from.kind != to.kind && (depends(from.kind) || depends(to.kind)) {
        Volatility::Stable
    } else {
        Volatility::Immutable
    }
}

/// Replaces parts that depend on nothing more volatile than `limit` and name no column by their value.
///
/// A part whose evaluation fails is left as it is: the error comes if and when a row needs it. With `Immutable` the
/// context does not matter; with `Stable` it must be the one of the run.
pub fn fold(expr: &mut Expr, limit: Volatility, context: &Context) {
    fold_below(expr, limit, context);
}

/// Folds and says whether the expression is (now) a literal.
fn fold_below(expr: &mut Expr, limit: Volatility, context: &Context) -> bool {
    let mut all = true;
    for child in expr.children_mut() {
        all &= fold_below(child, limit, context);
    }
    match expr {
        Expr::Literal { .. } => return true,
        Expr::Column { .. } => return false,
        Expr::And(_) | Expr::Or(_) => fold_junction(expr),
        _ => {}
    }
    if !all || matches!(expr, Expr::Literal { .. }) || own_volatility(expr) > limit {
        return matches!(expr, Expr::Literal { .. });
    }
    match constant(expr, context) {
        Ok(value) => {
            *expr = Expr::Literal { value, data_type: expr.data_type() };
            true
        }
        Err(_) => false,
    }
}

fn own_volatility(expr: &Expr) -> Volatility {
    match expr {
        Expr::Call { function, .. } => function::volatility(*function),
        Expr::Chain { links, .. } => links
            .iter()
            .map(|(function, _)| function::volatility(*function))
            .fold(Volatility::Immutable, Volatility::max),
        Expr::Parameter { .. } | Expr::Subplan { .. } => Volatility::Stable,
        Expr::Cast { operand, to, .. } => cast_volatility(operand.data_type(), *to),
        _ => Volatility::Immutable,
    }
}

/// Drops neutral operands of AND and OR, and decides by a decisive first one.
fn fold_junction(expr: &mut Expr) {
    let (list, decisive) = match expr {
        Expr::And(list) => (list, false),
        Expr::Or(list) => (list, true),
        _ => return,
    };
    let is = |operand: &Expr, wanted: bool| matches!(operand, Expr::Literal { value: Value::Bool(value), .. } if *value == wanted);
    list.retain(|operand| !is(operand, !decisive));
    // SQL leaves the order of evaluation open: one decisive literal decides.
    let decided = list.iter().any(|operand| is(operand, decisive));
    if decided || list.is_empty() {
        *expr = Expr::Literal { value: Value::Bool(decided == decisive), data_type: DataType::of(TypeKind::Bool) };
    } else if list.len() == 1 {
        *expr = list.remove(0);
    }
}
