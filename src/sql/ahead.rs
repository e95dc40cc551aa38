//! Evaluating ahead of time, as far as planning needs it.

use super::expr::{
    Context, Expr,
    function::{self, Volatility},
};
use crate::{
    base::{text, value::Value},
    error::{Error, Result},
};

/// How much the value of an expression depends on other things than its input row.
pub fn volatility(expr: &Expr) -> Volatility {
    let own = match expr {
        Expr::Call { function, .. } => function::volatility(*function),
        Expr::Parameter { .. } | Expr::Subplan { .. } => Volatility::Stable,
        _ => Volatility::Immutable,
    };
    expr.children().into_iter().map(volatility).fold(own, Volatility::max)
}

/// The value of an expression that names no column.
pub fn constant(expr: &Expr, context: &Context) -> Result<Value> {
    match expr {
        Expr::Literal { value, .. } => Ok(value.clone()),
        Expr::Parameter { number, .. } => {
            context.parameters.get(*number).cloned().ok_or_else(|| Error::internal("a parameter without a value"))
        }
        Expr::Cast { operand, to, .. } => {
            let value = constant(operand, context)?;
            match value {
                Value::Null => Ok(Value::Null),
                value => text::parse(&text::to_text(&value, operand.data_type()), *to),
            }
        }
        _ => Err(Error::unsupported("this constant")),
    }
}

/// Replaces parts that depend on nothing by their value.
pub fn fold(expr: &mut Expr, limit: Volatility, context: &Context) {
    for child in expr.children_mut() {
        fold(child, limit, context);
    }
    if let Expr::Cast { operand, to, explicit } = expr
        && matches!(**operand, Expr::Literal { .. })
        && !(*explicit && to.modifier != -1)
        && !matches!(
            to.kind,
            crate::base::types::TypeKind::Timestamptz
                | crate::base::types::TypeKind::Timetz
                | crate::base::types::TypeKind::Date
                | crate::base::types::TypeKind::Timestamp
        )
        && let Ok(value) = constant(expr, context)
    {
        *expr = Expr::Literal { value, data_type: expr.data_type() };
    }
}
